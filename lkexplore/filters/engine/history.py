"""The last samples that went through a filter, from which another one starts."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

__all__ = ["History"]

_MAX_PIECES = 256
"""Pieces that are kept apart; when there are more, they are joined into one."""


class History:
    """The last samples that went in, as many as asked for.

    Parameters
    ----------
    length : int
        Number of samples to keep.

    Attributes
    ----------
    total : int
        Number of samples added so far, including those no longer kept.
    """

    def __init__(self, length: int) -> None:
        self.total = 0
        self._length = length
        self._pieces: deque[NDArray[np.float32]] = deque()
        self._held = 0

    def add(self, piece: NDArray[np.float32]) -> None:
        """Append samples of shape (channels, n); another number of channels starts over."""
        if self._pieces and self._pieces[-1].shape[0] != piece.shape[0]:
            self._pieces.clear()
            self._held = 0
        self.total += piece.shape[1]
        self._pieces.append(piece[:, -self._length :].copy())
        self._held += self._pieces[-1].shape[1]
        while self._held - self._pieces[0].shape[1] >= self._length:
            self._held -= self._pieces.popleft().shape[1]
        if len(self._pieces) > _MAX_PIECES:
            joined = np.concatenate(self._pieces, axis=1)
            self._pieces = deque([joined])

    def last(self, memory: float) -> NDArray[np.float64] | None:
        """Return the last `memory` samples, or all there are; None when there is none."""
        count = int(min(self._length, self._held, memory))
        if not count:
            return None
        joined = np.concatenate(self._pieces, axis=1)
        return joined[:, -count:].astype(np.float64)
