"""What the plots share: axes when none are given, their size in pixels, titles and legends."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakSet

from ..errors import SoundError
from ..sound.in_words import shown
from ..sound.recording import Recording

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["add_legend", "add_title", "axes_for", "label_time", "pixels"]


_LETTER_POINTS = 4.6
"""Mean width in points of a letter in a small legend."""

_HANDLE_LETTERS = 9
"""Letters whose width the handle of a legend's entry and its space take."""

_FILES_ONLY = {"agg", "cairo", "pdf", "pgf", "ps", "svg", "template"}
"""Backends of matplotlib, in lower case, that write files and show nothing."""

_made: WeakSet[Figure] = WeakSet()


def axes_for(ax: Axes | None, height: float) -> Axes:
    """Return axes as they are given, or new ones in a figure of their own, 9 inches wide.

    A figure that is made is pyplot's, so that a notebook shows it at the end of the cell, and
    closes it there. Where pyplot shows nothing, it keeps only the newest figure, so that a loop
    leaves nothing behind. Anything else than axes is refused with a SoundError.
    """
    from matplotlib.axes import Axes

    if isinstance(ax, Axes):
        return ax
    if ax is not None:
        raise SoundError(
            f"ax={shown(ax)} is nothing to draw into: give axes, such as plt.subplots()[1], or None"
        )
    import matplotlib.pyplot as plt

    if plt.get_backend().lower() in _FILES_ONLY:
        for figure in list(_made):
            plt.close(figure)
    figure, made = plt.subplots(figsize=(9, height), layout="constrained")
    _made.add(figure)
    return made


def pixels(ax: Axes) -> tuple[int, int]:
    """Return the width and height of axes in pixels, each at least 16."""
    box = ax.get_window_extent()
    return max(16, round(box.width)), max(16, round(box.height))


def label_time(ax: Axes, recording: Recording, title: str | None) -> None:
    """Label the time axis in seconds, and head the axes with a title or the recording's name."""
    ax.set_xlim(0, recording.duration or 1)
    ax.set_xlabel("Time (s)")
    heading = title if title is not None else recording.name or recording.identity
    add_title(ax, heading)
    if not recording.samples.size:
        ax.text(0.5, 0.5, "no samples", transform=ax.transAxes, ha="center", va="center")


def add_title(ax: Axes, heading: str | None) -> None:
    """Head axes at the left; nothing if there is no heading."""
    if heading:
        # A dollar sign in a name is no formula.
        ax.set_title(heading, loc="left", fontsize="medium").set_parse_math(False)


def add_legend(ax: Axes) -> None:
    """Name what is drawn, above the axes at the right, in as few lines as its width allows."""
    handles, labels = ax.get_legend_handles_labels()
    if not handles:
        return
    # Several rows of the same kind have one entry.
    named = dict(zip(labels, handles, strict=True))
    ax.legend(
        named.values(),
        named.keys(),
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=_names_a_line(ax, list(named)),
        frameon=False,
        fontsize="small",
        borderaxespad=0.2,
    )


def _names_a_line(ax: Axes, names: list[str]) -> int:
    """Return how many columns of names fit over axes, by the mean width of a letter."""
    letters = pixels(ax)[0] / ax.figure.dpi * 72 / _LETTER_POINTS
    for columns in range(len(names), 1, -1):
        longest = (max(map(len, names[first::columns])) for first in range(columns))
        if sum(longest) + columns * _HANDLE_LETTERS <= letters:
            return columns
    return 1
