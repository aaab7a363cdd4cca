from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lkexplore.errors import SoundError
from lkexplore.measure import (
    lag_seconds,
    peak_dbfs,
    rms_dbfs,
    segmental_snr_db,
    snr_db,
    tone_hz,
)
from lkexplore.sound.recording import Recording

RATE = 48000


def fractionally_delayed(x: np.ndarray, samples: float) -> np.ndarray:
    """Delay by an ideal fraction of samples, with room at either end."""
    padded = np.pad(np.atleast_2d(x)[0].astype(float), 2000)
    omega = 2 * np.pi * np.fft.rfftfreq(padded.size)
    return np.fft.irfft(np.fft.rfft(padded) * np.exp(-1j * omega * samples), padded.size)


def band(noise, hz: float = 18_000) -> Recording:
    """Make noise without the top of the band, where no fraction of a sample is defined."""
    from lkexplore.filters import lowpass

    return Recording(noise(RATE), RATE) | lowpass(hz, 12)


def test_a_full_scale_sine_is_0_dbfs_both_ways(tone) -> None:
    assert rms_dbfs(tone(1000)) == pytest.approx(0, abs=1e-4)
    assert peak_dbfs(tone(1000)) == pytest.approx(0, abs=1e-4)
    assert rms_dbfs(tone(997, peak=0.1)) == pytest.approx(-20, abs=1e-3)


def test_other_shapes_have_their_known_levels() -> None:
    square = (np.tile([1.0, -1.0], 100), 8000)
    assert rms_dbfs(square) == pytest.approx(3.0103, abs=1e-4)
    assert peak_dbfs(square) == 0
    assert peak_dbfs(([0.1, -0.5], 8000)) == pytest.approx(-6.0206, abs=1e-4)
    assert peak_dbfs(([2.0], 8000)) == pytest.approx(6.0206, abs=1e-4)
    # A triangle's RMS is its peak over the root of three.
    triangle = (np.abs(np.linspace(-2, 2, 100_001)) - 1, RATE)
    assert rms_dbfs(triangle) == pytest.approx(10 * np.log10(2 / 3), abs=1e-3)


def test_channels_are_averaged_in_power(tone) -> None:
    x = tone(1000).samples
    assert rms_dbfs((np.concatenate((x, 0 * x)), RATE)) == pytest.approx(-3.0103, abs=1e-3)


def test_silence_and_nothing_are_minus_infinity() -> None:
    for sound in (([0.0, 0.0], 8000), ([], 8000)):
        assert rms_dbfs(sound) == -np.inf
        assert peak_dbfs(sound) == -np.inf


def test_the_level_of_long_and_huge_sound_is_exact() -> None:
    long = np.full(3_000_000, 0.25, np.float32)
    assert rms_dbfs((long, RATE)) == pytest.approx(20 * np.log10(0.25 * np.sqrt(2)), abs=1e-9)
    assert rms_dbfs((np.full(4, 1e30), RATE)) == pytest.approx(603.0103, abs=1e-3)


@pytest.mark.parametrize("shift", [0, 1, -1, 480, -4800, 30_000])
def test_whole_lags_are_exact(noise, shift: int) -> None:
    x = noise(RATE)[0]
    late = np.pad(x, (max(shift, 0), 0))[max(-shift, 0) :]
    assert lag_seconds((x, RATE), (late, RATE)) == shift / RATE


@settings(max_examples=20, deadline=None)
@given(st.floats(-300, 300))
def test_fractions_of_a_sample_are_found(shift: float) -> None:
    from lkexplore.files.sample_sounds import sample

    x = sample("speech")[0.5:1.5].resample(RATE).samples[0]
    reference, test = np.pad(x, 2000), fractionally_delayed(x, shift)
    lag = lag_seconds((reference, RATE), (test, RATE)) * RATE
    assert lag == pytest.approx(shift, abs=2e-3)


@pytest.mark.parametrize("snr", [20, 0, -10])
def test_the_lag_is_found_under_noise_and_at_any_level(noise, snr: float) -> None:
    x = noise(2 * RATE)[0]
    late = 0.01 * (np.pad(x, (1234, 0)) + 10 ** (-snr / 20) * noise(2 * RATE + 1234, seed=9)[0])
    assert lag_seconds((x, RATE), (late, RATE)) == pytest.approx(1234 / RATE, abs=1e-5)


def test_the_sign_is_that_of_lateness(noise) -> None:
    x = noise(RATE)[0]
    assert lag_seconds((x, RATE), (x[4800:], RATE)) == pytest.approx(-0.1)
    assert lag_seconds((x[4800:], RATE), (x, RATE)) == pytest.approx(0.1)


def test_rates_and_channels_may_differ(noise) -> None:
    x = band(noise, 3000)
    other = x.resample(16000)
    assert lag_seconds(x, other) == pytest.approx(0, abs=1e-6)
    assert snr_db(x, other) > 60
    stereo = np.concatenate((x.samples, x.samples))
    assert lag_seconds(x, (stereo, RATE)) == 0


def test_periodic_sound_needs_a_bound(tone) -> None:
    x = tone(100, seconds=1)
    late = x[0.0075:]
    assert lag_seconds(x, late, max_lag=0.004) == pytest.approx(0.0025, abs=2e-4)


@pytest.mark.parametrize("wrong", [0, -1, np.nan, np.inf])
def test_impossible_bounds_are_refused(noise, wrong: float) -> None:
    x = (noise(100), RATE)
    with pytest.raises(SoundError, match="max_lag"):
        lag_seconds(x, x, max_lag=wrong)
    with pytest.raises(SoundError, match="max_lag"):
        snr_db(x, x, max_lag=wrong)


@pytest.mark.parametrize("wanted", [60, 30, 10, 0, -10])
@pytest.mark.parametrize("shift", [0, 100, -333])
def test_a_known_snr_is_measured(noise, wanted: float, shift: int) -> None:
    x = noise(2 * RATE)[0].astype(float)
    y = x + 10 ** (-wanted / 20) * noise(2 * RATE, seed=7)[0]
    y = 0.3 * np.pad(y, (max(shift, 0), 0))[max(-shift, 0) :]
    assert snr_db((x, RATE), (y, RATE)) == pytest.approx(wanted, abs=0.2)


@pytest.mark.parametrize("shift", [0.5, 10.25, -7.7])
def test_a_fractional_delay_is_no_noise(noise, shift: float) -> None:
    x = band(noise).samples[0]
    assert snr_db((np.pad(x, 2000), RATE), (fractionally_delayed(x, shift), RATE)) > 70


def test_what_counts_as_noise_can_be_chosen(tone, noise) -> None:
    x = noise(RATE)
    assert snr_db((x, RATE), (x, RATE)) == np.inf
    assert snr_db((x, RATE), (0.5 * x, RATE)) > 120
    # Half the level is half the sound missing.
    assert snr_db((x, RATE), (0.5 * x, RATE), gain=False) == pytest.approx(6.02, abs=0.01)
    late = np.pad(x, ((0, 0), (1, 0)))
    assert snr_db((x, RATE), (late, RATE)) > 120
    assert snr_db((x, RATE), (late, RATE), align=False) < -20


def test_silence_cannot_be_compared(noise) -> None:
    x, silent = (noise(1000), RATE), (np.zeros(1000), RATE)
    for pair, word in (
        ((x, silent), "test"),
        ((silent, x), "reference"),
        ((x, ([], RATE)), "test"),
    ):
        for measure in (lag_seconds, snr_db):
            with pytest.raises(SoundError, match=f"the {word} is silent"):
                measure(*pair)


@pytest.mark.parametrize("hz", [50.0, 440.0, 997.3, 5000.123, 15000.5, 23000.0])
def test_the_frequency_of_a_second_of_tone_is_exact(tone, hz: float) -> None:
    assert tone_hz(tone(hz)) == pytest.approx(hz, abs=0.01)
    assert tone_hz(tone(hz, peak=1e-4)) == pytest.approx(hz, abs=0.01)


@settings(max_examples=50, deadline=None)
@given(st.floats(30, 3900), st.sampled_from([8000, 16000, 44100]))
def test_the_frequency_of_a_short_tone_is_close(hz: float, rate: int) -> None:
    seconds = max(0.1, 5 / hz)
    t = np.arange(round(seconds * rate)) / rate
    assert tone_hz((np.sin(2 * np.pi * hz * t + 1), rate)) == pytest.approx(hz, abs=0.2 / seconds)


def test_the_tone_is_found_beside_noise_hum_and_a_constant(tone, noise) -> None:
    x = 0.5 + tone(1234.5, peak=0.3).samples + 0.3 * noise(RATE) + tone(50, peak=0.1).samples
    assert tone_hz((x, RATE)) == pytest.approx(1234.5, abs=0.05)


@pytest.mark.parametrize("samples", [[], [0.5] * 15, np.zeros(1000), np.full(1000, 0.5)])
def test_no_tone_is_an_error(samples: object) -> None:
    with pytest.raises(SoundError, match="tone"):
        tone_hz((samples, 8000))


def test_recordings_and_pairs_measure_the_same(noise) -> None:
    x = noise(1000)
    assert rms_dbfs(Recording(x, RATE)) == rms_dbfs((x, RATE))
    for measure in (rms_dbfs, peak_dbfs, tone_hz):
        with pytest.raises(SoundError):
            measure(x)


class TestSegmentalSnr:
    def test_known_noise(self):
        random = np.random.RandomState(1)
        clean = random.standard_normal(32_000)
        noisy = clean + 0.1 * random.standard_normal(32_000)
        assert segmental_snr_db((clean, 16_000), (noisy, 16_000)) == pytest.approx(20, abs=1)

    def test_a_stretch_in_the_middle_does_not_matter(self):
        random = np.random.RandomState(2)
        clean = random.standard_normal(32_000)
        pieces = np.split(clean, [8_000, 16_000, 24_000])
        late = [np.concatenate((p, np.zeros(200))) for p in pieces]
        test = np.concatenate((np.zeros(1_600), *late, np.zeros(1_600)))
        whole = snr_db((clean, 16_000), (test, 16_000))
        segments = segmental_snr_db((clean, 16_000), (test, 16_000))
        assert whole < 0
        assert segments > 60

    def test_quiet_parts_are_left_out(self):
        random = np.random.RandomState(3)
        clean = random.standard_normal(32_000) * np.repeat([1.0, 1e-4], 16_000)
        test = clean + 1e-3 * random.standard_normal(32_000)
        assert segmental_snr_db((clean, 16_000), (test, 16_000)) == pytest.approx(60, abs=2)

    @pytest.mark.parametrize("options", [{"seconds": 0}, {"seconds": np.nan}, {"drift": -1}])
    def test_lengths_that_cannot_be(self, options):
        with pytest.raises(SoundError):
            segmental_snr_db(([1.0] * 99, 100), ([1.0] * 99, 100), **options)

    def test_nothing_in_common(self):
        with pytest.raises(SoundError):
            segmental_snr_db((np.ones(100), 1000), (np.ones(3), 1000))


@pytest.mark.parametrize("left", [0.0, 1e-5])
def test_channels_that_cancel_each_other_are_told_from_silence(tone, left: float) -> None:
    one = tone(440, peak=0.5).samples[0]
    opposite = Recording(np.stack([one, (left - 1) * one]), RATE)
    for measure in (tone_hz, lambda sound: snr_db(sound, tone(440)), lambda s: lag_seconds(s, s)):
        with pytest.raises(SoundError, match="cancel each other in the mix"):
            measure(opposite)
    assert tone_hz((opposite.samples[0], RATE)) == pytest.approx(440, abs=0.01)


def test_one_channel_of_many_is_no_cancelling(tone) -> None:
    many = np.zeros((64, RATE))
    many[5] = tone(440, peak=0.5).samples[0]
    assert tone_hz((many, RATE)) == pytest.approx(440, abs=0.01)
    with pytest.raises(SoundError, match="no tone in silence"):
        tone_hz((np.zeros((2, 100)), RATE))
