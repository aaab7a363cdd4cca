"""The way from one sound to another: smooth enough that nothing is heard beside them."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

__all__ = ["FADE_SECONDS", "fade_in"]

FADE_SECONDS = 0.02
"""Seconds of a crossfade from one filter or design to the next."""

_BETA = 6.0
"""Shape of the Kaiser window, a bare number: of those tried, it puts least of a tone more than 100
Hz beside it.
"""


@functools.lru_cache(maxsize=16)
def fade_in(steps: int) -> NDArray[np.float64]:
    """Return the weights of the sound that fades in, from almost 0 to exactly 1.

    Parameters
    ----------
    steps : int
        Length of the fade in samples, at least 1.

    Returns
    -------
    ndarray of float64, shape (steps,)
        Rising weights, read-only. One minus these are the weights of the sound that fades out.

    Notes
    -----
    The slope is a Kaiser window (J. F. Kaiser and R. W. Schafer, "On the use of the I0-sinh window
    for spectrum analysis", IEEE Trans. ASSP 28(1), 1980). Over 20 ms, even a tone whose sign is
    flipped stays 66 dB above everything that is more than 100 Hz away from it; a raised cosine of
    the same length leaves 48 dB.

    Both weights add up to one (equal gain), because the two sounds crossfaded here are versions of
    the same one: a filter and its successor, a parameter's old value and its new one, filtered and
    not. Weights whose squares add up to one (equal power) would make it 3 dB louder half way; they
    are right for sounds that have nothing to do with each other, and where one sound comes from two
    places, as in :func:`lkexplore.filters.pan`.

    Examples
    --------
    >>> fade_in(3).round(3).tolist()
    [0.014, 0.986, 1.0]
    """
    rising = np.cumsum(np.kaiser(max(1, steps), _BETA))
    rising /= rising[-1]
    rising.flags.writeable = False
    return rising
