"""Numbers that move to their new values without a click."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .fade import fade_in

__all__ = ["RAMP_SECONDS", "Ramp"]

RAMP_SECONDS = 0.03
"""Seconds that a number takes to move to its new value."""


class Ramp:
    """A few numbers, such as gains, each moving smoothly to its wanted value.

    Parameters
    ----------
    values : sequence of float
        Values to begin with, one for each number.
    sample_rate : int
        Samples per second in Hz.

    Notes
    -----
    A move takes 30 ms on the way of `lkexplore.filters.engine.fade.fade_in`: long enough that even
    numbers that stand for decibels leave a tone without anything heard beside it. What changes
    during a move waits for its end, so that the way does not depend on blocks.
    """

    def __init__(self, values: tuple[float, ...], sample_rate: int) -> None:
        steps = max(1, round(RAMP_SECONDS * sample_rate))
        self._curve = fade_in(steps)
        self._from = self._to = np.array(values, dtype=np.float64)
        self._done = steps

    def take(self, length: int, wanted: tuple[float, ...]) -> NDArray[np.float64]:
        """Return the next values, of shape (k, length), or (k, 1) where none moves."""
        goal = np.array(wanted, dtype=np.float64)
        if self._done == self._curve.size and np.array_equal(goal, self._to):
            return self._to[:, np.newaxis]
        out = np.empty((goal.size, length))
        begin = 0
        while begin < length:
            if self._done == self._curve.size:
                if np.array_equal(goal, self._to):
                    out[:, begin:] = self._to[:, np.newaxis]
                    break
                self._from, self._to, self._done = self._to, goal, 0
            end = min(length, begin + self._curve.size - self._done)
            weight = self._curve[self._done : self._done + end - begin]
            out[:, begin:end] = self._from[:, None] + (self._to - self._from)[:, None] * weight
            self._done += end - begin
            begin = end
        return out

    def left(self, *wanted: float) -> int:
        """Return how many samples it takes to reach these values, if no others come."""
        left: int = self._curve.size - self._done
        return left if np.array_equal(self._to, wanted) else left + self._curve.size
