"""Zooming in, mean spectra, bands and measured responses."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from lkexplore import plot
from lkexplore.filters import lowpass
from lkexplore.sound.recording import Recording

RATE = 48000


def test_zooming_into_a_waveform_shows_its_samples(noise) -> None:
    x = noise(RATE * 20)
    ax = plot.waveform((x, RATE), Figure().add_subplot())
    assert not ax.lines
    ax.set_xlim(10, 10.002)
    times, values = ax.lines[0].get_data()
    at = np.rint(times * RATE).astype(int)
    assert times.min() <= 10
    assert times.max() >= 10.002
    assert values == pytest.approx(x[0, at])
    ax.set_xlim(0, 20)
    assert not ax.lines


def test_a_tone_has_its_power_in_its_band(tone) -> None:
    ax = plot.spectrum(tone(1000, seconds=3, peak=0.1), Figure().add_subplot(), bands="third")
    names = [text.get_text() for text in ax.get_xticklabels()]
    tops = [bar.get_y() + bar.get_height() for bar in ax.patches]
    assert names[int(np.argmax(tops))] == "1k"
    assert max(tops) == pytest.approx(-20, abs=0.1)


def test_a_measured_response_is_the_designed_one(noise) -> None:
    before = Recording(noise(RATE * 4), RATE)
    ax = plot.response(lowpass(1000), Figure().add_subplot(), before=before)
    designed, measured = ax.lines[0].get_data(), ax.lines[1].get_data()
    seen = (measured[0] > 100) & (measured[0] < 5000)
    wanted = np.interp(measured[0][seen], *designed)
    assert measured[1][seen] == pytest.approx(wanted, abs=0.5)
