"""Pictures one by one, over real WebRTC: true, in order, timed, and never waited for in vain."""

from __future__ import annotations

import asyncio
import gc
import time

import numpy as np
import pytest
from livekit import rtc
from sights import SIZE, colour_error, number_of, numbered

from lkexplore.capture.video import VideoFrame, VideoFrames, capture_image
from lkexplore.errors import LkExploreError, ParticipantNotFound, TrackNotFound
from lkexplore.sdk.media_loop import media_loop, on_media_loop


async def to_the_end(frames: VideoFrames) -> list[VideoFrame]:
    return [frame async for frame in frames]


async def test_pictures_are_true_new_and_timed(join, show):
    shown: dict[int, float] = {}

    def draw(number):
        shown[number % 4096] = time.monotonic()
        return numbered(number % 4096)

    await show(draw)
    room = await join()
    seen = []
    async with VideoFrames("alice", room=room, buffer=60) as frames:
        async for frame in frames:
            seen.append(frame)
            if len(seen) == 60:
                break
    assert {frame.rgb.shape for frame in seen} == {(SIZE[1], SIZE[0], 3)}
    assert {frame.rgb.dtype for frame in seen} == {np.dtype(np.uint8)}
    assert max(colour_error(frame.rgb) for frame in seen[10:]) < 30
    numbers = [number_of(frame.rgb) for frame in seen]
    assert (np.diff(numbers) > 0).all()
    late = [frame.time - shown[number] for frame, number in zip(seen, numbers, strict=True)]
    assert abs(np.median(late[10:])) < 0.02
    assert (np.diff([frame.time for frame in seen]) > 0).all()
    assert frames.dropped == 0


async def test_a_busy_caller_gets_the_newest_and_the_rest_is_counted(join, show):
    await show(lambda number: numbered(number % 4096))
    room = await join()
    async with VideoFrames("alice", room=room, buffer=1) as frames:
        first = number_of((await anext(frames)).rgb)
        await asyncio.sleep(1.0)
        await anext(frames)
        then = number_of((await anext(frames)).rgb)
    assert 20 < then - first < 60
    assert frames.dropped >= then - first - 4


async def test_the_iteration_ends_with_the_track(join, show):
    bot = await show()
    room = await join()
    frames = VideoFrames("alice", room=room)
    job = asyncio.create_task(to_the_end(frames))
    await room.wait_for_track("alice", "video")
    await asyncio.sleep(1.0)
    await bot.stop()
    assert len(await asyncio.wait_for(job, 5)) > 10
    assert frames.reason == "unpublished"


async def test_the_iteration_ends_when_they_leave_and_when_we_do(join, show):
    bot = await show()
    room = await join()
    frames = VideoFrames("alice", room=room)
    await anext(frames)
    await bot.close()
    await asyncio.wait_for(to_the_end(frames), 5)
    assert frames.reason == "left"

    await show(identity="carol")
    frames = VideoFrames("carol", room=room)
    await anext(frames)
    await room.close()
    await asyncio.wait_for(to_the_end(frames), 5)
    assert frames.reason == "disconnected"


async def test_a_bare_track_ends_too(join, show):
    bot = await show()
    room = await join()
    track = await room.wait_for_track("alice", "video")
    frames = VideoFrames(track.rtc)
    await anext(frames)
    await bot.stop()
    await asyncio.wait_for(to_the_end(frames), 15)


async def test_closing_wakes_who_waits(join, show):
    bot = await show()
    room = await join()
    frames = VideoFrames("alice", room=room)
    await anext(frames)
    await bot.mute()
    await asyncio.sleep(0.5)
    job = asyncio.create_task(to_the_end(frames))
    await asyncio.sleep(0.5)
    assert not job.done()
    await frames.aclose()
    await asyncio.wait_for(job, 5)
    with pytest.raises(StopAsyncIteration):
        await anext(frames)


async def test_a_forgotten_iterator_ends_its_stream(join, show):
    await show()
    room = await join()

    def watching():
        return [t for t in asyncio.all_tasks(media_loop()) if "VideoReceiver._run" in repr(t)]

    frames = VideoFrames("alice", room=room)
    await anext(frames)
    assert len(watching()) == 1
    del frames
    gc.collect()
    for _ in range(50):
        await asyncio.sleep(0.1)
        if not watching():
            break
    assert watching() == []


@pytest.mark.parametrize(
    ("rotation", "turned"), [(0, 0), (1, 1), (2, 2), (3, 3)], ids=["0", "90", "180", "270"]
)
async def test_pictures_stand_upright(join, rotation, turned):
    """A camera held sideways sends its pictures lying, and says by how much."""
    room, eyes = await join("alice"), await join()
    image = np.rot90(numbered(5), turned)

    @on_media_loop
    async def film():
        height, width = image.shape[:2]
        source = rtc.VideoSource(width, height)
        track = rtc.LocalVideoTrack.create_video_track("camera", source)
        await room.rtc.local_participant.publish_track(track)
        data = np.ascontiguousarray(image).tobytes()
        while True:
            frame = rtc.VideoFrame(width, height, rtc.VideoBufferType.RGB24, data)
            source.capture_frame(frame, rotation=rotation)
            await asyncio.sleep(1 / 20)

    job = asyncio.create_task(film())
    await capture_image("alice", room=eyes)
    await asyncio.sleep(1.0)
    upright = await capture_image("alice", room=eyes)
    job.cancel()
    assert upright.shape == (SIZE[1], SIZE[0], 3)
    assert colour_error(upright) < 30
    assert number_of(upright) == 5


async def test_one_image(join, show):
    await show(lambda _number: numbered(77))
    room = await join()
    image = await capture_image("alice", room=room)
    assert image.shape == (SIZE[1], SIZE[0], 3)
    assert image.dtype == np.uint8
    assert number_of(image) == 77
    assert colour_error(image) < 40


async def test_what_is_not_there_is_said(join, show):
    bot = await show()
    room = await join()
    await room.wait_for_track("alice", "video")
    with pytest.raises(ParticipantNotFound, match="no participant 'bob'"):
        await capture_image("bob", room=room, timeout=0.2)
    await join("deaf")
    for _ in range(100):  # a server may show someone silent only after seconds
        if "deaf" in room.participants:
            break
        await asyncio.sleep(0.1)
    with pytest.raises(TrackNotFound, match="'deaf' publishes no video track"):
        await anext(VideoFrames("deaf", room=room, timeout=0.2))
    await bot.mute()
    await asyncio.sleep(0.5)
    with pytest.raises(TrackNotFound, match=r"no picture arrived .* it is muted"):
        await capture_image("alice", room=room, timeout=0.5)
    with pytest.raises(LkExploreError, match="buffer must be 1 to 300"):
        VideoFrames("alice", room=room, buffer=0)
    with pytest.raises(LkExploreError, match="timeout must be 0 or more"):
        await capture_image("alice", room=room, timeout=-1)


async def test_sound_is_no_picture(join):
    room, eyes = await join("alice"), await join()
    playing = await room.publish((np.zeros(48_000 * 20, np.float32), 48_000), wait=False)
    track = await eyes.wait_for_track("alice")
    with pytest.raises(TrackNotFound, match="carries audio: give video"):
        await capture_image(track.publication, room=eyes)
    await playing.stop()
