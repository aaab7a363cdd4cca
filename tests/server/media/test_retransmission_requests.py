"""Asking for lost packets: which, how often, and when no more."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkexplore.server.media.retransmission_requests import MAX_GAP, MAX_MISSING, MAX_TRIES, Chase


def test_each_is_asked_for_at_growing_intervals_until_it_is_given_up() -> None:
    chase = Chase()
    chase.miss(10, 12, 100.0)
    times = [n / 1000 for n in range(100_000, 110_000) if chase.due(n / 1000) == [11]]
    assert len(times) == MAX_TRIES
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert gaps == pytest.approx(sorted(gaps), abs=0.002)
    assert 0.04 < gaps[0] < 0.06
    assert gaps[-1] < 0.5
    assert 11 not in chase


def test_what_arrived_is_not_asked_for() -> None:
    chase = Chase()
    chase.miss(0xFFFE, 1, 0.0)
    assert chase.due(0.0) == [0xFFFF, 0]
    chase.arrived(0)
    chase.arrived(777)
    assert chase.due(1.0) == [0xFFFF]
    chase.arrived(0xFFFF)
    assert chase.due(9.0) == []


def test_an_interruption_is_no_loss() -> None:
    chase = Chase()
    chase.miss(0, MAX_GAP + 2, 0.0)
    assert chase.due(0.0) == []
    chase.miss(0, MAX_GAP + 1, 0.0)
    assert chase.due(0.0) == list(range(1, MAX_GAP + 1))


@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF)), max_size=40))
def test_it_never_holds_much(jumps: list[tuple[int, int]]) -> None:
    chase = Chase()
    for before, newest in jumps:
        chase.miss(before, newest, 0.0)
        assert len(chase._missing) <= MAX_MISSING
    assert len(chase.due(0.0)) <= MAX_MISSING
