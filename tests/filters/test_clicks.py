"""No change while sound runs is heard as a click: parameters, filters, the plug's filter.

On a sine of 1 kHz at -6 dBFS, the energy outside 900 to 1100 Hz in the 50 ms around a change
stays 60 dB below that of the sine.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np
import pytest

import lkexplore.filters as f
from lkexplore.filters import Filter
from lkexplore.filters.engine.swap import Swap
from lkexplore.sound.recording import Recording

RATE = 48000
AT = 2 * RATE
SINE = (10 ** (-6 / 20) * np.sin(2 * np.pi * 1000 * np.arange(3 * RATE) / RATE))[np.newaxis]
SINE = SINE.astype(np.float32)
NOISE = Recording(
    0.02 * np.random.RandomState(9).standard_normal((1, 9600)).astype(np.float32), RATE
)
HUM = Recording(0.3 * np.sin(2 * np.pi * 1000 * np.arange(4 * RATE) / RATE + 1), RATE)

Change = tuple[Callable[[], Filter], dict[str, float]]

# Every value keeps 1 kHz within the pass-band, or what the filter does to it small.
CHANGES: dict[str, list[Change]] = {
    "allpass": [(lambda: f.allpass(400), {"hz": 3000}), (lambda: f.allpass(400), {"q": 2})],
    "bandpass": [
        (lambda: f.bandpass(300, 3400), {"low": 100, "high": 5000}),
        (lambda: f.bandpass(300, 3400), {"order": 2}),
        (lambda: f.bandpass(300, 3400, 4, "elliptic"), {"ripple_db": 2}),
        (lambda: f.bandpass(300, 3400, 4, "chebyshev2"), {"stop_db": 40}),
    ],
    "bandstop": [
        (lambda: f.bandstop(3000, 4000), {"low": 2000, "high": 5000}),
        (lambda: f.bandstop(3000, 4000), {"order": 2}),
        (lambda: f.bandstop(3000, 4000, 3, "elliptic"), {"ripple_db": 2}),
        (lambda: f.bandstop(3000, 4000, 3, "chebyshev2"), {"stop_db": 40}),
    ],
    "comb": [(lambda: f.comb(0.001), {"gain": -0.3}), (lambda: f.comb(0.001), {"seconds": 0.0012})],
    "compressor": [
        (lambda: f.compressor(), {"threshold": -40}),
        (lambda: f.compressor(), {"ratio": 20}),
        (lambda: f.compressor(-6), {"knee": 20}),
        (lambda: f.compressor(), {"makeup": 12}),
        (lambda: f.compressor(), {"attack": 0.05}),
        (lambda: f.compressor(), {"release": 0.02}),
    ],
    "dehum": [
        (lambda: f.dehum(50), {"hz": 60}),
        (lambda: f.dehum(50), {"harmonics": 12}),
        (lambda: f.dehum(50), {"q": 10}),
    ],
    "delay": [
        (lambda: f.delay(0.1, 0.3, 0.2), {"mix": 0.8}),
        (lambda: f.delay(0.01, 0.3, 0.5), {"feedback": 0.6}),
        (lambda: f.delay(0.01, 0.3, 0.5), {"seconds": 0.0123}),
    ],
    "denoise": [
        (lambda: f.denoise(NOISE), {"reduction": 40}),
        (lambda: f.denoise(NOISE), {"threshold": 6}),
        (lambda: f.denoise(), {"reduction": 40}),
    ],
    "echo": [(lambda: f.echo(0.3), {"seconds": 0.2503, "feedback": 0.1, "mix": 0.8})],
    "expander": [
        (lambda: f.expander(-3), {"threshold": -12}),
        (lambda: f.expander(-3), {"ratio": 3}),
        (lambda: f.expander(-3), {"knee": 20}),
        (lambda: f.expander(0, 9, depth=20), {"depth": 6}),
        (lambda: f.expander(-3), {"attack": 0.05}),
        (lambda: f.expander(-3), {"release": 0.05}),
    ],
    "feedback_comb": [
        (lambda: f.feedback_comb(0.005), {"gain": 0.3}),
        (lambda: f.feedback_comb(0.005), {"seconds": 0.006}),
    ],
    "fir_bandpass": [
        (lambda: f.fir_bandpass(300, 3400, 511), {"low": 200, "high": 5000}),
        (lambda: f.fir_bandpass(300, 3400, 511), {"taps": 401}),
        (lambda: f.fir_bandpass(300, 3400, 511), {"stop_db": 90}),
    ],
    "fir_bandstop": [
        (lambda: f.fir_bandstop(3000, 4000), {"low": 2000, "high": 5000}),
        (lambda: f.fir_bandstop(3000, 4000), {"taps": 401}),
        (lambda: f.fir_bandstop(3000, 4000), {"stop_db": 90}),
    ],
    "fir_highpass": [
        (lambda: f.fir_highpass(300, 511), {"cutoff": 400}),
        (lambda: f.fir_highpass(300, 511), {"taps": 401}),
        (lambda: f.fir_highpass(300, 511), {"stop_db": 90}),
    ],
    "fir_lowpass": [
        (lambda: f.fir_lowpass(2000, 511), {"cutoff": 4000}),
        (lambda: f.fir_lowpass(4000, 101), {"taps": 255}),
        (lambda: f.fir_lowpass(2000, 511), {"stop_db": 90}),
    ],
    "gain": [(lambda: f.gain(0), {"db": -20}), (lambda: f.gain(-20), {"db": 6})],
    "gate": [
        (lambda: f.gate(), {"threshold": -30, "depth": 20}),
        (lambda: f.gate(-1), {"depth": 30}),
        (lambda: f.gate(), {"hysteresis": 12}),
        (lambda: f.gate(), {"attack": 0.05}),
        (lambda: f.gate(), {"hold": 0.01}),
        (lambda: f.gate(), {"release": 0.02}),
    ],
    "graphic_eq": [(lambda: f.graphic_eq(), {name: -12.0}) for name in f.graphic_eq().parameters],
    "high_shelf": [
        (lambda: f.high_shelf(500, 0), {"gain_db": -9}),
        (lambda: f.high_shelf(500, 6), {"hz": 2000}),
        (lambda: f.high_shelf(500, 6), {"q": 2}),
    ],
    "highpass": [
        (lambda: f.highpass(300), {"cutoff": 500}),
        (lambda: f.highpass(300), {"order": 2}),
        (lambda: f.highpass(300, 4, "chebyshev1"), {"ripple_db": 3}),
        (lambda: f.highpass(300, 4, "chebyshev2"), {"stop_db": 40}),
    ],
    "limiter": [
        (lambda: f.limiter(-6), {"ceiling": -12}),
        (lambda: f.limiter(-20), {"ceiling": -3}),
        (lambda: f.limiter(-20), {"release": 0.5}),
        (lambda: f.limiter(-6, true_peak=True), {"ceiling": -12}),
    ],
    "lms": [(lambda: f.lms(HUM, 16, 0.0002), {"step": 0.0004})],
    "low_shelf": [
        (lambda: f.low_shelf(500, 0), {"gain_db": 9}),
        (lambda: f.low_shelf(500, 6), {"hz": 2000}),
        (lambda: f.low_shelf(500, 6), {"q": 2}),
    ],
    "lowpass": [
        (lambda: f.lowpass(2000), {"cutoff": 5000}),
        (lambda: f.lowpass(3000), {"order": 9}),
        (lambda: f.lowpass(2000, 6, "elliptic"), {"cutoff": 3000}),
        (lambda: f.lowpass(2000, 6, "elliptic"), {"ripple_db": 2}),
        (lambda: f.lowpass(3000, 5, "chebyshev2"), {"stop_db": 40}),
        (lambda: f.lowpass(4000, 6, "bessel"), {"cutoff": 6000}),
    ],
    "mix": [
        (lambda: f.mix(f.gain(-12), 0), {"wet": 1}),
        (lambda: f.mix(f.lowpass(3000), 0.5), {"lowpass.cutoff": 4000}),
    ],
    "nlms": [(lambda: f.nlms(HUM, 16, 0.0002), {"step": 0.0004})],
    "notch": [(lambda: f.notch(50), {"hz": 60}), (lambda: f.notch(50), {"q": 3})],
    "pan": [(lambda: f.pan(0), {"position": 0.8})],
    "parallel": [
        (lambda: f.parallel(f.fir_lowpass(2000, 101), f.gain(-6)), {"firlowpass.taps": 151}),
        (lambda: f.parallel(f.fir_lowpass(2000, 101), f.gain(-6)), {"firlowpass.stop_db": 90}),
        (lambda: f.parallel(f.fir_lowpass(2000, 101), f.gain(-6)), {"firlowpass.cutoff": 3000}),
        (lambda: f.parallel(f.fir_lowpass(2000, 101), f.gain(-6)), {"gain.db": 0}),
    ],
    "parametric_eq": [
        (lambda: f.parametric_eq((400, -6, 2)), {"peaking.gain_db": 6}),
        (lambda: f.parametric_eq((400, -6, 2)), {"peaking.hz": 600}),
        (lambda: f.parametric_eq((400, -6, 2)), {"peaking.q": 1}),
    ],
    "peaking": [
        (lambda: f.peaking(1000, 6), {"gain_db": -6}),
        (lambda: f.peaking(800, 6), {"q": 6}),
        (lambda: f.peaking(800, 6), {"hz": 900}),
    ],
}
# Without parameters of their own, or, as WebRTC's delay, with one that tells and does not change.
FIXED = {"as_filter", "from_ba", "from_function", "from_pedalboard", "from_sos", "webrtc"}
# These leave a loud sine as it is, or on its way: what is tested is that nothing is heard.
UNHEARD = {"gate", "denoise", "compressor attack", "compressor release", "expander attack"}
UNHEARD |= {"expander release", "limiter release", "lms step", "nlms step"}
CASES = [
    pytest.param(name, make, values, id=f"{name} {' '.join(values)} {number}")
    for name, changes in CHANGES.items()
    for number, (make, values) in enumerate(changes)
]


def beside_the_tone(x: np.ndarray, at: int) -> float:
    """Return the energy outside 900-1100 Hz in the 50 ms around a change, in dB of the sine."""
    n = x.shape[-1]
    edge = np.clip(np.minimum(np.arange(n), n - 1 - np.arange(n)) / (0.2 * n), 0, 1)
    spectrum = np.fft.rfft(x.astype(float) * (0.5 - 0.5 * np.cos(np.pi * edge)))
    hz = np.fft.rfftfreq(n, 1 / RATE)
    spectrum[..., (hz >= 900) & (hz <= 1100)] = 0
    rest = np.fft.irfft(spectrum, n)[..., at - RATE // 100 : at + RATE // 25]
    energy = np.mean(rest**2, axis=-1).max()
    return 10 * np.log10(energy / np.mean(SINE.astype(float) ** 2) + 1e-30)


def run(made: Filter, change: Callable[[], None], block: int) -> np.ndarray:
    out = []
    for begin in range(0, SINE.shape[1], block):
        if begin == AT:
            change()
        out.append(made.process(SINE[:, begin : begin + block]))
    return np.concatenate(out, axis=1)


def test_there_is_a_case_for_every_parameter_of_every_factory() -> None:
    factories = {name for name in f.__all__ if inspect.isfunction(getattr(f, name))}
    assert set(CHANGES) | FIXED == factories
    for name, changes in CHANGES.items():
        changed = {key for _, values in changes for key in values}
        for make, _ in changes:
            declared = make().parameters
            assert {key for key in declared if not declared[key].whole} - changed <= {"gain.db"}, (
                name
            )


@pytest.mark.parametrize(("name", "make", "values"), CASES)
@pytest.mark.parametrize("block", [480, 120])
def test_no_change_of_a_parameter_clicks(name: str, make, values, block: int) -> None:
    made = make()

    def change() -> None:
        if set(values) <= {key for key, _ in made._declared()}:
            made.set(**values)
        for key, value in values.items():
            made.parameters[key].value = value

    out = run(made, change, block)
    assert beside_the_tone(out[:, RATE:], AT - RATE + made.latency) < -60
    if not {name, f"{name} {next(iter(values))}"} & UNHEARD:
        unchanged = run(make(), lambda: None, 480)
        assert np.abs(out - unchanged)[:, AT:].max() > 1e-6
        assert np.abs(out - unchanged)[:, :AT].max() < 1e-6


@pytest.mark.parametrize("block", [480, 120])
@pytest.mark.parametrize(
    "then",
    [
        lambda: f.gain(-12),
        lambda: f.lowpass(8000),
        lambda: f.highpass(200),
        lambda: f.fir_lowpass(4000, 255),
        lambda: f.limiter(-12),
        lambda: f.delay(0.0105),
        lambda: f.gain(-3) | f.peaking(1000, 6),
        lambda: f.allpass(1000),
    ],
)
def test_no_swap_clicks_there_and_back(then, block: int) -> None:
    first = f.lowpass(4000)
    place = Swap(first)
    out = run(place, lambda: place.put(then()), block)
    assert beside_the_tone(out[:, RATE:], AT - RATE) < -60
    assert beside_the_tone(out[:, RATE:], AT - RATE + 960) < -60
    place = Swap(then())
    out = run(place, lambda: place.put(f.lowpass(4000)), block)
    assert beside_the_tone(out[:, RATE:], AT - RATE) < -60


def test_a_swap_of_filters_that_make_the_same_of_sound_keeps_its_level() -> None:
    """Equal gain is right for what is one sound: with equal power it would swell by 3 dB."""
    place = Swap(f.gain(-6))
    out = run(place, lambda: place.put(f.gain(-6) | f.gain(0)), 480)
    half = np.float32(10 ** (-6 / 20))
    np.testing.assert_allclose(out, half * SINE, atol=1e-6)


def test_the_measure_finds_a_cut() -> None:
    out = SINE.copy()
    out[:, AT + 12 :] *= np.float32(0.98)
    assert beside_the_tone(out[:, RATE:], AT - RATE) > -60
