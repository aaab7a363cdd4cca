"""Linear filters: any blocks give the whole."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lkexplore import filters as f
from lkexplore.errors import SoundError
from lkexplore.filters import Filter
from lkexplore.sound.recording import Recording

RATE = 48000


def smoothed(block: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Average each sample with the one before, as a user would write it."""
    joined = np.concatenate((last, block), axis=1)
    return (joined[:, 1:] + joined[:, :-1]) / 2, joined[:, -1:]


FILTERS: dict[str, Callable[[], Filter]] = {
    "chebyshev1": lambda: f.lowpass(3000, 5, "chebyshev1", ripple_db=1),
    "chebyshev2": lambda: f.highpass(300, 6, "chebyshev2", stop_db=40),
    "elliptic": lambda: f.bandpass(300, 3400, 4, "elliptic"),
    "bessel": lambda: f.lowpass(2000, 8, "bessel"),
    "bandstop": lambda: f.bandstop(900, 1100, 3),
    "fir short": lambda: f.fir_lowpass(4000, 31),
    "fir long": lambda: f.fir_bandpass(300, 3400, 1023),
    "fir optimal": lambda: f.fir_highpass(2000, 101, "parks-mcclellan"),
    "fir least squares": lambda: f.fir_bandstop(3000, 6000, 255, "least squares"),
    "peaking": lambda: f.peaking(1000, 9, 3),
    "low shelf": lambda: f.low_shelf(200, -12),
    "high shelf": lambda: f.high_shelf(5000, 6),
    "allpass": lambda: f.allpass(1000, 2),
    "dehum": lambda: f.dehum(60, 12),
    "graphic": lambda: f.graphic_eq([3, -3, 6, 0, 0, -12, 0, 4, 2, 1]),
    "parametric": lambda: f.parametric_eq((400, -6, 2), (3000, 3), low=(90, -6), high=(9000, 3)),
    "comb": lambda: f.comb(0.003, -0.8),
    "feedback comb": lambda: f.feedback_comb(0.004, 0.9),
    "short feedback comb": lambda: f.feedback_comb(0.0002, -0.7),
    "sos": lambda: f.from_sos([[0.2, 0.1, 0, 2, -1, 0.3]]),
    "ba": lambda: f.from_ba([0.1, 0.2, 0.3, 0.1], [1, -0.5, 0.2]),
    "fir of one's own": lambda: f.from_ba(np.hanning(41) / 20, latency=20),
    "function": lambda: f.from_function(smoothed, lambda channels: np.zeros((channels, 1))),
    "parallel": lambda: f.parallel(f.fir_lowpass(500, 101), f.highpass(500) | f.gain(-3)),
    "chain": lambda: f.fir_highpass(500, 51) | f.notch(1000, 3) | f.comb(0.001),
}


def in_blocks(filter: Filter, samples: np.ndarray, sizes: list[int]) -> np.ndarray:
    out, begin = [], 0
    for size in [*sizes, samples.shape[1]]:
        block = samples[:, begin : begin + size]
        result = filter.process(block)
        assert result.shape == block.shape
        assert result.dtype == np.float32
        out.append(result)
        begin += block.shape[1]
    return np.concatenate(out, axis=1)


@pytest.mark.parametrize("name", FILTERS)
@settings(max_examples=20, deadline=None)
@given(
    sizes=st.lists(st.one_of(st.integers(0, 3), st.integers(0, 1500)), max_size=12),
    channels=st.integers(1, 3),
    seed=st.integers(0, 1000),
    kind=st.sampled_from(["noise", "full scale", "silence then noise"]),
)
def test_blocks_of_any_size_give_the_whole(
    name: str, sizes: list[int], channels: int, seed: int, kind: str
) -> None:
    x = np.random.RandomState(seed).uniform(-1, 1, (channels, 3000)).astype(np.float32)
    if kind == "full scale":
        x = np.sign(x)
    elif kind == "silence then noise":
        x[:, :1500] = 0
    made = FILTERS[name]()
    whole = made.process(x)
    assert np.allclose(in_blocks(FILTERS[name](), x, sizes), whole, rtol=0, atol=1e-6)
    made.reset()
    assert np.allclose(in_blocks(made, x, sizes), whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", FILTERS)
def test_single_samples_give_the_whole(name: str, noise) -> None:
    x = noise(700, channels=2)
    whole = FILTERS[name]().process(x)
    assert np.allclose(in_blocks(FILTERS[name](), x, [1] * 700), whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", FILTERS)
def test_a_recording_is_filtered_as_its_blocks_are(name: str, noise) -> None:
    x = noise(200_001, channels=2)
    made = FILTERS[name]()
    live = in_blocks(FILTERS[name](), np.pad(x, ((0, 0), (0, made.latency))), [480] * 420)
    offline = Recording(x, RATE) | made
    assert np.allclose(offline.samples, live[:, made.latency :], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", FILTERS)
def test_silence_stays_silence_and_comes_back_after_sound(name: str, noise) -> None:
    made = FILTERS[name]()
    assert not made.process(np.zeros((2, 5000), np.float32)).any()
    made.process(noise(1000, channels=2))
    for _ in range(60):
        last = made.process(np.zeros((2, 19200), np.float32))
    assert not last.any()


@pytest.mark.parametrize("name", FILTERS)
def test_copies_start_afresh_and_channels_do_not_hear_each_other(name: str, noise) -> None:
    x = noise(2000, channels=2)
    made = FILTERS[name]()
    first = made.process(x)
    assert np.array_equal(made.copy().process(x), first)
    alone = FILTERS[name]().process(x[1:])
    assert first[1] == pytest.approx(alone[0], abs=1e-6)


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_bad_block_is_refused_and_does_not_poison(name: str, bad: float, noise) -> None:
    used, clean = FILTERS[name](), FILTERS[name]()
    x = noise(1000)
    spoiled = x.copy()
    spoiled[0, 500] = bad
    used.process(x)
    clean.process(x)
    with pytest.raises(SoundError, match="sample 500"):
        used.process(spoiled)
    assert np.array_equal(used.process(x), clean.process(x))
