"""Recordings that are cut short at any moment, and what is left in use when they are over."""

from __future__ import annotations

import asyncio
import random
import warnings

import pytest
from faulty import eventually, media_tasks, open_files, read_any, resources, same_tasks
from sounds import RATE, silent_blocks, sine, tone_fit

from lkexplore.errors import LkExploreError
from lkexplore.sound.recording import Recording

MOMENTS = 9
CYCLES = 50


async def cut_short(job: asyncio.Future, moment: float):
    """Cancel something in a moment; return what it gives, or None if it was cancelled."""
    await asyncio.sleep(moment)
    job.cancel()
    try:
        return await asyncio.wait_for(asyncio.shield(job), 10)
    except asyncio.CancelledError:
        return None


def moments(seed: int, longest: float) -> list[float]:
    """Return moments from none at all to some time, the early ones close together."""
    chance = random.Random(seed)
    return [0.0, 0.001, *(longest * chance.random() ** 3 for _ in range(MOMENTS))]


@pytest.mark.parametrize("to_disk", [False, True])
async def test_one_track_cancelled_at_any_moment(join, send, tmp_path, to_disk):
    """What was captured comes back, or it was cancelled; no file stays open."""
    await send()
    room = await join()
    await room.record("alice", 1)
    before = await media_tasks()
    outcomes = []
    for number, moment in enumerate(moments(1, 1.2)):
        path = {"path": tmp_path / f"{number}.flac"} if to_disk else {}
        job = asyncio.ensure_future(room.record("alice", **path))
        voice = await cut_short(job, moment)
        outcomes.append((moment, voice))
        assert not open_files(tmp_path)
        if voice is None:
            assert not list(tmp_path.glob(f"{number}.*"))
            continue
        assert voice.duration == pytest.approx(moment, abs=0.4)
        if to_disk and path["path"].exists():
            samples, _ = read_any(path["path"])
            assert samples.shape == (1, round(voice.duration * RATE))
            assert voice.load().samples.shape == samples.shape
        if voice.duration > 0.3:
            sound = voice.load() if to_disk else voice
            assert silent_blocks(sound.samples[0]) == 0
            assert tone_fit(sound.samples[0], RATE)[0] == pytest.approx(440, abs=2)
    assert all(voice is not None for moment, voice in outcomes if moment > 0.3)
    assert await same_tasks(before)


@pytest.mark.parametrize("to_disk", [False, True])
async def test_all_tracks_cancelled_at_any_moment(join, send, tmp_path, to_disk):
    for identity, hz in (("alice", 440), ("bob", 660)):
        await send(Recording(sine(hz, 1.0), RATE, name="tone"), identity)
    room = await join()
    await asyncio.gather(room.record("alice", 1), room.record("bob", 1))
    before = await media_tasks()
    for number, moment in enumerate(moments(2, 1.2)):
        folder = {"folder": tmp_path / str(number)} if to_disk else {}
        recordings = await cut_short(
            asyncio.ensure_future(room.record_all(60, settling=0, **folder)), moment
        )
        assert not open_files(tmp_path)
        if recordings is None:
            assert moment < 0.3
            assert not list(tmp_path.glob(f"{number}/*"))
            continue
        assert len({round(r.duration * RATE) for r in recordings.values()}) <= 1
        for recording in recordings.values():
            assert recording.duration == pytest.approx(moment, abs=0.4)
            if to_disk and recording.duration:
                samples, _ = read_any(recording.path)
                assert samples.shape == (1, round(recording.duration * RATE))
    assert await same_tasks(before)


async def test_settling_can_be_cancelled(join, send):
    await send()
    room = await join()
    await room.wait_for_track("alice")
    before = await media_tasks()
    assert await cut_short(asyncio.ensure_future(room.record_all(60, settling=30)), 0.3) is None
    assert await same_tasks(before)


async def once(room, folder, number: int) -> None:
    """Start something and stop it, one way or another."""
    kind = number % 5
    if kind == 0:
        await room.record("alice", 0.02)
    elif kind == 1:
        await room.record("alice", 0.02, path=folder / f"{number}.flac", sample_rate=16_000)
    elif kind == 2:
        await room.record_all(0.02, settling=0, folder=folder / str(number))
    elif kind == 3:
        session = await room.start_recording()
        await session.stop()
    else:
        async for _ in room.frames("alice", sample_rate=16_000, block=160):
            break


async def test_fifty_starts_and_stops_leave_nothing_behind(join, send, tmp_path):
    """Tasks, streams, threads, files and processes are as many as before."""
    await send()
    room = await join(memory=0)
    await room.record("alice", 1)
    for number in range(5):
        await once(room, tmp_path, number)
    await eventually(lambda: False, 0.5)
    before = await resources()
    for number in range(5, 5 + CYCLES):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            await once(room, tmp_path, number)
    after = {}
    for _ in range(100):
        after = await resources()
        if all(after[kind] <= before[kind] for kind in before):
            break
        await asyncio.sleep(0.05)
    assert after == {kind: min(after[kind], before[kind]) for kind in before}
    assert not open_files(tmp_path)


async def test_fifty_that_find_nobody_leave_nothing_behind(join, tmp_path):
    room = await join()
    before = await resources()
    for number in range(CYCLES):
        with pytest.raises(LkExploreError):
            await room.record("nobody", 1, timeout=0.01, path=tmp_path / f"{number}.wav")
    assert await resources() == before
    assert not list(tmp_path.iterdir())
