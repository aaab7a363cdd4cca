"""The level over time and frequency, every bin moved to where its energy is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .pooled import pooled_columns
from .spectrogram_columns import SILENCE_DBFS, places, window_of

__all__ = ["reassigned_columns"]

_FLOOR = np.float32(10 ** (SILENCE_DBFS / 10))
"""Power, of a full-scale sine 1, that silence counts as."""

_PADDING = 2
"""Length of the transform in windows."""

_WIDE = 2
"""Windows in a column from which on bins are moved in frequency alone: nobody sees a move in time.
"""

_FRAMES_AT_ONCE = 64
"""Windows that are transformed at a time, so that memory stays small."""

_FAINT = np.float32(1e-10)
"""Share of the power of the strongest bin of a window below which a bin is not moved (-100 dB)."""


def reassigned_columns(
    samples: NDArray[np.float32],
    sample_rate: int,
    *,
    window: int,
    columns: int,
    row_edges: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Return the highest level in each cell, bins moved to their centres of gravity.

    Parameters
    ----------
    samples, sample_rate, window, columns, row_edges
        Sound, its rate in Hz, and the cells, as
        :func:`lkexplore.plot.spectrogram_columns.level_columns` takes them.

    Returns
    -------
    ndarray of float32, shape (rows, columns)
        In dBFS, 0 to -0.4 for a full-scale sine; -200 where nothing has been moved to.

    References
    ----------
    F. Auger and P. Flandrin, "Improving the readability of time-frequency and time-scale
    representations by the reassignment method", IEEE Trans. Signal Processing 43(5), 1995.
    """
    from scipy.fft import next_fast_len

    length = samples.shape[1]
    if length >= _WIDE * window * columns:
        return pooled_columns(
            samples, sample_rate, window=window, columns=columns, row_edges=row_edges
        )
    size = next_fast_len(_PADDING * window, real=True)
    plain, scale = window_of(samples, window)
    # Times in windows, so that all three shapes are of one size.
    times = (np.arange(window) - (window - 1) / 2) / window
    timed = (plain * times).astype(np.float32)
    sloped = (np.gradient(plain) * window).astype(np.float32)
    columns = max(1, min(columns, length - window + 1))
    starts, _ = places(length, window, columns)
    power = np.zeros((len(row_edges) - 1) * columns, dtype=np.float32)
    for channel in samples:
        frames = np.lib.stride_tricks.sliding_window_view(channel, window)
        for begin in range(0, starts.size, _FRAMES_AT_ONCE):
            part = starts[begin : begin + _FRAMES_AT_ONCE]
            values, late, high = _moved(frames[part], (plain, timed, sloped), size)
            where, bin_ = np.nonzero(values > _FAINT * values.max(axis=1, keepdims=True))
            at = part[where] + (window - 1) / 2 + late[where, bin_] * window
            hz = (bin_ / size + high[where, bin_] / window) * sample_rate
            column = np.floor(at * (columns / length)).astype(np.intp)
            row = np.searchsorted(row_edges, hz, side="right") - 1
            # A pure tone on the upper edge belongs to the last row.
            row[hz == row_edges[-1]] = len(row_edges) - 2
            inside = (column >= 0) & (column < columns) & (row >= 0) & (row < len(row_edges) - 1)
            cell = row[inside] * columns + column[inside]
            np.maximum.at(power, cell, values[where[inside], bin_[inside]])
    image = power.reshape(-1, columns)
    return 10 * np.log10(np.maximum(image, _FLOOR)) + np.float32(20 * np.log10(scale))


def _moved(
    frames: NDArray[np.float32], shapes: tuple[NDArray[np.float32], ...], size: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return the power of every bin, and by how many windows and bins of one it is moved."""
    from scipy.fft import rfft

    plain, timed, sloped = (rfft(frames * shape, size, axis=1) for shape in shapes)
    values = np.square(plain.real) + np.square(plain.imag)
    inverse = np.conj(plain) / np.maximum(values, np.float32(1e-30))
    late = (timed * inverse).real
    high = -(sloped * inverse).imag / np.float32(2 * np.pi)
    return values, late, high
