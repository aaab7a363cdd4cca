"""The spectrogram: level over time and frequency."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import SoundError
from ..sound.as_recording import Sound, as_recording
from ..sound.in_words import shown
from ..sound.recording import Recording
from ..sound.validation import as_real
from .axes import add_legend, axes_for, label_time, pixels
from .reassigned import reassigned_columns
from .scales import Scale, check_scale, lowest_hz, row_edges, set_scale
from .shading import ON_DARK, shade
from .spectrogram_columns import SILENCE_DBFS, level_columns
from .zoom import follow_view

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh

__all__ = ["add_colorbar", "level_range", "spectrogram"]

_RANGE_DB = 80.0
"""How many dB below the strongest the colours reach by default."""

_INEXACT_DB = 0.15
"""How many dB too high a sine may read."""

_NEARLY_ALL = 0.7
"""Share of a side, from 0 to 1, above which a view is fine enough as it is and is not drawn finer.
"""

_MOST_SEEN = 1 << 25
"""Samples per channel of the longest view that is drawn finer."""


def spectrogram(
    sound: Sound,
    ax: Axes | None = None,
    *,
    window_seconds: float = 0.04,
    scale: Scale = "linear",
    max_hz: float | None = None,
    levels: tuple[float, float] | None = None,
    range_db: float = _RANGE_DB,
    reassigned: bool = False,
    cmap: str = "magma",
    colorbar: bool = True,
    title: str | None = None,
) -> Axes:
    """Draw the level over time and frequency, as fine as the picture and no finer.

    Every pixel shows the strongest of all windows, bins and channels that fall on it, so neither a
    click nor a thin tone can vanish, in a second as in an hour. Gaps are hatched, and what the
    decoder concealed is tinted, the more of it the stronger. After zooming in, up to some minutes
    of sound, the picture is drawn again, as fine as before.

    Parameters
    ----------
    sound : Recording or (samples, sample_rate)
        The sound; of several channels the strongest is shown.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into; new ones are made by default.
    window_seconds : float
        Length of the Hann window in seconds: a longer one tells close tones apart, a shorter one
        close moments.
    scale : {"linear", "log", "mel"}
        Scale of the frequency axis.
    max_hz : float, optional
        Upper end of the frequency axis in Hz, above 0; half the sample rate by default.
    levels : (low, high), optional
        The levels in dBFS at the ends of the colours. By default `range_db` below the strongest,
        rounded up to tens: give both pictures the same levels to compare them.
    range_db : float
        Range in dB that the colours span, above 0, if `levels` is not given.
    reassigned : bool
        Whether to move every bin to where its energy is (Auger and Flandrin, 1995): sharper lines
        and clicks, if they are far enough apart for the window.
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

    See Also
    --------
    spectrum : The level over frequency, averaged over time.
    pitch : The pitch over the spectrogram.
    waveform : The amplitude over time.

    References
    ----------
    dBFS after AES17-2020: a full-scale sine is 0 dBFS here, whatever its frequency (to within 0.15
    dB, from two periods a window on); noise reads lower the longer the window, because it is spread
    over the bins. Hann window: F. J. Harris, "On the use of windows for harmonic analysis with the
    discrete Fourier transform", Proc. IEEE 66(1), 1978. Taught in
    ``notebooks/03_waveforms_and_spectrograms.ipynb``.

    Examples
    --------
    >>> import lkexplore as lk
    >>> ax = lk.plot.spectrogram(lk.sample("sweep"), scale="log", max_hz=4000)
    >>> print(ax.get_ylabel(), ax.get_ylim()[1].round())
    Frequency (Hz) 4000.0
    """
    recording = as_recording(sound)
    top = _checked(recording, window_seconds, scale, max_hz, levels, range_db)
    ax = axes_for(ax, 3.2)
    label_time(ax, recording, title)
    ax.set_ylabel("Frequency (Hz)")
    if not recording.samples.size:
        ax.set_ylim(0, top)
        return ax
    window = min(recording.samples.shape[1], max(1, round(window_seconds * recording.sample_rate)))
    bottom = lowest_hz(scale, top, recording.sample_rate / window)
    view = _View(ax, recording, window, scale, reassigned, (bottom, top))
    image, times, rows = view.image((0.0, recording.duration), view.band)
    low, high = levels or level_range(float(image.max()), range_db)
    mesh = ax.pcolormesh(times, rows, image, cmap=cmap, vmin=low, vmax=high, rasterized=True)
    set_scale(ax, scale)
    ax.set_ylim(bottom, top)
    view.whole = mesh
    follow_view(ax, view.refine, vertical=True)
    shade(ax, recording, ON_DARK)
    add_legend(ax)
    if colorbar:
        add_colorbar(ax, mesh, "Level (dBFS)")
    return ax


def add_colorbar(ax: Axes, mesh: QuadMesh, label: str) -> None:
    """Draw a colour bar right of axes, without taking room from them."""
    bar = ax.inset_axes((1.015, 0, 0.018, 1))
    ax.figure.colorbar(mesh, cax=bar, label=label)


def level_range(strongest: float, range_db: float = _RANGE_DB) -> tuple[float, float]:
    """Return the levels at the ends of the colours, the upper one rounded up to tens."""
    if strongest <= SILENCE_DBFS:
        return -range_db, 0.0
    high = 10 * math.ceil((strongest - _INEXACT_DB) / 10)
    return high - range_db, float(high)


@dataclass(slots=True, weakref_slot=True)
class _View:
    """A spectrogram in axes; a part that is zoomed into is drawn finer."""

    ax: Axes
    recording: Recording
    window: int
    scale: Scale
    reassigned: bool
    band: tuple[float, float]
    whole: QuadMesh | None = None
    detail: QuadMesh | None = None

    def image(
        self, span: tuple[float, float], band: tuple[float, float]
    ) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]]:
        """Return the levels of a span of seconds and a band of Hz, and the edges of its cells."""
        rate, length = self.recording.sample_rate, self.recording.samples.shape[1]
        width, height = pixels(self.ax)
        # Windows reach beyond the edges of what is seen.
        margin = self.window // 2 if span != (0.0, self.recording.duration) else 0
        start = max(0, math.floor(span[0] * rate) - margin)
        end = min(length, max(math.ceil(span[1] * rate) + margin, start + self.window))
        start = max(0, min(start, end - self.window))
        columns = max(1, round(width * (end - start) / rate / (span[1] - span[0])))
        rows = row_edges(self.scale, *band, height)
        make = reassigned_columns if self.reassigned else level_columns
        seen = self.recording.samples[:, start:end]
        image = make(seen, rate, window=self.window, columns=columns, row_edges=rows)
        return image, np.linspace(start / rate, end / rate, image.shape[1] + 1), rows

    def refine(self) -> None:
        """Draw what is seen as fine as the picture, if it is only a part of the whole."""
        if self.detail is not None:
            self.detail.remove()
            self.detail = None
        if self.whole is None or self.whole.axes is None:
            return
        span, seconds = _common(self.ax.get_xlim(), (0.0, self.recording.duration))
        band, hertz = _common(self.ax.get_ylim(), self.band)
        if min(seconds, hertz) <= 0 or min(seconds, hertz) > _NEARLY_ALL:
            return
        if (span[1] - span[0]) * self.recording.sample_rate > _MOST_SEEN:
            return
        image, times, rows = self.image(span, band)
        self.detail = self.ax.pcolormesh(
            times,
            rows,
            image,
            cmap=self.whole.get_cmap(),
            vmin=self.whole.get_clim()[0],
            vmax=self.whole.get_clim()[1],
            zorder=self.whole.get_zorder() + 0.1,
            rasterized=True,
        )


def _common(
    seen: tuple[float, float], drawn: tuple[float, float]
) -> tuple[tuple[float, float], float]:
    """Return what is both seen and drawn, and its share of what is drawn."""
    low, high = max(min(seen), drawn[0]), min(max(seen), drawn[1])
    return (low, high), (high - low) / (drawn[1] - drawn[0])


def _checked(
    recording: Recording,
    window_seconds: float,
    scale: str,
    max_hz: float | None,
    levels: tuple[float, float] | None,
    range_db: float,
) -> float:
    """Check the options and return the upper end of the frequency axis in Hz."""
    half = recording.sample_rate / 2
    if not 0 < as_real(window_seconds) < math.inf:
        raise SoundError(
            f"window_seconds={shown(window_seconds)} is no window: give seconds above 0"
        )
    check_scale(scale)
    if not 0 < as_real(range_db) < math.inf:
        raise SoundError(f"range_db={shown(range_db)} is no range: give dB above 0")
    if levels is not None and not _is_range(levels):
        raise SoundError(f"levels={shown(levels)} cannot be: give (low, high) in dBFS, low < high")
    if max_hz is None:
        return half
    if not 0 < as_real(max_hz) <= half:
        raise SoundError(
            f"max_hz={shown(max_hz)} cannot be: give Hz above 0, up to {half:g}, half the sample "
            "rate"
        )
    return float(max_hz)


def _is_range(levels: object) -> bool:
    if not isinstance(levels, list | tuple | np.ndarray) or np.shape(levels) != (2,):
        return False
    low, high = (as_real(level) for level in levels)
    return -math.inf < low < high < math.inf
