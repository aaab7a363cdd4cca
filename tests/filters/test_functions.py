"""Plain functions as filters, and what functions and objects of one's own may put out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.signal import butter

import lkexplore as lk
from lkexplore.errors import FilterError
from lkexplore.filters import (
    Chain,
    Filter,
    as_filter,
    from_ba,
    from_function,
    from_sos,
    gain,
    lowpass,
    mix,
    parallel,
)
from lkexplore.filters.engine.swap import Swap
from lkexplore.measure import peak_dbfs, rms_dbfs, tone_hz

RATE = 48000


def half(block: np.ndarray) -> np.ndarray:
    """Make it 6.02 dB quieter."""
    return 0.5 * block


def to_int16(block: np.ndarray) -> np.ndarray:
    """Return 16-bit integers, as students do."""
    return (block * 32767).astype(np.int16)


def mean_of_two(block: np.ndarray, last: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Average neighbours; the state is the last sample."""
    before = np.zeros((len(block), 1)) if last is None else last
    joined = np.concatenate((before, block), axis=1)
    return (joined[:, 1:] + joined[:, :-1]) / 2, joined[:, -1:]


class Integers:
    def process(self, block: np.ndarray) -> np.ndarray:
        return to_int16(block)


class IntegerFilter(Filter):
    def process(self, block: np.ndarray) -> np.ndarray:
        return to_int16(block)


SOURCES: dict[str, Any] = {
    "function": to_int16,
    "from_function": from_function(to_int16),
    "as_filter": as_filter(to_int16),
    "object": Integers(),
    "as_filter of an object": as_filter(Integers()),
    "Filter": IntegerFilter(),
    "chain": gain(0) | to_int16,
    "end of a chain": Chain(lowpass(20_000), IntegerFilter()),
    "mix": mix(IntegerFilter(), 0.5),
    "parallel": parallel(Integers(), gain(-120)),
}


@pytest.mark.parametrize("name", SOURCES)
def test_integers_keep_their_level(tone, name: str) -> None:
    sound = tone(440, peak=0.4)
    out = sound | SOURCES[name]
    assert peak_dbfs(out) == pytest.approx(20 * np.log10(0.4), abs=0.05)
    assert rms_dbfs(out) == pytest.approx(rms_dbfs(sound), abs=0.05)
    assert tone_hz(out) == pytest.approx(440, abs=0.1)


@pytest.mark.parametrize("name", SOURCES)
def test_integers_keep_their_level_in_live_blocks(tone, name: str) -> None:
    sound = tone(440, peak=0.4).samples
    place = Swap(gain(0))
    place.put(as_filter(SOURCES[name]).copy())
    out = [place.process(sound[:, begin : begin + 480]) for begin in range(0, RATE, 480)]
    heard = lk.Recording(np.concatenate(out, axis=1)[:, RATE // 2 :], RATE)
    assert rms_dbfs(heard) == pytest.approx(20 * np.log10(0.4), abs=0.05)
    assert all(block.dtype.kind == "f" for block in out)


@pytest.mark.parametrize(
    ("dtype", "words"),
    [
        (np.int32, "if they fill int32"),
        (np.uint8, "samples.astype"),
        (np.int64, "int64 cannot be used"),
        (bool, "bool cannot be used"),
        (complex, "samples.real"),
        (str, "return a block of samples"),
        (object, "returned ndarray|object"),
    ],
)
@pytest.mark.parametrize("kind", ["function", "object", "Filter"])
def test_what_is_no_sound_is_refused_in_one_line(dtype: Any, words: str, kind: str) -> None:
    def wrong(block: np.ndarray) -> np.ndarray:
        return np.zeros(block.shape, dtype)

    class Object:
        process = staticmethod(wrong)

    class Own(Filter):
        def process(self, block: np.ndarray) -> np.ndarray:
            return wrong(block)

    made = {"function": wrong, "object": Object(), "Filter": Own()}[kind]
    with pytest.raises(FilterError, match=words) as raised:
        lk.Recording(np.zeros(10), RATE) | made
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("make", "db"),
    [
        (lambda sound: sound | half, -6.02),
        (lambda sound: sound | (half | gain(-6)), -12.02),
        (lambda sound: sound | (gain(-6) | half), -12.02),
        (lambda sound: sound | Chain(half, half), -12.04),
        (lambda sound: sound | mix(half, 0.5), -2.5),
        (lambda sound: sound | parallel(half, half), 0.0),
        (lambda sound: sound | as_filter(half), -6.02),
        (lambda sound: sound | mean_of_two, 0.0),
    ],
)
def test_a_function_is_a_filter_wherever_one_is_wanted(tone, make: Callable, db: float) -> None:
    sound = tone(440, peak=0.5)
    assert rms_dbfs(make(sound)) - rms_dbfs(sound) == pytest.approx(db, abs=0.05)


def test_a_function_with_a_state_does_live_what_it_does_on_the_whole(noise) -> None:
    sound = noise(5000, 2)
    whole = as_filter(mean_of_two).process(sound)
    made = as_filter(mean_of_two)
    parts = [made.process(sound[:, begin : begin + 7]) for begin in range(0, 5000, 7)]
    assert np.array_equal(np.concatenate(parts, axis=1), whole)
    assert np.array_equal(whole[:, 1:], ((sound[:, 1:] + sound[:, :-1]) / 2).astype("f4"))
    made.reset()
    assert np.array_equal(made.process(sound), whole)


async def later(block: np.ndarray) -> np.ndarray:
    return block


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: 0, r"takes \(block\), or \(block, state\)"),
        (lambda block, state, more: block, r"takes \(block\), or \(block, state\)"),
        (lambda block, *, more: block, r"takes \(block\), or \(block, state\)"),
        (np.add, "add cannot be called"),
        (lk.filters.lowpass, r"call it, lowpass\(\.\.\.\)"),
        (later, "later is async"),
        (Integers, r"give an object, Integers\(\.\.\.\)"),
    ],
)
def test_functions_that_cannot_be_called_so_are_refused_at_once(wrong: Any, words: str) -> None:
    for take in (as_filter, mix, parallel, lambda f: gain(0) | f, lk.check):
        with pytest.raises(FilterError, match=words):
            take(wrong)


def test_a_function_takes_a_state_only_if_it_has_a_place_for_it() -> None:
    with pytest.raises(FilterError, match="a block and a state"):
        from_function(half, state=0)
    with pytest.raises(FilterError, match="returned a tuple"):
        lk.Recording(np.zeros(10), RATE) | (lambda block: (block, 0))


@pytest.mark.parametrize(
    "design",
    [
        lambda o: butter(10, [50, 60], "bandpass", fs=RATE, output=o),
        lambda o: butter(8, 50, fs=RATE, output=o),
    ],
)
def test_rounding_that_makes_a_design_unstable_is_named_with_its_cure(design: Callable) -> None:
    with pytest.raises(FilterError, match=r"rounding of these coefficients.*from_sos"):
        from_ba(*design("ba"))
    tone = lk.Recording(0.5 * np.sin(2 * np.pi * 3000 * np.arange(RATE) / RATE), RATE)
    assert rms_dbfs((tone | from_sos(design("sos")))[0.9:]) < -60


@pytest.mark.parametrize(
    "a", [[1, -1], [1, 2.1, 1.2], [1, -2, 1], np.poly([1.01, 0.5, 0.3, -0.2, 0.1, 0.7])]
)
def test_a_design_that_is_unstable_by_itself_is_told_apart(a: Any) -> None:
    with pytest.raises(FilterError, match="wrong sign among the a"):
        from_ba([1.0], a)
