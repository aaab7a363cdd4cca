"""Changing filters while sound passes, without a click."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..any_object import as_filter
from ..filter import Filter
from ..output import as_output
from .fade import FADE_SECONDS, fade_in
from .history import History
from .warm_up import WarmUp

__all__ = ["Swap"]

PAST_SECONDS = 0.5
"""Seconds of the past that a new filter runs over before it is heard."""

PATIENCE = 1.0
"""Seconds after which a new filter is put in place even if it has heard less of the past."""


class Swap(Filter):
    """A filter in whose place another can be put at any time; the change is crossfaded.

    Parameters
    ----------
    filter : Filter, object with ``process``, or function of a block
        The first filter, used as it is and not copied, so that its parameters act at once.
    patient : bool
        Whether `prepare` runs a new filter over the past, and decides when it is put in place.

    Notes
    -----
    The fade takes 20 ms, with the weights of both filters adding up to one (equal gain): they make
    two versions of the same sound, which equal power would make 3 dB louder half way. A new filter
    first runs over the last half second, as if it had been there; a change during a fade waits for
    its end. `put` may be called on any thread, all else on the one that calls `process`. Taught in
    ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> from lkexplore.filters import gain
    >>> place = Swap(gain(0))
    >>> place.put(gain(-6))
    >>> place.process(np.ones((1, 4800), "f4"))[0, -1].round(2)
    np.float32(0.5)
    """

    def __init__(self, filter: Filter, *, patient: bool = False) -> None:
        self.patient = patient
        self._current = self._wanted = as_filter(filter)
        self._leaving: Filter | None = None
        self._warming: WarmUp | None = None
        self._faded = 0
        self.changed()

    @property
    def filter(self) -> Filter:
        """The filter that was put in last."""
        return self._wanted

    @property
    def latency(self) -> int:  # type: ignore[override]
        """The latency of the present filter, in samples."""
        return self._current.latency

    @property
    def coming_load(self) -> float:
        """Seconds that the new filter takes for a second of sound; 0 if there is none."""
        return self._warming.load if self._warming is not None else 0.0

    def put(self, filter: Filter) -> None:
        """Put another filter in place, from the next block on.

        Parameters
        ----------
        filter : Filter, object with ``process``, or function of a block
            The new filter, which is set to this filter's sample rate; it should not be in use
            elsewhere.

        Raises
        ------
        FilterError
            If it is no filter, or does not fit the sample rate.
        """
        other = as_filter(filter)
        other.sample_rate = self.sample_rate
        self._wanted = other

    def prepare(self, seconds: float, load: float = math.inf) -> None:
        """Let a new filter hear some more of the past, between two blocks.

        Parameters
        ----------
        seconds : float
            Time in seconds that this may take.
        load : float
            Largest number of seconds that the new filter may take for a second of sound; if it
            takes longer, it waits.
        """
        if self._leaving is not None:
            return
        warming = self._to_warm()
        if warming is None:
            return
        ready = warming.go_on(seconds) and warming.load <= load
        self._ready = ready or warming.age > PATIENCE * self.sample_rate

    def hurry(self) -> bool:
        """Put the new filter in place without a fade or a past; tell whether there is one.

        For when the present one cannot go on.
        """
        if self._wanted is self._current:
            return False
        self.reset()
        return True

    def changed(self) -> None:
        """Pass the sample rate on."""
        for member in (self._current, self._leaving, self._wanted):
            if member is not None:
                member.sample_rate = self.sample_rate
        self._forget()

    def reset(self) -> None:
        """Forget all sound, and end a fade."""
        self._current, self._leaving = self._wanted, None
        self._current.reset()
        self._forget()

    def process(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Filter the next block; see :meth:`Filter.process`."""
        if self._wanted is self._current and self._leaving is None:
            self._history.add(block)
            return self._output(self._current, block)
        length = round(FADE_SECONDS * self.sample_rate)
        pieces = []
        begin = 0
        while begin < block.shape[1]:
            if self._leaving is None:
                self._begin()
            end = block.shape[1]
            if self._leaving is not None:
                end = min(end, begin + length - self._faded)
            piece = block[:, begin:end]
            self._history.add(piece)
            pieces.append(self._mixed(piece, length))
            begin = end
        return _joined(pieces) if pieces else self._output(self._current, block)

    def _output(self, filter: Filter, block: NDArray[np.float32]) -> NDArray[np.float32]:
        return as_output(filter.process(block), filter)

    def _mixed(self, piece: NDArray[np.float32], length: int) -> NDArray[np.float32]:
        new = self._output(self._current, piece)
        if self._leaving is None:
            return new
        old = self._output(self._leaving, piece)
        weight = fade_in(length)[self._faded : self._faded + piece.shape[1]].astype(np.float32)
        self._faded += piece.shape[1]
        if self._faded >= length:
            self._leaving = None
        return old + weight * (new - old)

    def _to_warm(self) -> WarmUp | None:
        wanted = self._wanted
        if wanted is self._current:
            self._warming = None
        elif self._warming is None or self._warming.filter is not wanted:
            self._warming, self._ready = WarmUp(wanted, self._history), False
        return self._warming

    def _begin(self) -> None:
        warming = self._to_warm()
        if warming is None or (self.patient and not self._ready):
            return
        if not self.patient:
            warming.go_on(math.inf)
        self._leaving, self._current, self._faded = self._current, warming.filter, 0
        self._warming = None

    def _forget(self) -> None:
        self._history = History(round(PAST_SECONDS * self.sample_rate))
        self._warming, self._ready = None, False

    def __repr__(self) -> str:
        return f"Swap({self.filter!r})"


def _joined(pieces: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    # One of the filters may make two channels of one.
    channels = max(len(piece) for piece in pieces)
    return np.concatenate([np.broadcast_to(p, (channels, p.shape[1])) for p in pieces], axis=1)
