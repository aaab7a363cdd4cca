"""What holds for every filter that keeps more than a linear memory: blocks, copies, changes."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lkexplore.filters as f
from lkexplore.errors import FilterError, SoundError
from lkexplore.filters import Filter
from lkexplore.sound.recording import Recording

RATE = 48000
NOISE = Recording(
    0.02 * np.random.RandomState(9).standard_normal((1, 9600)).astype(np.float32), RATE
)
FILTERS: dict[str, Callable[[], Filter]] = {
    "pan": lambda: f.pan(0.3),
    "mix": lambda: f.mix(f.lowpass(1000), 0.7),
    "late mix": lambda: f.mix(f.limiter(-12, lookahead=0.001), 0.5),
    "delay": lambda: f.delay(0.003, 0.7, 0.6),
    "pure delay": lambda: f.delay(0.011),
    "echo": lambda: f.echo(0.01),
    "compressor": lambda: f.compressor(-30, 8, attack=0.001, release=0.01, makeup=6),
    "hard compressor": lambda: f.compressor(-30, 100, attack=0.0001, release=0.001, knee=0),
    "limiter": lambda: f.limiter(-12, release=0.01, lookahead=0.002),
    "true-peak limiter": lambda: f.limiter(-12, 0.01, 0.002, true_peak=True),
    "expander": lambda: f.expander(-10, 4, release=0.01),
    "gate": lambda: f.gate(-6, 1, hold=0.0, attack=0.001, release=0.005),
    "holding gate": lambda: f.gate(-6, 20, hold=0.004),
    "denoise": lambda: f.denoise(NOISE),
    "learning denoise": lambda: f.denoise(),
    "lms": lambda: f.lms(NOISE, 16, 0.05),
    "nlms": lambda: f.nlms(NOISE, 70),
    "webrtc": lambda: f.webrtc(),
    "webrtc's echo canceller": lambda: f.webrtc(agc=True, echo_cancellation=True),
    "chain": lambda: f.compressor() | f.delay(0.005) | f.denoise() | f.limiter(-6) | f.gate(),
}
PARAMETERS = [
    (name, parameter)
    for name, make in FILTERS.items()
    for parameter in make().parameters
    if "order" not in parameter
]


def in_blocks(made: Filter, samples: np.ndarray, sizes: list[int]) -> np.ndarray:
    out, begin = [], 0
    for size in [*sizes, samples.shape[1]]:
        block = samples[:, begin : begin + size]
        result = made.process(block)
        assert result.shape[1] == block.shape[1]
        assert result.dtype == np.float32
        out.append(result)
        begin += block.shape[1]
    return np.concatenate(out, axis=1)


def swelling(length: int, channels: int, seed: int = 0) -> np.ndarray:
    """Return noise whose level goes up and down through every threshold."""
    random = np.random.RandomState(seed)
    level = 0.001 ** (0.5 + 0.5 * np.cos(np.arange(length) / 300 + seed))
    return (random.uniform(-1, 1, (channels, length)) * level).astype(np.float32)


@pytest.mark.parametrize("name", FILTERS)
@settings(max_examples=15, deadline=None)
@given(
    sizes=st.lists(st.one_of(st.integers(0, 3), st.integers(0, 1500)), max_size=12),
    channels=st.integers(1, 2),
    seed=st.integers(0, 1000),
)
def test_blocks_of_any_size_give_the_whole(
    name: str, sizes: list[int], channels: int, seed: int
) -> None:
    x = swelling(5000, channels, seed)
    whole = FILTERS[name]().process(x)
    assert np.allclose(in_blocks(FILTERS[name](), x, sizes), whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", FILTERS)
def test_single_samples_give_the_whole(name: str) -> None:
    x = swelling(2500, 2)
    whole = FILTERS[name]().process(x)
    assert np.allclose(in_blocks(FILTERS[name](), x, [1] * 2500), whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", FILTERS)
def test_a_recording_is_filtered_as_its_blocks_are(name: str) -> None:
    x = swelling(100_001, 2)
    made = FILTERS[name]()
    late = made.latency
    live = in_blocks(made, np.pad(x, ((0, 0), (0, late))), [480] * 220)
    offline = Recording(x, RATE) | made
    assert np.allclose(offline.samples, live[:, late:], rtol=0, atol=1e-6)


@pytest.mark.parametrize(("name", "parameter"), PARAMETERS)
@settings(max_examples=5, deadline=None)
@given(
    at=st.integers(0, 2999),
    sizes=st.lists(st.integers(0, 700), max_size=8),
    share=st.floats(0.05, 0.95),
)
def test_a_change_at_one_sample_does_not_depend_on_blocks(
    name: str, parameter: str, at: int, sizes: list[int], share: float
) -> None:
    x = swelling(6000, 2, 1)

    def run(cuts: list[int]) -> np.ndarray:
        made = FILTERS[name]()
        first = in_blocks(made, x[:, :at], cuts)
        bound = made.parameters[parameter]
        bound.value = bound.low + share * (min(bound.high, bound.value + 1) - bound.low)
        return np.concatenate((first, in_blocks(made, x[:, at:], cuts)), axis=1)

    assert np.allclose(run(sizes), run([]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", FILTERS)
def test_reset_and_copy_start_afresh_and_leave_the_filter_alone(name: str) -> None:
    x = swelling(3000, 1)
    made = FILTERS[name]()
    first = made.process(x)
    second = FILTERS[name]()
    second.process(x)
    assert np.array_equal(made.copy().process(x), first)
    _ = Recording(x, 32000) | made
    assert made.sample_rate == RATE
    assert np.array_equal(made.process(x), second.process(x))
    made.reset()
    assert np.array_equal(made.process(x), first)


@pytest.mark.parametrize("name", FILTERS)
def test_copies_and_pickles_carry_parameters_but_no_sound(name: str) -> None:
    x = swelling(3000, 2)
    made = FILTERS[name]()
    first = made.process(x)
    for other in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        other.reset()
        assert repr(other) == repr(made)
        assert np.array_equal(other.process(x), first)


@pytest.mark.parametrize("name", FILTERS)
def test_silence_stays_silent_and_full_scale_stays_bounded(name: str) -> None:
    made = FILTERS[name]()
    quiet = made.copy()
    if not isinstance(made, f.Lms):
        assert not in_blocks(quiet, np.zeros((2, 9600), np.float32), [480] * 20).any()
    square = np.sign(np.sin(np.arange(24_000) / 20 + 0.1)).astype(np.float32)
    out = in_blocks(made, np.tile(square, (2, 1)), [480] * 50)
    assert np.isfinite(out).all()
    assert np.abs(out).max() < 4


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", FILTERS)
def test_a_bad_block_is_refused_and_does_not_poison(name: str, bad: float) -> None:
    used, clean = FILTERS[name](), FILTERS[name]()
    x = swelling(3000, 2)
    used.process(x)
    clean.process(x)
    spoiled = x.copy()
    spoiled[0, 500] = bad
    with pytest.raises(SoundError, match="sample 500"):
        used.process(spoiled)
    assert np.array_equal(used.process(x), clean.process(x))


@pytest.mark.parametrize("name", FILTERS)
def test_blocks_are_checked_and_not_changed(name: str) -> None:
    x = swelling(1000, 2)
    before = x.copy()
    made = FILTERS[name]()
    made.process(x)
    assert np.array_equal(x, before)
    assert made.process(x[:, :0]).shape == (2, 0)
    for wrong in (x[0], x[np.newaxis]):
        with pytest.raises(FilterError, match=r"\(channels, n\)"):
            made.process(wrong)


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("what", ["rate", "channels"])
def test_another_rate_or_number_of_channels_starts_afresh(name: str, what: str) -> None:
    made, fresh = FILTERS[name](), FILTERS[name]()
    made.process(swelling(3000, 2))
    if what == "rate":
        made.sample_rate = fresh.sample_rate = 16000
        if isinstance(made, f.Lms):
            made.reset()
    x = swelling(3000, 2 if what == "rate" else 1, 3)
    if what == "channels" and name == "chain":
        fresh.reset()
    assert np.array_equal(made.process(x), fresh.process(x))


@pytest.mark.parametrize("name", FILTERS)
def test_every_value_in_range_works_and_beyond_it_is_refused(name: str) -> None:
    made = FILTERS[name]()
    x = swelling(2000, 2)
    for label, bound in made.parameters.items():
        before = bound.value
        for value in (bound.low, bound.high if bound.unit != "Hz" else 20_000):
            bound.value = value
            assert np.isfinite(made.process(x)).all(), (label, value)
        bound.value = before
        for value in (bound.low - 1, 10 * abs(bound.high) + 1, np.nan, "1"):
            with pytest.raises(FilterError, match=f"from {bound.low:g} to|Hz"):
                bound.value = value
        assert bound.value == before
