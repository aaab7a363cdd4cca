"""The other input of filters that cancel: the sound that they take out."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import FilterError
from ..as_block import as_block

__all__ = ["FarEnd"]

LONGEST_SECONDS = 600
"""Seconds of far end that may wait for their sound."""


class FarEnd:
    """Blocks waiting to be used; they may be given in another thread than they are taken in."""

    def __init__(self) -> None:
        self._given: deque[NDArray[np.float64]] = deque()
        self._taken = np.zeros(0)

    def give(self, block: ArrayLike, sample_rate: int) -> None:
        """Append a block of shape (channels, n), its channels averaged.

        Raises
        ------
        FilterError, SoundError
            If it is no block of finite samples, or ten minutes are waiting already.
        """
        mono = as_block(block).mean(axis=0, dtype=np.float64)
        if len(self) + mono.size > LONGEST_SECONDS * sample_rate:
            raise FilterError(
                f"more than {LONGEST_SECONDS} s of far end wait for their sound: "
                "call far(block) and process(block) in turns"
            )
        self._given.append(mono)

    def take(self, length: int) -> NDArray[np.float64]:
        """Return the next samples, fewer if there are no more."""
        pieces = [self._taken]
        have = self._taken.size
        while have < length and self._given:
            pieces.append(self._given.popleft())
            have += pieces[-1].size
        joined = np.concatenate(pieces)
        self._taken = joined[length:]
        return joined[:length]

    def __len__(self) -> int:
        return self._taken.size + sum(piece.size for piece in list(self._given))
