"""Noise reduction heard: the noise gone, the sound still there."""

from __future__ import annotations

import numpy as np
import pytest

from lkexplore.errors import FilterError
from lkexplore.filters import denoise
from lkexplore.filters.engine.noise_floor import RunningFloor
from lkexplore.sound.recording import Recording

RATE = 48000


def voice(seconds: float = 4.0, rate: int = RATE) -> np.ndarray:
    """Return something like speech: gliding harmonics in syllables of 0.2 s, with pauses."""
    t = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * np.cumsum(140 + 30 * np.sin(2 * np.pi * 0.7 * t)) / rate
    sound = sum(np.sin(k * phase) / k for k in range(1, 20))
    syllables = np.clip(np.sin(2 * np.pi * 2.5 * t), 0, 1) ** 0.5
    return (0.2 * sound * syllables * (t % 1 < 0.8))[np.newaxis].astype(np.float32)


def snr(clean: np.ndarray, heard: np.ndarray) -> float:
    clean, heard = clean.astype(float), heard.astype(float)
    return float(10 * np.log10(np.sum(clean**2) / np.sum((heard - clean) ** 2)))


def level(x: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(x.astype(float) ** 2)))


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000, 96000])
def test_a_reduction_of_nothing_is_a_delay(rate: int, noise) -> None:
    x = noise(rate, channels=2)
    made = denoise(reduction=0)
    made.sample_rate = rate
    late = made.latency
    assert late == pytest.approx(0.02 * rate, abs=4)
    assert made.process(x)[:, late:] == pytest.approx(x[:, :-late], abs=1e-6)


@pytest.mark.parametrize("learned", [True, False])
def test_speech_comes_out_of_noise(learned: bool, noise) -> None:
    clean = voice(6)
    hiss = 0.1 * noise(clean.shape[1])
    profile = Recording(0.1 * noise(RATE, seed=5), RATE) if learned else None
    after = (Recording(clean + hiss, RATE) | denoise(profile)).samples
    heard = slice(2 * RATE, None)
    before_db, after_db = (snr(clean[:, heard], sound[:, heard]) for sound in (clean + hiss, after))
    assert after_db > before_db + (5 if learned else 3)
    pause = slice(round(4.9 * RATE), round(4.98 * RATE))
    assert level(after[:, pause]) < level(hiss[:, pause]) - (18 if learned else 10)


def test_noise_alone_is_turned_down_by_the_reduction(noise) -> None:
    x = noise(4 * RATE)
    made = denoise(Recording(noise(RATE, seed=3), RATE), reduction=30, threshold=10)
    after = (Recording(x, RATE) | made).samples
    assert level(after) - level(x) == pytest.approx(-30, abs=1)


def test_the_running_floor_learns_how_loud_the_noise_is(noise) -> None:
    floor = RunningFloor(200)
    window = np.hanning(960)
    x = noise(4 * RATE).astype(float)
    for begin in range(0, x.shape[1] - 960, 240):
        found = floor.update(np.abs(np.fft.rfft(x[:, begin : begin + 960] * window)) ** 2)
    true = 0.01 * np.sum(window**2)
    assert 10 * np.log10(np.mean(found[0, 5:-5]) / true) == pytest.approx(0, abs=1)


def test_the_running_floor_is_the_same_for_many_spectra_at_once(noise) -> None:
    x = noise(6 * RATE).astype(float)
    x[:, 1 * RATE : 4 * RATE] = 0
    x[:, 5 * RATE : round(5.3 * RATE)] = 0
    frames = np.lib.stride_tricks.sliding_window_view(x, 960, axis=1)[:, ::240].swapaxes(0, 1)
    powers = np.abs(np.fft.rfft(frames * np.hanning(960))) ** 2
    one, many = RunningFloor(200), RunningFloor(200)
    expected = np.array([one.update(power) for power in powers])
    np.testing.assert_array_equal(many.follow(powers), expected)


def test_a_mute_does_not_unteach_the_noise(noise) -> None:
    x = noise(8 * RATE)
    x[:, 3 * RATE : 6 * RATE] = 0
    after = (Recording(x, RATE) | denoise()).samples
    again = slice(round(6.1 * RATE), round(6.5 * RATE))
    assert level(after[:, again]) < level(x[:, again]) - 10


def test_a_voice_without_noise_is_left_alone() -> None:
    clean = voice(6)
    after = (Recording(clean, RATE) | denoise()).samples
    assert snr(clean[:, 2 * RATE :], after[:, 2 * RATE :]) > 20


def test_a_profile_at_another_rate_serves(noise) -> None:
    hum = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)[np.newaxis] * 0.1
    profile = Recording(hum.astype(np.float32), RATE)
    x = Recording(hum[:, ::3].astype(np.float32), 16000)
    after = x | denoise(profile)
    assert level(after.samples[:, 4000:-1000]) < level(x.samples) - 19


def test_stereo_needs_a_profile_that_fits(noise) -> None:
    stereo = Recording(noise(RATE, channels=2), RATE)
    assert (stereo | denoise(stereo)).channels == 2
    assert (stereo | denoise(stereo.mono())).channels == 2
    with pytest.raises(FilterError, match="2 channels does not fit sound of 1"):
        stereo.mono() | denoise(stereo)


@pytest.mark.parametrize(
    ("profile", "words"),
    [(np.zeros(48000), "give a Recording"), (Recording(np.zeros(900), RATE), "too short")],
)
def test_what_is_no_profile_is_refused(profile, words: str) -> None:
    with pytest.raises(FilterError, match=words):
        denoise(profile)
