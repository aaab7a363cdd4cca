"""The level over time: momentary loudness, RMS and peak."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import SoundError
from ..measure import momentary_lufs
from ..sound.as_recording import Sound, as_recording
from ..sound.envelope import outline_of
from ..sound.in_words import shown
from ..sound.recording import Recording
from ..sound.validation import as_real
from .axes import add_legend, axes_for, label_time
from .colours import BLUE, GREEN, VERMILLION
from .shading import ON_LIGHT, shade

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["levels"]

_HOPS_PER_SECOND = 10
"""Values of each line a second."""

_BLOCK_SECONDS = 0.4
"""Seconds of sound in each RMS and each momentary loudness (EBU Tech 3341, 2023, section 2.2)."""

_RANGE_DB = 60.0
"""How many dB below the highest level are shown by default."""

_FLOOR_DBFS = -140.0
"""Level in dBFS or LUFS that silence is drawn at."""


def levels(
    sound: Sound,
    ax: Axes | None = None,
    *,
    range_db: float = _RANGE_DB,
    weights: Sequence[float] | None = None,
    title: str | None = None,
) -> Axes:
    """Draw how loud a sound is over time: momentary loudness, RMS and peak.

    Parameters
    ----------
    sound : Recording or (samples, sample_rate)
        The sound. Of several channels, the RMS averages the powers, the highest peak counts, and
        the loudness adds the powers.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into; new ones are made by default.
    range_db : float
        Range below the highest level that is shown, in dB, at least 1.
    weights : sequence of float, optional
        Weight of each channel's power, as :func:`lkexplore.measure.momentary_lufs` takes them.
    title : str, optional
        Heading; by default the recording's name or identity. ``""`` for none.

    Returns
    -------
    matplotlib.axes.Axes
        Seconds below, dB at the left. Loudness in LUFS and RMS in dBFS are of the 400 ms around
        each moment, ten a second; peaks in dBFS of each tenth of a second. A sound below 8000 Hz,
        shorter than 0.4 s, or with channels of unknown weights has no loudness: then the other two
        are drawn alone.

    Raises
    ------
    SoundError
        If it is no sound, or `range_db` is below 1.

    See Also
    --------
    waveform : The amplitude over time.
    lkexplore.measure.loudness_lufs : One value of the whole.

    References
    ----------
    EBU Tech 3341 (2023), section 2.2, for momentary loudness; AES17-2020 for dBFS: a full-scale
    sine is 0 both as a peak and as RMS. Taught in
    ``notebooks/03_waveforms_and_spectrograms.ipynb``.

    Examples
    --------
    >>> import lkexplore as lk
    >>> ax = lk.plot.levels(lk.sample("speech"))
    >>> [line.get_label() for line in ax.lines]
    ['peak', 'RMS', 'momentary loudness']
    """
    recording = as_recording(sound)
    if not 1 <= as_real(range_db) < math.inf:
        raise SoundError(f"range_db={shown(range_db)} is no range: give dB from 1 on")
    loudness = _loudness(recording, weights) if recording.samples.size else np.empty(0)
    ax = axes_for(ax, 2.8)
    label_time(ax, recording, title)
    ax.set_ylabel("Level (dBFS, LUFS)")
    ax.grid(alpha=0.3)
    if not recording.samples.size:
        return ax
    times, rms, peak = _tenths(recording)
    ax.plot(times, peak, color=VERMILLION, linewidth=0.8, drawstyle="steps-mid", label="peak")
    ax.plot(times, rms, color=BLUE, linewidth=1.2, label="RMS")
    if loudness.size:
        middles = np.arange(loudness.size) / _HOPS_PER_SECOND + _BLOCK_SECONDS / 2
        ax.plot(middles, loudness, color=GREEN, linewidth=1.2, ls="--", label="momentary loudness")
    top = float(np.ceil(max(peak.max(), rms.max(), loudness.max(initial=_FLOOR_DBFS)) / 6) * 6)
    ax.set_ylim(top - range_db, top + 1.5)
    shade(ax, recording, ON_LIGHT)
    add_legend(ax)
    return ax


def _tenths(
    recording: Recording,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the middles of tenths of a second, the RMS around each, and its peak, in dBFS."""
    rate, length = recording.sample_rate, recording.samples.shape[1]
    count = max(1, min(length, length * _HOPS_PER_SECOND // rate))
    edges = np.minimum(np.arange(count + 1) * rate // _HOPS_PER_SECOND, length).astype(np.intp)
    edges[-1] = length
    edges = np.unique(edges)
    found = outline_of(recording.samples, edges)
    power = np.square(found.rms, dtype=np.float64).mean(axis=0) * np.diff(edges)
    sums = np.append(0.0, np.cumsum(power))
    bins = np.arange(edges.size - 1)
    reach = round(_BLOCK_SECONDS * _HOPS_PER_SECOND / 2)
    first, end = np.maximum(bins - reach, 0), np.minimum(bins + reach, edges.size - 1)
    mean = (sums[end] - sums[first]) / (edges[end] - edges[first])
    peak = np.maximum(found.high, -found.low).max(axis=0).astype(np.float64)
    return (edges[:-1] + edges[1:]) / 2 / rate, _dbfs(2 * mean), _dbfs(np.square(peak))


def _loudness(recording: Recording, weights: Sequence[float] | None) -> NDArray[np.float64]:
    try:
        return np.maximum(momentary_lufs(recording, weights=weights), _FLOOR_DBFS)
    except SoundError:
        if weights is not None:
            raise
        return np.empty(0)


def _dbfs(power: NDArray[np.float64]) -> NDArray[np.float64]:
    return 10 * np.log10(np.maximum(power, 10 ** (_FLOOR_DBFS / 10)))
