"""What a filter of the user's puts out, as sound: floats as they are, int16 divided by 32768."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
from numpy.typing import NDArray

from ..errors import FilterError, SoundError
from ..sound.in_words import kind_of, shown
from ..sound.validation import as_float32

__all__ = ["as_output", "noting_integers"]

_NUMBERS = "fiubc"
"""Kinds of numpy types that are numbers, some of which are no sound: f, i, u, bool and complex."""

_noted: ContextVar[set[str] | None] = ContextVar("lkexplore_integers", default=None)


@contextmanager
def noting_integers() -> Iterator[set[str]]:
    """Collect the types of integers that filters put out in this thread meanwhile.

    Examples
    --------
    >>> with noting_integers() as noted:
    ...     as_output(np.array([[16384]], np.int16), "half").tolist()
    [[0.5]]
    >>> noted
    {'int16'}
    """
    noted: set[str] = set()
    token = _noted.set(noted)
    try:
        yield noted
    finally:
        _noted.reset(token)


def as_output(result: object, maker: object) -> NDArray[np.floating]:
    """Return what a filter put out as floats, scaled as :class:`lkexplore.Recording` scales.

    Parameters
    ----------
    result : array_like
        What came out.
    maker : object
        The filter, which the message names.

    Returns
    -------
    ndarray of floats
        The same array if it is one already; int16 is divided by 32768.

    Raises
    ------
    FilterError
        If it is no array of floats or int16.

    Examples
    --------
    >>> as_output(np.array([[-32768]], np.int16), "loud").tolist()
    [[-1.0]]
    """
    if isinstance(result, np.ndarray) and result.dtype.kind == "f":
        return result
    array = _array(result, maker)
    if array.dtype.kind in "iu" and (noted := _noted.get()) is not None:
        noted.add(str(array.dtype))
    try:
        return as_float32(array)
    except SoundError as error:
        raise FilterError(f"{shown(maker)} put out what is no sound: {error}") from None


def _array(result: object, maker: object) -> NDArray[np.generic]:
    try:
        array: NDArray[np.generic] = np.asarray(result)
    except (TypeError, ValueError):
        array = np.array(None)
    if array.dtype.kind not in _NUMBERS:
        raise FilterError(
            f"{shown(maker)} returned {kind_of(result)}: return a block of samples, "
            "an array of shape (channels, n)"
        )
    return array
