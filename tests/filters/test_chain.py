from __future__ import annotations

import numpy as np
import pytest

from lkexplore.errors import FilterError
from lkexplore.filters import Chain, Filter, Parameter, as_filter, gain, highpass, lowpass, notch
from lkexplore.measure import lag_seconds
from lkexplore.sound.recording import Recording


class Half:
    """Nobody's subclass: just something with process."""

    def process(self, block: np.ndarray) -> np.ndarray:
        return block / 2


class Late:
    """A plain delay that has everything a filter may have."""

    def __init__(self) -> None:
        self.sample_rate = 48000
        self.resets = 0
        self.latency = 480
        self.reset()

    def reset(self) -> None:
        self.resets += 1
        self.past = np.zeros((1, self.latency), np.float32)

    def process(self, block: np.ndarray) -> np.ndarray:
        joined = np.concatenate((self.past, block), axis=1)
        self.past = joined[:, -self.latency :]
        return joined[:, : -self.latency]


class InPlace(Filter):
    def process(self, block: np.ndarray) -> np.ndarray:
        block *= 2
        return block


class Wrong(Filter):
    def __init__(self, result: object) -> None:
        self.result = result

    def process(self, block: np.ndarray) -> np.ndarray:
        return self.result(block)  # type: ignore[operator]


def test_a_chain_does_one_after_the_other(noise) -> None:
    x = Recording(noise(5000), 48000)
    chain = highpass(300) | gain(6) | lowpass(3000)
    assert isinstance(chain, Chain)
    one_by_one = x | highpass(300) | gain(6) | lowpass(3000)
    assert (x | chain).samples == pytest.approx(one_by_one.samples, abs=1e-6)
    hz = np.linspace(0, 24000, 50)
    product = highpass(300).response(hz) * gain(6).response(hz) * lowpass(3000).response(hz)
    assert chain.response(hz) == pytest.approx(product)


def test_chains_are_flat() -> None:
    chain = (gain(1) | gain(2)) | (gain(3) | gain(4))
    assert [member.db for member in chain.filters] == [1, 2, 3, 4]
    assert len(Chain(chain, gain(5)).filters) == 5


def test_members_stay_the_same_objects() -> None:
    volume = gain(0)
    chain = lowpass(1000) | volume
    volume.db = -20
    assert chain.parameters["gain.db"].value == -20
    chain.parameters["gain.db"].value = 6
    assert volume.db == 6
    assert chain.copy().filters[1] is not volume


def test_the_same_object_twice_is_two_filters(noise) -> None:
    steep = lowpass(1000)
    x = Recording(noise(2000), 48000)
    twice = x | (steep | steep)
    assert twice.samples == pytest.approx((x | steep | steep).samples, abs=1e-6)


def test_parameters_are_named_after_their_filters() -> None:
    chain = notch(50) | notch(150, 20) | gain(-3)
    assert list(chain.parameters) == ["notch.hz", "notch.q", "notch_2.hz", "notch_2.q", "gain.db"]
    parameter = chain.parameters["notch_2.hz"]
    assert (parameter.value, parameter.unit, parameter.scale) == (150, "Hz", "log")
    assert parameter.low == 1
    assert parameter.high == pytest.approx(24_000, rel=1e-3)
    assert repr(parameter).startswith("hz = 150 Hz (1 to 2399")
    chain.sample_rate = 8000
    assert parameter.high < 4000
    parameter.value = parameter.high
    chain.process(np.zeros((1, 10), np.float32))


def test_the_rate_goes_to_all_or_to_none() -> None:
    chain = gain(0) | lowpass(5000)
    chain.sample_rate = 16000
    assert [member.sample_rate for member in chain.filters] == [16000, 16000]
    with pytest.raises(FilterError, match="8000 Hz"):
        chain.sample_rate = 8000
    assert [member.sample_rate for member in chain.filters] == [16000, 16000]


def test_a_rate_already_set_rules_and_two_are_refused() -> None:
    known = lowpass(1000)
    known.sample_rate = 16000
    assert (gain(0) | known).filters[0].sample_rate == 16000
    other = lowpass(1000)
    other.sample_rate = 8000
    with pytest.raises(FilterError, match="8000 and 16000"):
        known | other


def test_plain_objects_join_on_either_side(noise) -> None:
    x = noise(100)
    for chain in (Half() | gain(0), gain(0) | Half()):
        assert chain.process(x) == pytest.approx(x / 2)
    assert (Recording(x, 48000) | Half()).samples == pytest.approx(x / 2)
    assert as_filter(Half()).parameters == {}


def test_latency_adds_up_and_is_taken_out_of_recordings(noise) -> None:
    late = Late()
    chain = Chain(late, gain(0), Late())
    assert chain.latency == 960
    x = Recording(noise(48000), 48000)
    after = x | chain
    assert after.duration == x.duration
    assert lag_seconds(x, after) == 0
    assert after.samples == pytest.approx(x.samples)
    live = chain.process(x.samples)
    assert lag_seconds(x, (live, 48000)) == pytest.approx(0.02)


def test_plain_objects_are_reset_copied_and_told_the_rate() -> None:
    late = Late()
    wrapped = as_filter(late)
    assert as_filter(wrapped) is wrapped
    wrapped.sample_rate = 16000
    wrapped.reset()
    assert (late.sample_rate, late.resets) == (16000, 2)
    copied = wrapped.copy()
    assert copied.sample_rate == 16000
    copied.process(np.ones((1, 10), np.float32))
    assert not late.past.any()


def test_a_filter_of_ones_own_may_work_in_place(noise) -> None:
    x = Recording(noise(1000), 48000)
    assert (x | InPlace()).samples == pytest.approx(2 * x.samples)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (lambda block: None, "returned NoneType"),
        (lambda block: block[:, 1:], "same n"),
        (lambda block: block[0], "same n"),
        (lambda block: block * np.nan, "NaN"),
        (lambda block: np.full(block.shape, 1e300), "inf"),
    ],
)
def test_a_filter_that_puts_out_nonsense_is_named(result: object, words: str) -> None:
    with pytest.raises(FilterError, match=words) as caught:
        Recording(np.ones(100), 48000) | Wrong(result)
    assert "Wrong" in str(caught.value)


def test_errors_of_a_filter_of_ones_own_come_through() -> None:
    def fail(block: np.ndarray) -> np.ndarray:
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        Recording([1.0], 48000) | Wrong(fail)


def test_a_filter_may_change_the_number_of_channels(noise) -> None:
    x = Recording(noise(100_000), 48000)
    wide = x | Wrong(lambda block: np.concatenate((block, -block)))
    assert wide.channels == 2
    assert np.array_equal(wide.samples[1], -x.samples[0])


def test_what_is_no_filter_is_refused() -> None:
    for wrong, words in [(3, "no filter"), (Half, r"Half\(\.\.\.\)"), (None, "no filter")]:
        with pytest.raises(FilterError, match=words):
            as_filter(wrong)
    with pytest.raises(FilterError, match="at least one"):
        Chain()
    with pytest.raises(FilterError, match="class"):
        Recording([0.0], 8000) | Half
    with pytest.raises(FilterError, match="int is no filter"):
        gain(0) | 3
    with pytest.raises(FilterError, match="not known to be linear"):
        (gain(0) | Half()).response([100])


def test_parameters_are_checked_where_they_are_declared() -> None:
    for wrong in (
        {"low": 1, "high": 1},
        {"low": 0, "high": np.inf},
        {"low": 0, "high": 1, "scale": "log"},
        {"low": 0, "high": 1, "scale": "cubic"},
    ):
        with pytest.raises(FilterError):
            Parameter(**wrong)


def test_a_parameter_belongs_to_each_object() -> None:
    class Trim(Filter):
        amount = Parameter("dB", low=-10, high=10, scale="db")

        def process(self, block: np.ndarray) -> np.ndarray:
            return block

    first, second = Trim(), Trim()
    with pytest.raises(AttributeError, match=r"Trim\.amount has not been set"):
        _ = first.amount
    assert repr(first) == "Trim()"
    first.amount, second.amount = 1, np.float32(2)
    assert (first.amount, second.amount) == (1.0, 2.0)
    assert isinstance(Trim.amount, Parameter)
    with pytest.raises(FilterError, match="from -10 to 10 dB"):
        first.amount = 11
    assert first.amount == 1
    with pytest.raises(FilterError, match="it has amount"):
        first.set(volume=3)


def test_a_subclass_that_refuses_keeps_its_old_values() -> None:
    class Even(Filter):
        number = Parameter(low=0, high=10, whole=True)

        def __init__(self) -> None:
            self.number = 2

        def changed(self) -> None:
            if self.number % 2:
                raise FilterError("odd")

        def process(self, block: np.ndarray) -> np.ndarray:
            return block

    made = Even()
    with pytest.raises(FilterError, match="odd"):
        made.number = 3
    assert made.number == 2
