"""The way from one sound to another: smooth enough that nothing is heard beside them."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

__all__ = ["FADE_SECONDS", "fade_in"]

FADE_SECONDS = 0.02

# Of the slopes tried, the one that puts least of a tone more than 100 Hz beside it.
_BETA = 6.0


@functools.lru_cache(maxsize=16)
def fade_in(steps: int) -> NDArray[np.float64]:
    """Return the weights of what comes, from almost 0 to exactly 1.

    Parameters
    ----------
    steps : int
        How many samples the way takes, at least 1.

    Returns
    -------
    ndarray of float64, shape (steps,)
        Rising; not to be written to. One minus it are the weights of what goes.

    Notes
    -----
    The slope is a Kaiser window (J. F. Kaiser and R. W. Schafer, "On the use of the I0-sinh
    window for spectrum analysis", IEEE Trans. ASSP 28(1), 1980). Over 20 ms, a tone that even
    turns its sign stays 66 dB above all that is more than 100 Hz away from it; a raised cosine of
    the same length leaves 48 dB.

    Both weights add up to one (equal gain), since what is crossfaded here is two versions of one
    sound: a filter and its successor, a parameter's old value and its new one, filtered and not.
    Weights whose squares add up to one (equal power) would let it swell by 3 dB half way; they
    are right for sounds that have nothing to do with each other, and where one sound comes from
    two places, as in :func:`lkexplore.filters.pan`.

    Examples
    --------
    >>> fade_in(3).round(3).tolist()
    [0.014, 0.986, 1.0]
    """
    rising = np.cumsum(np.kaiser(max(1, steps), _BETA))
    rising /= rising[-1]
    rising.flags.writeable = False
    return rising
