"""Loudness and true peak against the EBU's test signals and another implementation."""

from __future__ import annotations

import numpy as np
import pytest

from lkexplore.errors import SoundError
from lkexplore.files.sample_sounds import sample
from lkexplore.measure import (
    loudness_lufs,
    momentary_lufs,
    peak_dbfs,
    short_term_lufs,
    true_peak_dbtp,
)
from lkexplore.measure.loudness import k_weighting

RATE = 48000


def steps(*levels: tuple[float, float], channels: int = 2, rate: int = RATE):
    """Make a 1 kHz sine of so many dBFS for so many seconds each, the same in all channels."""
    gains = [np.full(round(seconds * rate), 10 ** (level / 20)) for level, seconds in levels]
    envelope = np.concatenate(gains)
    tone = envelope * np.sin(2 * np.pi * 1000 * np.arange(envelope.size) / rate)
    return np.tile(tone, (channels, 1)).astype(np.float32), rate


@pytest.mark.parametrize("rate", [48000, 44100, 32000, 16000])
@pytest.mark.parametrize("level", [-23.0, -33.0])
def test_tech_3341_cases_1_and_2_a_steady_tone(rate: int, level: float) -> None:
    sound = steps((level, 20), rate=rate)
    assert loudness_lufs(sound) == pytest.approx(level, abs=0.1)
    for measured in (momentary_lufs(sound), short_term_lufs(sound)):
        assert measured == pytest.approx(np.full(len(measured), level), abs=0.1)


@pytest.mark.parametrize(
    "levels",
    [
        [(-36, 10), (-23, 60), (-36, 10)],
        [(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)],
        [(-26, 20), (-20, 20.1), (-26, 20)],
    ],
)
def test_tech_3341_cases_3_to_5_the_gates(levels: list[tuple[float, float]]) -> None:
    assert loudness_lufs(steps(*levels)) == pytest.approx(-23, abs=0.1)


def test_tech_3341_case_6_five_channels() -> None:
    tone = steps((0, 20), channels=1)[0]
    gains = 10 ** (np.array([[-28.0], [-28], [-24], [-30], [-30]]) / 20)
    assert loudness_lufs((gains * tone, RATE)) == pytest.approx(-23, abs=0.1)


def test_tech_3341_case_9_short_term_of_what_comes_and_goes() -> None:
    sound = steps(*[(-20, 1.34), (-30, 1.66)] * 5)
    measured = short_term_lufs(sound)
    assert measured == pytest.approx(np.full(len(measured), -23), abs=0.1)


def test_tech_3341_case_12_momentary_of_what_comes_and_goes() -> None:
    measured = momentary_lufs(steps(*[(-20, 0.18), (-30, 0.22)] * 25))
    assert measured == pytest.approx(np.full(len(measured), -23), abs=0.1)


@pytest.mark.parametrize("start", [0.0, 0.1, 0.3, 0.7])
def test_tech_3341_case_13_a_burst_of_400_ms(start: float) -> None:
    measured = momentary_lufs(steps((-200, start), (-23, 0.4), (-200, 1)))
    assert max(measured) == pytest.approx(-23, abs=0.1)


@pytest.mark.parametrize(
    ("divisor", "degrees", "amplitude", "expected"),
    [(4, 0, 0.5, -6), (4, 45, 0.5, -6), (6, 60, 0.5, -6), (8, 67.5, 0.5, -6), (4, 45, 1.41, 3)],
)
def test_tech_3341_cases_15_to_19_true_peaks(
    divisor: int, degrees: float, amplitude: float, expected: float
) -> None:
    phase = 2 * np.pi * np.arange(2 * RATE) / divisor + np.radians(degrees)
    fade = np.minimum(1, np.minimum(np.arange(2 * RATE), np.arange(2 * RATE)[::-1]) / 4800)
    measured = true_peak_dbtp((amplitude * fade * np.sin(phase), RATE))
    assert expected - 0.4 <= measured <= expected + 0.2


def test_the_weighting_at_48_khz_is_the_standards() -> None:
    first, second = k_weighting(48000)
    b, a = [1.53512485958697, -2.69169618940638, 1.19839281085285], [-1.69065929318241]
    assert first == pytest.approx([*b, 1, *a, 0.73248077421585], abs=1e-12)
    assert second == pytest.approx([1, -2, 1, 1, -1.99004745483398, 0.99007225036621], abs=1e-12)


@pytest.mark.parametrize("rate", [48000, 44100])
def test_it_is_what_pyloudnorm_measures(rate: int) -> None:
    pyloudnorm = pytest.importorskip("pyloudnorm", reason="pyloudnorm is not installed")
    meter = pyloudnorm.Meter(rate, filter_class="DeMan")
    voice = sample("speech").resample(rate)
    stereo = np.concatenate((voice.samples, 0.3 * voice.samples[:, ::-1]))
    for samples in (voice.samples, stereo):
        expected = meter.integrated_loudness(samples.T.astype(np.float64))
        assert loudness_lufs((samples, rate)) == pytest.approx(expected, abs=0.05)


def test_long_sound_is_measured_piece_by_piece(noise) -> None:
    """The borders of the pieces do not show."""
    x = noise(130 * RATE)
    momentary = momentary_lufs((x, RATE))
    assert len(momentary) == 1297
    assert np.ptp(momentary) < 0.5
    # The beginning, where the filter knows nothing of what was before, apart.
    assert momentary_lufs((x[:, 59 * RATE :], RATE))[5:500] == pytest.approx(
        momentary[595:1090], abs=1e-3
    )


def test_channels_count_by_their_weights() -> None:
    mono = steps((-20, 2), channels=1)
    assert loudness_lufs(steps((-20, 2))) - loudness_lufs(mono) == pytest.approx(3.01, abs=0.01)
    assert loudness_lufs(steps((-20, 2)), weights=[1, 0]) == pytest.approx(loudness_lufs(mono))
    assert loudness_lufs(steps((-20, 2), channels=3), weights=[1, 1, 0]) == pytest.approx(
        loudness_lufs(steps((-20, 2)))
    )


def test_silence_has_no_loudness_and_what_cannot_be_is_refused() -> None:
    assert loudness_lufs((np.zeros(RATE), RATE)) == -np.inf
    assert loudness_lufs(steps((-80, 2))) == -np.inf
    assert set(momentary_lufs((np.zeros(RATE), RATE))) == {-np.inf}
    for sound, options, word in (
        ((np.zeros(100), RATE), {}, "0.4 s"),
        ((np.zeros(RATE), 4000), {}, "8000 Hz"),
        ((np.zeros((3, RATE)), RATE), {}, "weights"),
        ((np.zeros((2, RATE)), RATE), {"weights": [1]}, "2 channels"),
        ((np.zeros((2, RATE)), RATE), {"weights": [1, -1]}, "2 channels"),
    ):
        with pytest.raises(SoundError, match=word):
            loudness_lufs(sound, **options)
    with pytest.raises(SoundError, match="3 s"):
        short_term_lufs((np.zeros(RATE), RATE))


@pytest.mark.parametrize("hz", [997, 6000, 11_999, 21_000])
def test_a_true_peak_is_found_wherever_the_samples_fall(hz: float) -> None:
    for phase in np.linspace(0, np.pi, 7):
        t = np.arange(9600)
        x = 0.5 * np.sin(2 * np.pi * hz / RATE * t + phase) * np.hanning(9600) ** 0.1
        measured = true_peak_dbtp((x, RATE))
        assert -6.0206 - 0.6 <= measured <= -6.0206 + 0.01
        assert measured >= peak_dbfs((x, RATE)) - 1e-6


def test_a_true_peak_is_found_at_the_border_of_pieces() -> None:
    for place in ((1 << 18) - 1, 1 << 18, (1 << 18) - 25, (1 << 18) - 24, (1 << 18) + 24):
        x = np.zeros(600_000)
        x[place : place + 2] = 0.5
        # Two equal samples reach highest between them; 4/pi is the band-limited sum.
        assert true_peak_dbtp((x, RATE)) == pytest.approx(20 * np.log10(2 / np.pi), abs=0.35)


def test_silence_has_no_true_peak() -> None:
    assert true_peak_dbtp(([], RATE)) == -np.inf
    assert true_peak_dbtp((np.zeros(100), RATE)) == -np.inf
