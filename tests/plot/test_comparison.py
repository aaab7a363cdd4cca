"""Before and after in numbers and in a picture."""

from __future__ import annotations

import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from lkexplore import measure
from lkexplore.errors import SoundError
from lkexplore.files.sample_sounds import sample
from lkexplore.filters import highpass, lowpass
from lkexplore.plot.comparison import compare
from lkexplore.sound.recording import Recording

RATE = 48000


@pytest.fixture
def voice() -> Recording:
    return sample("speech").resample(RATE)


def test_the_table_holds_the_measures(voice, noise) -> None:
    noisy = voice.replace(samples=voice.samples + 0.1 * noise(voice.samples.shape[1]))
    cleaned = noisy | lowpass(4000)
    table = compare(noisy, cleaned, voice)
    for name, taken in (
        ("peak", measure.peak_dbfs),
        ("true peak", measure.true_peak_dbtp),
        ("RMS", measure.rms_dbfs),
        ("loudness", measure.loudness_lufs),
    ):
        assert table[name].before == taken(noisy)
        assert table[name].after == taken(cleaned)
        assert table[name].change == table[name].after - table[name].before
    for name, sound in (("before", noisy), ("after", cleaned)):
        assert getattr(table["SI-SDR"], name) == measure.snr_db(voice, sound)
        assert getattr(table["SNR"], name) == measure.snr_db(voice, sound, gain=False)
    assert table["distance to reference"].change < -3
    assert table["lag"].before is None
    assert table["lag"].change is None


def test_a_known_change_is_shown(noise) -> None:
    x = noise(RATE)
    late = 0.5 * np.pad(x, ((0, 0), (480, 0)))
    table = compare((x, RATE), (late, RATE))
    assert table["peak"].change == pytest.approx(-6.02, abs=0.01)
    assert table["lag"].after == pytest.approx(10, abs=1e-6)
    assert table["spectral distance"].after == pytest.approx(6.02, abs=0.1)


def test_what_cannot_be_measured_is_left_open(noise) -> None:
    table = compare((noise(1000), RATE), (np.zeros(1000), RATE))
    assert table["loudness"].before is None
    assert table["lag"].after is None
    assert table["RMS"].after == -np.inf
    assert table["RMS"].change is None
    assert "−∞" in repr(table)
    empty = compare(([], RATE), ([], RATE), ([], RATE))
    assert empty["SNR"].before is None
    with pytest.raises(SoundError):
        compare(noise(10), (noise(10), RATE))


def test_intelligibility_is_there_if_its_packages_are(voice, monkeypatch) -> None:
    part = voice[0.0:2.0]
    for name, package in (("STOI", "pystoi"), ("PESQ", "pesq")):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(KeyError, match="SI-SDR"):
            compare(part, part, part)[name]
        monkeypatch.undo()
        pytest.importorskip(package, reason=f"{package} is not installed")
        row = compare(part, part | lowpass(1000), part)[name]
        assert row.change < 0


def test_it_reads_well(noise) -> None:
    x = Recording(noise(RATE), RATE)
    table = compare(x, x | highpass(1000), x)
    lines = repr(table).splitlines()
    assert lines[0].split() == ["before", "after", "change"]
    assert len({len(line) for line in lines}) == 1
    assert "loudness (LUFS)" in repr(table)
    page = table._repr_html_()
    assert page.count("<tr>") == len(table.rows) + 1
    assert page.count("<td") == 4 * len(table.rows)


def test_the_spectra_are_drawn_at_their_levels(tone) -> None:
    before = Recording(tone(1000).samples + tone(6000).samples, RATE)
    ax = Figure().add_subplot()
    assert compare(before, before | lowpass(2000, 8), tone(1000)).plot(ax) is ax
    assert plt.get_fignums() == []
    assert [line.get_label() for line in ax.lines] == ["before", "after", "reference"]
    assert ax.get_xscale() == "log"
    assert {ax.get_xlabel(), ax.get_ylabel()} == {"Frequency (Hz)", "Level (dBFS)"}

    def level(line: int, hz: float) -> float:
        x, y = ax.lines[line].get_data()
        return float(y[np.abs(x - hz) < 30].max())

    assert level(0, 1000) == pytest.approx(0, abs=1.5)
    assert level(0, 6000) == pytest.approx(0, abs=1.5)
    assert level(1, 1000) == pytest.approx(0, abs=1.5)
    assert level(1, 6000) < -60
    assert level(2, 6000) < -100


def test_axes_are_made_and_short_sound_is_drawn(noise) -> None:
    ax = compare((noise(100), RATE), ([], RATE)).plot()
    assert len(plt.get_fignums()) == 1
    assert [line.get_label() for line in ax.lines] == ["before"]
