from __future__ import annotations

import io
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from lkexplore.errors import SoundError
from lkexplore.files.sample_sounds import sample
from lkexplore.plot import spectrogram, waveform
from lkexplore.sound.envelope import (
    column_edges,
    covered_columns,
    extremes,
    rms_columns,
)
from lkexplore.sound.recording import Gap, Recording

RATE = 48000


def level_at(ax, seconds: float, hz: float) -> float:
    """Read a spectrogram's level, in dBFS, where a viewer would."""
    mesh = ax.collections[0]
    grid = mesh.get_coordinates()
    column = np.searchsorted(grid[0, :, 0], seconds) - 1
    row = np.searchsorted(grid[:, 0, 1], hz) - 1
    return float(mesh.get_array().reshape(grid.shape[0] - 1, grid.shape[1] - 1)[row, column])


def image(ax) -> np.ndarray:
    mesh = ax.collections[0]
    grid = mesh.get_coordinates()
    return np.asarray(mesh.get_array()).reshape(grid.shape[0] - 1, grid.shape[1] - 1)


def rendered(ax, **options: object) -> np.ndarray:
    target = io.BytesIO()
    ax.figure.savefig(target, format="png", dpi=100, **options)
    target.seek(0)
    return plt.imread(target)


@pytest.mark.parametrize("plot", [waveform, spectrogram])
def test_given_axes_are_drawn_on_and_returned_without_pyplot(plot) -> None:
    ax = Figure().add_subplot()
    assert plot(sample("hum"), ax) is ax
    assert plt.get_fignums() == []


@pytest.mark.parametrize("plot", [waveform, spectrogram])
def test_axes_are_made_and_labelled(plot) -> None:
    ax = plot((sample("hum").samples, 8000))
    assert len(plt.get_fignums()) == 1
    assert ax.get_xlabel() == "Time (s)"
    assert ax.get_xlim() == (0, 3)
    labels = {ax.get_ylabel(), *(child.get_ylabel() for child in ax.child_axes)}
    wanted = {"Amplitude", "Peak level (dBFS)"} if plot is waveform else {"Frequency (Hz)"}
    assert wanted <= labels
    assert any("dBFS" in label for label in labels)


@pytest.mark.parametrize("plot", [waveform, spectrogram])
@pytest.mark.parametrize(
    "sound",
    [
        Recording([], 8000),
        Recording([0.5], 8000),
        Recording([0.5, 0.1], 1),
        Recording(np.zeros(1000), 8000),
        Recording(np.ones(1000), 8000),
        Recording(np.full(1000, 1e30), 8000),
        Recording(np.full((64, 500), 0.1), 768000),
        Recording(np.zeros((9, 10_000)), 8000, identity="$x_", gaps=[Gap(0, 1.25, "all")]),
    ],
)
def test_everything_can_be_drawn_without_a_warning(plot, sound: Recording) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rendered(plot(sound))


@pytest.mark.parametrize("plot", [waveform, spectrogram])
def test_nothing_is_cut_off(plot) -> None:
    sound = sample("speech_noisy").replace(gaps=[Gap(1, 2, "x")])
    ax = plot(sound)
    tight = rendered(ax, bbox_inches="tight", pad_inches=0.0)
    full = rendered(ax)
    assert tight.shape[0] <= full.shape[0]
    assert tight.shape[1] <= full.shape[1]


@pytest.mark.parametrize("plot", [waveform, spectrogram])
def test_titles_come_from_the_name_unless_given(plot) -> None:
    named = sample("hum")
    assert plot(named).get_title(loc="left") == "hum"
    assert plot(named, title="mains").get_title(loc="left") == "mains"
    assert plot(named, title="").get_title(loc="left") == ""
    assert plot(named.replace(name=None, identity="bob")).get_title(loc="left") == "bob"


@pytest.mark.parametrize("plot", [waveform, spectrogram])
def test_gaps_are_shaded_where_they_are(plot) -> None:
    sound = Recording(np.zeros(80_000), 8000, gaps=[Gap(2, 4, "x"), Gap(9, 9.0001, "y")])
    ax = plot(sound)
    (bars,) = [c for c in ax.collections if c.get_label() == "gap"]
    spans = [path.get_extents().intervalx for path in bars.get_paths()]
    assert spans[0] == pytest.approx([2, 4], abs=0.05)
    assert spans[1][0] <= 9 <= spans[1][1]
    pixel = 10 / ax.get_window_extent().width
    assert 1 * pixel < spans[1][1] - spans[1][0] < 3 * pixel


def test_the_envelope_keeps_every_click(noise) -> None:
    x = 0.1 * noise(1_000_000)
    x[0, 123_456] = 1.0
    x[0, 987_654] = -0.9
    ax = waveform((x, RATE))
    points = ax.collections[0].get_paths()[0].vertices
    assert points[:, 1].max() == pytest.approx(1.0)
    assert points[:, 1].min() == pytest.approx(-0.9)
    at = points[np.argmax(points[:, 1]), 0]
    assert at == pytest.approx(123_456 / RATE, abs=20 / 700)
    assert len(points) < 4000


def test_the_dark_core_is_the_rms(tone) -> None:
    ax = waveform(tone(1000, peak=0.5, seconds=3))
    core = ax.collections[1].get_paths()[0].vertices
    assert np.median(np.abs(core[:, 1])) == pytest.approx(0.5 / np.sqrt(2), rel=0.01)


def test_a_short_sound_is_drawn_as_its_samples(tone) -> None:
    sound = tone(1000, seconds=0.002)
    ax = waveform(sound)
    times, values = ax.lines[0].get_data()
    assert times == pytest.approx(np.arange(96) / RATE)
    assert values == pytest.approx(sound.samples[0])
    assert ax.lines[0].get_marker() == "o"


def test_the_range_halves_to_fit_and_the_labels_say_so() -> None:
    for peak, limit, labels in [
        (0.9, 1.0, ["0", "−6", "−∞", "−6", "0"]),
        (0.2, 0.25, ["−12", "−18", "−∞", "−18", "−12"]),
        (3.0, 4.0, ["12", "6", "−∞", "6", "12"]),
    ]:
        ax = waveform((np.array([0, peak, 0, -peak]), 8000))
        assert ax.get_ylim() == pytest.approx((-1.08 * limit, 1.08 * limit))
        (right,) = ax.child_axes
        assert [text.get_text() for text in right.get_yticklabels()] == labels


def test_channels_lie_one_below_the_other(tone) -> None:
    x = np.concatenate((tone(100, peak=1).samples, tone(100, peak=0.25).samples))
    ax = waveform((x, RATE))
    first, second = ax.collections[0].get_paths()[0], ax.collections[2].get_paths()[0]
    assert first.get_extents().ymin > second.get_extents().ymax
    assert second.get_extents().height == pytest.approx(0.5, abs=0.02)
    assert {text.get_text() for text in ax.texts} == {"left", "right"}


@pytest.mark.parametrize("hz", [100, 440, 997.3, 5012.7, 12_345, 20_001.3])
@pytest.mark.parametrize("seconds", [0.1, 1, 20])
def test_a_full_scale_sine_reads_0_dbfs(tone, hz: float, seconds: float) -> None:
    ax = spectrogram(tone(hz, seconds=seconds))
    assert image(ax).max() == pytest.approx(0, abs=0.15)
    columns = image(ax).max(axis=0)
    assert columns == pytest.approx(0, abs=0.15)
    assert level_at(ax, seconds / 2, hz) == pytest.approx(0, abs=0.15)
    assert level_at(ax, seconds / 2, (hz + 11_000) % 23_000) < -60


def test_levels_add_as_dbfs_do(tone) -> None:
    ax = spectrogram((tone(1000, peak=0.1).samples + tone(9000, peak=0.001).samples, RATE))
    assert level_at(ax, 0.5, 1000) == pytest.approx(-20, abs=0.15)
    assert level_at(ax, 0.5, 9000) == pytest.approx(-60, abs=0.2)
    assert ax.collections[0].get_clim() == (-100, -20)


def test_a_constant_reads_as_its_power(tone) -> None:
    ax = spectrogram((np.full(8000, 0.5), 8000))
    assert image(ax)[0].max() == pytest.approx(20 * np.log10(0.5 * np.sqrt(2)), abs=0.05)


def test_nothing_vanishes_in_a_long_recording(tone) -> None:
    x = np.zeros(RATE * 300, np.float32)
    x[RATE * 123] = 1.0
    x[RATE * 200 : RATE * 200 + 4800] = tone(5000, seconds=0.1, peak=0.01).samples[0]
    ax = spectrogram((x, RATE))
    assert image(ax).shape[1] < 1000
    around = [level_at(ax, 123 + shift, 15_000) for shift in (-0.2, 0, 0.2)]
    assert max(around) > -70
    tones = [level_at(ax, 200.05 + shift, 5000) for shift in (-0.2, 0, 0.2)]
    assert max(tones) == pytest.approx(-40, abs=0.3)
    assert level_at(ax, 250, 5000) < -150


def test_a_sweep_is_where_it_should_be() -> None:
    for scale in ("linear", "log"):
        ax = spectrogram(sample("sweep"), scale=scale)
        for at in (1.0, 2.0, 3.0, 3.8):
            hz = 20 * 1000 ** (at / 4)
            assert level_at(ax, at, hz) > -25
            assert level_at(ax, at, hz * 2 if hz < 10_000 else hz / 2) < -45


def test_the_ends_are_not_smeared(tone) -> None:
    ax = spectrogram(tone(5000.3, seconds=2))
    assert level_at(ax, 0.001, 15_000) < -80
    assert level_at(ax, 1.999, 15_000) < -80


def test_the_strongest_channel_is_shown(tone) -> None:
    x = np.concatenate((tone(1000, peak=0.1).samples, tone(3000, peak=0.2).samples))
    ax = spectrogram((x, RATE))
    assert level_at(ax, 0.5, 1000) == pytest.approx(-20, abs=0.15)
    assert level_at(ax, 0.5, 3000) == pytest.approx(-13.98, abs=0.15)


def test_the_frequency_axis_can_end_sooner(tone) -> None:
    ax = spectrogram(tone(1000), max_hz=4000)
    assert ax.get_ylim() == (0, 4000)
    assert level_at(ax, 0.5, 1000) == pytest.approx(0, abs=0.15)
    assert level_at(ax, 0.5, 3900) < -60


def test_colours_can_be_fixed_and_the_bar_left_out(tone) -> None:
    ax = spectrogram(tone(1000), levels=(-90, 0), colorbar=False, cmap="viridis")
    assert ax.collections[0].get_clim() == (-90, 0)
    assert ax.child_axes == []
    assert spectrogram(tone(1000)).child_axes[0].get_ylabel() == "Level (dBFS)"


@pytest.mark.parametrize(
    "options",
    [
        {"window_seconds": 0},
        {"window_seconds": np.nan},
        {"scale": "bark"},
        {"max_hz": 0},
        {"max_hz": 24_001},
        {"levels": (0, -90)},
    ],
)
def test_wrong_options_are_refused_before_anything_is_drawn(tone, options: dict) -> None:
    with pytest.raises(SoundError, match=next(iter(options))):
        spectrogram(tone(1000), **options)
    assert plt.get_fignums() == []


@pytest.mark.parametrize("plot", [waveform, spectrogram])
def test_what_is_no_sound_is_refused(plot) -> None:
    with pytest.raises(SoundError):
        plot(np.zeros(100))
    with pytest.raises(SoundError):
        plot((np.array([np.nan]), 8000))


def test_recordings_draw_themselves(tone) -> None:
    assert tone().plot(color="C1").get_ylabel() == "Amplitude"
    assert tone().spectrogram(max_hz=2000).get_ylim() == (0, 2000)


def test_envelopes_agree_with_numpy(noise) -> None:
    x = noise(10_007, channels=2)
    edges = column_edges(10_007, 100)
    low, high = extremes(x, edges)
    level = rms_columns(x, edges)
    for column in range(100):
        part = x[:, edges[column] : edges[column + 1]]
        assert np.array_equal(low[:, column], part.min(axis=1))
        assert np.array_equal(high[:, column], part.max(axis=1))
        assert level[:, column] == pytest.approx(np.sqrt(np.mean(part.astype(float) ** 2, axis=1)))


def test_columns_cover_what_they_touch() -> None:
    assert covered_columns([], 10) == []
    assert covered_columns([(0, 1)], 10) == [(0, 10)]
    assert covered_columns([(0.0, 0.1), (0.1, 0.2)], 10) == [(0, 2)]
    assert covered_columns([(1.0, 1.0)], 10) == [(9, 10)]
    assert covered_columns([(0.31, 0.32), (0.95, 2.0)], 10) == [(3, 4), (9, 10)]
