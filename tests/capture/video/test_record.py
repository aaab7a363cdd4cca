"""Recording pictures: true, timed, with their gaps, and never more than was asked for."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import av
import numpy as np
import pytest
from livekit import rtc
from livekit.rtc.room import SimulateScenarioKind
from sights import SIZE, colour_error, number_of, numbered

from lkexplore.capture.video import SavedVideo, VideoRecording, record_video
from lkexplore.errors import FileError, LkExploreError, RoomClosed, TrackNotFound
from lkexplore.sdk.media_loop import media_loop, on_media_loop


def draw(number: int) -> np.ndarray:
    return numbered(number % 4096)


async def test_pictures_are_true_and_evenly_timed(join, show):
    await show(draw)
    room = await join()
    before = datetime.now(UTC)
    video = await record_video("alice", 3.0, room=room)
    assert isinstance(video, VideoRecording)
    assert video.size == SIZE
    assert video.duration == 3.0
    assert 70 <= len(video) <= 92
    assert video.fps == pytest.approx(30, abs=2)
    numbers = np.array([number_of(image) for image in video.frames])
    assert (np.diff(numbers) > 0).all()
    assert max(colour_error(image) for image in video.frames[15:]) < 30
    # A picture's place in time is that of its number.
    residual = video.timestamps - np.polyval(np.polyfit(numbers, video.timestamps, 1), numbers)
    assert np.percentile(np.abs(residual), 90) < 0.03
    assert video.timestamps[0] == 0
    assert video.gaps == ()
    assert video.dropped == video.resized == 0
    assert (video.identity, video.name, video.track) == ("alice", "camera", room.tracks[0].sid)
    assert timedelta(seconds=-0.1) <= video.started_at - before < timedelta(seconds=3)
    assert 3.0 <= time.monotonic() - video.started_monotonic < 8.0


async def test_every_way_to_name_the_track_records_it(join, show):
    await show(draw)
    room = await join()
    track = await room.wait_for_track("alice", "video")
    sources = [room.participants["alice"], track, track.publication, track.rtc]
    videos = await asyncio.gather(*(record_video(s, 0.5, room=room) for s in sources))
    bare = await record_video(track.rtc, 0.5)
    assert all(len(video) > 5 for video in [*videos, bare])
    assert bare.identity is None


async def test_no_seconds_are_no_pictures(join, show):
    await show(draw)
    room = await join()
    video = await record_video("alice", 0, room=room)
    assert video.frames.shape == (0, SIZE[1], SIZE[0], 3)
    assert video.duration == 0


async def test_cancelling_returns_what_was_captured(join, show, tmp_path):
    await show(draw)
    room = await join()
    await room.wait_for_track("alice", "video")
    job = asyncio.create_task(record_video("alice", room=room))
    file = asyncio.create_task(record_video("alice", 60, room=room, path=tmp_path / "a.mp4"))
    await asyncio.sleep(2.0)
    job.cancel()
    file.cancel()
    video, saved = await job, await file
    assert 0.8 < video.duration < 2.6
    assert len(video) > 15
    assert saved.ended == video.ended == "stopped"
    assert "ended: stopped" in repr(video)
    assert saved.duration == pytest.approx(video.duration, abs=0.6)
    assert len(saved.load()) > 15


async def test_a_muted_camera_is_a_gap(join, show):
    bot = await show(draw)
    room = await join()
    job = asyncio.create_task(record_video("alice", 5.0, room=room))
    await asyncio.sleep(1.5)
    await bot.mute()
    await asyncio.sleep(1.5)
    await bot.unmute()
    video = await job
    assert video.duration == 5.0
    assert [gap.reason for gap in video.gaps] == ["muted"]
    assert video.gaps[0].duration == pytest.approx(1.5, abs=0.4)
    inside = (video.timestamps > video.gaps[0].start) & (video.timestamps < video.gaps[0].end)
    assert not inside.any()
    assert (video.timestamps > video.gaps[0].end).sum() > 10


async def test_a_camera_muted_to_the_end_is_a_gap_to_the_end(join, show):
    bot = await show(draw)
    room = await join()
    job = asyncio.create_task(record_video("alice", 3.5, room=room))
    await asyncio.sleep(1.5)
    await bot.mute()
    video = await asyncio.wait_for(job, 10)
    assert video.duration == 3.5
    assert video.gaps[-1].reason == "muted"
    assert video.gaps[-1].end == pytest.approx(3.5, abs=0.01)


async def test_an_end_too_early_gives_what_there_was_and_says_so(join, show):
    bot = await show(draw)
    room = await join()
    await room.wait_for_track("alice", "video")
    job = asyncio.create_task(record_video("alice", 30, room=room))
    await asyncio.sleep(1.5)
    await bot.close()
    with pytest.warns(UserWarning, match=r"'camera' of 'alice' ended, they left after .* of 30 s"):
        video = await asyncio.wait_for(job, 10)
    assert 0.3 < video.duration < 3.0
    assert len(video) > 5


async def test_a_film_follows_a_person(join, show, tmp_path):
    """Unpublished or away, they are waited for, and the film goes on with the new track."""
    bot = await show(draw)
    room = await join()
    in_memory = asyncio.create_task(record_video("alice", 8.0, room=room))
    to_file = asyncio.create_task(record_video("alice", 8.0, room=room, path=tmp_path / "a.mp4"))
    await asyncio.sleep(2.0)
    await bot.close()
    await asyncio.sleep(0.7)
    await show(draw)
    for film in (await in_memory, await to_file):
        assert film.duration == 8.0
        [gap] = film.gaps
        assert gap.reason == "left"
        assert 0.4 < gap.duration < 3.0
        assert (film.timestamps > gap.end).sum() > 20


async def test_an_open_ended_film_ends_with_its_track(join, show):
    bot = await show(draw)
    room = await join()
    await room.wait_for_track("alice", "video")
    job = asyncio.create_task(record_video("alice", room=room))
    await asyncio.sleep(1.5)
    await bot.stop()
    assert 0.3 < (await asyncio.wait_for(job, 10)).duration < 3.0


async def test_an_open_end_ends_with_their_leaving(join, show):
    bot = await show(draw)
    room = await join()
    await room.wait_for_track("alice", "video")
    job = asyncio.create_task(record_video("alice", room=room))
    await asyncio.sleep(1.5)
    await bot.close()
    assert 0.3 < (await asyncio.wait_for(job, 10)).duration < 3.0


async def test_leaving_the_room_ends_it(join, show, tmp_path):
    await show(draw)
    room = await join()
    await room.wait_for_track("alice", "video")
    job = asyncio.create_task(record_video("alice", 30, room=room, path=tmp_path / "a.mp4"))
    await asyncio.sleep(1.5)
    await room.close()
    with pytest.warns(UserWarning, match="was lost with our connection"):
        saved = await asyncio.wait_for(job, 10)
    assert len(saved.load()) > 5
    with pytest.raises(RoomClosed, match="was left"):
        await record_video("alice", 1, room=room)


async def test_a_file_holds_the_pictures_at_their_times(join, show, tmp_path):
    await show(draw)
    room = await join()
    in_memory, saved = await asyncio.gather(
        record_video("alice", 3.0, room=room),
        record_video("alice", 3.0, room=room, path=tmp_path / "a.mp4"),
    )
    assert isinstance(saved, SavedVideo)
    assert (saved.size, saved.duration, saved.ended) == (SIZE, 3.0, "complete")
    assert saved.error is None
    assert saved.identity == "alice"
    back = saved.load()
    shown = {number_of(i): t for i, t in zip(back.frames, back.timestamps, strict=True)}
    times = {number_of(i): t for i, t in zip(in_memory.frames, in_memory.timestamps, strict=True)}
    both = shown.keys() & times.keys()
    assert len(both) > 60
    begin = saved.started_monotonic - in_memory.started_monotonic
    # Each of the two reckons the delay for itself, from statistics of its own.
    apart = [abs(shown[n] + begin - times[n]) for n in both]
    assert np.median(apart) < 0.02
    assert max(apart) < 0.08
    assert max(colour_error(image) for image in back.frames[15:]) < 30
    with av.open(str(saved.path)) as container:
        assert container.duration / 1e6 == pytest.approx(3.0, abs=0.05)
        assert container.streams.video[0].codec_context.name == "h264"


def white_square(number):
    """Draw a white square of 80 pixels, first in a wide picture, then in a tall one."""
    width, height = (320, 180) if number < 45 else (180, 320)
    image = np.zeros((height, width, 3), np.uint8)
    middle_x, middle_y = width // 2, height // 2
    image[middle_y - 40 : middle_y + 40, middle_x - 40 : middle_x + 40] = 255
    return image


def bright_size(image):
    """Return width and height of what is bright."""
    bright = image.min(axis=2) > 128
    columns, rows = np.flatnonzero(bright.any(axis=0)), np.flatnonzero(bright.any(axis=1))
    return columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1


async def test_another_size_midway_is_fitted_in_and_not_stretched(join, show, tmp_path):
    """As when somebody turns their phone: a square stays a square."""
    await show(white_square, fps=15)
    room = await join()
    video, saved = await asyncio.gather(
        record_video("alice", 5.0, room=room),
        record_video("alice", 5.0, room=room, path=tmp_path / "a.mp4"),
    )
    for recording in (video, saved.load()):
        assert recording.frames.shape[1:3] == (180, 320)
        assert bright_size(recording.frames[5]) == (pytest.approx(80, abs=3),) * 2
        # 320 pixels of height become 180.
        assert bright_size(recording.frames[-3]) == (pytest.approx(45, abs=3),) * 2
    for recording in (video, saved):
        assert recording.resized > 10
        assert dict(recording.sizes) == {(180, 320): recording.resized}
        assert "fitted in (180x320)" in repr(recording)


async def test_more_than_fits_is_refused_with_a_way_out(join, show):
    await show(draw)
    room = await join()
    with pytest.raises(LkExploreError, match=r"600 s of 320x240 .* 4\.15 GB .* path="):
        await record_video("alice", 600, room=room)
    with pytest.warns(UserWarning, match=r"filled max_bytes=5_000_000 after"):
        video = await record_video("alice", room=room, max_bytes=5_000_000)
    assert len(video) == 5_000_000 // (320 * 240 * 3)


async def test_a_busy_caller_loses_nothing(join, show):
    await show(draw)
    room = await join()
    job = asyncio.create_task(record_video("alice", 4.0, room=room))
    await asyncio.sleep(1.0)
    time.sleep(2.5)  # noqa: ASYNC251 (what a long computation in a cell does)
    video = await job
    assert np.diff([number_of(image) for image in video.frames]).max() < 8
    assert video.gaps == ()


async def test_what_cannot_be_is_said(join, show, tmp_path):
    await show(draw)
    room = await join()
    with pytest.raises(LkExploreError, match="cannot record for -1 seconds"):
        await record_video("alice", -1, room=room)
    with pytest.raises(LkExploreError, match="of 0 s has no pictures"):
        await record_video("alice", 0, room=room, path=tmp_path / "a.mp4")
    with pytest.raises(LkExploreError, match="max_bytes must be"):
        await record_video("alice", 1, room=room, max_bytes=0)
    with pytest.raises(FileError, match=r"does not end in \.mp4"):
        await record_video("alice", 1, room=room, path=tmp_path / "a.avi")
    with pytest.raises(FileError, match="there is no folder"):
        await record_video("alice", 1, room=room, path=tmp_path / "no" / "a.mp4")
    with pytest.raises(TrackNotFound, match="which room"):
        await record_video("alice", 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("scenario", ["SIMULATE_FULL_RECONNECT", "SIMULATE_SIGNAL_RECONNECT"])
async def test_a_lost_connection_is_survived(join, show, scenario):
    await show(draw)
    room = await join()
    job = asyncio.create_task(record_video("alice", 7.0, room=room))
    await asyncio.sleep(2.0)
    kind = getattr(SimulateScenarioKind, scenario)
    await on_media_loop(room.rtc.simulate_scenario)(kind)
    video = await job
    assert video.duration == 7.0
    assert video.timestamps[-1] > 6.5
    missing = np.diff(video.timestamps)
    steps = np.diff([number_of(image) for image in video.frames])
    # What was on its way when the connection was lost may come again with the next one.
    assert (steps[missing < 0.15] > 0).all(), (steps, missing)
    assert {gap.reason for gap in video.gaps} <= {"reconnecting"}
    # Below that, a pause is marked only if it was the connection's.
    for place in np.flatnonzero(missing > 1.5):
        gap = [g for g in video.gaps if g.start == pytest.approx(video.timestamps[place])]
        assert gap[0].duration == pytest.approx(missing[place])


async def test_a_full_disk_ends_it_with_what_is_there(join, show, tmp_path, monkeypatch):
    """A disk that takes so many bytes and no more, as the operating system says it."""
    import errno

    from lkexplore.capture.video import muxer_file as disk

    class Small(disk.MuxerFile):
        def flush(self) -> None:
            if self._size + len(self._pending) > 60_000 and self.error is None:
                self.error = OSError(errno.ENOSPC, "No space left on device")
            super().flush()

    monkeypatch.setattr("lkexplore.capture.video.growing_mp4.MuxerFile", Small)
    await show(draw)
    room = await join()
    with pytest.warns(UserWarning, match="cannot be written: No space left on device"):
        saved = await record_video("alice", 30, room=room, path=tmp_path / "a.mp4")
    assert "No space left" in saved.error
    assert saved.ended == "failed"
    with av.open(str(saved.path)) as container:
        numbers = [number_of(f.to_ndarray(format="rgb24")) for f in container.decode(video=0)]
    assert len(numbers) > 10
    assert (np.diff(numbers) > 0).all()


async def test_nothing_is_left_running(join, show, tmp_path):
    import threading

    await show(draw)
    room = await join()
    await record_video("alice", 0.2, room=room)

    def tasks() -> int:
        return sum(
            "lkexplore/capture/video/receiver" in repr(t) for t in asyncio.all_tasks(media_loop())
        )

    threads = threading.active_count()
    for round_ in range(8):
        job = asyncio.create_task(
            record_video("alice", 30, room=room, path=tmp_path / f"{round_}.mp4")
        )
        await asyncio.sleep(0.05 * round_)
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)
    await asyncio.sleep(0.5)
    assert tasks() == 0
    assert threading.active_count() <= threads + 4
    assert not [t for t in threading.enumerate() if t.name == "lkexplore-mp4"]


async def test_a_room_of_the_sdk_will_do(join, show):
    """A plain rtc.Room on the caller's own loop, and a track of our own."""
    await show(draw)
    room = await join()
    video = await record_video("alice", 1.0, room=room.rtc)
    assert len(video) > 10

    @on_media_loop
    async def film():
        source = rtc.VideoSource(*SIZE)
        track = rtc.LocalVideoTrack.create_video_track("mine", source)
        await room.rtc.local_participant.publish_track(track)
        for number in range(10_000):
            data = draw(number).tobytes()
            source.capture_frame(rtc.VideoFrame(*SIZE, rtc.VideoBufferType.RGB24, data))
            await asyncio.sleep(1 / 30)

    job = asyncio.create_task(film())
    mine = await record_video(room.identity, 1.0, room=room)
    job.cancel()
    assert len(mine) > 10
    assert colour_error(mine.frames[-1]) < 30
