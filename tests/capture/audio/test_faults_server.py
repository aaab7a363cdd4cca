"""A server that dies while we record: it comes back, or it never does."""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from faulty import Served, only, read_any
from idle import Waiting
from sounds import RATE, silent_blocks, sine, tone_fit

import lkexplore as lk
from lkexplore.room.room import Room
from lkexplore.sound.recording import Recording

pytestmark = pytest.mark.timed

SETTLED = 3.0

EDGE = 0.08
"""Seconds by which a gap may begin elsewhere: 50 ms, and what killing a process takes; beyond what
the recording says of its clock and what the machine lets a process wait."""


@pytest.fixture
def served() -> Iterator[Served]:
    with Served() as served:
        yield served


@pytest_asyncio.fixture
async def room(served, room_name) -> AsyncIterator[Room]:
    """Give a room on a server of its own, with alice and bob in it, who play tones."""
    async with AsyncExitStack() as stack:
        room = await stack.enter_async_context(lk.connect(room_name, **served.where))
        for identity, hz in (("alice", 440), ("bob", 660)):
            tone = Recording(sine(hz, 1.0), RATE, name="tone")
            bot = await lk.bots.play(room_name, tone, identity, **served.where)
            await stack.enter_async_context(bot)
        await asyncio.gather(room.record("alice", SETTLED), room.record("bob", SETTLED))
        yield room


def kill(served: Served) -> float:
    """Kill the server; return when, in the middle of what that took."""
    before = time.monotonic()
    served.kill()
    return (before + time.monotonic()) / 2


async def test_a_server_that_comes_back_leaves_a_gap(room, served, tmp_path):
    seconds = 18.0
    jobs = [
        asyncio.ensure_future(room.record("alice", seconds)),
        asyncio.ensure_future(room.record("bob", seconds, path=tmp_path / "bob.wav")),
        asyncio.ensure_future(room.record_all(seconds, settling=0)),
        asyncio.ensure_future(room.record_all(seconds, settling=0, folder=tmp_path / "all")),
    ]
    began = time.monotonic()
    with Waiting() as waiting:
        await asyncio.sleep(1.5)
        killed = kill(served)
        await asyncio.sleep(1.0)
        await asyncio.to_thread(served.start)
        alice, bob, everyone, saved = await asyncio.gather(*jobs)
    assert time.monotonic() - began < seconds + 4
    assert bob.ended == "complete"
    assert set(everyone) == set(saved) == {("alice", "tone"), ("bob", "tone")}
    heard = [alice, bob.load(), *everyone.values(), *saved.load().values()]
    for recording in heard:
        assert recording.samples.shape == (1, round(seconds * RATE))
        gap = only(recording.gaps, "reconnecting")
        edge = EDGE + waiting.longest + recording.timing.residual
        assert gap.start == pytest.approx(killed - recording.started_monotonic, abs=edge)
        assert gap.end < seconds - 0.5
        assert len(recording.gaps) == 1
        hz = {"alice": 440, "bob": 660}[recording.identity]
        assert silent_blocks(recording[0.1 : gap.start - 0.05].samples[0]) == 0
        assert tone_fit(recording[: gap.start].samples[0], RATE)[0] == pytest.approx(hz, abs=1)
        quiet = recording[gap.start + 0.5 : gap.end].samples[0]
        assert silent_blocks(quiet) == len(quiet) // (RATE // 100)
        assert tone_fit(recording[seconds - 0.4 :].samples[0], RATE)[0] == pytest.approx(hz, abs=3)


async def test_a_server_that_is_gone_ends_it_in_time(room, served, tmp_path):
    """A given length is kept; without one, it ends when the SDK has given the server up."""
    seconds = 5.0
    began = time.monotonic()
    fixed = asyncio.ensure_future(room.record("alice", seconds, path=tmp_path / "alice.flac"))
    everyone = asyncio.ensure_future(room.record_all(seconds, settling=0))
    long_ones = asyncio.ensure_future(room.record_all(600, settling=0))
    lost = asyncio.ensure_future(room.record("bob", 600))
    open_ended = asyncio.ensure_future(room.record("bob"))
    session = await room.start_recording("alice", folder=tmp_path / "session")
    await asyncio.sleep(1.5)
    waiting = Waiting()
    with waiting:
        killed = kill(served)
        await asyncio.sleep(0.5)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        saved, whole = await asyncio.gather(fixed, everyone)
        assert time.monotonic() - began < seconds + 3
        assert not caught
        cut, bob, until_then = await asyncio.wait_for(
            asyncio.gather(long_ones, lost, open_ended), 60
        )
        alice = (await asyncio.wait_for(session, 5))["alice"]
    assert room.closed
    said = sorted(str(warning.message) for warning in caught)
    assert sum("the connection to room" in line for line in said) == 2
    assert sum("of 'bob' was lost with our connection after" in line for line in said) == 1
    for recording in (saved.load(), *whole.values()):
        assert recording.samples.shape == (1, round(seconds * RATE))
        gap = only(recording.gaps, "reconnecting")
        edge = EDGE + waiting.longest + recording.timing.residual
        assert gap.start == pytest.approx(killed - recording.started_monotonic, abs=edge)
        assert gap.end == seconds
    assert len({recording.samples.shape for recording in cut.values()}) == 1
    assert len(cut) == 2
    for recording in (bob, *cut.values()):
        assert only(recording.gaps, "reconnecting").duration > 0.8 * (recording.duration - 3)
    for recording in (until_then, alice.load()):
        assert recording.duration == pytest.approx(killed - recording.started_monotonic, abs=1.0)
    assert alice.ended == "disconnected"
    samples, rate = read_any(alice.path)
    assert tone_fit(samples[0, RATE // 5 : -RATE // 5], rate)[0] == pytest.approx(440, abs=1)
