"""Changing filters while sound passes, without a click."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .chain import as_filter
from .fade import FADE_SECONDS, fade_in
from .filter import Filter
from .history import History

__all__ = ["Swap"]

PAST_SECONDS = 0.5


class Swap(Filter):
    """A filter in whose place another can be put at any time; the change is crossfaded.

    Parameters
    ----------
    filter : Filter or object with ``process``
        What to begin with; used as it is, not copied, so that its parameters act at once.

    Notes
    -----
    The fade takes 20 ms, with the weights of both filters adding up to one,
    which is right for two versions of the same sound. The filter that comes first runs over the
    last half second, as if it had been there; a change during a fade waits for its end.
    Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> from lkexplore.filters import gain
    >>> place = Swap(gain(0))
    >>> place.put(gain(-6))
    >>> place.process(np.ones((1, 4800), "f4"))[0, -1].round(2)
    np.float32(0.5)
    """

    def __init__(self, filter: Filter) -> None:
        self._current = as_filter(filter)
        self._leaving: Filter | None = None
        self._next: Filter | None = None
        self._faded = 0
        self.changed()

    @property
    def filter(self) -> Filter:
        """The filter that was put in last."""
        return self._next or self._current

    @property
    def latency(self) -> int:  # type: ignore[override]
        """The latency of the present filter, in samples."""
        return self._current.latency

    def put(self, filter: Filter) -> None:
        """Put another filter in place, from the next block on.

        Parameters
        ----------
        filter : Filter or object with ``process``
            Set to this filter's sample rate; it should not be in use elsewhere.

        Raises
        ------
        FilterError
            If it is no filter, or does not fit the sample rate.
        """
        other = as_filter(filter)
        other.sample_rate = self.sample_rate
        self._next = other

    def changed(self) -> None:
        """Pass the sample rate on."""
        self._history = History(round(PAST_SECONDS * self.sample_rate))
        for member in (self._current, self._leaving, self._next):
            if member is not None:
                member.sample_rate = self.sample_rate

    def reset(self) -> None:
        """Forget all sound, and end a fade."""
        if self._next is not None:
            self._current, self._next = self._next, None
        self._leaving = None
        self._current.reset()
        self._history = History(round(PAST_SECONDS * self.sample_rate))

    def process(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Filter the next block; see :meth:`Filter.process`."""
        if self._next is None and self._leaving is None:
            self._history.add(block)
            return self._current.process(block)
        length = round(FADE_SECONDS * self.sample_rate)
        pieces = []
        begin = 0
        while begin < block.shape[1]:
            if self._leaving is None and self._next is not None:
                self._begin()
            end = block.shape[1]
            if self._leaving is not None:
                end = min(end, begin + length - self._faded)
            piece = block[:, begin:end]
            self._history.add(piece)
            pieces.append(self._mixed(piece, length))
            begin = end
        return np.concatenate(pieces, axis=1) if pieces else self._current.process(block)

    def _mixed(self, piece: NDArray[np.float32], length: int) -> NDArray[np.float32]:
        new = self._current.process(piece)
        if self._leaving is None:
            return new
        old = self._leaving.process(piece)
        weight = fade_in(length)[self._faded : self._faded + piece.shape[1]].astype(np.float32)
        self._faded += piece.shape[1]
        if self._faded >= length:
            self._leaving = None
        return old + weight * (new - old)

    def _begin(self) -> None:
        coming = self._next
        if coming is not None and coming is not self._current:
            coming.reset()
            past = self._history.last(PAST_SECONDS * self.sample_rate)
            if past is not None:
                coming.process(past.astype(np.float32))
            self._leaving, self._current, self._faded = self._current, coming, 0
        # Only now: one that fails on the past is still the filter that was put in last.
        self._next = None

    def __repr__(self) -> str:
        return f"Swap({self.filter!r})"
