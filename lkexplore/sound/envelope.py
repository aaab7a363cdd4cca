"""Many samples seen through few columns: the lowest, the highest and the RMS of each."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Outline",
    "column_edges",
    "covered_columns",
    "extremes",
    "outline_of",
    "rms_columns",
]

_PIECE = 1 << 20
"""Samples per channel that are squared at a time, so that memory stays small."""

_LONG_COLUMN = 2048
"""Samples per column from which on a column at a time is faster."""

_CACHED = 1 << 18
"""Samples that stay in the processor's cache while they are read several times."""

_WORTH_A_THREAD = 1 << 23
"""Samples for each thread, at least: fewer are read before the threads have begun."""

_MOST_THREADS = 4
"""Threads that read samples, at most."""


class Outline(NamedTuple):
    """The lowest and the highest sample and the RMS of each column, shape (channels, columns)."""

    low: NDArray[np.float32]
    high: NDArray[np.float32]
    rms: NDArray[np.float32]


def column_edges(length: int, columns: int) -> NDArray[np.intp]:
    """Divide samples among columns as evenly as whole samples allow.

    Parameters
    ----------
    length : int
        Number of samples, at least 1.
    columns : int
        Number of columns wanted, at least 1; there are never more than samples.

    Returns
    -------
    ndarray of int, shape (columns + 1,)
        Column i holds the samples from ``edges[i]`` up to ``edges[i + 1]``.

    Examples
    --------
    >>> column_edges(10, 4).tolist()
    [0, 2, 5, 7, 10]
    """
    columns = min(columns, length)
    return np.arange(columns + 1, dtype=np.intp) * length // columns


def extremes(
    samples: NDArray[np.float32], edges: NDArray[np.intp]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the lowest and the highest sample of each column.

    Parameters
    ----------
    samples : ndarray of float32, shape (channels, n)
        The sound.
    edges : ndarray of int, shape (columns + 1,)
        Edges of the columns, as :func:`column_edges` makes them.

    Returns
    -------
    low, high : ndarray of float32, shape (channels, columns)
        No sample, however short its click, is left out.
    """
    low = np.minimum.reduceat(samples, edges[:-1], axis=1)
    high = np.maximum.reduceat(samples, edges[:-1], axis=1)
    return low, high


def rms_columns(samples: NDArray[np.float32], edges: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the root mean square of each column.

    Parameters
    ----------
    samples : ndarray of float32, shape (channels, n)
        The sound.
    edges : ndarray of int, shape (columns + 1,)
        Edges of the columns, as :func:`column_edges` makes them.

    Returns
    -------
    ndarray of float64, shape (channels, columns)
        Linear, full scale 1.
    """
    power = np.empty((samples.shape[0], edges.size - 1))
    at_once = max(1, _PIECE // max(1, int(edges[1] - edges[0])))
    for first in range(0, edges.size - 1, at_once):
        part = edges[first : first + at_once + 1]
        squares = np.square(samples[:, part[0] : part[-1]], dtype=np.float64)
        sums = np.add.reduceat(squares, part[:-1] - part[0], axis=1)
        power[:, first : first + at_once] = sums / np.diff(part)
    root: NDArray[np.float64] = np.sqrt(power)
    return root


def outline_of(samples: NDArray[np.float32], edges: NDArray[np.intp]) -> Outline:
    """Return the lowest and the highest sample and the RMS of each column, reading them once.

    Parameters
    ----------
    samples : ndarray of float32, shape (channels, n)
        The sound.
    edges : ndarray of int, shape (columns + 1,)
        Edges of the columns, as :func:`column_edges` makes them.

    Returns
    -------
    Outline
        As :func:`extremes` and :func:`rms_columns`, the RMS to four digits.

    Examples
    --------
    >>> outline_of(np.array([[1, -3]], "f4"), column_edges(2, 1)).low
    array([[-3.]], dtype=float32)
    """
    if edges[-1] - edges[0] < _LONG_COLUMN * (edges.size - 1):
        low, high = extremes(samples, edges)
        return Outline(low, high, rms_columns(samples, edges).astype(np.float32))
    shape = (samples.shape[0], edges.size - 1)
    found = Outline(*(np.empty(shape, dtype=np.float32) for _ in range(3)))
    threads = min(_MOST_THREADS, os.cpu_count() or 1, samples.size // _WORTH_A_THREAD + 1)
    shares = np.array_split(np.arange(shape[1]), threads)
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda share: _fill(found, samples, edges, share), shares))
    return found


def _fill(
    found: Outline,
    samples: NDArray[np.float32],
    edges: NDArray[np.intp],
    columns: NDArray[np.intp],
) -> None:
    for channel, line in enumerate(samples):
        for column in columns:
            part = line[edges[column] : edges[column + 1]]
            lowest, highest, power = _summary(part)
            found.low[channel, column] = lowest
            found.high[channel, column] = highest
            found.rms[channel, column] = np.sqrt(power)


def _summary(part: NDArray[np.float32]) -> tuple[np.float32, np.float32, float]:
    """Return the lowest and highest sample and the mean square, while they are in the cache."""
    low, high, total = part[0], part[0], 0.0
    for begin in range(0, part.size, _CACHED):
        piece = part[begin : begin + _CACHED]
        low, high = min(low, piece.min()), max(high, piece.max())
        with np.errstate(over="ignore"):
            square = float(np.dot(piece, piece))
        # Squares may be beyond float32.
        total += square if np.isfinite(square) else float(np.square(piece, dtype="f8").sum())
    return low, high, total / part.size


def covered_columns(spans: list[tuple[float, float]], columns: int) -> list[tuple[int, int]]:
    """Return the runs of columns that spans touch, so that many spans are drawn as few.

    Parameters
    ----------
    spans : list of (start, end)
        Starts and ends as fractions of the whole width, 0 to 1.
    columns : int
        Number of columns in the width.

    Returns
    -------
    list of (first, end)
        Runs of columns, ``end`` not included; every span has at least one column.

    Examples
    --------
    >>> covered_columns([(0.5, 0.5001), (0.505, 0.51)], 100)
    [(50, 51)]
    """
    touched = np.zeros(columns + 2, dtype=np.int8)
    for start, end in spans:
        first = min(int(start * columns), columns - 1)
        touched[first + 1 : max(first + 1, int(np.ceil(end * columns))) + 1] = 1
    touched[-1] = 0
    steps = np.diff(touched)
    firsts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    return [(int(a), int(b)) for a, b in zip(firsts, ends, strict=True)]
