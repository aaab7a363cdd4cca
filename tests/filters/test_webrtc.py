"""WebRTC's processing behind the filter: sample for sample the SDK's, in step, at any block."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from livekit import rtc
from scipy.signal import lfilter

from lkexplore.errors import FilterError
from lkexplore.filters import webrtc
from lkexplore.measure import rms_dbfs
from lkexplore.sound.recording import Recording

RATE = 48000


def speechlike(seconds: float, rate: int = RATE, seed: int = 0) -> np.ndarray:
    random = np.random.RandomState(seed)
    t = np.arange(round(seconds * rate)) / rate
    loud = np.repeat(random.uniform(0, 1, round(seconds * 8) + 1) > 0.4, rate // 8)[: t.size]
    sound = lfilter([1], [1, -1.8, 0.82], random.standard_normal(t.size)) * loud
    return (0.2 * sound / np.abs(sound).max())[np.newaxis].astype(np.float32)


def bare(x: np.ndarray, rate: int, **parts: bool) -> np.ndarray:
    """Return what the SDK's module makes of whole frames."""
    module, length = rtc.AudioProcessingModule(**parts), rate // 100
    whole = np.clip(np.rint(x.T.astype(float) * 32768), -32768, 32767).astype(np.int16)
    out = []
    for begin in range(0, x.shape[1] - length + 1, length):
        data = bytearray(whole[begin : begin + length].tobytes())
        frame = rtc.AudioFrame(data, rate, x.shape[0], length)
        module.process_stream(frame)
        out.append(np.frombuffer(frame.data, np.int16).reshape(length, -1).T / 32768)
    return np.concatenate(out, axis=1)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_it_is_the_sdks_module_sample_for_sample(rate: int, channels: int) -> None:
    x = np.concatenate([speechlike(1, rate, seed) for seed in range(channels)])
    wanted = bare(x, rate, noise_suppression=True, high_pass_filter=True, auto_gain_control=True)
    made = webrtc(agc=True)
    made.sample_rate = rate
    late = rate // 100 - 1
    out = made.process(x)
    assert not out[:, :late].any()
    assert np.array_equal(out[:, late:], wanted[:, : x.shape[1] - late].astype(np.float32))


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize(
    "parts",
    [
        {"noise_suppression": False},
        {},
        {"agc": True},
        {"noise_suppression": False, "echo_cancellation": True},
        {"echo_cancellation": True},
    ],
)
@pytest.mark.parametrize("fed", [False, True])
def test_a_recording_is_not_late(rate: int, parts: dict[str, bool], fed: bool) -> None:
    t = np.arange(4 * rate) / rate
    glide = np.sin(2 * np.pi * (500 + 900 * (t % 1)) * (t % 1)) * (np.sin(6 * np.pi * t) > 0)
    x = (0.25 * glide)[np.newaxis].astype(np.float32)
    made = webrtc(**parts)
    made.sample_rate = rate
    if fed and made.echo_cancellation:
        made.far(0.1 * speechlike(4, rate))
    late = made.latency
    out = made.process(np.pad(x, ((0, 0), (0, late))))[0, late:]
    half = 2 * rate
    alike = np.fft.irfft(np.fft.rfft(out[half:]) * np.fft.rfft(x[0, half:]).conj(), half)
    lag = int(np.argmax(alike)) % rate
    assert min(lag, rate - lag) <= 0.0005 * rate


def test_noise_is_suppressed_and_speech_kept(noise) -> None:
    hiss = 0.2 * noise(6 * RATE)
    quiet = Recording(hiss, RATE) | webrtc()
    assert rms_dbfs(quiet[4:]) < rms_dbfs((hiss, RATE)) - 10
    voice = Recording(speechlike(6), RATE)
    assert rms_dbfs((voice | webrtc())[4:]) > rms_dbfs(voice[4:]) - 6


def test_the_high_pass_takes_rumble_out(tone) -> None:
    rumble = tone(30, seconds=2, peak=0.3)
    assert rms_dbfs((rumble | webrtc(noise_suppression=False))[1:]) < rms_dbfs(rumble) - 12
    left_alone = rumble | webrtc(noise_suppression=False, high_pass=False)
    assert rms_dbfs(left_alone[1:]) == pytest.approx(rms_dbfs(rumble), abs=0.1)


def test_the_gain_control_brings_quiet_speech_up() -> None:
    quiet = Recording(0.1 * speechlike(8), RATE)
    assert rms_dbfs((quiet | webrtc(agc=True))[6:]) > rms_dbfs(quiet[6:]) + 6


@pytest.mark.parametrize("sizes", [[480], [441, 39, 960, 1]])
def test_an_echo_is_cancelled(sizes: list[int]) -> None:
    far = speechlike(8)
    echo = 0.5 * np.pad(far, ((0, 0), (960, 0)))[:, : far.shape[1]]
    made = webrtc(noise_suppression=False, echo_cancellation=True, delay=0.02)
    out, begin, turn = [], 0, 0
    while begin < far.shape[1]:
        size = sizes[turn % len(sizes)]
        made.far(far[:, begin : begin + size])
        out.append(made.process(echo[:, begin : begin + size]))
        begin, turn = begin + size, turn + 1
    after = np.concatenate(out, axis=1)[:, 4 * RATE :]
    assert rms_dbfs((after, RATE)) < rms_dbfs((echo[:, 4 * RATE :], RATE)) - 20


def test_echo_cancelling_does_not_depend_on_blocks() -> None:
    far, near = speechlike(2), speechlike(2, seed=1)

    def run(sizes: list[int]) -> np.ndarray:
        made, out, begin = webrtc(echo_cancellation=True), [], 0
        for size in [*sizes, far.shape[1]]:
            made.far(far[:, begin : begin + size])
            out.append(made.process(near[:, begin : begin + size]))
            begin += size
        return np.concatenate(out, axis=1)

    assert np.array_equal(run([480] * 150), run([]))
    assert np.array_equal(run([1, 479, 3000, 7, 0, 20_000]), run([]))


def test_a_far_end_ahead_of_its_sound_does_not_pile_up() -> None:
    made = webrtc(echo_cancellation=True)
    for _ in range(100):
        made.far(np.zeros((2, 960), np.float32))
        made.process(np.zeros((1, 480), np.float32))
        assert len(made._fed) < 3 * 480


def test_full_scale_is_clipped_and_not_wrapped(tone) -> None:
    loud = tone(400, peak=2.0)
    made = webrtc(noise_suppression=False, high_pass=False)
    assert (loud | made).samples == pytest.approx(np.clip(loud.samples, -1, 1), abs=1 / 16384)


def test_what_does_not_fit_is_refused(noise) -> None:
    made = webrtc()
    for rate in (7999, 384_000):
        with pytest.raises(FilterError, match="8000 to 192000 Hz"):
            made.sample_rate = rate
    assert made.sample_rate == RATE
    with pytest.raises(FilterError, match="one or two"):
        made.process(noise(480, channels=3))
    with pytest.raises(FilterError, match="echo_cancellation=True"):
        made.far(noise(480))
    with pytest.raises(FilterError, match=r"0 to 0\.5 s"):
        webrtc(delay=1)


def test_the_sdk_is_loaded_by_use_only() -> None:
    code = (
        "import sys, lkexplore.filters as f; f.webrtc(); "
        "sys.exit(sum(name.startswith(('livekit', 'pedalboard')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
