"""Any way of cutting sound into blocks gives the same output."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lkexplore.filters import (
    Filter,
    Parameter,
    bandpass,
    gain,
    highpass,
    lowpass,
    notch,
)
from lkexplore.sound.recording import Recording


class Echo(Filter):
    """A filter as a user would write one: late by ten samples, and adding itself."""

    latency = 10
    amount = Parameter(low=0, high=1)

    def __init__(self, amount: float = 0.5) -> None:
        self.amount = amount
        self.reset()

    def reset(self) -> None:
        self.past: np.ndarray | None = None

    def process(self, block: np.ndarray) -> np.ndarray:
        if self.past is None:
            self.past = np.zeros((block.shape[0], 20), np.float32)
        joined = np.concatenate((self.past, block), axis=1)
        self.past = joined[:, -20:]
        length = block.shape[1]
        out = joined[:, 10 : 10 + length] + self.amount * joined[:, :length]
        return out.astype(np.float32)


FILTERS: dict[str, Callable[[], Filter]] = {
    "lowpass": lambda: lowpass(1000),
    "lowpass of order 1": lambda: lowpass(20, 1),
    "lowpass of order 12": lambda: lowpass(15000, 12),
    "highpass": lambda: highpass(300, 5),
    "bandpass": lambda: bandpass(300, 3400),
    "narrow bandpass": lambda: bandpass(999, 1001, 2),
    "notch": lambda: notch(50),
    "gain": lambda: gain(-6),
    "own": lambda: Echo(0.3),
    "chain": lambda: highpass(100) | Echo() | gain(3) | lowpass(4000) | notch(50, 5),
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
@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.one_of(st.integers(0, 3), st.integers(0, 1000)), max_size=12),
    channels=st.integers(1, 3),
    seed=st.integers(0, 1000),
)
def test_blocks_of_any_size_give_the_whole(
    name: str, sizes: list[int], channels: int, seed: int
) -> None:
    x = np.random.RandomState(seed).uniform(-1, 1, (channels, 2000)).astype(np.float32)
    whole = FILTERS[name]().process(x)
    assert np.allclose(in_blocks(FILTERS[name](), x, sizes), whole, rtol=0, atol=1e-6)


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
    offline = Recording(x, 48000) | made
    assert np.allclose(offline.samples, live[:, made.latency :], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", FILTERS)
@settings(max_examples=15, deadline=None)
@given(at=st.integers(0, 1999), sizes=st.lists(st.integers(0, 300), max_size=10))
def test_a_change_at_one_sample_does_not_depend_on_blocks(
    name: str, at: int, sizes: list[int]
) -> None:
    x = np.random.RandomState(1).uniform(-1, 1, (2, 4000)).astype(np.float32)

    def run(cuts: list[int]) -> np.ndarray:
        made = FILTERS[name]()
        first = in_blocks(made, x[:, :at], cuts)
        for parameter in made.parameters.values():
            if not parameter.whole:
                parameter.value = (parameter.value + parameter.low) / 2
        return np.concatenate((first, in_blocks(made, x[:, at:], cuts)), axis=1)

    assert np.allclose(run(sizes), run([]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", FILTERS)
def test_reset_and_copy_start_afresh(name: str, noise) -> None:
    x = noise(1000)
    made = FILTERS[name]()
    first = made.process(x)
    later = made.copy()
    assert np.array_equal(later.process(x), first)
    made.reset()
    assert np.array_equal(made.process(x), first)


@pytest.mark.parametrize("name", FILTERS)
def test_filtering_a_recording_leaves_the_filter_alone(name: str, noise) -> None:
    x = noise(1000)
    used, untouched = FILTERS[name](), FILTERS[name]()
    used.process(x[:, :500])
    untouched.process(x[:, :500])
    _ = Recording(noise(3000, seed=5), 44100) | used
    assert used.sample_rate == 48000
    assert np.array_equal(used.process(x[:, 500:]), untouched.process(x[:, 500:]))


@pytest.mark.parametrize("name", FILTERS)
def test_channels_do_not_hear_each_other(name: str, noise) -> None:
    x = noise(1000, channels=3)
    together = FILTERS[name]().process(x)
    for channel in range(3):
        alone = FILTERS[name]().process(x[channel : channel + 1])
        assert together[channel] == pytest.approx(alone[0], abs=1e-7)


@pytest.mark.parametrize("name", FILTERS)
def test_blocks_are_not_changed_in_place(name: str, noise) -> None:
    x = noise(1000)
    before = x.copy()
    FILTERS[name]().process(x)
    assert np.array_equal(x, before)
