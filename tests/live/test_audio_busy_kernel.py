"""A live filter in a real Jupyter kernel that is busy, heard by somebody outside of it."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from idle import Waiting
from kernels import BUSY, Run
from sounds import RATE, speechlike

from lkexplore.sound.recording import Recording

pytestmark = pytest.mark.timed

LIVE = "live = await room.live('bob', {}, name='filtered')\nawait asyncio.sleep(3)\n"


def alike(samples: np.ndarray) -> np.ndarray:
    """Return how much each 10 ms is like the 10 ms before, -1 to 1."""
    blocks = samples[: samples.size // 480 * 480].reshape(-1, 480).astype(np.float64)
    power = np.sqrt((blocks**2).sum(axis=1)) + 1e-9
    return (blocks[1:] * blocks[:-1]).sum(axis=1) / (power[1:] * power[:-1])


def faults(heard):
    """Return the gaps, and the 10 ms that are silent or repeated, but for what the network lost."""
    samples = heard.samples[0]
    loudness = np.sqrt((samples.reshape(-1, 480) ** 2).mean(axis=1))
    likeness = alike(samples)
    bad = np.flatnonzero((loudness[1:] < 0.004) | (likeness > 0.999)) + 1
    lost = [
        (n / 100, loudness[n - 1 : n + 2], likeness[n - 2 : n + 1])
        for n in bad
        if not any(c.start - 0.1 < n / 100 < c.end + 0.3 for c in heard.concealed)
    ]
    concealed = sum(piece.seconds for piece in heard.concealed)
    return [*heard.gaps, *lost, *([concealed] if concealed >= 0.5 else [])]


@pytest.mark.parametrize("how", BUSY)
async def test_a_kernel_busy_for_ten_seconds_leaves_no_hole(kernel: Run, join, send, how):
    """No silent and no repeated 10 ms, but for the little that a busy network loses.

    Nothing is queued for the time in which the machine runs nobody of us: so long it may be silent.
    """
    await send(Recording(speechlike(12.0), RATE), identity="bob")
    ear = await join("ear")
    await kernel(LIVE.format("lk.filters.lowpass(8000)"))
    busy = asyncio.create_task(
        kernel(
            "import time\nbegan = time.monotonic()\n"
            f"{BUSY[how]}\n"
            "print('held', time.monotonic() - began > 9.9, live.stats, live.error)"
        )
    )
    await asyncio.sleep(0.7)
    with Waiting() as waiting:
        heard = await ear.record("eve", 9)
    shown = await busy
    assert "held True" in shown
    assert heard.name == "filtered"
    assert heard.rms_dbfs > -30
    found = faults(heard)
    assert len(found) <= waiting.total / 0.01, (found, shown, waiting.total)


async def test_the_traceback_is_shown_once_in_the_cell(kernel: Run, send):
    await send(identity="bob")
    shown = await kernel(
        "class Broken:\n"
        "    def process(self, block):\n"
        "        raise ZeroDivisionError('of its own making')\n"
        + LIVE.format("Broken()")
        + "live.stats.bypassed == live.stats.blocks > 0"
    )
    assert shown.count("ZeroDivisionError: of its own making") == 1
    assert "raise ZeroDivisionError" in shown
    assert shown.endswith("True")
    shown = await kernel("await asyncio.sleep(0.5)\nlive.error.count('of its own making') > 0")
    assert shown == "True"
