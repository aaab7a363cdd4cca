"""What was missing in a recording, and what was made up, shown over its picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..sound.envelope import covered_columns
from ..sound.recording import Recording
from .axes import pixels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ON_DARK", "ON_LIGHT", "Inks", "shade"]

_THINNEST = 1.5
"""Pixels of the thinnest stretch that is drawn: a thinner one would not be seen."""

_LABEL_POINTS = 7.0
"""Size in points of the letters of a gap's reason."""

_SHADES = 4
"""Strengths of the tint of concealment: a quarter of the stretch was made up, half of it, and so
on.
"""


@dataclass(frozen=True, slots=True)
class Inks:
    """Colours that can be told apart with any kind of colour vision, over one kind of picture."""

    gap: str
    concealed: str
    strongest: float


ON_LIGHT = Inks(gap="#707070", concealed="#e69f00", strongest=0.55)
"""Gaps (grey hatching) and concealed stretches (orange tint) over waveforms and levels.

Like `ON_DARK` of the palette of M. Okabe and K. Ito, "Color Universal Design", 2008: the colours
that the picture beneath does not have.
"""

ON_DARK = Inks(gap="#d8d8d8", concealed="#56b4e9", strongest=0.4)
"""Gaps (light grey hatching) and concealed stretches (sky blue tint) over spectrograms and chroma.
"""


def shade(
    ax: Axes,
    recording: Recording,
    inks: Inks,
    *,
    begin: float = 0.0,
    span: tuple[float, float] | None = None,
) -> None:
    """Hatch the gaps and tint what was concealed, both labelled for a legend.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Axes whose time axis, in seconds, is at its limits.
    recording : Recording
        Recording whose gaps and concealment are shown, each at least a pixel and a half wide. The
        reason of a gap is written into it where there is room. The more of a stretch was made up,
        the stronger its tint.
    inks : Inks
        Colours that suit the picture.
    begin : float
        Time on the axis at which the recording starts, in seconds.
    span : (bottom, top), optional
        Height to cover in the units of the axes; all of it by default.

    References
    ----------
    M. Okabe and K. Ito, "Color Universal Design", 2008, for the colours.
    """
    length = recording.duration
    first, last = ax.get_xlim()
    if not length or not (recording.gaps or recording.concealed):
        return
    width, height = pixels(ax)
    scale = width / (last - first)
    columns = max(1, round(length * scale / _THINNEST))
    canvas = _Canvas(ax, begin, length, columns, span)
    for strength, runs in _tints(recording, columns):
        tint = (inks.concealed, strength * inks.strongest)
        canvas.bars(runs, "concealed", facecolor=tint, linewidth=0)
    gaps = [(gap.start / length, gap.end / length) for gap in recording.gaps]
    canvas.bars(
        covered_columns(gaps, columns),
        "gap",
        facecolor=(inks.gap, 0.2),
        edgecolor=inks.gap,
        hatch="////",
        linewidth=0,
    )
    if span is not None:
        bottom, top = ax.get_ylim()
        height = round(height * (span[1] - span[0]) / abs(top - bottom))
    for gap in recording.gaps:
        canvas.word(gap.reason, (gap.start + gap.end) / 2, gap.duration * scale, height)


def _tints(recording: Recording, columns: int) -> list[tuple[float, list[tuple[int, int]]]]:
    """Return how strongly, from 0 to 1, to tint which runs of columns, the strongest first."""
    length = recording.duration
    shades: NDArray[np.int8] = np.zeros(columns, np.int8)
    for part in recording.concealed:
        first = min(int(part.start / length * columns), columns - 1)
        end = max(first + 1, int(np.ceil(part.end / length * columns)))
        share = np.int8(np.ceil(part.seconds / part.duration * _SHADES - 1e-6))
        shades[first:end] = np.maximum(shades[first:end], share)
    tints = []
    for step in range(_SHADES, 0, -1):
        edges = np.flatnonzero(np.diff(np.pad((shades == step).astype(np.int8), 1)))
        if edges.size:
            runs = [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]
            tints.append((0.25 + 0.75 * step / _SHADES, runs))
    return tints


@dataclass(slots=True)
class _Canvas:
    """Where the stretches of one recording are drawn."""

    ax: Axes
    begin: float
    length: float
    columns: int
    span: tuple[float, float] | None
    labelled: str = ""

    def bars(self, runs: list[tuple[int, int]], label: str, **style: Any) -> None:
        """Draw runs of columns; of several calls with a label the first has it."""
        if not runs:
            return
        bottom, top = self.span or (0.0, 1.0)
        step = self.length / self.columns
        self.ax.broken_barh(
            [(self.begin + first * step, (end - first) * step) for first, end in runs],
            (bottom, top - bottom),
            transform=self.ax.transData if self.span else self.ax.get_xaxis_transform(),
            zorder=2.5,
            label="_" if label == self.labelled else label,
            **style,
        )
        self.labelled = label

    def word(self, text: str, middle: float, width: float, height: float) -> None:
        """Write a word along or up a stretch of so many pixels, if it fits there."""
        dots = self.ax.figure.dpi / 72 * _LABEL_POINTS
        long, high = 0.62 * dots * len(text) + 0.8 * dots, 1.6 * dots
        along = long <= width and 1.3 * high <= height
        if not along and not (high <= width and long <= height):
            return
        bottom, top = self.span or (0.0, 1.0)
        self.ax.text(
            self.begin + middle,
            # Just below the upper edge, or in the middle where it goes up.
            top - (top - bottom) * (0.75 * high / height if along else 0.5),
            text,
            transform=self.ax.transData if self.span else self.ax.get_xaxis_transform(),
            rotation=0 if along else 90,
            ha="center",
            va="center",
            fontsize=_LABEL_POINTS,
            color="0.1",
            bbox={"facecolor": ("white", 0.8), "linewidth": 0, "pad": 1},
            clip_on=True,
            zorder=2.6,
        ).set_parse_math(False)
