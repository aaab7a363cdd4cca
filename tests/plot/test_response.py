"""What filters do, drawn: poles and zeros, designed and measured responses, before and after."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from lkexplore import plot
from lkexplore.errors import FilterError, SoundError
from lkexplore.filters import compressor, from_ba, gain, highpass, limiter, lowpass, notch
from lkexplore.sound.recording import Recording

RATE = 48000
PARTS = ["magnitude", "phase", "delay", "coherence"]


def new_axes():
    return Figure(figsize=(9, 7)).add_subplot()


def panels_of(ax):
    """Return the panels from above."""
    return sorted(ax.figure.axes, key=lambda panel: -panel.get_position().y0)


def named(ax, label: str):
    (line,) = [line for line in ax.lines if line.get_label() == label]
    return line


def cells(mesh) -> np.ndarray:
    grid = np.asarray(mesh.get_coordinates())
    return np.asarray(mesh.get_array()).reshape(grid.shape[0] - 1, grid.shape[1] - 1)


def test_poles_and_zeros_are_where_they_are() -> None:
    one = notch(6000, 5)
    one.sample_rate = RATE
    ax = plot.pole_zero(one, new_axes())
    found = one.poles_zeros()
    for label, wanted in (("poles", found.poles), ("zeros", found.zeros)):
        x, y = named(ax, label).get_data()
        assert sorted(x + 1j * y, key=np.imag) == pytest.approx(sorted(wanted, key=np.imag))
    # The zeros of a notch are on the circle, at its frequency.
    x, y = named(ax, "zeros").get_data()
    assert np.angle(x + 1j * y).max() == pytest.approx(2 * np.pi * 6000 / RATE)
    assert np.hypot(x, y) == pytest.approx(1)
    assert {"0 Hz", "12000 Hz", "24000 Hz"} <= {text.get_text() for text in ax.texts}


def test_poles_in_one_place_are_counted_and_far_ones_named() -> None:
    ax = plot.pole_zero(lowpass(1000, 4), new_axes())
    assert "4" in {text.get_text() for text in ax.texts}
    x, y = named(ax, "zeros").get_data()
    assert x + 1j * y == pytest.approx([-1], abs=0.01)
    far = plot.pole_zero(from_ba([1.0, -10.0], [1.0], sample_rate=RATE), new_axes())
    assert named(far, "zeros").get_data()[0].size == 0
    assert "1 farther out" in {text.get_text() for text in far.texts}
    with pytest.raises(FilterError):
        plot.pole_zero(compressor(), new_axes())


def test_the_measured_lies_over_the_designed_in_every_panel(noise) -> None:
    before = Recording(noise(RATE * 6), RATE)
    ax = plot.response(lowpass(2000, 4), new_axes(), before=before)
    panels = panels_of(ax)
    assert [panel.get_ylabel() for panel in panels] == [
        "Gain (dB)",
        "Phase (°)",
        "Delay (ms)",
        "Coherence",
    ]
    tolerances = {"Gain (dB)": 0.5, "Phase (°)": 5.0, "Delay (ms)": 0.2}
    for panel in panels[:3]:
        designed, measured = panel.lines[0].get_data(), panel.lines[1].get_data()
        seen = (measured[0] > 200) & (measured[0] < 1800)
        wanted = np.interp(measured[0][seen], *designed)
        assert measured[1][seen] == pytest.approx(wanted, abs=tolerances[panel.get_ylabel()])
    hz, coherence = panels[3].lines[0].get_data()
    assert coherence[(hz > 200) & (hz < 1800)].min() > 0.99
    assert [text.get_text() for text in ax.get_legend().get_texts()][-1] == "measured"


def test_dots_are_left_out_where_nothing_is_coherent(noise) -> None:
    x = noise(RATE * 6)
    after = (Recording(x, RATE) | lowpass(2000, 8)).samples + 0.01 * noise(x.shape[1], seed=1)
    ax = plot.response(lowpass(2000, 8), new_axes(), before=(x, RATE), after=(after, RATE))
    gain_panel, _, delay_panel, coherence_panel = panels_of(ax)
    hz, delay = delay_panel.lines[1].get_data()
    designed = np.interp(hz, *delay_panel.lines[0].get_data())
    drawn = np.isfinite(delay)
    # None of them strays.
    assert delay[drawn & (hz > 60)] == pytest.approx(designed[drawn & (hz > 60)], abs=0.5)
    assert drawn[(hz > 100) & (hz < 1500)].all()
    assert not drawn[hz > 5000].any()
    gains = gain_panel.lines[1].get_data()[1]
    assert not np.isfinite(gains[hz > 5000]).any()
    shown = coherence_panel.lines[0].get_data()[1]
    assert shown[hz > 10_000].max() < 0.5


def test_a_delay_is_measured_as_one(noise) -> None:
    x = noise(RATE * 5)
    late = np.pad(x, ((0, 0), (96, 0)))[:, : x.shape[1]]
    parts = ["delay"]
    ax = plot.response(before=(x, RATE), after=(late, RATE), parts=parts, ax=new_axes())
    hz, delay = ax.lines[0].get_data()
    assert delay[(hz > 100) & (hz < 23_000)] == pytest.approx(2.0, abs=0.5)
    assert delay[(hz > 1000) & (hz < 23_000)] == pytest.approx(2.0, abs=0.1)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["measured"]


def test_what_is_not_linear_is_measured_alone(noise) -> None:
    before = Recording(noise(RATE * 4), RATE)
    ax = plot.response({"softer": compressor()}, new_axes(), before=before)
    assert len(ax.lines[0].get_data()[0]) < 200
    with pytest.raises(FilterError):
        plot.response(compressor(), new_axes())
    with pytest.raises(FilterError):
        plot.response(lowpass(1000), new_axes(), parts=["coherence"])


def test_what_is_not_linear_is_named_in_its_dots(noise) -> None:
    both = {"soft": compressor(), "hard": limiter(-20)}
    before = Recording(noise(RATE * 4), RATE)
    ax = plot.response(both, new_axes(), before=before, parts=["magnitude"])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["soft", "hard", "measured"]


@pytest.mark.parametrize("parts", [["phase"], ["delay", "magnitude"], PARTS[:3]])
def test_panels_are_those_asked_for(parts) -> None:
    ax = plot.response([lowpass(1000), highpass(1000)], new_axes(), parts=parts)
    names = {"magnitude": "Gain (dB)", "phase": "Phase (°)", "delay": "Delay (ms)"}
    assert [panel.get_ylabel() for panel in panels_of(ax)] == [names[part] for part in parts]
    assert all(len(panel.lines) == 2 for panel in ax.figure.axes)
    colors = [line.get_color() for line in ax.lines]
    assert colors[0] != colors[1]
    assert panels_of(ax)[-1].get_xlabel() == "Frequency (Hz)"


def test_a_spectrum_is_compared_with_its_difference(noise) -> None:
    before = Recording(noise(RATE * 4), RATE)
    ax = plot.compare(before, before | lowpass(2000, 2), new_axes())
    top, below = panels_of(ax)
    assert [line.get_label() for line in top.lines] == ["before", "after"]
    hz, difference = below.lines[0].get_data()
    wanted = -10 * np.log10(1 + (hz / 2000) ** 4)
    seen = (hz > 50) & (hz < 6000)
    assert difference[seen] == pytest.approx(wanted[seen], abs=1)
    assert below.get_ylabel() == "Difference (dB)"


def test_waveforms_are_compared_with_their_difference(tone) -> None:
    before = tone(200, seconds=2, peak=0.4)
    ax = plot.compare(before, before | gain(6.0206), new_axes(), picture="waveform")
    heights = [
        float(panel.collections[0].get_paths()[0].vertices[:, 1].max()) for panel in panels_of(ax)
    ]
    assert heights == pytest.approx([0.4, 0.8, 0.4], abs=0.01)
    assert len({panel.get_ylim() for panel in ax.figure.axes}) == 1


@pytest.mark.parametrize("scale", ["linear", "log", "mel"])
def test_spectrograms_are_compared_on_one_scale(noise, tone, scale) -> None:
    x = noise(RATE * 2)
    before = Recording(x + 0.5 * tone(3000, seconds=2).samples, RATE)
    after = Recording(x, RATE)
    ax = plot.compare(before, after, new_axes(), picture="spectrogram", scale=scale)
    top, middle, low = (panel for panel in panels_of(ax) if panel.get_ylabel() == "Frequency (Hz)")
    first, second, third = (panel.collections[0] for panel in (top, middle, low))
    assert first.get_clim() == second.get_clim()
    edges = third.get_coordinates()[:, 0, 1]
    changed = cells(third)
    row = np.searchsorted(edges, 3000) - 1
    assert np.median(changed[row]) < -20
    assert np.abs(changed[np.searchsorted(edges, 9000)]).max() == pytest.approx(0, abs=1e-3)
    limit = max(abs(level) for level in third.get_clim())
    assert third.get_clim() == (-limit, limit)


def test_what_cannot_be_compared_is_refused(tone) -> None:
    with pytest.raises(SoundError, match="8000 Hz"):
        plot.compare(tone(100), tone(100, rate=8000), new_axes())
    with pytest.raises(SoundError, match="16"):
        plot.compare(tone(100), ([0.0], RATE), new_axes())
