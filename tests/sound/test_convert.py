from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lkexplore.errors import SoundError
from lkexplore.measure import lag_seconds, rms_dbfs, snr_db, tone_hz
from lkexplore.sound.recording import Gap, Recording


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 96000])
def test_a_tone_keeps_pitch_level_and_place(tone, rate: int) -> None:
    before = tone(997, rate=48000, peak=0.5)
    after = before.resample(rate)
    assert after.sample_rate == rate
    assert after.duration == pytest.approx(1.0, abs=0.5 / rate)
    assert tone_hz(after) == pytest.approx(997, abs=0.01)
    assert rms_dbfs(after[0.1:0.9]) == pytest.approx(rms_dbfs(before[0.1:0.9]), abs=0.01)
    ideal = tone(997, rate=rate, peak=0.5)
    assert snr_db(ideal[0.1:0.9], after[0.1:0.9], align=False, gain=False) > 90


def test_what_does_not_fit_under_the_new_rate_is_gone(tone) -> None:
    assert rms_dbfs(tone(7000).resample(8000)[0.1:0.9]) < -90


def test_there_and_back_is_not_late(noise) -> None:
    band = Recording(noise(48000)[:, :], 48000).resample(16000).resample(48000)
    again = band.resample(16000).resample(48000)
    assert abs(lag_seconds(band, again)) < 1e-6


def test_channels_meta_and_gaps_are_kept(noise) -> None:
    x = noise(4800, channels=3)
    recording = Recording(x, 48000, identity="alice", gaps=[Gap(0.05, 0.06, "x")])
    after = recording.resample(24000)
    assert after.samples.shape == (3, 2400)
    assert after.identity == "alice"
    assert after.gaps == recording.gaps
    for channel in range(3):
        alone = Recording(x[channel], 48000).resample(24000)
        assert np.array_equal(after.samples[channel], alone.samples[0])


def test_the_same_rate_gives_itself() -> None:
    recording = Recording([0.0, 1.0], 8000)
    assert recording.resample(8000) is recording


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 3000),
    st.sampled_from([1000, 8000, 44100, 48000, 96001]),
    st.sampled_from([1000, 8000, 22050, 48000, 192000]),
)
def test_the_length_is_the_length_on_the_clock(length: int, old: int, new: int) -> None:
    after = Recording(np.zeros(length), old).resample(new)
    assert abs(after.samples.shape[1] - length * new / old) <= 0.5


@pytest.mark.parametrize("rate", [0, 1.5, 800_000, "fast", 9])
def test_rates_that_cannot_be_are_refused(rate: object) -> None:
    with pytest.raises(SoundError):
        Recording([0.0], 48000).resample(rate)
