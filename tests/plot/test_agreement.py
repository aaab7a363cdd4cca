"""What is drawn agrees with the whole transform, and shows nothing that is not in the sound."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.signal import ShortTimeFFT

from lkexplore import plot
from lkexplore.files.sample_sounds import sample
from lkexplore.plot.spectrogram_columns import level_columns
from lkexplore.sound.envelope import column_edges, extremes, outline_of, rms_columns

RATE = 48000


def new_axes():
    return Figure(figsize=(9, 3.2)).add_subplot()


def cells(mesh) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the levels of a mesh, shape (rows, columns), and the edges in Hz and seconds."""
    grid = np.asarray(mesh.get_coordinates())
    shape = grid.shape[0] - 1, grid.shape[1] - 1
    return np.asarray(mesh.get_array()).reshape(shape), grid[:, 0, 1], grid[0, :, 0]


def whole_transform(x: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return every fourth of a window's levels in dBFS, with the Hz and seconds they are at."""
    shape = np.hanning(window + 2)[1:-1]
    transform = ShortTimeFFT(shape, window // 32, RATE, mfft=8 * window)
    found = np.abs(transform.stft(x.astype(float))) * 2 / shape.sum()
    return 20 * np.log10(found + 1e-12), transform.f, transform.t(x.size)


@pytest.mark.parametrize("scale", ["linear", "log", "mel"])
def test_every_peak_of_speech_is_that_of_the_whole_transform(scale) -> None:
    voice = sample("speech").resample(RATE)[0.0:3.0]
    levels, hz, seconds = whole_transform(voice.samples[0], 1920)
    ax = plot.spectrogram(voice, new_axes(), scale=scale)
    drawn, edges, times = cells(ax.collections[0])
    compared = 0
    for row in range(5, len(edges) - 6, 5):
        # Of a stretch a quarter of a second and some rows wide, the strongest.
        inside = (hz >= edges[row]) & (hz <= edges[row + 5])
        for first in range(40, drawn.shape[1] - 110, 67):
            span = (seconds >= times[first]) & (seconds <= times[first + 67])
            if not inside.any():
                continue
            part = levels[inside][:, span]
            place = np.unravel_index(part.argmax(), part.shape)
            # On a border the peak is beyond it.
            if part.max() < -75 or {0, part.shape[0] - 1} & {int(place[0])}:
                continue
            if {0, part.shape[1] - 1} & {int(place[1])}:
                continue
            mine = drawn[row : row + 5, first : first + 67].max()
            assert mine == pytest.approx(part.max(), abs=1)
            compared += 1
    assert compared > 50


def test_many_tones_have_their_levels_whatever_the_length(noise) -> None:
    hz = np.array([150.0, 1003.7, 4711.1, 9876.5, 15_432.1, 22_222.2])
    level = np.array([-12.0, -20.0, -30.0, -40.0, -50.0, -60.0])
    t = np.arange(RATE * 100) / RATE
    x = sum(
        10 ** (a / 20) * np.sin(2 * np.pi * f * t) for f, a in zip(hz, level, strict=True)
    ).astype(np.float32)
    for seconds in (1, 100):
        drawn, edges, _ = cells(
            plot.spectrogram((x[: seconds * RATE], RATE), new_axes()).collections[0]
        )
        for f, a in zip(hz, level, strict=True):
            row = np.searchsorted(edges, f) - 1
            near = drawn[max(0, row - 1) : row + 2]
            assert near.max(axis=0) == pytest.approx(a, abs=0.3)


@pytest.mark.parametrize("at", [0, 1, 48_000 * 77 + 123, 48_000 * 150, 48_000 * 300 - 1])
def test_a_click_is_seen_anywhere_in_five_minutes(at: int) -> None:
    x = np.zeros(RATE * 300, np.float32)
    x[at] = 0.9
    ax = plot.waveform((x, RATE), new_axes())
    points = ax.collections[0].get_paths()[0].vertices
    assert points[:, 1].max() == pytest.approx(0.9)
    column = 300 / 700
    assert points[np.argmax(points[:, 1]), 0] == pytest.approx(at / RATE, abs=column)


def test_a_click_is_seen_in_the_spectrogram_of_five_minutes() -> None:
    places = [RATE * 10 + 77, RATE * 99 + 1003, RATE * 150, RATE * 222 + 31, RATE * 289 + 480]
    x = np.zeros(RATE * 300, np.float32)
    x[places] = 0.9
    edges = np.linspace(0, RATE / 2, 33)
    drawn = level_columns(x[None], RATE, window=1920, columns=700, row_edges=edges)
    loudest = 20 * np.log10(0.9 * 2 / np.hanning(1922).sum())
    middle = drawn[4:28].max(axis=0)
    found = np.flatnonzero(middle > -100)
    for place in places:
        own = found[np.abs((found + 0.5) * 300 / 700 - place / RATE) < 300 / 700]
        assert own.size
        # What lies between two windows loses, what is in all bins gains.
        assert loudest - 1.5 < middle[own].max() < loudest + 3.2
    assert found.size <= 2 * len(places)


def test_no_sample_of_an_hour_is_left_out() -> None:
    # The widths of the columns of an hour, with a click on each border and beside it.
    edges = column_edges(RATE * 3600, 700)
    assert edges[0] == 0
    assert edges[-1] == RATE * 3600
    widths = np.diff(edges)
    assert widths.max() - widths.min() <= 1
    first = edges[:4]
    for border in (0, int(first[1]) - 1, int(first[1]), int(first[2]) + 1, int(first[3]) - 1):
        x = np.zeros((1, int(first[3])), np.float32)
        x[0, border] = -0.7
        found = outline_of(x, first)
        owner = int(np.searchsorted(first, border, side="right")) - 1
        assert np.flatnonzero(found.low[0] < 0).tolist() == [owner]
        assert found.low[0, owner] == np.float32(-0.7)


@pytest.mark.parametrize("length", [1000, 100_003, 3_000_001])
def test_an_outline_is_that_of_all_samples(noise, length: int) -> None:
    x = noise(length, channels=2)
    x[1] *= 1e25
    edges = column_edges(length, 9)
    found = outline_of(x, edges)
    low, high = extremes(x, edges)
    assert np.array_equal(found.low, low)
    assert np.array_equal(found.high, high)
    assert found.rms == pytest.approx(rms_columns(x, edges), rel=1e-4)


def chirp(seconds: float) -> np.ndarray:
    """Return a sweep over the whole band that rises evenly."""
    t = np.arange(round(RATE * seconds)) / RATE
    return (0.5 * np.sin(np.pi * (RATE / 2 / seconds) * t**2)).astype(np.float32)


@pytest.mark.parametrize("reassigned", [False, True])
@pytest.mark.parametrize("seconds", [30, 120])
def test_a_sweep_is_one_line_without_a_mirror(seconds: int, reassigned: bool) -> None:
    ax = plot.spectrogram((chirp(seconds), RATE), new_axes(), reassigned=reassigned)
    drawn, edges, times = cells(ax.collections[0])
    hz = (edges[:-1] + edges[1:]) / 2
    middles = (times[:-1] + times[1:]) / 2
    # A column of two minutes holds a stretch of the sweep.
    reach = 600 + RATE / 2 / seconds * (times[1] - times[0])
    away = np.abs(hz[:, None] - middles[None] * (RATE / 2 / seconds)) > reach
    inner = (middles > 0.05 * seconds) & (middles < 0.95 * seconds)
    assert drawn[:, inner].max(axis=0) == pytest.approx(-6, abs=1.5)
    assert np.where(away, drawn, -200)[:, inner].max() < -60


def test_a_sweep_has_an_even_outline() -> None:
    # One sample a column would draw a slow wave where the columns beat with the sweep.
    ax = plot.waveform((chirp(60), RATE), new_axes())
    points = ax.collections[0].get_paths()[0].vertices
    heights = np.abs(points[5:-5, 1])
    assert heights[heights > 0] == pytest.approx(0.5, abs=0.02)
