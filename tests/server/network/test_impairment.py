"""A bad link in numbers: its loss, its delays, its order, its rate, and the same again."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lkexplore.errors import ImpairmentError
from lkexplore.server.network.impairment import (
    JITTER_SLOT,
    OVERHEAD_BYTES,
    QUEUE_SECONDS,
    Impairment,
    LinkModel,
)


def delays(link: LinkModel, count: int, every: float = 0.02, size: int = 100) -> NDArray[Any]:
    """Send packets through a link; return the delay of each in seconds, NaN for a lost one."""
    sent = 1000 + every * np.arange(count)
    arrived = [link.arrival(float(time), size) for time in sent]
    return np.array([np.nan if time is None else time for time in arrived]) - sent


@pytest.mark.parametrize("loss", [0.01, 0.05, 0.5])
def test_it_loses_the_share_it_should_each_packet_on_its_own(loss: float) -> None:
    link = LinkModel(Impairment(loss=loss), "seed")
    lost = np.isnan(delays(link, 40_000))
    spread = math.sqrt(loss * (1 - loss) / 40_000)
    assert abs(lost.mean() - loss) < 4 * spread
    assert link.lost == lost.sum()
    after_a_loss = lost[1:][lost[:-1]].mean()
    assert abs(after_a_loss - loss) < 4 * math.sqrt(loss * (1 - loss) / lost.sum())


def test_the_ends_of_loss_are_nothing_and_everything() -> None:
    assert not np.isnan(delays(LinkModel(Impairment(loss=0), "x"), 100)).any()
    assert np.isnan(delays(LinkModel(Impairment(loss=1), "x"), 100)).all()


def test_a_delay_is_the_same_for_all() -> None:
    late = delays(LinkModel(Impairment(delay_ms=80), "seed"), 1000)
    np.testing.assert_allclose(late, 0.08, atol=1e-9)


@pytest.mark.parametrize("every", [0.02, 0.033])
def test_jitter_spreads_over_its_whole_range(every: float) -> None:
    late = delays(LinkModel(Impairment(delay_ms=50, jitter_ms=20), "seed"), 20_000, every)
    assert late.min() >= 0.05 - 1e-9
    assert late.max() <= 0.07 + 1e-9
    # 20 ms apart, 20 ms of jitter never make one packet wait for another: a plain uniform law.
    share, _ = np.histogram(late, 10, (0.05, 0.07))
    np.testing.assert_allclose(share / len(late), 0.1, atol=0.012)
    assert abs(np.corrcoef(late[1:], late[:-1])[0, 1]) < 0.03


@pytest.mark.parametrize("every", [0.0001, 0.002, 0.02])
def test_packets_never_overtake_each_other_and_jitter_does_not_wear_off(every: float) -> None:
    link = LinkModel(Impairment(jitter_ms=40), "seed")
    late = delays(link, 20_000, every)
    assert (np.diff(late) >= -every - 1e-9).all()
    assert late.max() <= 0.04 + 1e-9
    assert late.std() > 0.005


def test_packets_of_one_burst_meet_the_same_delay() -> None:
    link = LinkModel(Impairment(jitter_ms=40), "seed")
    start = 1000 * JITTER_SLOT
    first = link.arrival(start, 1200)
    assert first is not None
    last = link.arrival(start + 0.5 * JITTER_SLOT, 1200)
    assert last is not None
    assert last - first == pytest.approx(0.5 * JITTER_SLOT)


def test_a_slow_link_carries_its_rate_and_drops_the_rest() -> None:
    link = LinkModel(Impairment(rate_kbps=64), "seed")
    size = 200
    late = delays(link, 5000, every=0.01, size=size)
    passed = ~np.isnan(late)
    bits = passed.sum() * (size + OVERHEAD_BYTES) * 8
    assert bits / (5000 * 0.01) == pytest.approx(64_000, rel=0.02)
    on_the_wire = (size + OVERHEAD_BYTES) * 8 / 64_000
    assert np.nanmax(late) <= QUEUE_SECONDS + on_the_wire + 1e-9
    assert link.overflowed == (~passed).sum()
    assert link.lost == 0


def test_a_fast_enough_link_only_takes_its_time() -> None:
    link = LinkModel(Impairment(rate_kbps=1000), "seed")
    late = delays(link, 1000, every=0.02, size=972)
    np.testing.assert_allclose(late, 0.008, atol=1e-9)
    # After a pause nothing is owed: there is no burst beyond the rate.
    burst = [link.arrival(2000.0, 972) for _ in range(3)]
    np.testing.assert_allclose(burst, [2000.008, 2000.016, 2000.024], atol=1e-6)


def test_even_the_slowest_link_carries_something() -> None:
    link = LinkModel(Impairment(rate_kbps=1), "seed")
    late = delays(link, 3000, every=0.02, size=1200)
    passed = late[~np.isnan(late)]
    assert 5 <= len(passed) <= 7


def test_the_same_seed_has_the_same_fate_and_another_another() -> None:
    bad = Impairment(loss=0.1, delay_ms=10, jitter_ms=40, rate_kbps=100)
    first, again, other = (delays(LinkModel(bad, seed), 500) for seed in ("a", "a", "b"))
    np.testing.assert_array_equal(first, again)
    assert (np.isnan(first) != np.isnan(other)).any()


def test_which_packet_is_lost_does_not_depend_on_time() -> None:
    bad = Impairment(loss=0.1, jitter_ms=40)
    slow, fast = (delays(LinkModel(bad, "a"), 500, every) for every in (0.02, 0.0013))
    np.testing.assert_array_equal(np.isnan(slow), np.isnan(fast))


@given(
    st.builds(
        Impairment,
        loss=st.floats(0, 1),
        delay_ms=st.floats(0, 5000),
        jitter_ms=st.floats(0, 5000),
        rate_kbps=st.none() | st.floats(1, 1_000_000),
    ),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 1500)), max_size=60),
)
def test_nothing_is_early_nothing_overtakes_and_nothing_waits_for_ever(
    bad: Impairment, packets: list[tuple[float, int]]
) -> None:
    link = LinkModel(bad, "seed")
    now, last = 50.0, 0.0
    bound = (bad.delay_ms + bad.jitter_ms) / 1000 + QUEUE_SECONDS
    bound += 0 if bad.rate_kbps is None else 1600 * 8 / (bad.rate_kbps * 1000)
    for pause, size in packets:
        now += pause
        arrival = link.arrival(now, size)
        if arrival is not None:
            assert max(now, last) <= arrival + 1e-9
            assert arrival <= now + bound + 1e-6
            last = arrival


@pytest.mark.parametrize("name", ["loss", "delay_ms", "jitter_ms", "rate_kbps"])
@pytest.mark.parametrize(
    "value", [-0.1, math.nan, math.inf, -math.inf, 10**400, 1e9, "5", True, [1], 1j]
)
def test_values_out_of_their_range_are_refused_in_one_line(name: str, value: Any) -> None:
    with pytest.raises(
        ImpairmentError, match=f"{name} must be a number from [0-9]+ to [0-9]+, "
    ) as e:
        Impairment(**{name: value})
    assert len(str(e.value)) < 120


def test_it_says_in_words_what_is_wrong() -> None:
    assert str(Impairment()) == "nothing"
    bad = Impairment(loss=0.055, delay_ms=80, jitter_ms=2.5, rate_kbps=64)
    assert str(bad) == "5.5 % loss, 80 ms delay, 2.5 ms jitter, 64 kbit/s"
    assert Impairment().is_none
    assert not Impairment(rate_kbps=5).is_none
