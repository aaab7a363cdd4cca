"""In a real Jupyter kernel: interrupting a recording gives what was captured, run() nests."""

from __future__ import annotations

import re

import pytest
from kernels import BUSY, Run

pytestmark = pytest.mark.timed


def seconds_in(text: str) -> float:
    found = re.search(r"Recording\([^)]*?([0-9.]+) s,", text)
    assert found, text
    return float(found.group(1))


async def test_interrupting_an_awaited_recording(kernel: Run):
    await kernel("await room.record('alice', 0.2)")
    shown = await kernel("print('go')\nawait room.record('alice')", 1.5, "go")
    assert 1.0 < seconds_in(shown) < 2.5
    shown = await kernel("print('go')\nvoice = await room.record('alice', 30)", 1.0, "go")
    assert "Error" not in shown
    shown = await kernel(
        "print(float(np.abs(voice.samples[:, -4800:]).min() >= 0), voice.duration)"
    )
    assert float(shown.split()[1]) < 2.0


async def test_run_in_a_cells_function(kernel: Run):
    """A plain function in a cell runs under the kernel's loop: run() nests, again and again."""
    shown = await kernel("def take(s): return lk.run(room.record('alice', s))\ntake(0.5)")
    assert seconds_in(shown) == 0.5
    shown = await kernel("print('go')\ntake(None)", 1.5, "go")
    assert 1.0 < seconds_in(shown) < 2.5
    shown = await kernel("await room.record('alice', 0.5)")
    assert seconds_in(shown) == 0.5
    shown = await kernel("print('go')\nlk.run(asyncio.sleep(30))", 0.5, "go")
    assert "KeyboardInterrupt" in shown


@pytest.mark.parametrize("how", BUSY)
async def test_a_kernel_busy_for_ten_seconds_loses_nothing(kernel: Run, send, how, tmp_path):
    """In memory, to disk, of everyone, and in the ring: every 10 ms of the tone is there."""
    await send(identity="bob")  # from this process, which is not the one that is busy
    shown = await kernel(
        "import time\n"
        "await room.record('bob', 3)\n"  # a new track's sound is still being stretched
        "jobs = [\n"
        "    asyncio.ensure_future(room.record('bob', 9)),\n"
        "    asyncio.ensure_future(room.record_all(9)),\n"
        f"    asyncio.ensure_future(room.record('bob', 9, path={str(tmp_path / 'x.flac')!r})),\n"
        "]\n"
        "await asyncio.sleep(0.3)\n"
        "began = time.monotonic()\n"
        f"{BUSY[how]}\n"
        "held = time.monotonic() - began\n"
        "ring = room.last('bob', 9)\n"
        "one, everyone, saved = await asyncio.gather(*jobs)\n"
        "print()\n"
        "for sound in (one, everyone['bob'], saved.load(), ring):\n"
        "    low = np.flatnonzero((sound.samples[0].reshape(-1, 480) ** 2).mean(1) < 0.04) / 100\n"
        # What a busy network lost is the network's: it is told, and little.
        "    lost = [n for n in low if not any(\n"
        "        c.start - 0.1 < n < c.end + 0.3 for c in sound.concealed)]\n"
        "    few = sum(c.seconds for c in sound.concealed) < 0.5\n"
        "    print('heard', held > 9.9, sound.duration, few, lost, sound.gaps)"
    )
    heard = [line for line in shown.splitlines() if line.startswith("heard")]
    assert heard == ["heard True 9.0 True [] ()"] * 4, shown
