"""What counts as sound: the checks that every array and every sample rate passes once."""

from __future__ import annotations

import math
import operator

import numpy as np
from numpy.typing import NDArray

from ..errors import SoundError
from .convert import INT16_STEP
from .in_words import is_unawaited, kind_of, shown

__all__ = [
    "MAX_CHANNELS",
    "MAX_SAMPLE_RATE",
    "as_float32",
    "as_real",
    "as_sample_rate",
    "as_samples",
    "is_whole",
]

MAX_SAMPLE_RATE = 768_000
"""Highest sample rate in Hz."""

MAX_CHANNELS = 64
"""Most channels that a sound may have."""

_CACHED = 1 << 18
"""Samples whose squares are summed at a time: so few that they stay in the processor's cache."""


def as_real(value: object) -> float:
    """Return a number as a float, and NaN for everything that is none.

    Parameters
    ----------
    value : object
        Anything. Numbers of Python and of numpy are numbers, text, bytes, True and False are not.

    Returns
    -------
    float
        NaN fails every comparison, so ``if not 0 < as_real(value) < math.inf`` refuses it.

    Examples
    --------
    >>> as_real(5), as_real("5"), as_real(None)
    (5.0, nan, nan)
    """
    if isinstance(value, np.ndarray):
        value = value[()] if not value.ndim else None
    if isinstance(value, str | bytes | bytearray | bool | np.bool_):
        return math.nan
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return math.nan


def is_whole(value: object) -> bool:
    """Return whether a value is an int, of Python or of numpy, and neither True nor False.

    Examples
    --------
    >>> is_whole(5), is_whole(5.0), is_whole(True)
    (True, False, False)
    """
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def as_sample_rate(value: object) -> int:
    """Check a sample rate and return it as a plain int.

    Parameters
    ----------
    value : int or float
        Samples per second in Hz, a whole number from 1 to 768000.

    Returns
    -------
    int
        The same number.

    Raises
    ------
    SoundError
        If it is no whole number in that range.

    Examples
    --------
    >>> as_sample_rate(48000.0)
    48000
    """
    rate = None
    if isinstance(value, float | np.floating) and math.isfinite(value) and value == int(value):
        rate = int(value)
    elif not isinstance(value, bool | np.bool_):
        try:
            rate = operator.index(value)  # type: ignore[arg-type]
        except TypeError:
            rate = None
    if rate is None or not 1 <= rate <= MAX_SAMPLE_RATE:
        raise SoundError(
            f"sample rate {shown(value)} cannot be used: give a whole number of Hz "
            f"from 1 to {MAX_SAMPLE_RATE}, such as 48000"
        )
    return rate


def as_samples(value: object) -> NDArray[np.float32]:
    """Check an array of sound and return it in the package's one form.

    Parameters
    ----------
    value : array_like
        Samples, float or int16, of shape (n,) or (channels, n) with 1 to 64 channels; n may be 0.
        int16 is divided by 32768.

    Returns
    -------
    ndarray of float32, shape (channels, n)
        C-contiguous and read-only. It is a view of the input, not a copy, wherever the input
        already is C-contiguous float32.

    Raises
    ------
    SoundError
        For another shape or type, and for NaN and infinity.

    Examples
    --------
    >>> as_samples([0.0, 0.5]).shape
    (1, 2)
    """
    samples = as_float32(_as_matrix(value))
    view = samples.view()
    view.flags.writeable = False
    if not _all_finite(view.reshape(-1)):
        raise _not_finite(view)
    return view


def _all_finite(line: NDArray[np.float32]) -> bool:
    """Tell whether all samples are finite, by sums of squares, which read them once."""
    for begin in range(0, line.size, _CACHED):
        piece = line[begin : begin + _CACHED]
        with np.errstate(over="ignore", invalid="ignore"):
            finite = np.isfinite(np.dot(piece, piece))
        # Squares of what is finite may still be beyond float32.
        if not finite and not np.isfinite(piece).all():
            return False
    return True


def _as_matrix(value: object) -> NDArray[np.generic]:
    if is_unawaited(value):
        raise SoundError(f"{kind_of(value)} is no array of samples")
    try:
        array: NDArray[np.generic] = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise SoundError(
            f"{type(value).__name__} cannot be made an array of samples "
            f"({' '.join(str(error).split())}): give an array of shape (n,) or (channels, n)"
        ) from None
    if not array.ndim:
        raise SoundError(
            f"{shown(value)} of shape () is no array of samples: give one of shape (n,) or "
            "(channels, n)"
        )
    if array.ndim == 1:
        array = array[np.newaxis]
    if array.ndim != 2:
        raise SoundError(
            f"samples of shape {array.shape} cannot be used: give an array of shape (n,) "
            "or (channels, n)"
        )
    channels, length = array.shape
    if channels == 0:
        raise SoundError(f"samples of shape {array.shape} have no channel: give at least one")
    if channels > MAX_CHANNELS:
        hint = ": they look like (n, channels), so pass samples.T" if length <= MAX_CHANNELS else ""
        raise SoundError(
            f"samples of shape {array.shape} would be {channels} channels, "
            f"and at most {MAX_CHANNELS} are allowed{hint or ': give fewer'}"
        )
    return array


def as_float32(array: NDArray[np.generic]) -> NDArray[np.float32]:
    """Return samples as float32: floats as they are, int16 divided by 32768.

    Parameters
    ----------
    array : ndarray
        Samples of any shape.

    Returns
    -------
    ndarray of float32
        C-contiguous; the same array if it already is that.

    Raises
    ------
    SoundError
        For every other type, with what makes floats of it.

    Examples
    --------
    >>> as_float32(np.array([16384], np.int16)).tolist()
    [0.5]
    """
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(array, dtype=np.float32)
    if array.dtype.kind == "i" and array.dtype.itemsize == 2:
        out = np.empty(array.shape, dtype=np.float32)
        np.multiply(array, INT16_STEP, out=out)
        return out
    if array.dtype.kind in "iu":
        half = 2 ** (8 * array.dtype.itemsize - 1)
        centred = f"(samples.astype(float) - {half})" if array.dtype.kind == "u" else "samples"
        how = f"pass {centred} / {half} if they fill {array.dtype}, else samples.astype(float)"
    elif array.dtype.kind == "c":
        how = "pass samples.real or abs(samples)"
    else:
        how = "pass samples.astype(float) if they are numbers"
    raise SoundError(f"samples of type {array.dtype} cannot be used, float and int16 can: {how}")


def _not_finite(samples: NDArray[np.float32]) -> SoundError:
    bad = ~np.isfinite(samples)
    nans = int(np.count_nonzero(np.isnan(samples)))
    infinite = int(np.count_nonzero(bad)) - nans
    channel, index = np.unravel_index(int(np.argmax(bad)), bad.shape)
    found = " and ".join(
        text for count, text in ((nans, f"{nans} NaN"), (infinite, f"{infinite} inf")) if count
    )
    return SoundError(
        f"samples hold {found}, the first in channel {channel} at sample {index}, and only finite "
        "numbers are sound: mend what made them, or pass numpy.nan_to_num(samples)"
    )
