"""Blocks of a live track: exact sizes, unbroken, counted when dropped, nothing left behind."""

from __future__ import annotations

import asyncio
import warnings

import numpy as np
import pytest
from faulty import media_tasks, same_tasks
from livekit import rtc
from sounds import RATE, block_snr, find, silent_blocks, sine, speechlike, tone_fit

import lkexplore as lk
from lkexplore.capture import DroppedWarning
from lkexplore.capture.audio import frames as blocks
from lkexplore.errors import ParticipantNotFound, SoundError, TrackNotFound
from lkexplore.sound.recording import Recording

pytestmark = pytest.mark.timed

SETTLED = 2.0


def unbroken(samples: np.ndarray, rate: int = RATE) -> bool:
    """Return whether it is one sine, but for where a jitter buffer squeezed or stretched it."""
    snr = block_snr(samples, 440, rate)
    # Seams between blocks, or samples too many, would be everywhere.
    return bool(np.median(snr) > 40 and (snr > 35).mean() > 0.7 and snr.min() > 10)


async def test_blocks_are_the_very_samples_that_are_recorded(join, send):
    await send(Recording(speechlike(5.0), RATE, name="tone"))
    room = await join()
    await room.record("alice", SETTLED)
    job = asyncio.ensure_future(room.record("alice", 3))
    await asyncio.sleep(0.5)
    got = await room.capture_frames("alice", 301, block=241)
    blocks_, whole = np.concatenate(got, axis=1)[0], (await job).samples[0]
    place, _ = find(blocks_, whole)
    np.testing.assert_array_equal(blocks_, whole[place : place + 301 * 241])


async def test_blocks_are_of_one_size_and_join_up(join, send):
    await send()
    room = await join()
    await room.record("alice", SETTLED)

    async def check(rate: int, block: int, channels: int) -> None:
        count = -(-round(1.5 * rate) // block)
        got = await room.capture_frames(
            "alice", count, block=block, sample_rate=rate, channels=channels
        )
        assert len(got) == count
        assert {each.shape for each in got} == {(channels, block)}
        assert {each.dtype for each in got} == {np.dtype(np.float32)}
        whole = np.concatenate(got, axis=1)
        for channel in whole:
            assert unbroken(channel[rate // 10 :], rate)
            hz, level = tone_fit(channel, rate)
            assert hz == pytest.approx(440, abs=0.5)
            assert level == pytest.approx(0.5, rel=0.06)

    kinds = [(48_000, 960, 1), (16_000, 160, 1), (44_100, 441, 2), (48_000, 31_337, 2)]
    await asyncio.gather(*(check(*kind) for kind in kinds))
    await check(48_000, 1, 1)


async def test_the_time_of_a_block_goes_on_with_its_samples(join, send):
    await send()
    room = await join()
    await room.record("alice", SETTLED)
    times = []
    async with room.frames("alice", block=480) as frames:
        async for _ in frames:
            times.append(frames.time)
            if len(times) == 100:
                break
    steps = np.diff(times)
    assert np.median(steps) == pytest.approx(0.010, abs=1e-4)
    assert times[-1] - times[0] == pytest.approx(0.99, abs=0.03)


async def test_who_fetches_too_slowly_is_told_what_was_dropped(join, send, monkeypatch):
    """Every block counts: those that were given and those that were dropped are all there were."""
    monkeypatch.setattr(blocks, "BOUND", 0.5)
    await send()
    room = await join()
    await room.record("alice", SETTLED)
    async with room.frames("alice", block=960) as frames:
        first = await anext(frames)
        begin = frames.time
        await asyncio.sleep(2.0)
        with pytest.warns(DroppedWarning, match=r"\d+ blocks of 960 samples were not fetched"):
            late = [await anext(frames)]
        after = frames.time
        lost = frames.dropped
        assert round((after - begin) / 0.02) == pytest.approx(lost + 1, abs=3)
        assert 60 < lost < 110
        while len(late) < 20:
            late.append(await anext(frames))
        assert f"{frames.dropped} dropped" in repr(frames)
    assert first.shape == (1, 960)
    joined = np.concatenate(late, axis=1)[0]
    assert unbroken(joined)
    assert silent_blocks(joined) == 0


async def test_who_is_quick_enough_loses_nothing_in_a_busy_interpreter(join, send):
    await send()
    room = await join()
    await room.record("alice", SETTLED)
    got = []
    with warnings.catch_warnings():
        warnings.simplefilter("error", DroppedWarning)
        async for block in room.frames("alice", block=4800):
            got.append(block)
            sum(number * number for number in range(300_000))
            if len(got) == 25:
                break
    assert unbroken(np.concatenate(got, axis=1)[0])


async def test_breaking_out_leaves_nothing_behind(join, send):
    await send()
    room = await join(memory=0)
    await room.record("alice", 1)
    before = await media_tasks()
    for number in range(8):
        async for block in room.frames("alice"):
            assert block.shape == (1, 960)
            break
        frames = room.frames("alice")
        await anext(frames)
        if number % 2:
            await frames.aclose()
            with pytest.raises(StopAsyncIteration):
                await anext(frames)
        del frames
    task = asyncio.ensure_future(room.capture_frames("alice", 10_000))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    unused = room.frames("alice")
    assert unused.dropped == 0
    await unused.aclose()
    assert await same_tasks(before)


async def test_it_ends_with_the_track(join, send):
    bot = await send()
    room = await join()
    await room.record("alice", SETTLED)
    frames = room.frames("alice", block=480)
    first = await anext(frames)
    closing = asyncio.ensure_future(bot.close())
    rest = [block async for block in frames]
    await closing
    assert first.shape == (1, 480)
    assert 0 < len(rest) < 400
    with pytest.raises(StopAsyncIteration):
        await anext(frames)


async def test_too_few_blocks_are_said_to_be(join, send):
    bot = await send()
    room = await join()
    await room.record("alice", 1)
    job = asyncio.ensure_future(room.capture_frames("alice", 5000))
    await asyncio.sleep(0.5)
    await bot.close()
    with pytest.warns(UserWarning, match=r"the track ended after \d+ of 5000 blocks"):
        got = await asyncio.wait_for(job, 15)
    assert 15 < len(got) < 500


async def test_a_plain_track_of_the_sdk_gives_blocks_too(server, room_name, send):
    await send((sine(440, 1.0), RATE), name="tone")
    plain = rtc.Room()
    await plain.connect(server.url, server.token("plain", room_name))
    try:
        await lk.record("alice", SETTLED, room=plain)
        [publication] = plain.remote_participants["alice"].track_publications.values()
        got = await lk.capture_frames(publication.track, 50, block=480)
        by_name = await lk.capture_frames("alice", 50, room=plain, block=480)
    finally:
        await plain.disconnect()
    for blocks_ in (got, by_name):
        assert unbroken(np.concatenate(blocks_, axis=1)[0])


async def test_what_cannot_be_is_refused(join, send):
    await send()
    room = await join()
    for block in (0, -1, 1.5, "960", 1 << 21):
        with pytest.raises(SoundError, match="a block of"):
            room.frames("alice", block=block)
    for count in (-1, 1.5, None):
        with pytest.raises(SoundError, match="cannot capture"):
            await room.capture_frames("alice", count)
    with pytest.raises(SoundError, match="channels"):
        room.frames("alice", channels=3)
    with pytest.raises(ParticipantNotFound, match="'nobody'"):
        await anext(room.frames("nobody", timeout=0.2))
    with pytest.raises(TrackNotFound, match="which room"):
        await anext(lk.frames("alice"))
