"""Compressor, limiter, expander and gate against their equations, a sample at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.signal import firwin, resample_poly

from lkexplore.errors import FilterError
from lkexplore.filters import compressor, expander, gate, limiter
from lkexplore.measure import true_peak_dbtp
from lkexplore.sound.recording import Recording

RATE = 48000


def db(x: np.ndarray | float) -> np.ndarray:
    return 20 * np.log10(np.maximum(np.abs(x), 1e-10))


def bursts(seed: int, channels: int = 2, length: int = 24_000) -> np.ndarray:
    random = np.random.RandomState(seed)
    level = 10 ** (random.uniform(-60, 0, 25).repeat(length // 25) / 20)
    return (random.uniform(-1, 1, (channels, length)) * level).astype(np.float32)


def rounded(above: float, knee: float) -> float:
    """Equation 4 of Giannoulis, Massberg & Reiss 2012, as far as it is above the threshold."""
    if 2 * above < -knee:
        return 0.0
    if 2 * abs(above) <= knee and knee:
        return (above + knee / 2) ** 2 / (2 * knee)
    return above


@pytest.mark.parametrize("knee", [0, 10])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_compressor_is_the_papers(knee: float, seed: int) -> None:
    x = bursts(seed)
    out = compressor(-25, 5, 0.003, 0.03, knee, 4).process(x)
    attack, release = math.exp(-1 / (0.003 * RATE)), math.exp(-1 / (0.03 * RATE))
    held = smooth = 0.0
    gains = []
    for level in db(x.astype(float)).max(axis=0):
        wanted = rounded(level + 25, knee) * (1 - 1 / 5)
        held = max(wanted, release * held)
        smooth = attack * smooth + (1 - attack) * held
        gains.append(10 ** ((4 - smooth) / 20))
    assert out == pytest.approx(x * np.array(gains), abs=1e-6)


@pytest.mark.parametrize("level", [-60, -30, -22, -18, -10, 0])
def test_the_static_curve_is_reached(level: float) -> None:
    x = np.full((1, RATE), 10 ** (level / 20), np.float32)
    out = float(db(compressor(-20, 4, knee=8).process(x)[0, -1]))
    assert out == pytest.approx(level - 0.75 * rounded(level + 20, 8), abs=0.01)
    out = float(db(expander(-20, 3, knee=8, depth=50).process(x)[0, -1]))
    assert out == pytest.approx(level - min(50, 2 * rounded(-20 - level, 8)), abs=0.01)


def test_a_ratio_of_one_and_a_high_threshold_change_nothing(noise) -> None:
    x = noise(5000)
    assert np.array_equal(compressor(ratio=1).process(x), x)
    assert compressor(0, 100, knee=0).process(x) == pytest.approx(x)
    assert expander(-100, 50, knee=0).process(np.ones((1, RATE), np.float32))[0, -1] == 1


def test_attack_and_release_take_their_time() -> None:
    made = compressor(-20, 100, attack=0.01, release=0.2, knee=0)
    x = np.concatenate((np.full(RATE, 0.01), np.full(RATE, 1.0), np.full(RATE, 0.01)))
    gains = db(made.process(x[np.newaxis].astype(np.float32))[0] / x)
    steady = -20 * 0.99
    assert gains[RATE - 1] == pytest.approx(0, abs=1e-5)
    assert gains[RATE + 480 - 1] == pytest.approx(steady * (1 - math.exp(-1)), abs=0.02)
    assert gains[2 * RATE - 1] == pytest.approx(steady, abs=0.01)
    # The release, seen through the attack's 10 ms.
    wanted = steady * (0.2 * math.exp(-1) - 0.01 * math.exp(-20)) / 0.19
    assert gains[2 * RATE + 9600 - 1] == pytest.approx(wanted, abs=0.02)


def test_the_meter_shows_the_reduction() -> None:
    made = compressor(-20, 4, knee=0)
    assert made.reduction == 0
    made.process(np.ones((1, RATE), np.float32))
    assert made.reduction == pytest.approx(15, abs=0.01)


@pytest.mark.parametrize("make", [compressor, limiter, expander, gate])
def test_channels_are_linked(make) -> None:
    x = bursts(3)
    x[1] *= 0.1
    made = make()
    out = made.process(x)
    late = made.latency
    before = x[:, : x.shape[1] - late].astype(float)
    loud = np.abs(before).min(axis=0) > 1e-4
    gains = out[:, late:][:, loud] / before[:, loud]
    assert gains[1] == pytest.approx(gains[0], rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("ceiling", [-1.0, -12.3, -40.0])
@pytest.mark.parametrize("seed", range(5))
def test_no_sample_is_ever_above_the_ceiling(ceiling: float, seed: int) -> None:
    random = np.random.RandomState(seed)
    x = (30 * bursts(seed)) ** 3 / 100
    x[:, random.randint(0, x.shape[1], 50)] *= 100
    made = limiter(ceiling, release=float(random.uniform(0.001, 0.1)), lookahead=0.001)
    out, begin = [], 0
    while begin < x.shape[1]:
        size = random.randint(1, 900)
        out.append(made.process(x[:, begin : begin + size]))
        begin += size
    assert np.abs(np.concatenate(out, axis=1)).max() <= 10 ** (ceiling / 20)
    assert np.abs(np.concatenate(out, axis=1)).max() > 0.9 * 10 ** (ceiling / 20)


def test_the_limiter_only_delays_what_is_below_its_ceiling(noise) -> None:
    x = np.clip(noise(RATE, channels=2), -0.5, 0.5)
    made = limiter(-6, lookahead=0.003)
    assert made.latency == 144
    assert np.array_equal(made.process(x)[:, 144:], x[:, :-144])
    assert np.array_equal((Recording(x, RATE) | made).samples, x)


def test_the_limiter_turns_down_before_the_peak_and_smoothly(tone) -> None:
    x = tone(1000, peak=0.25).samples.copy()
    x[0, 24_012] = 4.0
    made = limiter(-6.0206, release=0.05, lookahead=0.005)
    gains = made.process(x)[0, 240:] / np.where(np.abs(x[0, :-240]) > 0.1, x[0, :-240], np.nan)
    assert np.nanmax(np.abs(gains[: 24_012 - 240] - 1)) < 1e-5
    assert np.isclose(gains[24_012], 0.125, rtol=1e-3)
    known = db(gains[~np.isnan(gains)])
    # 18 dB in 5 ms, over gaps of at most 7 samples where the tone crosses zero.
    assert np.abs(np.diff(known)).max() < 18 * 2 * 9 / 240


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("hold", [0.0, 0.01])
def test_the_gate_is_its_rules_sample_by_sample(seed: int, hold: float) -> None:
    x = bursts(seed)
    out = gate(-20, 8, attack=0.001, hold=hold, release=0.02, depth=60).process(x)
    fall = math.exp(-1 / (0.025 * RATE))
    peak, loud, since, closed = 0.0, False, math.inf, 1.0
    gains = []
    for level in np.abs(x.astype(float)).max(axis=0):
        peak = max(level, fall * peak)
        if db(peak) >= -20:
            loud = True
        elif db(peak) < -28:
            loud = False
        since = 0 if loud else since + 1
        opened = since <= hold * RATE
        goal, seconds = (0.0, 0.001) if opened else (1.0, 0.02)
        closed = goal + (closed - goal) * math.exp(-1 / (seconds * RATE))
        gains.append(10 ** (-60 * closed / 20))
    assert out == pytest.approx(x * np.array(gains), abs=1e-6)


def test_the_gate_silences_background_and_keeps_the_voice(tone) -> None:
    voice = tone(200, seconds=3, peak=0.3).samples.copy()
    voice[:, RATE : 2 * RATE] *= 0.01
    made = gate(-40, hold=0.05)
    out = made.process(voice)
    assert made.is_open
    assert out[:, 4800:RATE] == pytest.approx(voice[:, 4800:RATE], abs=1e-4)
    quiet = slice(2 * RATE - 4800, 2 * RATE)
    assert db(np.abs(out[:, quiet]).max() / np.abs(voice[:, quiet]).max()) < -75


def test_a_level_between_the_thresholds_leaves_the_gate_as_it_is(tone) -> None:
    between = tone(500, seconds=1, peak=10 ** (-43 / 20)).samples
    made = gate(-40, 6, hold=0)
    made.process(between)
    assert not made.is_open
    made.process(tone(500, seconds=0.2, peak=0.1).samples)
    assert made.is_open
    for begin in range(0, RATE, 480):
        made.process(between[:, begin : begin + 480])
        assert made.is_open
    made.process(tone(500, seconds=1, peak=0.001).samples)
    assert not made.is_open


@pytest.mark.parametrize("lookahead", [0, -1, 0.2, math.nan])
def test_an_impossible_look_ahead_is_refused(lookahead: float) -> None:
    with pytest.raises(FilterError, match=r"0.0005 to 0.1 s"):
        limiter(lookahead=lookahead)


def between_the_samples(x: np.ndarray) -> float:
    """Return the peak of sixteenfold oversampled sound, in dBFS."""
    taps = firwin(2 * 64 * 16 + 1, 1 / 16, window=("kaiser", 9.0))
    return float(db(np.abs(resample_poly(x.astype(float), 16, 1, axis=1, window=taps)).max()))


def hard_sounds() -> dict[str, np.ndarray]:
    """Return sound up to 20 kHz whose peaks fall between samples, twice full scale and more."""
    t, random = np.arange(RATE), np.random.RandomState(5)
    level = 10 ** (random.uniform(-40, 20, 50).repeat(RATE // 50) / 20)
    sounds = {
        "quarter": np.sin(np.pi / 2 * t + np.pi / 4),
        "high tone": np.sin(2 * np.pi * 19_011 * t / RATE),
        "noise": random.standard_normal(RATE),
        "clipped noise": np.sign(random.standard_normal(RATE)),
        "square": np.sign(np.sin(2 * np.pi * 997 * t / RATE)),
        "bursts": random.uniform(-1, 1, RATE) * level,
        "pairs": np.where(t % 1000 < 2, (-1.0) ** t * 3, 0.0),
    }
    fade = np.clip(np.minimum(t, RATE - 1 - t) / 2400, 0, 1)
    for name, sound in sounds.items():
        spectrum = np.fft.rfft(sound)
        spectrum[np.fft.rfftfreq(RATE, 1 / RATE) > 20_000] = 0
        made = 2 * np.fft.irfft(spectrum, RATE) * (0.5 - 0.5 * np.cos(np.pi * fade))
        sounds[name] = np.pad(made, (0, 4800)).astype(np.float32)[np.newaxis]
    return sounds


@pytest.mark.parametrize("lookahead", [0.0005, 0.005])
@pytest.mark.parametrize(("name", "x"), hard_sounds().items(), ids=list(hard_sounds()))
def test_a_true_peak_is_never_above_the_ceiling(name: str, x: np.ndarray, lookahead) -> None:
    plain = limiter(-6, 0.001, lookahead).process(x)
    made = limiter(-6, 0.001, lookahead, true_peak=True)
    out = made.process(x)
    assert between_the_samples(out) < -6 + 0.1
    assert true_peak_dbtp((out, RATE)) < -6 + 0.01
    assert np.abs(out).max() <= 10 ** (-6 / 20)
    assert between_the_samples(out) > -6.3
    if name not in ("high tone", "pairs"):
        assert between_the_samples(plain) > -6 + 0.5


def test_a_true_peak_limiter_only_delays_what_is_below_its_ceiling(noise) -> None:
    x = np.clip(noise(RATE, channels=2), -0.2, 0.2)
    made = limiter(-3, lookahead=0.003, true_peak=True)
    assert made.latency == 144 + 24
    assert np.array_equal(made.process(x)[:, 168:], x[:, :-168])
    assert np.array_equal((Recording(x, RATE) | made).samples, x)
    assert repr(made) == "Limiter(ceiling=-3, release=0.05, lookahead=0.003, true_peak=True)"


def test_the_true_peak_of_either_channel_turns_both_down(tone) -> None:
    t = np.arange(RATE)
    quarter = 0.9 * np.sin(np.pi / 2 * t + np.pi / 4) * np.clip((RATE - 9600 - t) / 4800, 0, 1)
    quarter *= np.clip(t / 4800, 0, 1)
    quiet = tone(440, peak=0.1).samples[0]
    out = limiter(-6, true_peak=True).process(np.stack((quarter, quiet)).astype(np.float32))
    assert true_peak_dbtp((out[:1], RATE)) == pytest.approx(-6, abs=0.01)
    half = 10 ** (-6 / 20) / 0.9
    assert np.abs(out[1, 9600:24_000]).max() == pytest.approx(0.1 * half, rel=0.01)
