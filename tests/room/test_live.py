"""A filter on a live track, heard by somebody else in the room."""

import asyncio
import time

import numpy as np
import pytest
from sounds import RATE, sine

import lkexplore as lk
from lkexplore.errors import FilterError, ParticipantNotFound
from lkexplore.recording import Recording


def two_tones():
    return Recording(0.5 * sine(440, 1.0) + 0.5 * sine(3000, 1.0), RATE)


def level(sound, hz):
    return (sound | lk.filters.bandpass(hz * 0.9, hz * 1.1)).rms_dbfs


def silent_blocks(sound, length=480):
    """Count the 10 ms blocks in which next to nothing is heard."""
    samples = sound.samples[0]
    blocks = samples[: len(samples) // length * length].reshape(-1, length)
    return int((np.abs(blocks).max(axis=1) < 0.01).sum())


async def test_listeners_hear_the_filtered_track(join, send):
    await send(two_tones())
    room, ear = await join("me"), await join("ear")
    live = await room.live("alice", lk.filters.lowpass(1000, order=6), name="low")
    await asyncio.sleep(1.5)
    heard = await ear.record("me", 2)
    assert heard.name == "low"
    assert level(heard, 440) - level(heard, 3000) > 40
    assert lk.measure.tone_hz(heard) == pytest.approx(440, abs=0.5)
    assert silent_blocks(heard) == 0
    assert live.stats.blocks > 100
    assert live.stats.bypassed == live.stats.dropped == 0


async def test_another_filter_and_bypass_act_at_once(join, send):
    await send(two_tones())
    room, ear = await join("me"), await join("ear")
    live = await room.live("alice", lk.filters.lowpass(1000, order=6))
    await asyncio.sleep(1.5)
    live.filter = lk.filters.highpass(1500, order=6)
    assert isinstance(live.filter, lk.filters.Highpass)
    await asyncio.sleep(1)
    high = await ear.record("me", 1)
    assert level(high, 3000) - level(high, 440) > 40
    live.bypass = True
    await asyncio.sleep(1)
    both = await ear.record("me", 1)
    assert abs(level(both, 3000) - level(both, 440)) < 2
    live.bypass = False
    live.filter.cutoff = 6000
    await asyncio.sleep(1)
    none = await ear.record("me", 1)
    assert level(none, 3000) < level(both, 3000) - 20


async def test_a_filter_that_fails_is_passed_by_and_told_once(join, send, caplog):
    class Broken:
        def process(self, block):
            raise ZeroDivisionError("of its own making")

    await send(two_tones())
    room, ear = await join("me"), await join("ear")
    live = await room.live("alice", Broken())
    await asyncio.sleep(1.5)
    heard = await ear.record("me", 1)
    assert abs(level(heard, 3000) - level(heard, 440)) < 2
    assert live.stats.bypassed == live.stats.blocks > 0
    told = [r for r in caplog.records if "of its own making" in r.getMessage()]
    assert len(told) == 1


async def test_it_goes_on_while_the_caller_is_busy(join, send):
    await send(two_tones())
    room, ear = await join("me"), await join("ear")
    await room.live("alice", lk.filters.lowpass(1000))
    await asyncio.sleep(1.5)
    listening = asyncio.create_task(ear.record("me", 3))
    await asyncio.sleep(0.2)
    time.sleep(2.5)  # noqa: ASYNC251 - the busy caller is what is tested
    heard = await listening
    assert silent_blocks(heard) == 0
    assert not heard.gaps


async def test_it_ends_when_asked_and_when_its_source_does(join, send):
    bot = await send(two_tones())
    room = await join("me")
    first = await room.live("alice", lk.filters.gain(0), name="first")
    second = await room.live("alice", lk.filters.gain(0), name="second")
    await first.close()
    assert first.closed
    assert [track.name for track in room.me.tracks] == ["second"]
    await bot.close()
    for _ in range(50):
        if second.closed:
            break
        await asyncio.sleep(0.1)
    assert second.closed
    assert not room.me.tracks


async def test_leaving_the_room_ends_it(join, send):
    await send(two_tones())
    room = await join("me")
    live = await room.live("alice", lk.filters.gain(0))
    await room.close()
    assert live.closed


async def test_what_cannot_be_is_refused(join, send):
    room = await join("me")
    with pytest.raises(ParticipantNotFound):
        await room.live("nobody", lk.filters.gain(0), timeout=0.2)
    with pytest.raises(FilterError):
        await room.live("nobody", "lowpass", timeout=0.2)
