from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest
import scipy.signal

from lkexplore.errors import FilterError, SoundError
from lkexplore.filters import bandpass, gain, highpass, lowpass, notch
from lkexplore.measure import rms_dbfs
from lkexplore.sound.recording import Recording

LINEAR = [lowpass(1000), highpass(300), bandpass(300, 3400), notch(50), gain(-6)]


@pytest.mark.parametrize(
    ("filter", "sos"),
    [
        (lowpass(1000), scipy.signal.butter(4, 1000, "low", output="sos", fs=44100)),
        (lowpass(50, 9), scipy.signal.butter(9, 50, "low", output="sos", fs=44100)),
        (highpass(300, 2), scipy.signal.butter(2, 300, "high", output="sos", fs=44100)),
        (
            bandpass(300, 3400, 3),
            scipy.signal.butter(3, (300, 3400), "band", output="sos", fs=44100),
        ),
        (notch(50, 10), scipy.signal.tf2sos(*scipy.signal.iirnotch(50, 10, 44100))),
    ],
)
def test_the_output_is_scipys(filter, sos, noise) -> None:
    x = noise(100_000, channels=2)
    wanted = scipy.signal.sosfilt(sos, x.astype(np.float64), axis=1)
    assert (Recording(x, 44100) | filter).samples == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("rate", [8000, 16000, 48000, 192000])
def test_cutoffs_are_3_db_down_at_every_rate(rate: int) -> None:
    for made, cutoffs in [
        (lowpass(1000), [1000]),
        (highpass(1000, 7), [1000]),
        (bandpass(300, 3400), [300, 3400]),
    ]:
        made.sample_rate = rate
        levels = 20 * np.log10(np.abs(made.response(cutoffs)))
        assert levels == pytest.approx(10 * np.log10(0.5), abs=1e-6)


@pytest.mark.parametrize("q", [1, 10, 100])
def test_a_notch_is_as_wide_as_its_quality_says(q: float) -> None:
    made = notch(1000, q)
    hz = np.linspace(1, 3000, 200_000)
    stopped = hz[np.abs(made.response(hz)) ** 2 < 0.5]
    assert stopped[-1] - stopped[0] == pytest.approx(1000 / q, rel=0.01)
    assert abs(made.response(1000)) < 1e-9


@pytest.mark.parametrize("filter", LINEAR)
def test_tones_come_out_as_the_response_says(filter, tone) -> None:
    for hz in (50, 300, 1000, 3400, 12000):
        before = tone(hz, seconds=2, peak=0.5)
        after = before | filter
        wanted = abs(filter.response([hz])[0])
        level = -6.02 + 20 * np.log10(max(wanted, 1e-6))
        if level > -90:
            assert rms_dbfs(after[1.5:2]) == pytest.approx(level, abs=0.05)
        else:
            assert rms_dbfs(after[1.5:2]) < -70


def test_the_slope_is_6_db_an_octave_and_order() -> None:
    for order in (1, 4, 8):
        made = lowpass(100, order)
        low, high = 20 * np.log10(np.abs(made.response([1000, 2000])))
        assert low - high == pytest.approx(6.02 * order, abs=0.15 * order)


def test_the_notch_takes_hum_out_and_leaves_the_rest(tone) -> None:
    hum, voice = tone(50, seconds=3, peak=0.3), tone(400, seconds=3, peak=0.3)
    mixed = Recording(hum.samples + voice.samples, 48000)
    after = (mixed | notch(50))[2:]
    assert rms_dbfs((after.samples - voice.samples[:, 96000:], 48000)) < -50


def test_gain_is_exact_and_does_not_clip() -> None:
    made = Recording([0.5, -0.75], 8000) | gain(20 * np.log10(4))
    assert made.samples[0] == pytest.approx([2.0, -3.0])


def test_responses_keep_the_shape_and_refuse_what_is_outside() -> None:
    assert lowpass(1000).response(np.zeros((2, 3))).shape == (2, 3)
    assert lowpass(1000).response(0).shape == ()
    assert abs(lowpass(1000).response(0)) == pytest.approx(1)
    for wrong in ([-1.0], [24001.0], [np.nan]):
        with pytest.raises(FilterError, match="0 to 24000 Hz"):
            gain(0).response(wrong)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: lowpass(0), "from 1 to 384000 Hz"),
        (lambda: lowpass(-100), "cutoff=-100"),
        (lambda: lowpass(np.nan), "cutoff=nan"),
        (lambda: lowpass("1000"), "cutoff='1000'"),
        (lambda: lowpass(1000, 0), "whole number from 1 to 12"),
        (lambda: lowpass(1000, 2.5), "order=2.5"),
        (lambda: lowpass(1000, 13), "order=13"),
        (lambda: bandpass(3400, 300), "low below high"),
        (lambda: bandpass(300, 300), "low below high"),
        (lambda: notch(50, 0), "q=0"),
        (lambda: gain(np.inf), "db=inf"),
        (lambda: gain(61), "-120 to 60 dB"),
        (lambda: gain(None), "db=None"),
        (lambda: gain(True), "db=True"),
    ],
)
def test_parameters_out_of_range_are_refused_with_the_range(make, words: str) -> None:
    with pytest.raises(FilterError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("cutoff", [4000, 4001, 20000])
@pytest.mark.parametrize("make", [lowpass, highpass, notch, lambda hz: bandpass(100, hz)])
def test_cutoffs_at_half_the_rate_name_the_rate(make, cutoff: int) -> None:
    made = make(cutoff)
    with pytest.raises(FilterError, match="8000 Hz"):
        Recording(np.zeros(100), 8000) | made
    with pytest.raises(FilterError, match="8000 Hz"):
        made.sample_rate = 8000
    assert made.sample_rate == 48000
    assert (Recording(np.zeros(100), 96000) | made).sample_rate == 96000


def test_a_cutoff_for_a_higher_rate_may_be_set_before_the_rate_is_known(noise) -> None:
    made = lowpass(30_000)
    assert (Recording(noise(100), 96000) | made).sample_rate == 96000
    with pytest.raises(FilterError, match="48000 Hz"):
        made.process(noise(100))


def test_a_refused_change_leaves_everything_as_it_was(noise) -> None:
    made, same = bandpass(300, 3400), bandpass(300, 3400)
    x = noise(1000)
    made.process(x)
    same.process(x)
    for change in (
        lambda: setattr(made, "high", 30_000),
        lambda: setattr(made, "low", 5000),
        lambda: made.set(low=100, high=50),
        lambda: made.set(low=100, width=3),
        lambda: setattr(made, "sample_rate", 6000),
        lambda: setattr(made, "sample_rate", 0),
    ):
        with pytest.raises((FilterError, SoundError)):
            change()
    assert (made.low, made.high, made.sample_rate) == (300, 3400, 48000)
    assert np.array_equal(made.process(x), same.process(x))


def test_both_edges_move_at_once_by_set() -> None:
    made = bandpass(300, 3400)
    made.set(low=5000, high=8000)
    assert (made.low, made.high) == (5000, 8000)
    assert abs(made.response([1000])[0]) < 0.01


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("filter", LINEAR)
def test_a_bad_block_is_refused_and_does_not_poison(filter, bad: float, noise) -> None:
    used, clean = filter.copy(), filter.copy()
    x = noise(1000)
    used.process(x)
    clean.process(x)
    spoiled = x.copy()
    spoiled[0, 500] = bad
    with pytest.raises(SoundError, match="sample 500"):
        used.process(spoiled)
    assert np.array_equal(used.process(x), clean.process(x))


@pytest.mark.parametrize("shape", [(10,), (1, 2, 3), ()])
def test_blocks_have_two_dimensions(shape: tuple[int, ...]) -> None:
    with pytest.raises(FilterError, match=r"\(channels, n\)"):
        lowpass(1000).process(np.zeros(shape, np.float32))


def test_another_number_of_channels_starts_afresh(noise) -> None:
    made = lowpass(100)
    made.process(noise(1000))
    stereo = noise(1000, channels=2, seed=3)
    assert np.array_equal(made.process(stereo), lowpass(100).process(stereo))


def test_another_rate_starts_afresh(noise) -> None:
    made, fresh = lowpass(100), lowpass(100)
    made.process(noise(1000))
    made.sample_rate = fresh.sample_rate = 16000
    x = noise(1000, seed=3)
    assert np.array_equal(made.process(x), fresh.process(x))


def test_empty_blocks_are_fine_anywhere() -> None:
    made = lowpass(100)
    assert made.process(np.zeros((2, 0), np.float32)).shape == (2, 0)
    assert (Recording([], 8000) | made).samples.shape == (1, 0)


def test_extreme_designs_are_stable(noise) -> None:
    rate = 192_000
    x = Recording(noise(rate), rate)
    for made in (lowpass(1, 12), highpass(1, 12), lowpass(95_900, 12), bandpass(20, 21, 6)):
        after = x | made
        assert np.abs(after.samples).max() < 2


def test_silence_after_sound_ends_in_zeros_not_in_tiny_numbers(noise) -> None:
    made = lowpass(5000)
    made.process(noise(1000))
    for _ in range(20):
        last = made.process(np.zeros((1, 4800), np.float32))
    assert not last.any()


def test_copies_and_pickles_carry_parameters_but_no_sound(noise) -> None:
    made = bandpass(300, 3400, 2)
    made.sample_rate = 16000
    made.process(noise(1000))
    fresh = bandpass(300, 3400, 2)
    fresh.sample_rate = 16000
    wanted = fresh.process(noise(100))
    for other in (made.copy(), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert repr(other) == "Bandpass(low=300, high=3400, order=2)"
        assert np.array_equal(other.process(noise(100)), wanted)
        other.low = 200
    assert made.low == 300


def test_only_recordings_are_filtered_whole() -> None:
    with pytest.raises(FilterError, match="Recording"):
        lowpass(1000)(np.zeros(100))
    with pytest.raises(FilterError, match="Recording is no filter"):
        lowpass(1000) | Recording([0.0], 8000)
    with pytest.raises(FilterError, match="int is no filter"):
        Recording([0.0], 8000) | 3


def test_what_a_recording_knows_is_kept(noise) -> None:
    before = Recording(noise(1000, channels=2), 48000, identity="alice", name="x")
    after = before | lowpass(1000)
    assert after.replace(samples=before.samples) == before


def test_a_misspelt_parameter_is_told():
    low = lowpass(1000)
    with pytest.warns(UserWarning, match="no parameter 'cutof': did you mean 'cutoff'"):
        low.cutof = 900
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        low.note = "mine"
        low.cutoff = 900
    assert low.cutoff == 900
