"""Pitch, pitch classes, onsets, levels, scales, reassignment and zooming, by what is drawn."""

from __future__ import annotations

import gc
import warnings
import weakref

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from lkexplore import measure, plot
from lkexplore.errors import FilterError, SoundError
from lkexplore.files.sample_sounds import sample
from lkexplore.filters import lowpass, peaking
from lkexplore.plot.axes import add_legend
from lkexplore.plot.panels import split
from lkexplore.plot.reassigned import reassigned_columns
from lkexplore.plot.scales import mel_of_hz
from lkexplore.sound.recording import Recording

RATE = 48000


def new_axes():
    return Figure(figsize=(9, 3.2)).add_subplot()


def cells(mesh) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the levels of a mesh, shape (rows, columns), and the edges in Hz and seconds."""
    grid = np.asarray(mesh.get_coordinates())
    shape = grid.shape[0] - 1, grid.shape[1] - 1
    return np.asarray(mesh.get_array()).reshape(shape), grid[:, 0, 1], grid[0, :, 0]


def named(ax, label: str):
    (line,) = [line for line in ax.lines if line.get_label() == label]
    return line


def gliding(first: float, last: float, seconds: float) -> Recording:
    """Make a tone with overtones whose pitch rises evenly."""
    t = np.arange(round(seconds * RATE)) / RATE
    turns = first * t + (last - first) * t**2 / 2 / seconds
    x = sum(np.sin(2 * np.pi * k * turns) / k for k in range(1, 6))
    return Recording((0.3 * x).astype(np.float32), RATE)


@pytest.mark.parametrize("method", ["pyin", "yin"])
def test_the_pitch_of_a_glide_is_drawn_where_it_is(method) -> None:
    ax = plot.pitch(gliding(150, 300, 1.5), new_axes(), method=method)
    times, hz = named(ax, "pitch").get_data()
    inner = (times > 0.2) & (times < 1.3)
    assert np.isfinite(hz[inner]).all()
    assert hz[inner] == pytest.approx(150 + 100 * times[inner], rel=0.03)
    assert ax.get_ylim()[1] == pytest.approx(4 * np.nanmax(hz))


def test_where_there_is_no_voice_there_is_no_pitch(noise) -> None:
    voice = gliding(200, 200.1, 1.0).samples
    x = np.concatenate((voice, 0.1 * noise(RATE)), axis=1)
    times, hz = named(plot.pitch((x, RATE), new_axes()), "pitch").get_data()
    assert np.isnan(hz[times > 1.2]).mean() > 0.9
    assert np.isfinite(hz[(times > 0.1) & (times < 0.9)]).all()


@pytest.mark.parametrize(("hz", "name"), [(261.6, "C"), (440.0, "A"), (1760.0, "A"), (370.0, "F♯")])
def test_a_note_has_its_pitch_class(tone, hz: float, name: str) -> None:
    ax = plot.chroma(tone(hz, rate=22_050, peak=0.3), new_axes(), tuning=0.0)
    image, _, times = cells(ax.collections[0])
    assert [ax.get_yticklabels()[row].get_text() for row in set(image.argmax(axis=0))] == [name]
    assert image.max(axis=0) == pytest.approx(1)
    assert times[[0, -1]] == pytest.approx([0, 1])


def test_a_low_tuning_is_found_out(tone) -> None:
    # Forty hundredths of a semitone below A and E.
    low = 2 ** (-0.4 / 12)
    x = tone(440 * low, rate=22_050).samples + tone(659.26 * low, rate=22_050).samples
    image, _, _ = cells(plot.chroma((0.3 * x, 22_050), new_axes()).collections[0])
    strongest = image.mean(axis=1).argsort()[-2:]
    assert set(strongest) == {4, 9}
    assert image.mean(axis=1)[8] < 0.2


def times_of_onsets(sound) -> list[float]:
    ax = plot.onsets(sound, new_axes())
    lines = [line for line in ax.lines if line.get_xdata()[0] == line.get_xdata()[-1]]
    assert sum(line.get_label() == "onset" for line in lines) == bool(lines)
    return [float(line.get_xdata()[0]) for line in lines]


def test_clicks_begin_where_they_are(noise) -> None:
    x = 0.001 * noise(3 * RATE)
    at = [0.5, 1.0001, 1.7003, 2.4]
    x[0, [round(time * RATE) for time in at]] = 0.8
    assert times_of_onsets((x, RATE)) == pytest.approx(at, abs=0.001)


@pytest.mark.parametrize("soft", [0.0, 0.1])
def test_notes_begin_where_they_begin(noise, soft: float) -> None:
    x = soft * noise(3 * RATE)
    t = np.arange(round(0.6 * RATE)) / RATE
    at = [0.3, 1.0, 1.8]
    for time in at:
        begin = round(time * RATE)
        x[0, begin : begin + t.size] += np.sin(2 * np.pi * 440 * t) * np.exp(-t / 0.06)
    assert times_of_onsets((x, RATE)) == pytest.approx(at, abs=0.002)


def test_a_note_at_the_very_beginning_begins_there() -> None:
    assert times_of_onsets(sample("plucked"))[0] == pytest.approx(0, abs=0.001)
    assert times_of_onsets(Recording(np.zeros(RATE), RATE)) == []


def test_levels_are_those_of_the_measures(tone) -> None:
    x = tone(997, seconds=4, peak=0.5).samples.copy()
    x[:, 2 * RATE :] *= 0.1
    ax = plot.levels((x, RATE), new_axes())
    for label, wanted in (("peak", -6.02), ("RMS", -6.02)):
        times, level = named(ax, label).get_data()
        assert level[(times > 0.3) & (times < 1.7)] == pytest.approx(wanted, abs=0.05)
        assert level[(times > 2.3) & (times < 3.7)] == pytest.approx(wanted - 20, abs=0.05)
    times, loudness = named(ax, "momentary loudness").get_data()
    assert loudness == pytest.approx(measure.momentary_lufs((x, RATE)))
    # A full-scale sine of 997 Hz has -3.01 LUFS.
    assert loudness[(times > 0.3) & (times < 1.7)] == pytest.approx(-9.03, abs=0.05)
    assert "LUFS" in ax.get_ylabel()


def test_levels_without_loudness_are_drawn_alone(tone) -> None:
    ax = plot.levels(tone(100, rate=4000), new_axes())
    assert {line.get_label() for line in ax.lines} == {"peak", "RMS"}


def test_mel_rows_are_of_one_height_and_hold_what_they_say(tone) -> None:
    x = tone(500).samples + 0.1 * tone(8000).samples
    ax = plot.spectrogram((0.5 * x, RATE), new_axes(), scale="mel")
    image, edges, _ = cells(ax.collections[0])
    assert np.diff(mel_of_hz(edges)) == pytest.approx(mel_of_hz(RATE / 2) / len(image))
    for hz, level in ((500, -6.02), (8000, -26.02)):
        row = np.searchsorted(edges, hz) - 1
        assert image[row] == pytest.approx(level, abs=0.3)
    shown = [ax.transData.transform((0, hz))[1] for hz in edges]
    assert np.diff(shown) == pytest.approx(np.diff(shown)[0], rel=0.01)
    assert {1000, 5000} <= set(ax.get_yticks())


def test_the_range_of_the_colours_is_as_wide_as_asked(tone) -> None:
    ax = plot.spectrogram(tone(1000, peak=0.1), new_axes(), range_db=40)
    assert ax.collections[0].get_clim() == (-60, -20)
    with pytest.raises(SoundError, match="range_db"):
        plot.spectrogram(tone(1000), new_axes(), range_db=0)


@pytest.mark.parametrize("columns", [10, 300])
@pytest.mark.parametrize("window", [1920, 1921])
def test_reassigned_tones_lie_on_one_row_at_their_level(tone, columns: int, window: int) -> None:
    edges = np.arange(900.0, 1101.0, 2.0)
    for hz in (963.1, 1000.9, 1037.3):
        x = tone(hz, seconds=3).samples
        image = reassigned_columns(x, RATE, window=window, columns=columns, row_edges=edges)
        # The edges of the sound belong to no whole window.
        inner = image[:, columns // 5 : -columns // 5]
        rows = inner.argmax(axis=0)
        filled = inner.max(axis=0) > -1
        assert filled.mean() > 0.9
        assert set(rows[filled]) == {int((hz - 900) // 2)}
        assert inner.max() == pytest.approx(0, abs=0.45)


def test_a_reassigned_click_is_thinner() -> None:
    x = np.zeros(RATE, np.float32)
    x[RATE // 2] = 1
    widths = []
    for reassigned in (False, True):
        ax = plot.spectrogram((x, RATE), new_axes(), reassigned=reassigned)
        image, _, times = cells(ax.collections[0])
        loud = np.flatnonzero((image > image.max() - 20).any(axis=0))
        assert times[loud[0]] - 0.003 <= 0.5 <= times[loud[-1] + 1] + 0.003
        widths.append(loud.size)
    assert widths[1] < widths[0] / 3


def test_zooming_into_a_spectrogram_tells_more(tone) -> None:
    # Two tones nearer than a row of the whole picture.
    x = tone(1000, seconds=60, peak=0.4).samples + tone(1050, seconds=60, peak=0.4).samples
    ax = plot.spectrogram((x, RATE), new_axes(), window_seconds=0.2)
    ax.set_xlim(20, 22)
    ax.set_ylim(900, 1150)
    image, edges, times = cells(ax.collections[-1])
    assert edges[[0, -1]] == pytest.approx([900, 1150])
    assert times[0] <= 20
    assert times[-1] >= 22
    column = image[:, image.shape[1] // 2]
    peaks = [column[np.searchsorted(edges, hz) - 1] for hz in (1000, 1050)]
    assert peaks == pytest.approx([-7.96, -7.96], abs=0.5)
    assert column[np.searchsorted(edges, 1025) - 1] < -40
    count = len(ax.collections)
    ax.set_xlim(30, 31)
    assert len(ax.collections) == count
    ax.set_xlim(0, 60)
    ax.set_ylim(0, RATE / 2)
    assert len(ax.collections) == count - 1


def test_panels_share_the_place_of_one() -> None:
    figure = Figure(figsize=(8, 6))
    for ax in (figure.add_subplot(2, 1, 1), figure.add_axes((0.1, 0.1, 0.8, 0.3))):
        box = ax.get_position()
        panels = split(ax, [2, 1])
        assert panels[0] is ax
        places = [panel.get_position() for panel in panels]
        assert places[0].height == pytest.approx(2 * places[1].height, rel=0.01)
        assert places[0].y0 > places[1].y1
        assert places[0].y1 == pytest.approx(box.y1)
        assert places[1].y0 == pytest.approx(box.y0)
        ax.set_xlim(3, 4)
        assert panels[1].get_xlim() == (3, 4)


def test_a_long_legend_goes_into_several_lines() -> None:
    filters = [peaking(hz, 6, 2) for hz in (200, 500, 1000, 2000, 4000, 8000)]
    ax = plot.response(filters)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ax.figure.canvas.draw()
    assert ax.get_position().width > 0.8
    legend = ax.get_legend().get_window_extent()
    assert legend.x0 >= 0
    assert legend.x1 <= ax.figure.bbox.x1
    assert len(ax.get_legend().get_texts()) == 6
    short = new_axes()
    for name in "abc":
        short.plot([0, 1], label=name)
    add_legend(short)
    heights = [text.get_window_extent().y0 for text in short.get_legend().get_texts()]
    assert max(heights) - min(heights) < 2


@pytest.mark.parametrize(
    "failing",
    [
        lambda x: plot.onsets(x, max_hz=-1),
        lambda x: plot.pitch(x, scale="bark"),
        lambda x: plot.chroma(x, tuning=3),
        lambda x: plot.compare(x, x, picture="spectrogram", scale="bark"),
        lambda x: plot.compare(x, x, picture="film"),
        lambda x: plot.levels(x, weights=[1, 1, 1]),
        lambda x: plot.spectrum((x.samples, 10), bands="octave"),
        lambda x: plot.response(lowpass(1000), before=x[0.0:0.1]),
        lambda x: plot.response(lowpass(1000), parts=["gain"]),
        lambda x: plot.response(),
        lambda x: plot.response(lowpass(1000), after=x),
    ],
)
def test_what_fails_leaves_no_figure(tone, failing) -> None:
    with pytest.raises((SoundError, FilterError)) as caught:
        failing(tone(440))
    assert "\n" not in str(caught.value)
    assert plt.get_fignums() == []


def test_a_loop_leaves_no_figures_behind(tone) -> None:
    sound, seen = tone(440, seconds=0.1), []
    own = plt.figure()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(25):
            ax = plot.waveform(sound)
            seen.append(weakref.ref(ax.figure))
    assert plt.gcf() is ax.figure
    assert sorted(plt.get_fignums()) == sorted((own.number, ax.figure.number))
    plt.close(ax.figure)
    del ax
    gc.collect()
    assert not any(figure() for figure in seen)
