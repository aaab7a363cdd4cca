"""The level over time and frequency, as many columns and rows as a picture has pixels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["SILENCE_DBFS", "level_columns", "places", "window_of"]

SILENCE_DBFS = -200.0
"""Level in dBFS of silence, the lowest that is computed."""

_FLOOR = np.float32(10 ** (SILENCE_DBFS / 10))
"""Power, of a full-scale sine 1, that silence counts as."""

_FRAMES_AT_ONCE = 128
"""Windows that are transformed at a time, so that memory stays small."""

_OVERLAP = 4
"""Windows, at least, that hold each sample: they overlap by three quarters or more."""

_MANY = 1 << 22
"""Samples per channel above which levels are interpolated from fewer bins."""


class _Bins(NamedTuple):
    """How finely frequencies are computed, and what a sine's power is spread over."""

    padding: int
    # Of three neighbours, halfway between the most and the least it can be; 1 if none are added.
    spread: float
    # How many bins, from 0 on, a constant reaches.
    constant: int


_COARSE = _Bins(padding=1, spread=1.485, constant=2)
"""Bins of long sounds where every row holds several of them."""

_MEDIUM = _Bins(padding=2, spread=2.378, constant=2)
"""Bins of short sounds where every row holds several, and of long ones where some hold fewer."""

_FINE = _Bins(padding=4, spread=1.0, constant=5)
"""Bins of short sounds where some rows hold few of them."""


def level_columns(
    samples: NDArray[np.float32],
    sample_rate: int,
    *,
    window: int,
    columns: int,
    row_edges: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Return the highest level in each cell of time and frequency.

    Parameters
    ----------
    samples : ndarray of float32, shape (channels, n)
        The sound, n at least 1; of the channels the strongest counts.
    sample_rate : int
        Sample rate in Hz.
    window : int
        Length of the Hann window in samples; not more than n.
    columns : int
        Number of columns wanted; fewer are made if there are not enough samples.
    row_edges : ndarray, shape (rows + 1,)
        Rising frequencies in Hz between which the rows lie.

    Returns
    -------
    ndarray of float32, shape (rows, columns)
        In dBFS, 0 for a full-scale sine of any frequency that goes through at least two periods
        in a window (to within 0.15 dB); -200 and less is silence.

    Notes
    -----
    Windows lie inside the sound, so its ends are not smeared, and overlap by three quarters or
    more: no sample is left out, and a click loses at most 1.4 dB between two of them. A column or
    row that covers several windows or bins shows the strongest. Memory does not grow with the
    length of the sound.

    The power of a sine that lies between two bins is that of the nearest and its neighbours
    together, which for a Hann window hardly depends on where it lies. Where a row has several bins,
    that is as exact as a transform of four times the length. Clicks, which are in all bins,
    therefore read up to 1 dB high, and up to 3 dB in sounds of more than four million samples.
    """
    from scipy.fft import next_fast_len, rfft

    length = samples.shape[1]
    bins = _fineness(row_edges, sample_rate / window, length)
    size = next_fast_len(bins.padding * window, real=True)
    shape, scale = window_of(samples, window)
    columns = max(1, min(columns, length - window + 1))
    starts, owner = places(length, window, columns)
    first_bins = _first_bins(row_edges, sample_rate / size, size // 2 + 1)
    power = np.zeros((columns, len(row_edges) - 1), dtype=np.float32)
    for channel in samples:
        windows = np.lib.stride_tricks.sliding_window_view(channel, window)
        for begin in range(0, starts.size, _FRAMES_AT_ONCE):
            part = slice(begin, begin + _FRAMES_AT_ONCE)
            spectrum = rfft(windows[starts[part]] * shape, size, axis=1)
            owners, heads = np.unique(owner[part], return_index=True)
            strongest = np.maximum.reduceat(_power(spectrum, bins), heads, axis=0)
            cells = np.maximum.reduceat(strongest, first_bins, axis=1)[:, : power.shape[1]]
            power[owners] = np.maximum(power[owners], cells)
    return 10 * np.log10(np.maximum(power.T, _FLOOR)) + np.float32(20 * np.log10(scale))


def window_of(samples: NDArray[np.float32], window: int) -> tuple[NDArray[np.float32], float]:
    """Return a Hann window under which a sine of full scale has power 1, and what it divides by."""
    shape = np.hanning(window + 2)[1:-1] if window > 2 else np.ones(window)
    # So that no square overflows.
    scale = max(1.0, float(samples.max()), -float(samples.min()))
    return (shape * (2 / shape.sum() / scale)).astype(np.float32), scale


def places(length: int, window: int, columns: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return where the windows start, and to which column each belongs."""
    each = max(1, int(np.ceil(length / columns / max(1, window / _OVERLAP))))
    frames = columns * each
    centres = (np.arange(frames) + 0.5) * (length / frames)
    starts = np.clip(np.rint(centres - window / 2), 0, length - window).astype(np.intp)
    return starts, np.arange(frames, dtype=np.intp) // each


def _fineness(row_edges: NDArray[np.float64], resolution: float, length: int) -> _Bins:
    narrowest = float(np.diff(row_edges).min())
    if length <= _MANY:
        return _MEDIUM if narrowest >= 2 * resolution else _FINE
    return _COARSE if narrowest >= 2 * resolution else _MEDIUM


def _power(spectrum: NDArray[np.complex64], bins: _Bins) -> NDArray[np.float32]:
    squared = np.square(spectrum.real)
    squared += np.square(spectrum.imag)
    if bins.spread != 1 and squared.shape[1] > 2:
        whole = squared.copy()
        whole[:, 1:] += squared[:, :-1]
        whole[:, :-1] += squared[:, 1:]
        # The neighbours beyond the ends are mirror images.
        whole[:, 0] += squared[:, 1]
        whole[:, -1] += squared[:, -2]
        whole *= np.float32(1 / bins.spread)
        squared = whole
    # A constant has twice the power of a sine of its height, but is its own mirror image.
    squared[:, : bins.constant] *= np.float32(0.5)
    return squared


def _first_bins(row_edges: NDArray[np.float64], spacing: float, bins: int) -> NDArray[np.intp]:
    """Return the first bin of each row, and one end of the last if it is not the last bin."""
    middles = np.rint((row_edges[:-1] + row_edges[1:]) / 2 / spacing)
    edges = np.ceil(row_edges / spacing)
    # A row narrower than a bin shows the nearest one.
    empty = edges[:-1] >= edges[1:]
    first = np.where(empty, np.minimum(middles, edges[:-1]), edges[:-1])
    first = np.maximum.accumulate(np.clip(first, 0, bins - 1))
    end = np.floor(row_edges[-1] / spacing) + 1
    return np.append(first, end).astype(np.intp) if end < bins else first.astype(np.intp)
