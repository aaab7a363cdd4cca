"""Letting a filter hear the past that it has missed, a little at a time."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from ..filter import Filter
from .history import History

__all__ = ["WarmUp"]

SHORTEST = 240
"""Samples of the first piece of the past that a filter hears; later ones are no shorter."""

PIECE_SECONDS = 0.001
"""Seconds of computing that a piece after the first should take."""


class WarmUp:
    """Runs a filter over what went in lately, so that it goes on as if it had been there.

    Parameters
    ----------
    filter : Filter
        The filter, which forgets all sound first.
    history : History
        The past that it hears; it may grow between one call of `go_on` and the next.

    Attributes
    ----------
    load : float
        Seconds that the filter takes for a second of sound, as far as is known; 0 at first.
    """

    def __init__(self, filter: Filter, history: History) -> None:
        self.filter = filter
        self.load = 0.0
        self._history, self._began = history, history.total
        self._heard: int | None = None
        self._channels = 0
        self._size, self._pace = SHORTEST, 0.0
        self._spent, self._lasted = 0.0, 0
        filter.reset()

    @property
    def age(self) -> int:
        """How many samples have come since the beginning."""
        return self._history.total - self._began

    def go_on(self, seconds: float) -> bool:
        """Let the filter hear more; return whether it has heard everything.

        Parameters
        ----------
        seconds : float
            Time in seconds that this may take; one piece is heard in any case.
        """
        total = self._history.total
        missing = float("inf") if self._heard is None else total - self._heard
        past = self._history.last(missing)
        if past is None:
            return True
        if len(past) != self._channels:
            self._channels = len(past)
            self.filter.reset()
        sound = past.astype(np.float32)
        began, place = time.perf_counter(), 0
        while place < sound.shape[1]:
            piece = sound[:, place : place + self._size]
            expected = self._pace * piece.shape[1]
            if place and time.perf_counter() - began + expected > seconds:
                break
            self._hear(piece)
            place += piece.shape[1]
        self._heard = total - (sound.shape[1] - place)
        return self._heard == total

    def _hear(self, piece: NDArray[np.float32]) -> None:
        began = time.perf_counter()
        self.filter.process(piece)
        took = time.perf_counter() - began
        self._spent += took
        self._lasted += piece.shape[1]
        self.load = self._spent * self.filter.sample_rate / self._lasted
        # Not the mean: the first piece often takes longer.
        self._pace = max(took, 1e-6) / piece.shape[1]
        self._size = max(SHORTEST, int(PIECE_SECONDS / self._pace))
