"""One waveform among others: its envelope, or its samples if they are few."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..sound.envelope import Outline, column_edges, outline_of
from .axes import pixels
from .colours import shades
from .zoom import follow_view

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

__all__ = ["LANE", "amplitude_limit", "draw_lane", "lane_columns"]

LANE = 2.3
"""Distance between the centres of two waveforms, in units of the shown amplitude."""


def amplitude_limit(sounds: Iterable[NDArray[np.float32]]) -> float:
    """Return the amplitude at the edge of a picture: full scale, halved or doubled to fit.

    Parameters
    ----------
    sounds : iterable of ndarray of float32, shape (channels, n)
        All sounds that share the scale, or their lowest and highest samples; n may be 0.

    Returns
    -------
    float
        A power of two, at least 2**-20; 1 for silence.
    """
    peaks = (max(float(x.max()), -float(x.min())) for x in sounds if x.size)
    peak = max(peaks, default=0.0)
    return 2.0 ** max(-20, math.ceil(math.log2(peak))) if peak else 1.0


def draw_lane(
    ax: Axes,
    samples: NDArray[np.float32],
    sample_rate: int,
    *,
    middle: float,
    color: str,
    begin: float = 0.0,
    outline: Outline | None = None,
) -> None:
    """Draw a waveform: the lowest and highest sample of every pixel column, and the RMS.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Axes whose time axis, in seconds, is at its limits. When they change, what is seen then is
        drawn again, down to the samples themselves.
    samples : ndarray of float32, shape (channels, n)
        The sound; several channels are drawn as one: the lowest and the highest of them.
    sample_rate : int
        Sample rate in Hz.
    middle : float
        Height of the zero line, in units of the axes.
    color : str
        Colour, as matplotlib takes it.
    begin : float
        Time on the axis of the first sample, in seconds.
    outline : Outline, optional
        Outline of all samples in :func:`lane_columns` columns, if it is known already.
    """
    if not samples.shape[1]:
        return
    lane = _Lane(ax, samples, sample_rate, middle, color, begin)
    lane.draw(outline)
    follow_view(ax, lane.draw)


def lane_columns(ax: Axes, seconds: float) -> int:
    """Return how many pixel columns so many seconds of the axes have, at least 16."""
    first, last = ax.get_xlim()
    return max(16, round(pixels(ax)[0] * seconds / abs(last - first)))


@dataclass(slots=True, weakref_slot=True)
class _Lane:
    """A waveform in axes; only the part that is seen is drawn."""

    ax: Axes
    samples: NDArray[np.float32]
    sample_rate: int
    middle: float
    color: str
    begin: float
    drawn: list[Artist] = field(default_factory=list)

    def draw(self, outline: Outline | None = None) -> None:
        """Draw what is seen, in place of what was drawn before."""
        for artist in self.drawn:
            artist.remove()
        self.drawn.clear()
        first, last = sorted(self.ax.get_xlim())
        length = self.samples.shape[1]
        # One sample beyond each edge, so that the line goes on.
        start = max(0, math.floor((first - self.begin) * self.sample_rate) - 1)
        end = min(length, math.ceil((last - self.begin) * self.sample_rate) + 2)
        if end <= start:
            return
        seen = self.samples[:, start:end]
        width = lane_columns(self.ax, (end - start) / self.sample_rate)
        if end - start <= 2 * width and len(seen) == 1:
            self._draw_samples(seen[0], start, width)
            return
        edges = column_edges(end - start, width)
        self._draw_envelope(
            self.begin + (start + (edges[:-1] + edges[1:]) / 2) / self.sample_rate,
            outline if outline is not None else outline_of(seen, edges),
        )

    def _draw_samples(self, seen: NDArray[np.float32], start: int, width: int) -> None:
        self.drawn += self.ax.plot(
            self.begin + np.arange(start, start + seen.size) / self.sample_rate,
            seen + self.middle,
            color=self.color,
            marker="o" if seen.size < width / 6 else "",
            markersize=3,
            linewidth=1,
        )

    def _draw_envelope(self, times: NDArray[np.float64], outline: Outline) -> None:
        level = np.sqrt(np.square(outline.rms, dtype=np.float64).mean(axis=0))
        strong, weak = shades(self.ax, self.color)
        self.drawn += [
            self.ax.fill_between(
                times,
                outline.low.min(axis=0) + self.middle,
                outline.high.max(axis=0) + self.middle,
                facecolor=weak,
                edgecolor=weak,
                linewidth=0.5,
                label="lowest to highest",
            ),
            self.ax.fill_between(
                times,
                self.middle - level,
                self.middle + level,
                facecolor=strong,
                linewidth=0,
                label="RMS",
            ),
        ]
