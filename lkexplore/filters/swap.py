"""Changing filters while sound passes, without a click."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .chain import as_filter
from .filter import Filter

__all__ = ["Swap"]

FADE_SECONDS = 0.02


class Swap(Filter):
    """A filter in whose place another can be put at any time; the change is crossfaded.

    Parameters
    ----------
    filter : Filter or object with ``process``
        What to begin with; used as it is, not copied, so that its parameters act at once.

    Notes
    -----
    The fade is a raised cosine of 20 ms with the weights of both filters adding up to one,
    which is right for two versions of the same sound. A change during a fade waits for its end.
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
        for member in (self._current, self._leaving, self._next):
            if member is not None:
                member.sample_rate = self.sample_rate

    def reset(self) -> None:
        """Forget all sound, and end a fade."""
        if self._next is not None:
            self._current, self._next = self._next, None
        self._leaving = None
        self._current.reset()

    def process(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Filter the next block; see :meth:`Filter.process`."""
        if self._next is not None and self._leaving is None:
            self._begin()
        if self._leaving is None:
            return self._current.process(block)
        length = round(FADE_SECONDS * self.sample_rate)
        fading = min(length - self._faded, block.shape[1])
        old = self._leaving.process(block[:, :fading])
        out = np.array(self._current.process(block), dtype=np.float32)
        phase = (self._faded + 0.5 + np.arange(fading, dtype=np.float32)) / np.float32(length)
        weight = (0.5 - 0.5 * np.cos(np.pi * phase)).astype(np.float32)
        out[:, :fading] = weight * out[:, :fading] + (1 - weight) * old
        self._faded += fading
        if self._faded >= length:
            self._leaving = None
        return out

    def _begin(self) -> None:
        coming = self._next
        self._next = None
        if coming is None or coming is self._current:
            return
        self._leaving, self._current, self._faded = self._current, coming, 0

    def __repr__(self) -> str:
        return f"Swap({self.filter!r})"
