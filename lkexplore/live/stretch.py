"""Making sound a few milliseconds longer or shorter without a click, as jitter buffers do."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = ["Stretch"]

Samples = NDArray[np.float32]

SHORTEST, USUAL, LONGEST = 0.0025, 0.010, 0.020
"""Seconds that are put in at once: the usual ones, and those for a period of what is very low."""

OVERLAP = 0.0025
ALIKE, PATIENCE = 0.9, 0.01
QUIET = 1e-3


class Stretch:
    """Lengthens or shortens the blocks of a stream where the sound repeats itself.

    The sound jumps back, or ahead, by the time after which it is most like itself, and fades over
    from the one to the other (waveform similarity overlap-add, Verhelst & Roelands 1993).

    Parameters
    ----------
    channels : int
        Of the blocks.
    sample_rate : int
        In Hz.
    """

    def __init__(self, channels: int, sample_rate: int) -> None:
        self._low, self._high = round(SHORTEST * sample_rate), round(LONGEST * sample_rate)
        self.channels = channels
        self._usual = round(USUAL * sample_rate)
        overlap = round(OVERLAP * sample_rate)
        self._fade = (0.5 - 0.5 * np.cos(np.pi * (np.arange(overlap) + 0.5) / overlap)).astype("f4")
        self._needed = self._high + overlap
        self._past = deque([np.zeros((channels, self._needed), np.float32)])
        self._held = self._needed
        self._asked = ALIKE

    def widen(self) -> None:
        """Go on with two channels, both as the one was up to now."""
        self.channels = 2
        self._past = deque(np.broadcast_to(one, (2, one.shape[1])) for one in self._past)

    def keep(self, block: Samples) -> Samples:
        """Pass a block on as it is."""
        self._past.append(block)
        self._held += block.shape[1]
        while self._held - self._past[0].shape[1] >= self._needed:
            self._held -= self._past.popleft().shape[1]
        return block

    def lengthen(self, block: Samples) -> Samples:
        """Return a block that is 2.5 to 20 ms longer; one that is too short, as it is."""
        overlap = len(self._fade)
        if block.shape[1] < overlap:
            return self.keep(block)
        whole = np.concatenate((*self._past, block), axis=1)
        place = whole.shape[1] - block.shape[1]
        back, alike = self._match(whole, place, [place - lag for lag in self._lags(self._usual)])
        if alike < ALIKE:
            rest = range(place - self._usual - 1, place - self._high - 1, -1)
            other, better = self._match(whole, place, list(rest))
            back = other if better >= ALIKE else back
        return self.keep(self._join(whole, place, back))

    def shorten(self, block: Samples) -> Samples:
        """Return a block that is shorter by 2.5 ms or more if the sound lends itself to it.

        From one attempt to the next, less is asked of it: after a second, anything will do.
        """
        overlap, length = len(self._fade), block.shape[1]
        room = length - overlap
        if room < self._low:
            return self.keep(block)
        ahead, alike = self._match(block, 0, self._lags(min(room, self._high)))
        if alike < self._asked:
            self._asked -= PATIENCE
            return self.keep(block)
        self._asked = ALIKE
        return self.keep(self._join(block, 0, ahead))

    def _lags(self, longest: int) -> range:
        return range(self._low, longest + 1)

    def _match(self, whole: Samples, place: int, others: range | list[int]) -> tuple[int, float]:
        """Return which of the other places is most like this one, and how much (-1 to 1)."""
        overlap = len(self._fade)
        mono = whole.mean(axis=0, dtype=np.float64)
        here = mono[place : place + overlap]
        windows = sliding_window_view(mono, overlap)[np.asarray(others)]
        energy = np.einsum("ij,ij->i", windows, windows)
        mine = float(here @ here)
        if mine < QUIET**2 * overlap:
            return others[0], 1.0
        likeness = windows @ here / np.sqrt(np.maximum(energy * mine, 1e-20))
        best = int(np.argmax(likeness))
        return others[best], float(likeness[best])

    def _join(self, whole: Samples, place: int, other: int) -> Samples:
        """Play up to the place, then fade over to the other one."""
        overlap = len(self._fade)
        old, new = whole[:, place : place + overlap], whole[:, other : other + overlap]
        start = place if other < place else 0
        head = whole[:, start:place]
        return np.concatenate(
            (head, old + self._fade * (new - old), whole[:, other + overlap :]), 1
        )
