"""The last minute of every track."""

import asyncio

import numpy as np
import pytest
from livekit import rtc
from sounds import RATE, sine

import lkexplore as lk
from lkexplore.capture.audio.last_minute import Ring
from lkexplore.capture.stream_clock import StreamClock
from lkexplore.errors import ParticipantNotFound, SoundError, TrackNotFound
from lkexplore.sdk.participants import Track
from lkexplore.sound.reasons import Reason
from lkexplore.sound.recording import Recording

VIEW = Track("TR_1", "voice", "audio", "microphone", False, "opus", "alice")


class Stream:
    """A stream's clock, and frames that come exactly on time, in no time."""

    vitals = None

    def __init__(self, ring):
        self.ring, self.clock = ring, StreamClock()
        self.start = ring.started

    def send(self, samples):
        data = np.asarray(samples, np.int16)
        end = self.start + (self.clock.count + len(data)) / RATE
        self.frame_time = self.clock.note(len(data), end)
        self.ring.add(rtc.AudioFrame(data.tobytes(), RATE, 1, len(data)), self)


@pytest.mark.parametrize("size", [1, 479, 480, 5000, 60_000])
def test_a_ring_gives_the_last_samples_whatever_the_frames(size):
    ring = Ring(1.0, VIEW)
    stream = Stream(ring)
    ramp = (np.arange(100_000) % 20_000).astype(np.int16)
    for start in range(0, len(ramp), size) if size > 1 else range(30_000):
        stream.send(ramp[start : start + size])
    count = ring.count
    got = ring.last(1.0).to_int16()[0]
    np.testing.assert_array_equal(got, ramp[max(0, count - RATE) : count])
    np.testing.assert_array_equal(ring.last(0.01).to_int16()[0], ramp[count - 480 : count])


def test_gaps_move_out_of_a_ring_with_their_samples():
    ring = Ring(1.0, VIEW)
    stream = Stream(ring)
    stream.send(np.full(24_000, 1000))
    ring.lapse(Reason.RECONNECTING, ring.started + 0.5)
    again = Stream(ring)
    again.start = ring.started + 0.75
    again.send(np.full(24_000, 1000))  # what comes first is held back, for its delay to be known
    last = ring.last(1.0)
    [gap] = last.gaps
    assert gap.reason == "reconnecting"
    assert (gap.start, gap.end) == (pytest.approx(0.25, abs=1e-4), pytest.approx(0.5, abs=1e-4))
    assert not last[0.25:0.5].samples.any()
    again.send(np.full(48_000, 1000))
    assert ring.last(1.0).gaps == ()


def test_a_mute_is_a_gap_while_it_lasts():
    ring = Ring(1.0, VIEW)
    stream = Stream(ring)
    stream.send(np.zeros(24_000))
    ring.mark_muted(True, ring.started + 0.5)
    stream.send(np.zeros(12_000))
    [gap] = ring.last(1.0).gaps
    assert (gap.start, gap.end, gap.reason) == (pytest.approx(0.5), 0.75, "muted")


async def test_what_was_just_heard_can_be_had(join, send):
    room = await join("me")
    await send(Recording(sine(440, 1.0), RATE))
    await asyncio.sleep(3)
    last = room.last("alice", 1.5)
    assert last.samples.shape == (1, 72_000)
    assert lk.measure.tone_hz(last) == pytest.approx(440, abs=0.5)
    assert last.identity == "alice"
    assert not last.gaps
    assert room.last("alice", 60).duration < 5


async def test_it_can_still_be_had_when_they_have_left(join, send):
    room = await join("me")
    bot = await send(Recording(sine(440, 1.0), RATE))
    await asyncio.sleep(2.5)
    await bot.close()
    await asyncio.sleep(0.5)
    assert lk.measure.tone_hz(room.last("alice", 1)[0:0.5]) == pytest.approx(440, abs=1)


async def test_who_reloads_the_page_is_remembered_as_one(join, send):
    room = await join("me")
    bot = await send(Recording(sine(440, 1.0), RATE, name="tone"))
    await asyncio.sleep(2.5)
    await bot.close()
    await asyncio.sleep(3.0)
    await send(Recording(sine(660, 1.0), RATE, name="tone"))
    await asyncio.sleep(2.5)
    last = room.last("alice", 7)
    away = [gap for gap in last.gaps if gap.reason == "left"]
    assert 2.0 < sum(gap.duration for gap in away) < 4.5
    assert lk.measure.tone_hz(last[: away[0].start]) == pytest.approx(440, abs=1)
    assert lk.measure.tone_hz(last[-0.8:]) == pytest.approx(660, abs=3)
    assert not last[away[0].start : away[-1].end].samples.any()


async def test_recording_beside_it_opens_no_second_stream(join, send):
    from lkexplore.capture.audio import stream as feed

    room = await join("me")
    await send(Recording(sine(440, 1.0), RATE))
    recording = asyncio.create_task(room.record("alice", 1))
    await asyncio.sleep(0.5)
    assert len([key for key in feed._feeds if key[1] == 1]) == 1
    assert lk.measure.tone_hz(await recording) == pytest.approx(440, abs=0.5)
    assert len(feed._feeds) == 1
    await room.close()
    assert not feed._feeds


async def test_what_was_not_heard_is_an_error_that_names_who_was(join, send):
    room = await join("me")
    await send(Recording(sine(440, 1.0), RATE))
    await room.record("alice", 0.5)
    with pytest.raises(ParticipantNotFound, match="'alice'"):
        room.last("bob", 1)
    await join("quiet")
    for _ in range(100):
        if "quiet" in room.participants:
            break
        await asyncio.sleep(0.1)  # a server may tell of the silent only after seconds
    with pytest.raises(TrackNotFound, match="quiet"):
        room.last("quiet", 1)
    for seconds in (0, -1, 61, float("nan")):
        with pytest.raises(SoundError, match="60 s"):
            room.last("alice", seconds)


async def test_a_room_without_memory_keeps_nothing(join, send):
    room = await join("me", memory=0)
    await send(Recording(sine(440, 1.0), RATE))
    await room.wait_for_track("alice")
    with pytest.raises(SoundError, match="memory"):
        room.last("alice", 1)
    for seconds in (-1, 3601, float("nan")):
        with pytest.raises(SoundError, match="memory"):
            await join("other", memory=seconds)
