"""One waveform among others: its envelope, or its samples if they are few."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..envelope import column_edges, extremes, rms_columns
from .drawing import pixels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["LANE", "amplitude_limit", "draw_lane"]

LANE = 2.3
"""Distance between the centres of two waveforms, in units of the shown amplitude."""


def amplitude_limit(sounds: Iterable[NDArray[np.float32]]) -> float:
    """Return the amplitude at the edge of a picture: full scale, halved or doubled to fit.

    Parameters
    ----------
    sounds : iterable of ndarray of float32, shape (channels, n)
        All that share the scale; n may be 0.

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
) -> None:
    """Draw a waveform: the lowest and highest sample of every pixel column, and the RMS.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        With its time axis at its limits, in seconds.
    samples : ndarray of float32, shape (channels, n)
        Several channels are drawn as one: the lowest and the highest of them.
    sample_rate : int
        In Hz.
    middle : float
        Where the zero line is.
    color : str
        A matplotlib colour.
    begin : float
        Where on the axis the first sample is, in seconds.
    """
    length = samples.shape[1]
    if not length:
        return
    first, last = ax.get_xlim()
    width = max(16, round(pixels(ax)[0] * length / sample_rate / (last - first)))
    if length <= 2 * width and len(samples) == 1:
        marker = "o" if length < width / 6 else ""
        times = begin + np.arange(length) / sample_rate
        ax.plot(times, samples[0] + middle, color=color, marker=marker, markersize=3, linewidth=1)
        return
    edges = column_edges(length, width)
    times = begin + (edges[:-1] + edges[1:]) / 2 / sample_rate
    low, high = extremes(samples, edges)
    level = np.sqrt(np.square(rms_columns(samples, edges)).mean(axis=0))
    ax.fill_between(
        times,
        low.min(axis=0) + middle,
        high.max(axis=0) + middle,
        facecolor=(color, 0.45),
        edgecolor=(color, 0.45),
        linewidth=0.5,
        label="lowest to highest",
    )
    ax.fill_between(
        times, middle - level, middle + level, facecolor=color, linewidth=0, label="RMS"
    )
