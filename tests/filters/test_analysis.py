"""Group delay, poles and zeros, impulse responses: all tell of the same filter."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import scipy.signal as ss

from lkexplore import filters as f
from lkexplore.errors import FilterError
from lkexplore.filters import Filter
from lkexplore.filters.engine.fade import fade_in
from lkexplore.filters.linear import short_block_sos as sections
from lkexplore.measure import lag_seconds
from lkexplore.sound.recording import Recording

RATE = 48000

LINEAR: dict[str, Filter] = {
    "gain": f.gain(-6),
    "lowpass": f.lowpass(3000),
    "odd highpass": f.highpass(300, 5),
    "elliptic": f.bandpass(300, 3400, 3, "elliptic"),
    "bandstop": f.bandstop(900, 1200, 2),
    "notch": f.notch(1000, 3),
    "peaking": f.peaking(1000, 9, 3),
    "shelf": f.low_shelf(200, -6),
    "allpass": f.allpass(1000),
    "graphic": f.graphic_eq([6, -6] * 5),
    "fir": f.fir_lowpass(4000, 63),
    "fir optimal": f.fir_highpass(4000, 63, "parks-mcclellan"),
    "dehum": f.dehum(300, 5, 5),
    "comb": f.comb(0.0005, 0.8),
    "full comb": f.comb(0.0005, -1),
    "feedback comb": f.feedback_comb(0.0005, -0.8),
    "sos": f.from_sos([[0, 0.1, 0.2, 1, -0.5, 0], [1, 0, 0, 1, 0, 0]]),
    "ba": f.from_ba([0, 0.1, 0.2, 0.3], [1, -0.5, 0.2]),
    "uneven fir": f.from_ba([0.5, 0.3, 0.1, -0.2]),
    "chain": f.lowpass(3000) | f.fir_highpass(500, 31) | f.comb(0.0002),
    "parallel": f.parallel(f.lowpass(3000, 2), f.gain(-6), f.fir_highpass(5000, 21)),
    "nested": f.parallel(f.peaking(1000, 6) | f.gain(-3), f.comb(0.0001)) | f.highpass(50, 1),
}


@pytest.mark.parametrize("name", LINEAR)
def test_the_impulse_response_is_what_an_impulse_becomes(name: str) -> None:
    made = LINEAR[name]
    x = np.zeros((1, 3000), np.float32)
    x[0, 0] = 1
    assert np.allclose(made.copy().process(x)[0], made.impulse_response(3000), rtol=0, atol=1e-6)
    assert made.impulse_response(1).shape == (1,)
    assert made.impulse_response(10) == pytest.approx(made.impulse_response(3000)[:10], abs=1e-12)


@pytest.mark.parametrize("name", LINEAR)
def test_the_response_is_the_transform_of_the_impulse_response(name: str) -> None:
    made = LINEAR[name]
    length = 1 << 17
    spectrum = np.fft.rfft(made.impulse_response(length))
    hz = np.fft.rfftfreq(length, 1 / RATE)
    assert np.allclose(made.response(hz), spectrum, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", LINEAR)
def test_poles_and_zeros_make_the_response(name: str) -> None:
    made = LINEAR[name]
    found = made.poles_zeros()
    assert np.all(np.abs(found.poles) < 1)
    hz = np.linspace(10, 23_990, 300)
    z = np.exp(2j * np.pi * hz / RATE)
    over = np.prod(z[:, None] - found.zeros, axis=1)
    under = np.prod(z[:, None] - found.poles, axis=1)
    assert np.allclose(found.gain * over / under, made.response(hz), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", LINEAR)
def test_the_group_delay_is_the_slope_of_the_phase(name: str) -> None:
    made = LINEAR[name]
    hz = np.linspace(100, 23_900, 397)
    step = 0.001
    ratio = made.response(hz + step) * np.conj(made.response(hz - step))
    there = np.abs(made.response(hz)) > 1e-3
    slope = -np.angle(ratio) / (2 * np.pi * 2 * step) * RATE
    assert np.allclose(made.group_delay(hz)[there], slope[there], rtol=1e-3, atol=1e-3)
    assert np.isfinite(made.group_delay([0, 1000, RATE / 2])).all()
    assert made.group_delay(np.full((2, 3), 1000.0)).shape == (2, 3)


def test_the_group_delay_is_scipys() -> None:
    made = f.lowpass(3000, 2)
    hz = np.linspace(0, 20_000, 100)
    b, a = ss.butter(2, 3000, fs=RATE)
    _, wanted = ss.group_delay((b, a), w=hz, fs=RATE)
    assert made.group_delay(hz) == pytest.approx(wanted, abs=1e-6)
    assert f.fir_lowpass(1000, 101).group_delay(hz) == pytest.approx(50)


def test_the_group_delay_at_zeros_is_that_right_beside() -> None:
    for made, hz in [
        (f.highpass(300, 4), 0.0),
        (f.lowpass(3000, 4), RATE / 2),
        (f.notch(1000, 10), 1000.0),
        (f.from_ba([1, -2 * np.cos(2 * np.pi / 48), 1, 0.0]), 1000.0),
    ]:
        beside = hz - 0.01 if hz else 0.01
        assert made.group_delay(hz) == pytest.approx(made.group_delay(beside), abs=0.05)


def test_a_swell_comes_out_as_late_as_the_group_delay_says() -> None:
    t = np.arange(RATE) / RATE
    swell = np.exp(-(((t - 0.5) / 0.05) ** 2)) * np.sin(2 * np.pi * 1000 * t)
    made = f.bandpass(900, 1100, 2)
    out = made.impulse_response(RATE // 4)
    after = np.convolve(swell, out)[:RATE]
    envelope = np.abs(ss.hilbert(after)), np.abs(ss.hilbert(swell))
    late = envelope[0].argmax() - envelope[1].argmax()
    assert late == pytest.approx(float(made.group_delay(1000)), abs=20)


def test_poles_of_well_known_filters() -> None:
    _, poles, _ = ss.butter(4, 1000, output="zpk", fs=RATE)
    found = f.lowpass(1000).poles_zeros()
    assert np.sort_complex(found.poles) == pytest.approx(np.sort_complex(poles), abs=1e-9)
    assert found.zeros == pytest.approx(-1)
    zeros = f.notch(12_000, 5).poles_zeros().zeros
    assert np.sort_complex(zeros) == pytest.approx([-1j, 1j])
    assert np.abs(f.feedback_comb(0.001, 0.5).poles_zeros().poles) == pytest.approx(0.5 ** (1 / 48))


def test_what_is_not_linear_says_so() -> None:
    made = f.from_function(np.tanh)
    for other in (made, f.gain(0) | made, f.parallel(f.gain(0), made)):
        for ask in (
            lambda: other.response(100),  # noqa: B023
            lambda: other.group_delay(100),  # noqa: B023
            lambda: other.poles_zeros(),  # noqa: B023
            lambda: other.impulse_response(10),  # noqa: B023
        ):
            with pytest.raises(FilterError, match=r"from_function.* not known to be linear"):
                ask()


def test_questions_out_of_range_are_refused() -> None:
    for wrong in ([-1.0], [24_001.0], [np.nan]):
        with pytest.raises(FilterError, match="0 to 24000 Hz"):
            f.lowpass(100).group_delay(wrong)
        with pytest.raises(FilterError, match="0 to 24000 Hz"):
            f.parallel(f.gain(0)).group_delay(wrong)
    for wrong in (0, -1, 1.5, True):
        with pytest.raises(FilterError, match="whole number from 1"):
            f.lowpass(100).impulse_response(wrong)
        with pytest.raises(FilterError, match="whole number from 1"):
            f.parallel(f.gain(0)).impulse_response(wrong)
    with pytest.raises(FilterError, match="too many zeros"):
        f.fir_lowpass(1000, 4095).poles_zeros()
    with pytest.raises(FilterError, match="too many zeros"):
        f.parallel(f.fir_lowpass(1000, 1801), f.comb(0.01)).poles_zeros()


def test_sounds_side_by_side_meet_in_step(noise) -> None:
    x = Recording(noise(RATE), RATE)
    both = f.parallel(f.fir_lowpass(3000, 401), f.gain(0))
    assert both.latency == 200
    after = x | both
    assert lag_seconds(x, after) == 0
    apart = (x | f.fir_lowpass(3000, 401)).samples + x.samples
    assert np.allclose(after.samples, apart, rtol=0, atol=1e-6)
    split = f.parallel(f.fir_lowpass(3000, 401), f.fir_highpass(3000, 401))
    assert np.allclose((x | split).samples, x.samples, rtol=0, atol=1e-3)


def test_the_poles_and_zeros_of_a_sum_of_what_only_delays() -> None:
    made = f.parallel(f.from_ba([0, 1, 0.5]), f.gain(-6), f.from_ba([0, 0, 0, 0.25]))
    found = made.poles_zeros()
    hz = np.linspace(10, 23_000, 100)
    turn = np.exp(2j * np.pi * hz / RATE)[:, np.newaxis]
    over, under = np.prod(turn - found.zeros, axis=1), np.prod(turn - found.poles, axis=1)
    assert found.gain * over / under == pytest.approx(made.response(hz), abs=1e-9)


def test_a_sum_keeps_its_members_and_their_rate(noise) -> None:
    low = f.lowpass(1000)
    both = f.parallel(low, low, f.gain(-6))
    assert both.filters[0] is low
    assert both.filters[1] is not low
    both.sample_rate = 16000
    assert {member.sample_rate for member in both.filters} == {16000}
    with pytest.raises(FilterError, match="1500 Hz"):
        both.sample_rate = 1500
    assert {member.sample_rate for member in both.filters} == {16000}
    both.parameters["lowpass_2.cutoff"].value = 2000
    assert (low.cutoff, both.filters[1].cutoff) == (1000, 2000)
    assert repr(f.parallel(f.gain(0), f.notch(50))) == "parallel(Gain(db=0), Notch(hz=50, q=30))"


def test_only_equal_shapes_can_be_added() -> None:
    class Wide(Filter):
        def process(self, block: np.ndarray) -> np.ndarray:
            return np.concatenate((block, block))

    class Short(Filter):
        def process(self, block: np.ndarray) -> np.ndarray:
            return block[:, 1:]

    with pytest.raises(FilterError, match="same number of channels"):
        f.parallel(f.gain(0), Wide()).process(np.zeros((1, 10), np.float32))
    with pytest.raises(FilterError, match="same n"):
        f.parallel(Short()).process(np.zeros((1, 10), np.float32))


def test_functions_of_ones_own_run_with_their_state(noise) -> None:
    def total(block: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        block[:] = np.cumsum(block, axis=1) + last
        return block, block[:, -1:].copy()

    x = noise(1000, channels=2) / 100
    made = f.from_function(total, lambda channels: np.zeros((channels, 1)))
    first = np.concatenate([made.process(x[:, :300]), made.process(x[:, 300:])], axis=1)
    assert np.allclose(first, np.cumsum(x, axis=1), rtol=0, atol=1e-5)
    assert np.array_equal(made.copy().process(x[:, :300]), first[:, :300])
    made.reset()
    assert np.array_equal(made.process(x[:, :300]), first[:, :300])
    assert repr(made) == "from_function(total)"
    assert np.allclose(f.from_function(np.tanh).process(x), np.tanh(x), rtol=0, atol=1e-7)


def test_a_given_state_is_not_shared(noise) -> None:
    first = {"n": 0}

    def count(block: np.ndarray, state: dict[str, int]) -> tuple[np.ndarray, dict[str, int]]:
        state["n"] += block.shape[1]
        return np.full_like(block, state["n"]), state

    made = f.from_function(count, first)
    assert made.process(noise(5))[0, 0] == 5
    assert made.process(noise(5))[0, 0] == 10
    assert made.copy().process(noise(5))[0, 0] == 5
    assert made.process(noise(5, channels=2))[0, 0] == 5
    assert first == {"n": 0}


@pytest.mark.parametrize(
    ("function", "state", "words"),
    [
        (lambda block, state: block, 0, "return .block, state."),
        (lambda block: block[:, 1:], None, "as many samples"),
        (lambda block: None, None, r"made \(\)|return a block"),
        (lambda block: "sound", None, "return a block"),
        (lambda block: block / 0 * 0 + np.nan, None, "NaN"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*encountered")
def test_functions_that_return_nonsense_are_named(function, state, words: str) -> None:
    with pytest.raises(FilterError, match=words) as caught:
        f.from_function(function, state).process(np.ones((1, 10), np.float32))
    assert "from_function(<lambda>)" in str(caught.value)


def test_a_function_that_fails_leaves_the_state(noise) -> None:
    def count(block: np.ndarray, n: int) -> tuple[np.ndarray, int]:
        if block[0, 0] > 1:
            raise ZeroDivisionError("mine")
        return np.full_like(block, n), n + 1

    made = f.from_function(count, 0)
    made.process(noise(3))
    with pytest.raises(ZeroDivisionError, match="mine"):
        made.process(np.full((1, 3), 2, np.float32))
    assert made.process(noise(3))[0, 0] == 1


def test_the_fade_rises_and_ends_at_one() -> None:
    for steps in (1, 2, 80, 960):
        weights = fade_in(steps)
        assert weights.shape == (steps,)
        assert weights[-1] == 1
        assert np.all(np.diff(weights) >= 0)
        assert weights[0] >= 0


def test_neighbours_computed_in_one_go_sound_as_one_after_another(noise) -> None:
    x = noise(20_000, channels=2)

    def members() -> list[Filter]:
        return [
            f.gain(-3),
            f.peaking(1000, 6),
            f.notch(900, 2),
            f.fir_lowpass(5000, 51),
            f.comb(0.001),
        ]

    def change(made: list[Filter]) -> None:
        made[0].db = 3
        made[1].set(hz=2000, gain_db=-6)

    together, apart = f.Chain(*members()), members()
    out = []
    for begin in range(0, 20_000, 500):
        block = x[:, begin : begin + 500]
        if begin == 10_000:
            change(list(together.filters))
            change(apart)
        one = block
        for member in apart:
            one = member.process(one)
        out.append(np.abs(together.process(block) - one).max())
    steady = [n for n in range(40) if not 20 <= n < 24]
    assert np.array(out)[steady].max() < 1e-5
    together.reset()
    first = together.process(x)
    assert np.array_equal(together.copy().process(x), first)
    assert np.array_equal(pickle.loads(pickle.dumps(together)).process(x), first)


def test_a_chain_follows_a_new_rate_and_refused_blocks_leave_it_alone(noise) -> None:
    made, fresh = f.lowpass(3000) | f.gain(-6), f.lowpass(3000) | f.gain(-6)
    x = noise(1000)
    made.process(x)
    made.sample_rate = fresh.sample_rate = 16000
    assert np.array_equal(made.process(x), fresh.process(x))
    with pytest.raises(FilterError, match="channels, n"):
        made.process(x[0])
    assert np.array_equal(made.process(x), fresh.process(x))


def test_sections_run_as_scipy_runs_them(noise, monkeypatch) -> None:
    x = noise(5000, channels=2).astype(np.float64)
    sos = ss.butter(7, (300, 3000), "band", output="sos", fs=RATE)
    wanted = ss.sosfilt(sos, x, axis=1)
    for kernel in (sections._kernel, None):
        monkeypatch.setattr(sections, "_kernel", kernel)
        state, out = np.zeros((2, len(sos), 2)), []
        for begin in range(0, 5000, 700):
            y, state = sections.run_sections(sos, x[:, begin : begin + 700], state)
            out.append(y)
        assert np.allclose(np.concatenate(out, axis=1), wanted, rtol=0, atol=1e-12)


def test_a_subclass_that_does_more_than_its_design_keeps_doing_it(noise) -> None:
    class Loud(f.Gain):
        def process(self, block: np.ndarray) -> np.ndarray:
            return np.tanh(super().process(block))

    x = noise(1000)
    wanted = np.tanh(f.lowpass(1000).process(x))
    assert (f.lowpass(1000) | Loud(0)).process(x) == pytest.approx(wanted, abs=1e-6)


def test_setting_what_already_is_changes_nothing(noise) -> None:
    made, same = f.lowpass(1000), f.lowpass(1000)
    x = noise(3000)
    for begin in range(0, 3000, 100):
        made.cutoff = 1000
        made.sample_rate = RATE
        out = made.process(x[:, begin : begin + 100])
        assert np.array_equal(out, same.process(x[:, begin : begin + 100]))


def test_taps_come_in_steps_of_two() -> None:
    made = f.fir_lowpass(1000)
    taps = made.parameters["taps"]
    assert (taps.low, taps.high, taps.step, taps.whole) == (3, 16383, 2, True)
    assert f.lowpass(1000).parameters["order"].step == 1
    taps.value = 301
    assert made.latency == 150
    with pytest.raises(FilterError, match="in steps of 2"):
        taps.value = 300
    assert made.taps == 301
