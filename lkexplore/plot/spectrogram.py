"""The spectrogram: level over time and frequency."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import SoundError
from ..recording import Recording
from ..sound import Sound, as_recording
from .columns import SILENCE_DBFS, level_columns
from .drawing import add_legend, label_time, make_axes, pixels
from .shading import ON_DARK, shade

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["spectrogram"]

_RANGE_DB = 80.0
_LOWEST_LOG_HZ = 20.0


def spectrogram(
    sound: Sound,
    ax: Axes | None = None,
    *,
    window_seconds: float = 0.04,
    scale: Literal["linear", "log"] = "linear",
    max_hz: float | None = None,
    levels: tuple[float, float] | None = None,
    cmap: str = "magma",
    colorbar: bool = True,
    title: str | None = None,
) -> Axes:
    """Draw the level over time and frequency, as fine as the picture and no finer.

    Every pixel shows the strongest of all windows, bins and channels that fall on it, so neither
    a click nor a thin tone can vanish, in a second as in an hour. Gaps are hatched, and what the
    decoder concealed is tinted, the more of it the stronger.

    Parameters
    ----------
    sound : Recording or (samples, sample_rate)
        Of several channels the strongest is shown.
    ax : matplotlib.axes.Axes, optional
        Where to draw; new axes are made by default.
    window_seconds : float
        Length of the Hann window: longer tells close tones apart, shorter close moments.
    scale : {"linear", "log"}
        Of the frequency axis.
    max_hz : float, optional
        Upper end of the frequency axis; half the sample rate by default.
    levels : (low, high), optional
        The levels in dBFS at the ends of the colours. By default the 80 dB below the strongest,
        rounded up to tens: give both pictures the same levels to compare them.
    cmap : str
        A matplotlib colour map; the default is perceptually uniform.
    colorbar : bool
        Whether to draw the colour bar; it takes no room from the axes.
    title : str, optional
        Heading; by default the recording's name or identity. ``""`` for none.

    Returns
    -------
    matplotlib.axes.Axes
        Seconds below, Hz at the left, colours in dBFS.

    Raises
    ------
    SoundError
        If it is no sound, or an option is out of its range.

    References
    ----------
    dBFS after AES17-2020: a full-scale sine is 0 dBFS here, whatever its frequency (to within
    0.1 dB, from two periods a window on); noise reads lower the longer the window, for it is
    spread over the bins. Hann window: F. J. Harris, "On the use of windows for harmonic analysis
    with the discrete Fourier transform", Proc. IEEE 66(1), 1978. Taught in
    ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> import lkexplore
    >>> lkexplore.plot.spectrogram(lkexplore.sample("sweep"), scale="log")  # doctest: +SKIP
    """
    recording = as_recording(sound)
    top = _checked(recording, window_seconds, scale, max_hz, levels)
    if ax is None:
        ax = make_axes(3.2)
    label_time(ax, recording, title)
    ax.set_ylabel("Frequency (Hz)")
    if not recording.samples.size:
        ax.set_ylim(0, top)
        return ax
    window = min(recording.samples.shape[1], max(1, round(window_seconds * recording.sample_rate)))
    width, height = pixels(ax)
    edges = _row_edges(scale, top, recording.sample_rate / window, height)
    image = level_columns(
        recording.samples, recording.sample_rate, window=window, columns=width, row_edges=edges
    )
    low, high = levels or _levels(image)
    mesh = ax.pcolormesh(
        np.linspace(0, recording.duration, image.shape[1] + 1),
        edges,
        image,
        cmap=cmap,
        vmin=low,
        vmax=high,
        rasterized=True,
    )
    if scale == "log":
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter("{x:g}")
    ax.set_ylim(edges[0], edges[-1])
    shade(ax, recording, ON_DARK)
    add_legend(ax)
    if colorbar:
        bar = ax.inset_axes((1.015, 0, 0.018, 1))
        ax.figure.colorbar(mesh, cax=bar, label="Level (dBFS)")
    return ax


def _checked(
    recording: Recording,
    window_seconds: float,
    scale: str,
    max_hz: float | None,
    levels: tuple[float, float] | None,
) -> float:
    """Check the options and return the upper end of the frequency axis in Hz."""
    half = recording.sample_rate / 2
    if not 0 < window_seconds < math.inf:
        raise SoundError(f"window_seconds={window_seconds!r} is no window: give seconds above 0")
    if scale not in ("linear", "log"):
        raise SoundError(f"scale={scale!r} is unknown: use 'linear' or 'log'")
    if levels is not None and not (len(levels) == 2 and levels[0] < levels[1]):
        raise SoundError(f"levels={levels!r} cannot be: give (low, high) in dBFS, low < high")
    if max_hz is None:
        return half
    if not 0 < max_hz <= half:
        raise SoundError(
            f"max_hz={max_hz!r} cannot be: give Hz above 0, up to {half:g}, half the sample rate"
        )
    return max_hz


def _row_edges(scale: str, top: float, resolution: float, height: int) -> NDArray[np.float64]:
    if scale == "log":
        bottom = min(max(_LOWEST_LOG_HZ, resolution), top / 2)
        return np.geomspace(bottom, top, height + 1)
    return np.linspace(0, top, height + 1)


def _levels(image: NDArray[np.floating]) -> tuple[float, float]:
    strongest = float(image.max())
    if strongest <= SILENCE_DBFS:
        return -_RANGE_DB, 0.0
    high = 10 * math.ceil(strongest / 10 - 0.01)
    return high - _RANGE_DB, float(high)
