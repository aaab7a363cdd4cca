"""Picture and sound in one file: in sync, as long as asked for, whatever is missing."""

from __future__ import annotations

import asyncio
import contextlib
import time

import av
import numpy as np
import pytest
from livekit import rtc
from sights import SIZE
from sync import apart, beeps, flashes, sound_of

from lkexplore.capture.video import record_av
from lkexplore.errors import LkExploreError, TrackNotFound
from lkexplore.measure import tone_hz
from lkexplore.sdk.media_loop import on_media_loop

pytestmark = pytest.mark.timed

RATE = 48_000
PERIOD, LIT = 1.0, 0.2


class Stage:
    """Flashes and beeps at the same instants, once a second."""

    def __init__(self, room) -> None:
        self.room = room
        self.sound = self.sight = None
        self.start = 0.0
        self.tasks: list[asyncio.Task] = []

    @on_media_loop
    async def open(self, sound: bool = True, sight: bool = True) -> None:
        self.start = start = time.monotonic() + 0.3
        if sight:
            source = rtc.VideoSource(*SIZE)
            track = rtc.LocalVideoTrack.create_video_track("camera", source)
            options = rtc.TrackPublishOptions(
                source=rtc.TrackSource.SOURCE_CAMERA,
                simulcast=False,
                video_encoding=rtc.VideoEncoding(max_bitrate=1_000_000, max_framerate=30),
            )
            self.sight = await self.room.rtc.local_participant.publish_track(track, options)
            self.tasks.append(asyncio.create_task(self._flash(source, start)))
        if sound:
            await self.speak(start)

    @on_media_loop
    async def speak(self, start: float | None = None) -> None:
        # What a late turn of this thread takes must not delay the sound for good.
        source = rtc.AudioSource(RATE, 1, queue_size_ms=400)
        track = rtc.LocalAudioTrack.create_audio_track("voice", source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE, dtx=False)
        self.sound = await self.room.rtc.local_participant.publish_track(track, options)
        begin = start or time.monotonic()
        self.tasks.append(asyncio.create_task(self._beep(source, begin)))

    async def _flash(self, source: rtc.VideoSource, start: float) -> None:
        number = 0
        while True:
            number = max(number, round((time.monotonic() - start) * 30))
            await asyncio.sleep(max(0.0, start + number / 30 - time.monotonic()))
            lit = number % 30 < 30 * LIT
            image = np.full((SIZE[1], SIZE[0], 3), 235 if lit else 20, np.uint8)
            source.capture_frame(rtc.VideoFrame(*SIZE, rtc.VideoBufferType.RGB24, image.tobytes()))
            number += 1

    async def _beep(self, source: rtc.AudioSource, start: float) -> None:
        await asyncio.sleep(max(0.0, start - time.monotonic()))
        # Publishing may have taken longer than there was time.
        count = max(0, round((time.monotonic() - start) * RATE))
        try:
            while True:
                t = np.arange(count, count + 480) / RATE
                tone = np.where(t % PERIOD < LIT, 9000 * np.sin(2 * np.pi * 1000 * t), 0)
                await source.capture_frame(
                    rtc.AudioFrame(tone.astype(np.int16).tobytes(), RATE, 1, 480)
                )
                count += 480
        finally:
            # Freed with sound in it, a source of the SDK may never end its thread.
            source.clear_queue()

    @on_media_loop
    async def call(self, function, *args) -> None:
        result = function(*args)
        if asyncio.iscoroutine(result):
            await result

    @on_media_loop
    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()


@contextlib.asynccontextmanager
async def staged(join, **what):
    stage = Stage(await join("alice"))
    await stage.open(**what)
    try:
        yield stage
    finally:
        await stage.close()


def assert_in_sync(off: list[float]) -> None:
    """All but one, which a busy machine may have shown late, are within 40 ms."""
    print("apart, ms:", [round(1e3 * float(one), 1) for one in off])
    assert sorted(abs(one) for one in off)[-2] < 0.04


def lengths(path) -> tuple[float, float]:
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        return float(video.duration * video.time_base), float(audio.duration * audio.time_base)


async def test_flash_and_beep_are_in_sync(join, tmp_path):
    async with staged(join):
        room = await join()
        saved = await record_av("alice", 8.0, path=tmp_path / "a.mp4", room=room)
    assert saved.sound
    assert saved.ended == "complete"
    assert saved.duration == 8.0
    assert lengths(saved.path) == pytest.approx((8.0, 8.0), abs=0.05)
    seen, heard = flashes(saved.path), beeps(saved.path)
    assert len(seen) >= 7
    off = apart(seen, heard)
    assert_in_sync(off)
    assert saved.gaps == saved.silences == ()
    sound = saved.load_sound()
    assert sound.duration == 8.0
    assert sound.identity == "alice"
    first = heard[1]
    assert tone_hz(saved.load_sound(first + 0.02, first + LIT - 0.02)) == pytest.approx(1000, abs=5)
    assert sound[first + LIT + 0.1 : first + 0.9].peak_dbfs < -40


async def test_without_sound_there_is_silence(join, tmp_path):
    async with staged(join, sound=False):
        room = await join()
        saved = await record_av("alice", 2.5, path=tmp_path / "a.mp4", room=room)
    assert lengths(saved.path) == pytest.approx((2.5, 2.5), abs=0.05)
    assert np.abs(sound_of(saved.path)).max() < 1e-3
    assert [gap.reason for gap in saved.silences] == ["not there yet"]
    assert saved.silences[0].duration == pytest.approx(2.5, abs=0.01)


async def test_sound_that_comes_later_is_in_sync_too(join, tmp_path):
    async with staged(join, sound=False) as stage:
        room = await join()
        job = asyncio.create_task(record_av("alice", 8.0, path=tmp_path / "a.mp4", room=room))
        await asyncio.sleep(2.2)
        now = time.monotonic()
        await stage.speak(stage.start + np.ceil(now - stage.start) + 1.0)
        saved = await job
    seen, heard = flashes(saved.path), beeps(saved.path)
    assert len(heard) >= 3
    off = apart(heard, seen)
    assert_in_sync(off)
    assert lengths(saved.path) == pytest.approx((8.0, 8.0), abs=0.05)
    assert saved.silences[0].start == 0
    assert 2.0 < saved.silences[0].end < 5.0


async def test_muted_sound_is_silent_and_a_muted_camera_stands_still(join, tmp_path):
    async with staged(join) as stage:
        room = await join()
        job = asyncio.create_task(record_av("alice", 8.0, path=tmp_path / "a.mp4", room=room))
        await asyncio.sleep(2.0)
        await stage.call(stage.sound.track.mute)
        await stage.call(stage.sight.track.mute)
        await asyncio.sleep(2.5)
        await stage.call(stage.sound.track.unmute)
        await stage.call(stage.sight.track.unmute)
        saved = await job
    assert lengths(saved.path) == pytest.approx((8.0, 8.0), abs=0.05)
    assert [gap.reason for gap in saved.gaps] == ["muted"]
    assert [gap.reason for gap in saved.silences] == ["muted"]
    for gap in (saved.gaps[0], saved.silences[0]):
        assert gap.duration == pytest.approx(2.5, abs=0.5)
    gap = saved.gaps[0]
    inside = (saved.timestamps > gap.start + 0.01) & (saved.timestamps < gap.end - 0.01)
    assert not inside.any()
    silence = saved.silences[0]
    quiet = sound_of(saved.path)[
        round((silence.start + 0.3) * RATE) : round((silence.end - 0.3) * RATE)
    ]
    assert np.abs(quiet).max() < 0.02
    seen = [flash for flash in flashes(saved.path) if flash > gap.end + 0.1]
    heard = beeps(saved.path)
    off = apart(seen, heard)
    assert len(seen) >= 2
    assert_in_sync(off)


async def test_sound_unpublished_leaves_the_pictures_going(join, tmp_path):
    async with staged(join) as stage:
        room = await join()
        job = asyncio.create_task(record_av("alice", 5.0, path=tmp_path / "a.mp4", room=room))
        await asyncio.sleep(2.5)
        await stage.call(stage.room.rtc.local_participant.unpublish_track, stage.sound.sid)
        saved = await job
    assert lengths(saved.path) == pytest.approx((5.0, 5.0), abs=0.05)
    assert saved.ended == "complete"
    assert saved.silences[-1].reason == "unpublished"
    assert saved.silences[-1].end == pytest.approx(5.0, abs=0.01)
    assert len([flash for flash in flashes(saved.path) if flash > 3]) >= 1


async def test_pictures_unpublished_leave_the_sound_going(join, tmp_path):
    async with staged(join) as stage:
        room = await join()
        job = asyncio.create_task(record_av("alice", 6.0, path=tmp_path / "a.mp4", room=room))
        await asyncio.sleep(3.0)
        await stage.call(stage.room.rtc.local_participant.unpublish_track, stage.sight.sid)
        saved = await job
    assert saved.ended == "complete"
    assert lengths(saved.path) == pytest.approx((6.0, 6.0), abs=0.05)
    assert [gap.reason for gap in saved.gaps] == ["unpublished"]
    assert saved.gaps[0].end == pytest.approx(6.0, abs=0.01)
    assert len([beep for beep in beeps(saved.path) if beep > saved.gaps[0].start]) >= 2


async def test_sound_alone_is_refused(join, tmp_path):
    async with staged(join, sight=False):
        room = await join()
        with pytest.raises(TrackNotFound, match="publishes no video track"):
            await record_av("alice", 1, path=tmp_path / "a.mp4", room=room, timeout=0.5)
        assert not (tmp_path / "a.mp4").exists()
        with pytest.raises(LkExploreError, match="give an identity or a participant"):
            await record_av(3, 1, path=tmp_path / "a.mp4", room=room)
        with pytest.raises(LkExploreError, match="of 0 s has no pictures"):
            await record_av("alice", 0, path=tmp_path / "a.mp4", room=room)
