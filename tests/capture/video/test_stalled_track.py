"""A track that is decoded and handed to nobody is subscribed to anew, for all who watch it."""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Iterator

import numpy as np
import pytest
from livekit import rtc
from sights import colour_error, number_of, numbered

from lkexplore.capture.video import VideoFrames, record_av, record_video
from lkexplore.capture.video.stalled_track import DECODED, MOST_TRIES, StalledTrack
from lkexplore.sdk.media_loop import on_media_loop

pytestmark = pytest.mark.timed


@pytest.fixture
def dead(monkeypatch) -> Iterator[weakref.WeakSet[rtc.Track]]:
    """Give a set of tracks of which no stream hands anything over; they are decoded as before."""
    tracks: weakref.WeakSet[rtc.Track] = weakref.WeakSet()

    class Deaf(rtc.VideoStream):
        async def __anext__(self) -> rtc.VideoFrameEvent:
            if self._track in tracks:
                await asyncio.sleep(3600)  # whoever asks waits for a moment only
            return await super().__anext__()

    monkeypatch.setattr(rtc, "VideoStream", Deaf)
    return tracks


async def pictured(join, show):
    """Return a room, and the track in it that shows numbered pictures."""
    await show(lambda number: numbered(number % 4096))
    room = await join("me")
    return room, await room.wait_for_track("alice", "video")


def subscriptions(room) -> list[str]:
    """Return a list of the subscriptions that come from now on."""
    found: list[str] = []
    room.rtc.on("track_subscribed", lambda track, _publication, _who: found.append(track.sid))
    return found


async def until(true, seconds=15.0):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came to be"
        await asyncio.sleep(0.05)


async def test_all_who_watch_go_on_and_it_is_asked_for_once(join, show, dead, tmp_path):
    room, track = await pictured(join, show)
    anew = subscriptions(room)
    live = await room.live_video("alice", lambda rgb: 255 - rgb)
    films = [
        asyncio.create_task(record_video("alice", 10.0, room=room)),
        asyncio.create_task(record_av("alice", 10.0, room=room, path=tmp_path / "a.mp4")),
    ]
    async with VideoFrames("alice", room=room, buffer=1) as frames:
        await anext(frames)
        await asyncio.sleep(2.0)
        dead.add(track.rtc)
        before = number_of((await anext(frames)).rgb)
        await until(lambda: anew)
        blocks = live.stats.blocks
        async with asyncio.timeout(10):
            while number_of((await anext(frames)).rgb) < before + 30:
                pass
        await until(lambda: live.stats.blocks > blocks + 10)
    film, saved = await asyncio.gather(*films)
    assert len(anew) == 1
    assert not live.closed
    assert live.error == ""
    assert live.stats.bypassed == 0
    for recording in (film, saved):
        assert recording.duration == 10.0
        assert {gap.reason for gap in recording.gaps} == {"nothing arrived"}
        gap = recording.gaps[0]
        assert gap.start < gap.end - 0.5
        assert np.sum(recording.timestamps > gap.end) > 20
    assert (np.diff([number_of(image) for image in film.frames]) > 0).all()
    assert colour_error(film.frames[-1]) < 30


async def test_it_is_revived_before_the_first_picture(join, show, dead):
    room, track = await pictured(join, show)
    anew = subscriptions(room)
    dead.add(track.rtc)
    async with asyncio.timeout(15), VideoFrames("alice", room=room) as frames:
        assert colour_error((await anext(frames)).rgb) < 60
    assert len(anew) == 1


async def test_what_stays_dead_is_asked_for_three_times(join, show, dead, monkeypatch):
    room, track = await pictured(join, show)
    dead.add(track.rtc)
    anew = subscriptions(room)
    room.rtc.on("track_subscribed", lambda track, _publication, _who: dead.add(track))
    async with VideoFrames("alice", room=room, timeout=30.0) as frames:
        waiting = asyncio.create_task(anext(frames))
        await until(lambda: len(anew) == MOST_TRIES, 30)
        await asyncio.sleep(3.0)
        assert len(anew) == MOST_TRIES
        assert not waiting.done()
        waiting.cancel()


async def test_who_unsubscribes_is_left_alone(join, show):
    room, track = await pictured(join, show)
    anew = subscriptions(room)
    async with VideoFrames("alice", room=room) as frames:
        await anext(frames)
        await on_media_loop(unsubscribe)(track.publication)
        async with asyncio.timeout(10):
            async for _ in frames:
                pass
    assert frames.reason == "unsubscribed"
    assert anew == []


async def unsubscribe(publication):
    publication.set_subscribed(False)


async def test_ending_in_the_middle_leaves_it_subscribed(join, show, dead):
    room, track = await pictured(join, show)
    dead.add(track.rtc)
    asked: list[bool] = []
    closing: list[asyncio.Task[None]] = []
    frames = VideoFrames("alice", room=room)
    publication = track.publication
    ask = publication.set_subscribed

    def set_subscribed(value: bool) -> None:
        asked.append(value)
        ask(value)
        if not value:
            closing.append(asyncio.ensure_future(frames.aclose()))

    publication.set_subscribed = set_subscribed
    async with asyncio.timeout(15):
        with pytest.raises(StopAsyncIteration):
            await anext(frames)
    await until(lambda: all(task.done() for task in closing) and len(asked) == 2)
    assert asked == [False, True]
    async with asyncio.timeout(10), VideoFrames("alice", room=room) as others:
        await anext(others)
    assert False not in asked[2:]


def test_it_is_told_when_asked_again_and_three_times_at_most():
    still, told, decoded = StalledTrack(), [], 0
    for _ in range(20):
        told.append(still.is_one(decoded))
        decoded += DECODED
    assert sum(told) == MOST_TRIES
    assert told[:4] == [False, False, True, False]
    still.moved()
    assert [still.is_one(decoded + n * DECODED) for n in range(3)] == [False, False, True]


@pytest.mark.parametrize("counts", [[5] * 9, [0, 3, 6, 9], [100, 20, 25, 29], [0, 40]])
def test_it_is_not_told_without_reason(counts):
    still = StalledTrack()
    assert not any(still.is_one(count) for count in counts)


def test_a_picture_starts_it_anew():
    still = StalledTrack()
    for count in range(0, 600, 30):
        assert not still.is_one(count)
        assert not still.is_one(count + 15)
        still.moved()
