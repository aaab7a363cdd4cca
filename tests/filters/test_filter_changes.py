"""Parameters changed while sound runs through: no click, no explosion, no long settling."""

from __future__ import annotations

import numpy as np
import pytest

from lkexplore.filters import bandpass, gain, highpass, lowpass, notch
from lkexplore.filters.linear.linear_filter import FADE_SECONDS
from lkexplore.measure import rms_dbfs, tone_hz
from lkexplore.sound.recording import Recording

RATE = 48000


def live(filter, samples: np.ndarray, changes: dict[int, dict[str, float]]) -> np.ndarray:
    """Run in 10 ms blocks, setting parameters before the block of each given number."""
    out = []
    for number, begin in enumerate(range(0, samples.shape[1], 480)):
        filter.set(**changes.get(number, {}))
        out.append(filter.process(samples[:, begin : begin + 480]))
    return np.concatenate(out, axis=1)


def click(x: np.ndarray, hz: float) -> float:
    """Return how far a sound is above a steady tone, far from the tone, in dBFS at its worst."""
    rest = Recording(x, RATE) | highpass(min(8 * hz, 20_000), 8)
    return max(rms_dbfs(rest[t : t + 0.005]) for t in np.arange(0.1, rest.duration, 0.005))


def test_a_gain_change_does_not_click(tone) -> None:
    x = tone(200, peak=0.5).samples
    smooth = live(gain(0), x, {50: {"db": -20}})
    level = np.where(np.arange(RATE) < 24_000, 1.0, 0.1)
    abrupt = x * level
    assert click(smooth, 200) < click(abrupt, 200) - 40
    assert smooth[0, : 480 * 50] == pytest.approx(x[0, : 480 * 50])
    done = 480 * 50 + round(FADE_SECONDS * RATE)
    assert smooth[0, done:] == pytest.approx(0.1 * x[0, done:], abs=1e-6)


def test_the_new_design_is_reached_exactly(noise) -> None:
    x = noise(2 * RATE)
    changed = live(lowpass(1000), x, {100: {"cutoff": 4000}})
    wanted = lowpass(4000).process(x)
    done = 480 * 100 + round(FADE_SECONDS * RATE)
    assert changed[:, done:] == pytest.approx(wanted[:, done:], abs=1e-5)


def test_changing_the_order_does_not_click(tone) -> None:
    x = tone(200, peak=0.5).samples
    changed = live(lowpass(2000, 2), x, {50: {"order": 9}})
    assert click(changed, 200) < -90


def test_a_slow_notch_need_not_settle_again(tone) -> None:
    hum = tone(50, seconds=4, peak=0.5).samples
    moved = live(notch(50, 30), hum, {300: {"q": 25}, 320: {"q": 30}})
    assert rms_dbfs((moved[:, 480 * 300 :], RATE)) < -45


@pytest.mark.parametrize("seed", range(5))
def test_wild_changes_never_explode(noise, seed: int) -> None:
    random = np.random.RandomState(seed)
    x = np.clip(3 * noise(2 * RATE, seed=seed), -1, 1)
    for made, names in [
        (lowpass(1000, 8), ("cutoff",)),
        (highpass(1000, 8), ("cutoff",)),
        (notch(1000, 30), ("hz", "q")),
        (bandpass(300, 3400, 6), ()),
    ]:
        changes: dict[int, dict[str, float]] = {}
        for block in range(1, 200):
            values = 20 * 1000 ** random.uniform(0, 1, 2)
            if names:
                changes[block] = {
                    name: float(np.clip(value, 1, 1000) if name == "q" else value)
                    for name, value in zip(names, values, strict=False)
                }
            else:
                low, high = sorted(values)
                changes[block] = {"low": float(low), "high": float(high) * 1.1}
        out = live(made, x, changes)
        assert np.isfinite(out).all()
        assert np.abs(out).max() < 4


def test_changes_faster_than_the_fade_end_at_the_last(tone) -> None:
    x = tone(200, peak=0.5).samples
    changes = {number: {"db": -float(number % 7)} for number in range(20, 60)}
    out = live(gain(0), x, changes | {60: {"db": -20.0}})
    assert out[0, 480 * 64 :] == pytest.approx(0.1 * x[0, 480 * 64 :], abs=1e-6)
    assert click(out, 200) < -60
    assert tone_hz((out[:, 480 * 64 :], RATE)) == pytest.approx(200, abs=0.1)


def test_a_parameter_set_before_the_first_block_needs_no_fade(noise) -> None:
    made = gain(0)
    made.db = -20
    x = noise(100)
    assert made.process(x) == pytest.approx(0.1 * x)
    made.db = 0
    made.reset()
    assert made.process(x) == pytest.approx(x)
