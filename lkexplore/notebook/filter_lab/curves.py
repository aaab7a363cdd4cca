"""What a filter lab shows, as small arrays: levels over time and frequency, gain, roots."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import FilterError, LkExploreError
from ...filters import Filter
from ...sound.recording import Recording

__all__ = [
    "COLUMNS",
    "FLOOR_DB",
    "LOWEST_HZ",
    "POINTS",
    "ROWS",
    "Piece",
    "gain_db",
    "levels",
    "measures",
    "pieces",
    "roots",
    "shade",
]

COLUMNS = 560
"""Most columns of a picture of levels."""

ROWS = 150
"""Rows of a picture of levels."""

LOWEST_HZ = 40.0
"""Frequency in Hz at the lower edge of a picture of levels."""

FLOOR_DB = -120.0
"""Lowest level that is told apart, in dBFS."""

POINTS = 400
"""Frequencies at which the gain is computed."""

GAIN_FLOOR_DB = -100.0
"""Lowest gain that is told apart, in dB."""

_WINDOW_SECONDS = 0.043
"""Length of a window of the spectrum in seconds, rounded to a power of two in samples."""

_PIECE_SECONDS = 1.0
"""Seconds of sound that are filtered at a time."""

_FRAMES_AT_ONCE = 32
"""Windows that are transformed at a time, few enough to stay in the processor's cache."""

_LEVEL_SECONDS = 0.05
"""Seconds of a block whose level counts as loud or quiet."""

_MOST_ROOTS = 200
"""Most taps of a filter, and half the most poles and zeros together, for which these are shown."""


class Piece(NamedTuple):
    """A part of a filtered sound.

    Attributes
    ----------
    start : int
        Place of its first sample in the sound, from 0.
    samples : ndarray of float32, shape (channels, n)
        The sound; the filter's latency is taken out.
    """

    start: int
    samples: NDArray[np.float32]


def pieces(recording: Recording, filter: Filter) -> Iterator[Piece]:
    """Filter a recording piece by piece; joined, they are ``recording | filter``.

    Parameters
    ----------
    recording : Recording
        The sound to filter.
    filter : Filter
        The filter, used without a copy: give one that nobody else uses.

    Yields
    ------
    Piece
        About 1 s of filtered sound.
    """
    rate, length = recording.sample_rate, recording.samples.shape[1]
    filter.sample_rate = rate
    filter.reset()
    late, step, done = filter.latency, round(_PIECE_SECONDS * rate), 0
    waits = late
    for begin in range(0, length + late, step):
        block = recording.samples[:, begin : begin + step]
        missing = min(step, length + late - begin) - block.shape[1]
        if missing > 0:
            block = np.pad(block, ((0, 0), (0, missing)))
        out = filter.process(np.ascontiguousarray(block))
        left_out = min(waits, out.shape[1])
        waits -= left_out
        out = out[:, left_out:]
        if out.shape[1]:
            yield Piece(done, out)
            done += out.shape[1]


def shade(db: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return levels as bytes: -120 dBFS and less as 0, 0 dBFS and more as 255."""
    return np.clip(np.rint((db - FLOOR_DB) * (255 / -FLOOR_DB)), 0, 255).astype(np.uint8)


def levels(
    samples: NDArray[np.float32], sample_rate: int, first: int, count: int, each: float
) -> NDArray[np.uint8]:
    """Return the strongest level in each cell of some columns.

    Parameters
    ----------
    samples : ndarray of float32, shape (channels, n)
        The sound from its beginning as far as it is known; the strongest channel counts.
    sample_rate : int
        Sample rate in Hz.
    first, count : int
        Number of the first column, from 0, and number of columns.
    each : float
        Width of a column in samples.

    Returns
    -------
    ndarray of uint8, shape (count, ROWS)
        Levels, see `shade`, with rows in even steps of pitch from 40 Hz to half the rate.
    """
    from scipy.fft import rfft

    window = 1 << max(4, round(np.log2(_WINDOW_SECONDS * sample_rate)))
    # No sample is left out: a wide column has several windows, and the strongest counts.
    times = max(1, int(np.ceil(each / window)))
    centres = (np.arange(first * times, (first + count) * times) + 0.5) * (each / times)
    starts = np.rint(centres).astype(int) - window // 2
    low = max(0, int(starts[0]))
    part = samples[:, low : int(starts[-1]) + window]
    part = np.pad(part, ((0, 0), (low - min(low, int(starts[0])), window)))
    starts -= int(starts[0])
    shape = np.hanning(window).astype(np.float32) * np.float32(4 / window)
    rows = _row_bins(window, sample_rate)
    power = np.zeros((starts.size, ROWS), np.float32)
    for channel in part:
        framed = np.lib.stride_tricks.sliding_window_view(channel, window)
        for begin in range(0, starts.size, _FRAMES_AT_ONCE):
            taken = slice(begin, begin + _FRAMES_AT_ONCE)
            found = rfft(framed[starts[taken]] * shape, axis=1)
            squares = found.real**2 + found.imag**2
            np.maximum(power[taken], np.maximum.reduceat(squares, rows, axis=1), out=power[taken])
    power = power.reshape(count, times, ROWS).max(1)
    return shade(10 * np.log10(np.maximum(power, 1e-12)))


def _row_bins(window: int, sample_rate: int) -> NDArray[np.intp]:
    edges = np.geomspace(LOWEST_HZ, sample_rate / 2, ROWS + 1)[:-1]
    return np.minimum(np.rint(edges * window / sample_rate), window // 2).astype(np.intp)


def gain_db(filter: Filter) -> NDArray[np.float32]:
    """Return the gain at `POINTS` frequencies from 20 Hz to half the rate; none if not linear."""
    half = filter.sample_rate / 2
    hz = np.geomspace(20, half, POINTS)
    hz[-1] = half
    try:
        size = np.abs(filter.response(hz))
    except FilterError:
        return np.zeros(0, np.float32)
    return (20 * np.log10(np.maximum(size, 10 ** (GAIN_FLOOR_DB / 20)))).astype(np.float32)


def roots(filter: Filter) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Return poles and zeros as (n, 2), or None if there are none or too many to see."""
    if _taps(filter) > _MOST_ROOTS:
        return None
    try:
        found = filter.poles_zeros()
    except FilterError:
        return None
    if not 0 < found.poles.size + found.zeros.size <= 2 * _MOST_ROOTS:
        return None
    poles, zeros = (
        np.stack((each.real, each.imag), 1).astype(np.float32)
        for each in (found.poles, found.zeros)
    )
    return poles, zeros


def _taps(filter: Filter) -> int:
    """Return the length of a finite response: the roots of a long one take long to find."""
    members = getattr(filter, "filters", (filter,))
    return max(int(getattr(one, "taps", 0)) for one in members)


def measures(recording: Recording) -> dict[str, float]:
    """Return peak, RMS and loudness, and how far loud passages are above quiet ones, in dB.

    Returns
    -------
    dict of str to float
        ``"peak"``, ``"rms"`` in dBFS, ``"lufs"``, and ``"above"``: the level that a tenth of
        all blocks of 50 ms exceeds, minus the level that a tenth stays below. For speech in noise
        that is about the signal-to-noise ratio. What cannot be measured, as of silence, is NaN.
    """
    from ...measure import loudness_lufs, peak_dbfs, rms_dbfs

    found: dict[str, float] = {}
    for name, measure in (("peak", peak_dbfs), ("rms", rms_dbfs), ("lufs", loudness_lufs)):
        try:
            found[name] = float(measure(recording))
        except LkExploreError:
            found[name] = float("nan")
    size = max(1, round(_LEVEL_SECONDS * recording.sample_rate))
    usable = recording.samples[:, : recording.samples.shape[1] // size * size]
    if not usable.size:
        return found | {"above": float("nan")}
    power = np.square(usable).reshape(len(usable), -1, size).mean((0, 2))
    quiet, loud = np.quantile(power, [0.1, 0.9])
    ratio = float(loud / quiet) if quiet > 1e-14 else float("nan")
    return found | {"above": 10 * float(np.log10(ratio)) if ratio > 0 else float("nan")}
