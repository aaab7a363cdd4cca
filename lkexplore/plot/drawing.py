"""What the plots share: axes when none are given, their size in pixels, titles and gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..envelope import covered_columns
from ..recording import Recording

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["label_time", "make_axes", "pixels", "shade_gaps"]


def make_axes(height: float) -> Axes:
    """Return new axes in a figure of their own, 9 inches wide."""
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(9, height), layout="constrained")[1]


def pixels(ax: Axes) -> tuple[int, int]:
    """Return the width and height of axes in pixels, each at least 16."""
    box = ax.get_window_extent()
    return max(16, round(box.width)), max(16, round(box.height))


def label_time(ax: Axes, recording: Recording, title: str | None) -> None:
    """Label the time axis in seconds, and head the axes with a title or whose sound it is."""
    ax.set_xlim(0, recording.duration or 1)
    ax.set_xlabel("Time (s)")
    heading = title if title is not None else recording.name or recording.identity
    if heading:
        # A dollar sign in a name is no formula.
        ax.set_title(heading, loc="left", fontsize="medium").set_parse_math(False)
    if not recording.samples.size:
        ax.text(0.5, 0.5, "no samples", transform=ax.transAxes, ha="center", va="center")


def shade_gaps(ax: Axes, recording: Recording, color: str) -> None:
    """Hatch the gaps, each at least a pixel and a half wide, and label them for a legend."""
    length = recording.duration
    if not recording.gaps or not length:
        return
    columns = max(1, round(pixels(ax)[0] / 1.5))
    spans = [(gap.start / length, gap.end / length) for gap in recording.gaps]
    bars = [
        (first / columns * length, (end - first) / columns * length)
        for first, end in covered_columns(spans, columns)
    ]
    ax.broken_barh(
        bars,
        (0, 1),
        transform=ax.get_xaxis_transform(),
        facecolor=(color, 0.25),
        edgecolor=color,
        hatch="////",
        linewidth=0,
        zorder=2.5,
        label="gap",
    )
