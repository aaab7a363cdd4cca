"""Putting another filter in place of a running one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkexplore.errors import FilterError
from lkexplore.filters import gain, lowpass
from lkexplore.filters.engine.swap import FADE_SECONDS, Swap

RATE = 48_000


def tone(seconds=0.5, hz=1000, level=0.5):
    return (level * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE))[None].astype(
        "f4"
    )


def through(place, sound, at, then, blocks):
    """Send `sound` through in blocks of these sizes, and put `then` in place at sample `at`."""
    out, position, sizes = [], 0, iter(blocks)
    swapped = False
    while position < sound.shape[1]:
        if position >= at and not swapped:
            place.put(then)
            swapped = True
        size = next(sizes, 480)
        if not swapped:
            size = min(size, at - position)
        out.append(place.process(sound[:, position : position + size]))
        position += size
    return np.concatenate(out, axis=1)


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=40), st.integers(1, 20_000))
def test_any_block_size_gives_the_same(blocks, at):
    sound = tone()
    whole = through(Swap(lowpass(4000)), sound, at, lowpass(2500), [])
    cut = through(Swap(lowpass(4000)), sound, at, lowpass(2500), blocks)
    assert np.abs(whole - cut).max() < 1e-6


def test_before_it_is_the_one_and_after_it_the_other():
    sound = tone()
    out = through(Swap(gain(0)), sound, 9600, gain(-6), [])
    end = 9600 + round(FADE_SECONDS * RATE)
    half = 10 ** (-6 / 20)
    np.testing.assert_allclose(out[:, :9600], sound[:, :9600], atol=1e-6)
    np.testing.assert_allclose(out[:, end:], half * sound[:, end:], atol=1e-6)


def test_a_swap_during_a_fade_waits_for_its_end():
    place = Swap(gain(0))
    place.process(tone())
    place.put(gain(-6))
    place.process(tone(0.01))
    place.put(gain(-20))
    assert place.filter.db == -20
    out = place.process(tone(0.5))
    np.testing.assert_allclose(out[:, -4800:], 0.1 * tone(0.5)[:, -4800:], atol=1e-4)


def test_parameters_of_the_filter_in_place_act_at_once():
    inner = gain(0)
    place = Swap(inner)
    place.process(tone())
    inner.db = -20
    assert np.abs(place.process(tone())[:, -4800:]).max() == pytest.approx(0.05, rel=0.01)


def test_what_is_no_filter_is_refused_and_the_old_one_stays():
    inner = gain(0)
    place = Swap(inner)
    with pytest.raises(FilterError):
        place.put("lowpass")
    with pytest.raises(FilterError):
        Swap(3)
    assert place.filter is inner
