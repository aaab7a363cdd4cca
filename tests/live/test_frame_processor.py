"""A filter in LiveKit's own plug: the SDK's audio stream, and the agents' room input."""

from __future__ import annotations

import asyncio
import contextlib

import numpy as np
import pytest
from livekit import rtc
from sounds import RATE, sine, speechlike

import lkexplore as lk
from lkexplore.errors import FilterError
from lkexplore.filters import Filter, gain, highpass, lowpass
from lkexplore.live.frame_processor import as_frame_processor
from lkexplore.sound.convert import int16_of
from lkexplore.sound.recording import Recording


class Tap(Filter):
    """Passes sound on, and keeps it."""

    def __init__(self) -> None:
        self.heard: list[np.ndarray] = []

    def process(self, block: np.ndarray) -> np.ndarray:
        self.heard.append(block.copy())
        return block

    @property
    def joined(self) -> np.ndarray:
        return np.concatenate(self.heard, axis=1)


def frame(samples: np.ndarray, rate: int = RATE) -> rtc.AudioFrame:
    """Make a frame of floats of shape (channels, n)."""
    data = bytearray(np.ascontiguousarray(int16_of(samples.astype(np.float32)).T).tobytes())
    return rtc.AudioFrame(data, rate, samples.shape[0], samples.shape[1], userdata={"mark": 7})


def ints(made: rtc.AudioFrame) -> np.ndarray:
    """Return the samples of a frame, (channels, n)."""
    return np.frombuffer(made.data, np.int16).reshape(-1, made.num_channels).T


async def frames_of(stream: rtc.AudioStream, seconds: float) -> np.ndarray:
    """Read so many seconds of a stream, and close it."""
    found: list[np.ndarray] = []
    count = 0
    async with contextlib.aclosing(stream), asyncio.timeout(20):
        async for event in stream:
            found.append(ints(event.frame).copy())
            count += event.frame.samples_per_channel
            if count >= seconds * event.frame.sample_rate:
                break
    return np.concatenate(found, axis=1)


@pytest.mark.parametrize(("rate", "channels"), [(48_000, 1), (16_000, 1), (48_000, 2)])
async def test_a_stream_gives_what_the_filter_gives_offline(join, send, rate, channels):
    await send(Recording(speechlike(4), RATE))
    room = await join("me")
    track = await room.wait_for_track("alice")
    tap = Tap()
    low = lowpass(1000, order=6)
    processor = as_frame_processor(tap | low)
    stream = rtc.AudioStream(
        track.rtc, sample_rate=rate, num_channels=channels, noise_cancellation=processor
    )
    heard = await frames_of(stream, 2)
    assert low.sample_rate == rate
    went_in = tap.joined[:, : heard.shape[1]]
    assert went_in.shape == (channels, heard.shape[1])
    assert np.abs(went_in).max() > 0.1
    offline = Recording(went_in, rate) | lowpass(1000, order=6)
    assert np.abs(int16_of(offline.samples).astype(int) - heard).max() <= 1
    cut = Recording(heard / np.float32(32768), rate) | highpass(2000, 8)
    assert cut.rms_dbfs < Recording(went_in, rate).rms_dbfs - 30
    assert processor.blocks > 0
    assert processor.bypassed == 0


async def test_switching_it_off_leaves_the_sound_as_it_is(join, send):
    await send(Recording(sine(440, 1.0), RATE))
    room = await join("me")
    track = await room.wait_for_track("alice")
    processor = as_frame_processor(gain(-60))
    quiet = await frames_of(rtc.AudioStream(track.rtc, noise_cancellation=processor), 1)
    assert lk.measure.rms_dbfs((quiet, RATE)) < -50
    processor.enabled = False
    loud = await frames_of(rtc.AudioStream(track.rtc, noise_cancellation=processor), 1)
    assert lk.measure.rms_dbfs((loud[:, RATE // 2 :], RATE)) > -10


def agents_options(way: str, processor: rtc.FrameProcessor) -> dict[str, object]:
    """Return what livekit-agents' RoomIO is given, in one of the ways that it has."""
    from livekit.agents.voice import room_io

    if way == "RoomInputOptions":
        return {"input_options": room_io.RoomInputOptions(noise_cancellation=processor)}
    # With a function the agents would set the level themselves, unless told not to.
    more = {"auto_gain_control": False} if way == "a function of the track" else {}
    given = (lambda _params: processor) if more else processor
    taken = room_io.AudioInputOptions(noise_cancellation=given, **more)
    return {"options": room_io.RoomOptions(audio_input=taken)}


@pytest.mark.parametrize(
    "way", ["AudioInputOptions", "RoomInputOptions", "a function of the track"]
)
async def test_livekit_agents_take_it(server, room_name, join, way):
    agents = pytest.importorskip("livekit.agents", reason="livekit-agents is not installed")
    from livekit.agents.voice.room_io import RoomIO

    room = await join("alice")
    tone = Recording(sine(440, 1.0), RATE)
    playing = await lk.publish(room, tone, wait=False, loop=True, microphone=True)
    agent = rtc.Room()
    await agent.connect(server.url, server.token("agent", room_name))
    processor = as_frame_processor(gain(-20))
    session = agents.AgentSession()
    link = RoomIO(session, agent, participant="alice", **agents_options(way, processor))
    found: list[np.ndarray] = []
    try:
        await link.start()
        async with asyncio.timeout(20):
            async for made in session.input.audio:
                found.append(ints(made).copy())
                if len(found) * found[0].shape[1] > 2 * made.sample_rate:
                    break
    finally:
        await link.aclose()
        await agent.disconnect()
        await playing.stop()
    heard = np.concatenate(found, axis=1)[:, -made.sample_rate :]
    # A sine of half full scale, 20 dB down.
    assert lk.measure.rms_dbfs((heard, made.sample_rate)) == pytest.approx(-26, abs=1)
    assert lk.measure.tone_hz((heard, made.sample_rate)) == pytest.approx(440, abs=1)
    assert processor.blocks > 0
    assert processor.bypassed == 0


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("sizes", [[480] * 20, [1, 2, 1000, 37, 8560], [9600]])
def test_frames_of_any_size_give_the_whole(sizes, channels):
    x = 0.3 * np.random.RandomState(0).standard_normal((channels, 9600)).clip(-3, 3)
    processor = as_frame_processor(lowpass(3000))
    out, begin = [], 0
    for size in sizes:
        made = processor._process(frame(x[:, begin : begin + size]))
        assert (made.sample_rate, made.num_channels) == (RATE, channels)
        assert made.samples_per_channel == size
        assert made.userdata == {"mark": 7}
        out.append(ints(made))
        begin += size
    stored = int16_of(x.astype(np.float32)) / np.float32(32768)
    offline = Recording(stored, RATE) | lowpass(3000)
    assert np.array_equal(np.concatenate(out, axis=1), int16_of(offline.samples))


def test_what_is_too_loud_is_clipped_and_never_wraps():
    processor = as_frame_processor(gain(20))
    made = ints(processor._process(frame(np.array([[0.5, -0.5, 0.01, -1.0]]))))
    assert made[0].tolist()[:2] == [32767, -32768]
    assert made[0, 2] == pytest.approx(3280, abs=20)
    assert made[0, 3] == -32768


def test_a_filter_that_fails_is_passed_by_for_that_frame_counted_and_told_once(caplog):
    class Shaky:
        calls = 0

        def process(self, block):
            self.calls += 1
            if self.calls % 3 == 1:
                raise ZeroDivisionError("of its own making")
            if self.calls % 3 == 2:
                return block * np.nan
            return 0.5 * block

    processor = as_frame_processor(Shaky())
    x = np.full((1, 480), 0.5)
    peaks = [int(ints(processor._process(frame(x))).max()) for _ in range(6)]
    assert peaks == [16384, 16384, 8192, 16384, 16384, 8192]
    assert processor.blocks == 6
    assert processor.bypassed == 4
    assert "NaN" in processor.error
    told = [r for r in caplog.records if "of its own making" in r.getMessage()]
    assert len(told) == 1
    assert len(caplog.records) == 1


def test_a_nan_does_not_stay_in_its_memory():
    class Poisoned(Filter):
        def __init__(self):
            self.reset()

        def reset(self):
            self.total = 0.0

        def process(self, block):
            self.total += float("nan") if block.max() > 0.9 else 0.0
            return block * 0.5 + self.total

    processor = as_frame_processor(Poisoned())
    quiet, loud = np.full((1, 480), 0.5), np.full((1, 480), 0.95)
    made = [int(ints(processor._process(frame(x))).max()) for x in (quiet, loud, quiet)]
    assert made == [8192, 31130, 8192]
    assert processor.bypassed == 1


@pytest.mark.parametrize(
    "wrong", [lambda b: b[:, :-1], lambda b: b[0], lambda b: np.tile(b, (2, 1))]
)
def test_another_shape_is_passed_by(wrong):
    class Wrong:
        process = staticmethod(wrong)

    processor = as_frame_processor(Wrong())
    x = np.full((1, 480), 0.5)
    assert np.array_equal(ints(processor._process(frame(x))), int16_of(x.astype(np.float32)))
    assert processor.bypassed == 1
    assert "block of shape (1, 480)" in processor.error


def test_a_rate_that_does_not_fit_is_passed_by_and_another_is_followed():
    chosen = lowpass(10_000)
    processor = as_frame_processor(chosen)
    x = np.full((1, 160), 0.5)
    processor._process(frame(x, 48_000))
    assert ints(processor._process(frame(x, 16_000))).max() == 16384
    assert processor.bypassed == 1
    assert "half the sample rate" in processor.error
    chosen.cutoff = 1000
    processor._process(frame(x, 16_000))
    assert processor.bypassed == 1
    assert chosen.sample_rate == 16_000


def test_parameters_and_another_filter_act_at_once_and_without_a_step():
    first, second = gain(0), gain(-40)
    processor = as_frame_processor(first)
    x = np.full((1, 4800), 0.5)
    processor._process(frame(x))
    first.db = -20
    assert ints(processor._process(frame(x)))[0, -1] == pytest.approx(1638, abs=2)
    processor.filter = second
    made = ints(processor._process(frame(x)))[0].astype(int)
    assert processor.filter is second
    assert made[-1] == pytest.approx(164, abs=2)
    assert np.abs(np.diff(made)).max() < 10


def test_what_is_no_filter_is_refused():
    for thing in (None, "lowpass", lowpass, lk.filters.Gain):
        with pytest.raises(FilterError):
            as_frame_processor(thing)
