"""Reassignment where a column holds many windows: in frequency, from one transform."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .spectrogram_columns import SILENCE_DBFS, places

__all__ = ["pooled_columns"]

_FLOOR = np.float32(10 ** (SILENCE_DBFS / 10))
"""Power, of a full-scale sine 1, that silence counts as."""

_FRAMES_AT_ONCE = 128
"""Windows that are transformed at a time, so that memory stays small."""

_FAINT = np.float32(1e-10)
"""Share of the power of the strongest bin of a window below which a bin is not moved (-100 dB)."""


def pooled_columns(
    samples: NDArray[np.float32],
    sample_rate: int,
    *,
    window: int,
    columns: int,
    row_edges: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Return the highest level in each cell, bins moved along the frequency axis alone.

    Parameters
    ----------
    samples, sample_rate, window, columns, row_edges
        Sound, its rate in Hz, and the cells, as `level_columns` takes them; a column should be two
        windows wide or more.

    Returns
    -------
    ndarray of float32, shape (rows, columns)
        In dBFS, 0 for a full-scale sine; -200 where nothing has been moved to.

    Notes
    -----
    Of the windows of a column, the strongest in each bin is moved. A Hann window and its slope are
    sums of three lines, so that the spectra with either follow from the one with none; and where
    in a bin a sine lies says what the window takes from it.

    References
    ----------
    As :func:`lkexplore.plot.reassigned.reassigned_columns`.
    """
    from scipy.fft import rfft

    length = samples.shape[1]
    starts = places(length, window, columns)[0]
    # So that no square overflows.
    scale = max(1.0, float(samples.max()), -float(samples.min()))
    power = np.zeros((columns, len(row_edges) - 1), dtype=np.float32)
    each = starts.size // columns
    for channel in samples:
        frames = np.lib.stride_tricks.sliding_window_view(channel, window)
        for column in range(columns):
            own = starts[column * each : (column + 1) * each]
            for begin in range(0, each, _FRAMES_AT_ONCE):
                part = frames[own[begin : begin + _FRAMES_AT_ONCE]]
                hz, found = _strongest(rfft(part * np.float32(4 / window / scale), axis=1), window)
                hz *= sample_rate / window
                row = np.searchsorted(row_edges, hz, side="right") - 1
                # A pure tone on the upper edge belongs to the last row.
                row[hz == row_edges[-1]] = power.shape[1] - 1
                inside = (row >= 0) & (row < power.shape[1])
                np.maximum.at(power[column], row[inside], found[inside])
    return 10 * np.log10(np.maximum(power.T, _FLOOR)) + np.float32(20 * np.log10(scale))


def _strongest(
    spectra: NDArray[np.complex64], window: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return where, in bins, the strongest of each bin is, and its power."""
    below, above = _neighbours(spectra, window)
    plain = spectra / 2 - (below + above) / 4
    values = np.square(plain.real)
    values += np.square(plain.imag)
    clear = values > _FAINT * values.max(axis=1, keepdims=True)
    best = np.where(clear, values, 0).argmax(axis=0)
    bins = np.arange(values.shape[1])
    sloped = (below[best, bins] - above[best, bins]) * np.complex64(-0.5j * np.pi)
    shift = -(sloped / np.where(plain[best, bins] == 0, 1, plain[best, bins])).imag / (2 * np.pi)
    kept = clear[best, bins]
    beside = np.clip(np.abs(shift), 0, 0.5)
    taken = np.sinc(beside) / (1 - np.square(beside))
    found = values[best, bins] / np.square(taken)
    return (bins + shift)[kept].astype(np.float32), found[kept].astype(np.float32)


def _neighbours(
    spectra: NDArray[np.complex64], window: int
) -> tuple[NDArray[np.complex64], NDArray[np.complex64]]:
    """Return the bin below and above each; beyond the ends they are mirror images."""
    below, above = np.empty_like(spectra), np.empty_like(spectra)
    below[:, 1:], above[:, :-1] = spectra[:, :-1], spectra[:, 1:]
    below[:, 0] = np.conj(spectra[:, min(1, spectra.shape[1] - 1)])
    mirror = -2 if window % 2 == 0 else -1
    above[:, -1] = np.conj(spectra[:, max(mirror, -spectra.shape[1])])
    return below, above
