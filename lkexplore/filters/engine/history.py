"""What has gone through a filter lately, for another one to start from."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

__all__ = ["History"]

_MAX_PIECES = 256


class History:
    """The last samples that went in, as many as asked for.

    Parameters
    ----------
    length : int
        How many samples to keep.

    Attributes
    ----------
    total : int
        How many samples have been added, those that are gone included.
    """

    def __init__(self, length: int) -> None:
        self.total = 0
        self._length = length
        self._pieces: deque[NDArray[np.float32]] = deque()
        self._held = 0

    def add(self, piece: NDArray[np.float32]) -> None:
        """Append samples of shape (channels, n); another number of channels starts afresh."""
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
