from __future__ import annotations

import io
import warnings
from datetime import UTC, datetime, timedelta

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from lkexplore.errors import SoundError
from lkexplore.files.sample_sounds import sample
from lkexplore.plot import spectrogram, timeline, waveform
from lkexplore.sound.recording import Concealment, Gap, Recording

RATE = 8000


def quiet(seconds: float = 10.0, **meta: object) -> Recording:
    """So quiet that nothing but the shading has a colour."""
    return Recording(np.zeros(round(seconds * RATE)), RATE, **meta)


def pixels_of(ax) -> np.ndarray:
    """Render and return what is within the axes, (rows, columns, rgb) from 0 to 255."""
    figure, target = ax.figure, io.BytesIO()
    figure.savefig(target, format="png", dpi=100)
    target.seek(0)
    picture = np.round(plt.imread(target)[:, :, :3] * 255)
    box = ax.get_window_extent()
    top, bottom = len(picture) - box.y1, len(picture) - box.y0
    return picture[round(top) + 2 : round(bottom) - 2, round(box.x0) + 2 : round(box.x1) - 2]


def colour_at(picture: np.ndarray, along: float, height: float = 0.25) -> np.ndarray:
    """The mean colour of a few pixels at a share of the width and of the height from below."""
    row, column = int((1 - height) * len(picture)), int(along * picture.shape[1])
    return picture[row - 12 : row + 12, column - 6 : column + 6].mean(axis=(0, 1))


def is_orange(colour: np.ndarray) -> bool:
    return bool(colour[0] > colour[2] + 20 and colour[0] > colour[1] + 5)


def is_grey(colour: np.ndarray) -> bool:
    return bool(np.ptp(colour) < 8 and 100 < colour.mean() < 245)


def is_white(colour: np.ndarray) -> bool:
    return bool(colour.min() > 250)


def words(ax) -> list[str]:
    return [text.get_text() for text in ax.texts]


def legend(ax) -> list[str]:
    found = ax.get_legend()
    return [text.get_text() for text in found.get_texts()] if found else []


def test_gaps_and_concealment_have_their_own_colours_and_places() -> None:
    recording = quiet(gaps=[Gap(2, 4, "muted")], concealed=[Concealment(6, 8, 2.0)])
    ax = waveform(recording)
    picture = pixels_of(ax)
    assert is_white(colour_at(picture, 0.1))
    assert is_grey(colour_at(picture, 0.3))
    assert is_white(colour_at(picture, 0.5))
    assert is_orange(colour_at(picture, 0.7))
    assert is_white(colour_at(picture, 0.9))
    assert {"gap", "concealed"} <= set(legend(ax))


def test_edges_are_right_to_a_few_pixels() -> None:
    picture = pixels_of(waveform(quiet(concealed=[Concealment(2.5, 5.0, 2.5)])))
    row = picture[int(0.75 * len(picture))]
    tinted = np.flatnonzero(row[:, 0] > row[:, 2] + 20)
    assert tinted[0] / len(row) == pytest.approx(0.25, abs=0.006)
    assert tinted[-1] / len(row) == pytest.approx(0.5, abs=0.006)
    assert tinted.size == tinted[-1] - tinted[0] + 1


def fixed_axes():
    return Figure(figsize=(9, 3)).add_axes((0.1, 0.2, 0.85, 0.65))


def test_on_a_spectrogram_both_are_seen_too() -> None:
    tone = sample("hum").resample(RATE)
    sound = Recording(np.resize(tone.samples, 10 * RATE), RATE, name="hum")
    plain = pixels_of(spectrogram(sound, fixed_axes(), colorbar=False))
    marked = sound.replace(gaps=[Gap(2, 4, "left")], concealed=[Concealment(6, 8, 1.0)])
    ax = spectrogram(marked, fixed_axes(), colorbar=False)
    picture = pixels_of(ax)
    change = np.abs(picture - plain).mean(axis=2)
    for along, seen in ((0.1, False), (0.3, True), (0.5, False), (0.7, True), (0.9, False)):
        columns = slice(
            int((along - 0.05) * change.shape[1]), int((along + 0.05) * change.shape[1])
        )
        assert bool(change[:, columns].mean() > 10) is seen
    blue = colour_at(picture, 0.7, 0.8) - colour_at(plain, 0.7, 0.8)
    assert blue[2] > blue[0] + 10
    assert legend(ax) == ["concealed", "gap"]
    assert words(ax) == ["left"]


@pytest.mark.parametrize("plot", [waveform, spectrogram])
def test_what_is_whole_has_no_such_entries(plot) -> None:
    assert not {"gap", "concealed"} & set(legend(plot(sample("hum"))))


def test_the_more_was_made_up_the_stronger_the_tint() -> None:
    concealed = [Concealment(2 * k, 2 * k + 1, share) for k, share in enumerate((0.1, 0.5, 1.0))]
    ax = waveform(quiet(6.0, concealed=concealed))
    picture = pixels_of(ax)
    blue = [colour_at(picture, (2 * k + 0.5) / 6)[2] for k in range(3)]
    assert 255 > blue[0] > blue[1] + 10 > blue[2] + 20
    assert legend(ax).count("concealed") == 1


def test_neither_a_short_gap_nor_a_short_concealment_vanishes() -> None:
    short = quiet(600.0, gaps=[Gap(150, 150.01, "x")], concealed=[Concealment(300, 300.02, 0.02)])
    picture = pixels_of(waveform(short))
    dark = 255 - picture[: len(picture) // 3].min(axis=(0, 2))
    for place in (0.25, 0.5):
        middle = int(place * dark.size)
        assert dark[middle - 4 : middle + 4].max() > 40
    assert (dark > 20).sum() <= 10


def test_reasons_are_written_where_there_is_room() -> None:
    gaps = [Gap(0, 4, "nothing arrived"), Gap(5, 5.3, "muted"), Gap(6, 6.01, "reconnecting")]
    ax = waveform(quiet(gaps=gaps))
    assert words(ax) == ["nothing arrived", "muted"]
    assert [text.get_rotation() for text in ax.texts] == [0, 90]
    ax.figure.canvas.draw()
    for text, gap in zip(ax.texts, gaps, strict=False):
        box = text.get_window_extent()
        left, right = (ax.transData.transform((t, 0))[0] for t in (gap.start, gap.end))
        assert left <= box.x0
        assert box.x1 <= right
        assert box.y0 > ax.bbox.y0
        assert box.y1 < ax.bbox.y1


def test_many_stretches_stay_few_shapes() -> None:
    concealed = [Concealment(k / 50, (k + 0.5) / 50, 0.001 * (k % 9 + 1)) for k in range(5_000)]
    gaps = [Gap(k / 50, (k + 0.1) / 50, "nothing arrived") for k in range(5_000)]
    ax = waveform(quiet(100.0, concealed=concealed, gaps=gaps))
    assert len(ax.texts) == 0
    assert sum(len(shape.get_paths()) for shape in ax.collections) < 3_000


def rows_of(ax) -> list[str]:
    return [label.get_text() for label in ax.get_yticklabels()]


def burst_at(ax, row: int, rows: int) -> float:
    """Where on the time axis the sound of a row is, by its pixels."""
    picture = pixels_of(ax)
    # White, hatches and tints are light; the waveform is not.
    height = len(picture)
    part = picture[int(row * height / rows) : int((row + 1) * height / rows)]
    dark = (part[:, :, 2] - part[:, :, 0] > 60).sum(axis=0)
    first, last = ax.get_xlim()
    return first + (last - first) * float(np.argmax(dark)) / dark.size


def clicking(at: float, seconds: float, **meta: object) -> Recording:
    x = np.zeros(round(seconds * RATE))
    x[round(at * RATE) : round((at + 0.03) * RATE)] = 0.9
    return Recording(x, RATE, **meta)


MOMENT = datetime(2024, 5, 1, 12, tzinfo=UTC)


def test_rows_lie_where_they_were() -> None:
    one = clicking(3.0, 5.0, started_monotonic=100.0, identity="alice", name="mic")
    two = clicking(1.0, 5.0, started_monotonic=102.0, identity="bob")
    ax = timeline([one, two])
    assert ax.get_xlim() == (0, 7)
    assert rows_of(ax) == ["alice · mic", "bob"]
    for row in range(2):
        assert burst_at(ax, row, 2) == pytest.approx(3.0, abs=0.06)


@pytest.mark.parametrize(
    ("first", "second", "second_click"),
    [
        # By the time of day, where the monotonic clocks are not one.
        ((5.0, MOMENT), (90_000.0, MOMENT + timedelta(seconds=1)), 2.0),
        ((None, MOMENT), (5.0, MOMENT + timedelta(seconds=1)), 2.0),
        # A corrected time of day does not count.
        ((5.0, MOMENT), (6.0, MOMENT + timedelta(seconds=3)), 2.0),
        # Nothing in common.
        ((5.0, None), (None, MOMENT), 1.0),
    ],
)
def test_clocks_are_taken_only_where_they_are_one(first, second, second_click: float) -> None:
    recordings = [
        clicking(1.0, 4.0, started_monotonic=monotonic, started_at=moment)
        for monotonic, moment in (first, second)
    ]
    ax = timeline(recordings)
    assert rows_of(ax) == ["recording 1", "recording 2"]
    assert burst_at(ax, 0, 2) == pytest.approx(1.0, abs=0.05)
    assert burst_at(ax, 1, 2) == pytest.approx(second_click, abs=0.05)


def test_a_mapping_names_its_rows() -> None:
    recordings = {
        ("alice", "mic"): quiet(1.0),
        ("bob", "bob"): quiet(1.0),
        ("$x_1", None): quiet(1.0),
        "x" * 100: (np.zeros((2, 10)), RATE),
        7: quiet(0.0),
    }
    ax = timeline(recordings)
    labels = rows_of(ax)
    assert labels[:3] == ["alice · mic", "bob", "$x_1"]
    assert len(labels[3]) < 40
    assert labels[4] == "7"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pixels_of(ax)


def test_every_row_has_its_own_shading() -> None:
    one = quiet(gaps=[Gap(0, 5, "muted")])
    two = quiet(concealed=[Concealment(5, 10, 4.0)])
    ax = timeline([one, two])
    picture = pixels_of(ax)
    seen = [[colour_at(picture, x, y) for x in (0.25, 0.75)] for y in (0.65, 0.15)]
    assert is_grey(seen[0][0])
    assert is_white(seen[0][1])
    assert is_white(seen[1][0])
    assert is_orange(seen[1][1])
    assert set(legend(ax)) >= {"gap", "concealed"}
    assert words(ax) == ["muted"]


def test_rows_share_one_scale() -> None:
    t = np.arange(RATE) / RATE
    loud, soft = (Recording(a * np.sin(2 * np.pi * 50 * t), RATE) for a in (1.0, 0.25))
    picture = pixels_of(timeline([loud, soft]))
    blue = picture[:, :, 2] - picture[:, :, 0] > 40
    heights = [part.any(axis=1).sum() for part in np.array_split(blue, 2)]
    assert heights[1] / heights[0] == pytest.approx(0.25, abs=0.06)


def test_given_axes_are_drawn_on_without_pyplot() -> None:
    ax = Figure().add_subplot()
    assert timeline([quiet()], ax, title="$lesson_1") is ax
    assert ax.get_title(loc="left") == "$lesson_1"
    assert plt.get_fignums() == []


@pytest.mark.parametrize("wrong", [[], {}, quiet(), [np.zeros(10)], 5])
def test_what_is_no_group_of_recordings_is_refused(wrong: object) -> None:
    with pytest.raises(SoundError) as caught:
        timeline(wrong)
    assert "\n" not in str(caught.value)
