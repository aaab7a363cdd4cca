"""Linear filters do what their names and numbers say, and what scipy's designs do."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import scipy.signal as ss

from lkexplore import filters as f
from lkexplore.errors import FilterError
from lkexplore.sound.recording import Recording

RATE = 44100
OCTAVES = [1000 * 2.0**k for k in range(-5, 5)]


def db(values: np.ndarray) -> np.ndarray:
    return 20 * np.log10(np.maximum(np.abs(values), 1e-12))


@pytest.mark.parametrize(
    ("filter", "sos"),
    [
        (
            f.lowpass(1000, 5, "chebyshev1", ripple_db=1),
            ss.cheby1(5, 1, 1000, "low", output="sos", fs=RATE),
        ),
        (
            f.highpass(300, 6, "chebyshev2", stop_db=40),
            ss.cheby2(6, 40, 300, "high", output="sos", fs=RATE),
        ),
        (
            f.bandpass(300, 3400, 4, "elliptic"),
            ss.ellip(4, 0.5, 60, (300, 3400), "band", output="sos", fs=RATE),
        ),
        (
            f.bandstop(900, 1100, 3, "bessel"),
            ss.bessel(3, (900, 1100), "bandstop", output="sos", norm="mag", fs=RATE),
        ),
        (f.bandstop(900, 1100), ss.butter(4, (900, 1100), "bandstop", output="sos", fs=RATE)),
    ],
)
def test_recursive_filters_are_scipys(filter, sos, noise) -> None:
    x = noise(50_000, channels=2)
    wanted = ss.sosfilt(sos, x.astype(np.float64), axis=1)
    assert (Recording(x, RATE) | filter).samples == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_the_edge_is_what_the_design_says(rate: int) -> None:
    for design, level in [
        ("butterworth", 10 * np.log10(0.5)),
        ("bessel", 10 * np.log10(0.5)),
        ("chebyshev1", -0.5),
        ("elliptic", -0.5),
        ("chebyshev2", -60),
    ]:
        for order in (1, 4, 7):
            for made in (
                f.lowpass(1000, order, design),
                f.highpass(1000, order, design),
                f.bandpass(1000, 2000, order, design),
                f.bandstop(1000, 2000, order, design),
            ):
                made.sample_rate = rate
                assert db(made.response(1000)) == pytest.approx(level, abs=1e-3)


def test_ripple_and_stop_band_keep_their_limits() -> None:
    hz = np.linspace(0, 24000, 20_000)
    level = db(f.lowpass(4000, 7, "elliptic", ripple_db=1, stop_db=70).response(hz))
    assert level[hz <= 4000].min() == pytest.approx(-1, abs=0.01)
    assert level[hz <= 4000].max() < 0.001
    assert level[hz >= 5500].max() == pytest.approx(-70, abs=0.1)
    level = db(f.lowpass(4000, 7, "chebyshev2", stop_db=50).response(hz))
    assert level[hz >= 4000].max() == pytest.approx(-50, abs=0.01)
    level = db(f.lowpass(4000, 7, "chebyshev1", ripple_db=2).response(hz))
    assert level[hz <= 4000].min() == pytest.approx(-2, abs=0.01)


def test_steeper_designs_are_steeper_and_bessel_does_not_overshoot() -> None:
    levels = [
        float(db(f.lowpass(1000, 5, design).response(2000)))
        for design in ("bessel", "butterworth", "chebyshev1", "elliptic")
    ]
    assert levels == sorted(levels, reverse=True)
    overshoot = {
        design: np.cumsum(f.lowpass(1000, 5, design).impulse_response(2000)).max() - 1
        for design in ("bessel", "butterworth")
    }
    assert overshoot["bessel"] < 0.015 < 0.1 < overshoot["butterworth"]


def test_only_parameters_of_the_design_are_there() -> None:
    assert list(f.lowpass(1000).parameters) == ["cutoff", "order"]
    elliptic = f.bandstop(500, 600, design="elliptic")
    assert list(elliptic.parameters) == ["low", "high", "order", "ripple_db", "stop_db"]
    assert repr(elliptic) == (
        "Bandstop(low=500, high=600, order=4, ripple_db=0.5, stop_db=60, design='elliptic')"
    )
    for other in (elliptic.copy(), copy.deepcopy(elliptic), pickle.loads(pickle.dumps(elliptic))):
        assert repr(other) == repr(elliptic)
        other.stop_db = 80
    assert elliptic.stop_db == 60


@pytest.mark.parametrize(
    "extreme", [f.lowpass(1, 12, "elliptic"), f.bandpass(20, 21, 12, "chebyshev1")]
)
def test_extreme_designs_are_stable(extreme, noise) -> None:
    assert np.abs((Recording(noise(192_000), 192_000) | extreme).samples).max() < 2


@pytest.mark.parametrize("design", ["window", "parks-mcclellan", "least squares"])
@pytest.mark.parametrize("stop_db", [40, 70])
@pytest.mark.parametrize("taps", [255, 1023])
def test_linear_phase_filters_pass_and_stop(design, stop_db: float, taps: int) -> None:
    near = 10 if design == "least squares" else 2
    for made, passed, stopped in [
        (f.fir_lowpass(5000, taps, design, stop_db), [(0, 5000)], [(5000, 24000)]),
        (f.fir_highpass(5000, taps, design, stop_db), [(5000, 24000)], [(0, 5000)]),
        (
            f.fir_bandpass(5000, 9000, taps, design, stop_db),
            [(5000, 9000)],
            [(0, 5000), (9000, 24000)],
        ),
        (
            f.fir_bandstop(5000, 9000, taps, design, stop_db),
            [(0, 5000), (9000, 24000)],
            [(5000, 9000)],
        ),
    ]:
        half = made.transition / 2
        for low, high in passed:
            hz = np.linspace(low + half * (low > 0), high - half * (high < 24000), 400)
            assert np.abs(db(made.response(hz))).max() < 20 * 10 ** ((near - stop_db) / 20)
        for low, high in stopped:
            hz = np.linspace(low + half * (low > 0), high - half * (high < 24000), 400)
            assert db(made.response(hz)).max() < near - stop_db
        answer = made.impulse_response(taps)
        assert answer == pytest.approx(answer[::-1], abs=1e-12)
        assert np.abs(answer).argmax() == made.latency == (taps - 1) // 2


@pytest.mark.parametrize("taps", [31, 511, 4095])
def test_the_output_of_linear_phase_filters_is_scipys(taps: int, noise) -> None:
    x = noise(50_000, channels=2)
    made = f.fir_bandpass(1000, 5000, taps)
    wanted = ss.lfilter(made.impulse_response(taps), [1.0], x.astype(np.float64), axis=1)
    assert np.allclose(made.process(x), wanted, rtol=0, atol=1e-6)
    offline = (Recording(x, 48000) | made).samples
    assert np.allclose(offline[:, : -made.latency], wanted[:, made.latency :], rtol=0, atol=1e-6)


def test_a_tone_in_the_pass_band_of_a_linear_phase_filter_comes_out_in_place(tone) -> None:
    x = tone(1000, peak=0.5)
    after = x | f.fir_lowpass(4000, 255)
    assert after[0.1:0.9].samples == pytest.approx(x[0.1:0.9].samples, abs=1e-3)


def test_fewer_multiplications_or_a_transform_make_no_difference(noise) -> None:
    x = noise(40_000)
    made = f.fir_lowpass(2000, 1023)
    small = np.concatenate([made.process(x[:, n : n + 100]) for n in range(0, 40_000, 100)], axis=1)
    assert np.allclose(small, f.fir_lowpass(2000, 1023).process(x), rtol=0, atol=1e-6)


@pytest.mark.parametrize("rate", [16000, 48000])
def test_biquads_reach_their_gains(rate: int) -> None:
    for gain in (-12.0, 0.0, 6.0):
        peak, low, high = f.peaking(1000, gain, 2), f.low_shelf(500, gain), f.high_shelf(3000, gain)
        for made in (peak, low, high):
            made.sample_rate = rate
        half = rate / 2
        assert db(peak.response([0, 1000, half])) == pytest.approx([0, gain, 0], abs=1e-9)
        assert db(low.response([0, 500, half])) == pytest.approx([gain, gain / 2, 0], abs=1e-9)
        assert db(high.response([0, 3000, half])) == pytest.approx([0, gain / 2, gain], abs=1e-9)


def test_a_peak_is_as_wide_as_its_quality_says() -> None:
    hz = np.linspace(800, 1250, 100_000)
    inside = hz[db(f.peaking(1000, 6, 10).response(hz)) > 3]
    assert inside[-1] - inside[0] == pytest.approx(100, rel=0.02)


def test_the_cookbooks_numbers_for_a_peak() -> None:
    made = f.peaking(1000, 6, 1)
    omega, size = 2 * np.pi * 1000 / 48000, 10 ** (6 / 40)
    alpha = np.sin(omega) / 2
    b = [1 + alpha * size, -2 * np.cos(omega), 1 - alpha * size]
    a = [1 + alpha / size, -2 * np.cos(omega), 1 - alpha / size]
    impulse = np.eye(1, 500)[0]
    assert made.impulse_response(500) == pytest.approx(ss.lfilter(b, a, impulse), abs=1e-12)


def test_an_allpass_turns_phase_and_keeps_levels() -> None:
    made = f.allpass(1000, 2)
    hz = np.linspace(0, 24000, 1000)
    assert np.abs(made.response(hz)) == pytest.approx(1, abs=1e-9)
    assert made.response([0, 1000, 24000]) == pytest.approx([1, -1, 1], abs=1e-9)


def test_dehum_takes_hum_and_its_harmonics_out(tone) -> None:
    hum = sum(tone(60 * k, seconds=3, peak=0.1).samples for k in range(1, 9))
    voice = tone(1000, seconds=3, peak=0.3).samples
    after = (Recording(hum + voice, 48000) | f.dehum(60, 8))[2:]
    turns = np.exp(-2j * np.pi * np.outer([*range(60, 481, 60), 1000], np.arange(48000)) / 48000)
    levels = db(2 * turns @ after.samples[0] / 48000)
    assert levels[:-1].max() < -20 - 60
    assert levels[-1] == pytest.approx(db(0.3), abs=0.1)
    made = f.dehum(1000, 40)
    made.sample_rate = 8000
    assert np.abs(made.response([1000, 2000, 3000])).max() < 1e-6
    assert abs(made.response(3500)) > 0.9


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_graphic_sliders_mean_what_they_say(seed: int, rate: int) -> None:
    gains = np.random.RandomState(seed).uniform(-12, 12, 10) if seed else [12, -12] * 5
    made = f.graphic_eq(gains)
    made.sample_rate = rate
    there = [n for n, hz in enumerate(OCTAVES) if hz <= 0.45 * rate]
    middles = [OCTAVES[n] for n in there]
    assert db(made.response(middles)) == pytest.approx([gains[n] for n in there], abs=0.05)
    hz = np.linspace(20, 0.5 * rate, 3000)
    assert np.abs(db(made.response(hz))).max() < 18


def test_graphic_bands_by_frequency() -> None:
    made = f.graphic_eq({125: -6, 4000: 3})
    assert (made.db_125, made.db_4000, made.db_1000) == (-6, 3, 0)
    assert made.parameters["db_125"].unit == "dB"
    assert db(f.graphic_eq().response(OCTAVES)) == pytest.approx(0, abs=1e-9)


def test_a_parametric_equalizer_is_its_bands() -> None:
    made = f.parametric_eq((400, -6, 2), (3000, 3), low=(90, -6), high=(9000, 3, 0.5))
    bands = [f.low_shelf(90, -6), f.peaking(400, -6, 2), f.peaking(3000, 3)]
    bands.append(f.high_shelf(9000, 3, 0.5))
    hz = np.geomspace(20, 20000, 50)
    wanted = np.prod([band.response(hz) for band in bands], axis=0)
    assert made.response(hz) == pytest.approx(wanted)
    assert "peaking_2.gain_db" in made.parameters


@pytest.mark.parametrize("seconds", [0.0001, 0.001, 0.01, 0.1])
@pytest.mark.parametrize("gain", [-0.9, 0.0, 0.5])
def test_combs_follow_their_equations(seconds: float, gain: float, noise) -> None:
    x = noise(20_000, channels=2)
    delay = round(seconds * 48000)
    b = np.zeros(delay + 1)
    b[0], b[-1] = 1, gain
    a = b * np.where(np.arange(delay + 1) == 0, 1, -1)
    forward = ss.lfilter(b, [1.0], x, axis=1)
    assert np.allclose(f.comb(seconds, gain).process(x), forward, rtol=0, atol=1e-6)
    back = ss.lfilter([1.0], a, x.astype(np.float64), axis=1)
    assert np.allclose(f.feedback_comb(seconds, gain).process(x), back, rtol=0, atol=1e-6)


REFUSED = [
    (lambda: f.lowpass(1000, 4, "cauer"), "design 'cauer' is unknown"),
    (lambda: f.lowpass(1000, 4, "bessel", ripple_db=1), "bessel design has no ripple_db"),
    (lambda: f.lowpass(1000, 4, "chebyshev1", stop_db=50), "use chebyshev2 and elliptic"),
    (lambda: f.lowpass(1000, 4, "elliptic", ripple_db=7), "from 0.01 to 6 dB"),
    (lambda: f.lowpass(1000, 4, "elliptic", stop_db=5), "from 10 to 120 dB"),
    (lambda: f.bandstop(1000, 500), "low below high"),
    (lambda: f.fir_lowpass(1000, 100), "in steps of 2 from 3 to 16383"),
    (lambda: f.fir_lowpass(1000, 1), "taps=1"),
    (lambda: f.fir_lowpass(1000, design="guess"), "design 'guess' is unknown"),
    (lambda: f.fir_bandpass(2000, 1000), "low below high"),
    (lambda: f.fir_lowpass(20, 101, "parks-mcclellan").response(0), "give more taps"),
    (lambda: f.fir_lowpass(5000, 4095, "least squares").response(0), "at most 2047"),
    (lambda: f.peaking(1000, 41), "from -40 to 40 dB"),
    (lambda: f.peaking(1000, 6, 0), "q=0"),
    (lambda: f.low_shelf(0, 6), "hz=0"),
    (lambda: f.dehum(50, 41), "harmonics=41"),
    (lambda: f.comb(2), "from 0.0001 to 1 s"),
    (lambda: f.feedback_comb(0.1, 1), "from -0.99 to 0.99"),
    (lambda: f.graphic_eq([0] * 9), "9 gains cannot be"),
    (lambda: f.graphic_eq({440: 3}), "no band at 440 Hz"),
    (lambda: f.graphic_eq({1000: 13}), "from -12 to 12 dB"),
    (lambda: f.parametric_eq(), "needs a band"),
    (lambda: f.parametric_eq(1000, 3), "1000 is no band"),
    (lambda: f.from_sos([[1, 0, 0, 1, -2.1, 1.1]]), "never comes to rest"),
    (lambda: f.from_sos([[1, 0, 0, 1, -1]]), r"shape \(1, 5\)"),
    (lambda: f.from_sos([[1, 0, 0, 0, -1, 0]]), "a0 not 0"),
    (lambda: f.from_sos([1, 0, 0, 1, 0, np.nan]), "finite"),
    (lambda: f.from_sos("abc"), "real numbers"),
    (lambda: f.from_ba([1], [1, -1]), "never comes to rest"),
    (lambda: f.from_ba([], [1]), "at least one b"),
    (lambda: f.from_ba([1], [0, 1]), r"a\[0\] not 0"),
    (lambda: f.from_ba([1], latency=-1), "latency=-1"),
    (lambda: f.from_function(3), "no function"),
    (lambda: f.parallel(), "at least one filter"),
]


@pytest.mark.parametrize(("make", "words"), REFUSED)
def test_what_cannot_be_is_refused_in_one_line(make, words: str) -> None:
    with pytest.raises(FilterError, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda hz: f.lowpass(hz, design="elliptic"),
        lambda hz: f.bandstop(100, hz),
        lambda hz: f.fir_highpass(hz),
        lambda hz: f.fir_bandpass(100, hz),
        lambda hz: f.peaking(hz, 3),
        lambda hz: f.low_shelf(hz, 3),
        lambda hz: f.allpass(hz),
    ],
)
def test_frequencies_at_half_the_rate_name_the_rate(make) -> None:
    made = make(4000)
    with pytest.raises(FilterError, match="8000 Hz"):
        Recording(np.zeros(100), 8000) | made
    with pytest.raises(FilterError, match="8000 Hz"):
        made.sample_rate = 8000
    assert made.sample_rate == 48000


def test_coefficients_of_ones_own(noise) -> None:
    x = noise(20_000, channels=2)
    sos = ss.butter(5, 1000, output="sos", fs=48000)
    b, a = ss.cheby1(3, 1, 2000, fs=48000)
    wide = x.astype(np.float64)
    assert np.allclose(f.from_sos(3 * sos).process(x), ss.sosfilt(sos, wide), rtol=0, atol=1e-6)
    assert np.allclose(
        f.from_ba(2 * b, 2 * a).process(x), ss.lfilter(b, a, wide), rtol=0, atol=1e-6
    )
    assert np.allclose(
        f.from_ba([1, 2, 3, 0], [1, -0.5, 0]).process(x),
        ss.lfilter([1, 2, 3], [1, -0.5], wide),
        rtol=0,
        atol=1e-6,
    )
    late = f.from_ba(np.ones(21) / 21, latency=10)
    middle = (Recording(x, 48000) | late).samples[0, 500]
    assert middle == pytest.approx(x[0, 490:511].mean(), abs=1e-6)


def test_coefficients_for_one_rate_refuse_another() -> None:
    made = f.from_sos(ss.butter(2, 1000, output="sos", fs=16000), sample_rate=16000)
    assert made.sample_rate == 16000
    assert (Recording(np.zeros(100), 16000) | made).sample_rate == 16000
    with pytest.raises(FilterError, match="made for 16000 Hz"):
        Recording(np.zeros(100), 48000) | made
    assert abs(made.copy().response(1000)) == pytest.approx(0.5**0.5, abs=1e-6)
    with pytest.raises(FilterError, match="48000 Hz"):
        made.sample_rate = 48000


@pytest.mark.parametrize("cutoff", [20, 30, 50])
def test_a_steep_filter_far_below_the_rate_keeps_its_faintest_memory(cutoff):
    """Nearly all of the gain is in the first section, whose memory is far below what is heard."""
    x = np.random.default_rng(1).standard_normal((1, 48_000)).astype("f4") * 0.1
    low, whole = f.lowpass(cutoff, order=12), f.lowpass(cutoff, order=12)
    pieces = [low.process(x[:, i : i + 480]) for i in range(0, x.shape[1], 480)]
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole.process(x), atol=1e-6)
