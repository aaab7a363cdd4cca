"""Every factory of the library, by name: one that is added without a case here fails."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import iirnotch, lfilter, sosfilt, tf2sos

import lkexplore.filters as f
from lkexplore.filters import Filter
from lkexplore.sound.recording import Recording

RATE = 48000
LENGTH = 3000
NOISE = Recording(
    0.05 * np.random.RandomState(9).standard_normal((1, 9600)).astype(np.float32), RATE
)


def board() -> Filter:
    pedalboard = pytest.importorskip("pedalboard", reason="the extra 'pedalboard' is not installed")
    return f.from_pedalboard(pedalboard.Compressor(-20, 4))


def smoothed(block: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Average each sample with the one before, as a user would write it."""
    joined = np.concatenate((last, block), axis=1)
    return (joined[:, 1:] + joined[:, :-1]) / 2, joined[:, -1:]


FACTORIES: dict[str, Callable[[], Filter]] = {
    "allpass": lambda: f.allpass(1000, 2),
    "as_filter": lambda: f.as_filter(f.lowpass(2000)),
    "bandpass": lambda: f.bandpass(300, 3400),
    "bandstop": lambda: f.bandstop(900, 1100, 3, "elliptic"),
    "comb": lambda: f.comb(0.003, -0.8),
    "compressor": lambda: f.compressor(-30, 8, attack=0.001, release=0.01, makeup=6),
    "dehum": lambda: f.dehum(60, 12),
    "delay": lambda: f.delay(0.003, feedback=0.7, mix=0.6),
    "denoise": lambda: f.denoise(NOISE),
    "echo": lambda: f.echo(0.01),
    "expander": lambda: f.expander(-10, 4, release=0.01),
    "feedback_comb": lambda: f.feedback_comb(0.004, 0.9),
    "fir_bandpass": lambda: f.fir_bandpass(300, 3400, 1023),
    "fir_bandstop": lambda: f.fir_bandstop(3000, 6000, 255, "least squares"),
    "fir_highpass": lambda: f.fir_highpass(2000, 101, "parks-mcclellan"),
    "fir_lowpass": lambda: f.fir_lowpass(4000, 31),
    "from_ba": lambda: f.from_ba([0.1, 0.2, 0.3, 0.1], [1, -0.5, 0.2]),
    "from_function": lambda: f.from_function(smoothed, lambda channels: np.zeros((channels, 1))),
    "from_pedalboard": board,
    "from_sos": lambda: f.from_sos([[0.2, 0.1, 0, 2, -1, 0.3]]),
    "gain": lambda: f.gain(-6),
    "gate": lambda: f.gate(-6, 20, hold=0.004, attack=0.001, release=0.005),
    "graphic_eq": lambda: f.graphic_eq([3, -3, 6, 0, 0, -12, 0, 4, 2, 1]),
    "high_shelf": lambda: f.high_shelf(5000, 6),
    "highpass": lambda: f.highpass(300, 5, "chebyshev2"),
    "limiter": lambda: f.limiter(-12, release=0.01, lookahead=0.002),
    "lms": lambda: f.lms(NOISE, 16, 0.05),
    "low_shelf": lambda: f.low_shelf(200, -12),
    "lowpass": lambda: f.lowpass(1000, 8, "bessel"),
    "mix": lambda: f.mix(f.limiter(-12, lookahead=0.001), 0.5),
    "nlms": lambda: f.nlms(NOISE, 70),
    "notch": lambda: f.notch(50),
    "pan": lambda: f.pan(0.3),
    "parallel": lambda: f.parallel(f.fir_lowpass(500, 101), f.highpass(500) | f.gain(-3)),
    "parametric_eq": lambda: f.parametric_eq((400, -6, 2), low=(90, -6), high=(9000, 3)),
    "peaking": lambda: f.peaking(1000, gain_db=9, q=3),
    "webrtc": lambda: f.webrtc(noise_suppression=True, agc=True),
}


def exported() -> set[str]:
    return {name for name in f.__all__ if inspect.isfunction(getattr(f, name))}


def test_there_is_a_case_for_every_factory() -> None:
    assert set(FACTORIES) == exported()


def sound(kind: str, channels: int, seed: int) -> np.ndarray:
    x = np.random.RandomState(seed).uniform(-1, 1, (channels, LENGTH)).astype(np.float32)
    if kind == "full scale":
        return np.sign(x)
    if kind == "silence":
        return np.zeros_like(x)
    return x * np.float32(0.1) if kind == "quiet" else x


def in_blocks(made: Filter, samples: np.ndarray, sizes: list[int]) -> np.ndarray:
    out, begin = [], 0
    for size in [*sizes, samples.shape[1]]:
        block = samples[:, begin : begin + size]
        out.append(made.process(block))
        assert out[-1].shape[1] == block.shape[1]
        assert out[-1].dtype == np.float32
        begin += block.shape[1]
    return np.concatenate(out, axis=1)


@pytest.mark.parametrize("name", sorted(exported()))
@settings(max_examples=10, deadline=None)
@given(
    sizes=st.lists(st.one_of(st.integers(0, 3), st.integers(0, 1500)), max_size=12),
    channels=st.integers(1, 2),
    kind=st.sampled_from(["loud", "quiet", "full scale", "silence"]),
    seed=st.integers(0, 1000),
)
def test_any_blocks_give_the_whole_also_after_reset(
    name: str, sizes: list[int], channels: int, kind: str, seed: int
) -> None:
    x = sound(kind, channels, seed)
    made = FACTORIES[name]()
    whole = made.process(x)
    assert np.isfinite(whole).all()
    assert np.allclose(in_blocks(FACTORIES[name](), x, sizes), whole, rtol=0, atol=1e-6)
    made.reset()
    assert np.allclose(in_blocks(made, x, sizes), whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", sorted(exported()))
def test_a_recording_gives_what_blocks_of_10_ms_give(name: str) -> None:
    x = np.random.RandomState(3).uniform(-1, 1, (2, RATE)).astype(np.float32)
    made = FACTORIES[name]()
    late = made.latency
    live = in_blocks(made, np.pad(x, ((0, 0), (0, late))), [480] * 100)
    offline = Recording(x, RATE) | FACTORIES[name]()
    assert np.allclose(offline.samples, live[:, late:], rtol=0, atol=1e-6)


def cookbook(kind: str, hz: float, gain_db: float, q: float) -> np.ndarray:
    """Return a section as R. Bristow-Johnson's cookbook writes it."""
    a = 10 ** (gain_db / 40)
    w = 2 * np.pi * hz / RATE
    cos, alpha = np.cos(w), np.sin(w) / (2 * q)
    root = 2 * np.sqrt(a) * alpha
    b, c = {
        "peaking": (
            (1 + alpha * a, -2 * cos, 1 - alpha * a),
            (1 + alpha / a, -2 * cos, 1 - alpha / a),
        ),
        "allpass": ((1 - alpha, -2 * cos, 1 + alpha), (1 + alpha, -2 * cos, 1 - alpha)),
        "notch": ((1, -2 * cos, 1), (1 + alpha, -2 * cos, 1 - alpha)),
        "low_shelf": (
            (
                a * (a + 1 - (a - 1) * cos + root),
                2 * a * (a - 1 - (a + 1) * cos),
                a * (a + 1 - (a - 1) * cos - root),
            ),
            (
                a + 1 + (a - 1) * cos + root,
                -2 * (a - 1 + (a + 1) * cos),
                a + 1 + (a - 1) * cos - root,
            ),
        ),
        "high_shelf": (
            (
                a * (a + 1 + (a - 1) * cos + root),
                -2 * a * (a - 1 + (a + 1) * cos),
                a * (a + 1 + (a - 1) * cos - root),
            ),
            (
                a + 1 - (a - 1) * cos + root,
                2 * (a - 1 - (a + 1) * cos),
                a + 1 - (a - 1) * cos - root,
            ),
        ),
    }[kind]
    return np.concatenate((b, c))[np.newaxis] / c[0]


@pytest.mark.parametrize("hz", [60, 1000, 9000])
@pytest.mark.parametrize("gain_db", [-12, 7])
@pytest.mark.parametrize("q", [0.7, 3])
def test_the_biquads_are_the_cookbooks(hz: float, gain_db: float, q: float, noise) -> None:
    x = noise(LENGTH, channels=2)
    for name in ("peaking", "low_shelf", "high_shelf"):
        out = getattr(f, name)(hz, gain_db=gain_db, q=q).process(x)
        wanted = sosfilt(cookbook(name, hz, gain_db, q), x.astype(float), axis=1)
        assert out == pytest.approx(wanted, abs=1e-6), name
    out = f.allpass(hz, q=q).process(x)
    wanted = sosfilt(cookbook("allpass", hz, 0, q), x.astype(float), axis=1)
    assert out == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("q", [0.7, 30])
def test_the_notch_is_the_cookbooks_with_a_width_that_holds_at_any_frequency(q, noise) -> None:
    x = noise(LENGTH, channels=2)
    for hz in (60, 1000, 9000):
        wanted = lfilter(*iirnotch(hz, q, RATE), x.astype(float), axis=1)
        assert f.notch(hz, q).process(x) == pytest.approx(wanted, abs=1e-6)
    low = sosfilt(cookbook("notch", 60, 0, q), x.astype(float), axis=1)
    assert f.notch(60, q).process(x) == pytest.approx(low, abs=1e-6)


def test_dehum_is_scipys_notches_one_after_another(noise) -> None:
    x = noise(LENGTH, channels=2)
    sos = np.concatenate([tf2sos(*iirnotch(60 * k, 30, RATE)) for k in range(1, 9)])
    assert f.dehum(60).process(x) == pytest.approx(sosfilt(sos, x.astype(float), axis=1), abs=1e-6)


def test_an_echo_is_its_difference_equation(noise) -> None:
    x = noise(LENGTH)
    b, a = np.zeros(481), np.zeros(481)
    b[0], b[480], a[0], a[480] = 0.65, 0.35 - 0.65 * 0.4, 1, -0.4
    assert f.echo(0.01).process(x) == pytest.approx(lfilter(b, a, x.astype(float)), abs=1e-6)
