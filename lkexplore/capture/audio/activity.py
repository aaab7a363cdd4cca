"""Where in a recording there is sound, so that no gap is marked there."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ...sound.convert import WEBRTC_RATE
from ...sound.timing import Gap

__all__ = ["Activity"]

CELL = WEBRTC_RATE // 200
"""Samples in a cell of 5 ms; for each cell it is noted whether it has sound."""

BLUR = 2
"""Cells into which the conversion to another rate may spread the edge of a sound."""

LOUD = 32
"""Smallest 16-bit sample value that counts as sound: -60 dBFS."""

SHORTEST = 0.02
"""Seconds that a remainder of a gap must last, once the sound is cut out of it, to be told."""

SHARD = 0.05
"""Seconds that each of several remainders of one gap must last to be told."""


class Activity:
    """Remembers for each 5 ms whether there was sound, one byte each.

    Parameters
    ----------
    channels : int
        Number of channels, 1 or 2.
    blurred : bool
        Whether another sample rate spreads the edges of the sound into the 10 ms beside them.
    """

    def __init__(self, channels: int, blurred: bool = False) -> None:
        self._channels, self._margin = channels, BLUR if blurred else 0
        self._cells = bytearray()
        self._forgotten = 0

    def note(self, start: int, interleaved: NDArray[np.int16]) -> None:
        """Take note of samples, channels interleaved, the first of them at a place."""
        length = len(interleaved) // self._channels
        if not length:
            return
        first, last = start // CELL, (start + length - 1) // CELL
        edges = np.arange(first, last + 1) * CELL - start
        edges[0] = 0
        edges *= self._channels
        # ~x is -x - 1, which unlike -x fits into 16 bits for the lowest sample, too.
        peaks = np.maximum(
            np.maximum.reduceat(interleaved, edges), ~np.minimum.reduceat(interleaved, edges)
        )
        first -= self._forgotten
        self._cells.extend(bytes(max(0, first + len(edges) - len(self._cells))))
        for cell in np.flatnonzero(peaks >= LOUD):
            if first + cell >= 0:
                self._cells[first + int(cell)] = 1

    def forget(self, before: float) -> None:
        """Let go of what was before a time in seconds."""
        count = int(before * WEBRTC_RATE) // CELL - self._forgotten
        if count > 0:
            del self._cells[:count]
            self._forgotten += count

    def outside(self, gaps: Iterable[Gap]) -> list[Gap]:
        """Return the gaps without the sound in them: cut at their edges, or in two."""
        return [piece for gap in gaps for piece in self._quiet(gap)]

    def _quiet(self, gap: Gap) -> list[Gap]:
        begin, end = int(gap.start * WEBRTC_RATE) // CELL, -int(-gap.end * WEBRTC_RATE // CELL)
        first = max(begin - self._margin - self._forgotten, 0)
        loud = self._cells[first : max(end + self._margin - self._forgotten, 0)]
        if 1 not in loud:
            return [gap]
        pieces, at = [], gap.start
        for cell in np.flatnonzero(np.frombuffer(bytes(loud), np.uint8)):
            place = first + int(cell) + self._forgotten
            edge = (place - self._margin) * CELL / WEBRTC_RATE
            if edge - at >= SHORTEST:
                pieces.append(gap.moved(at, min(edge, gap.end)))
            at = max(at, (place + 1 + self._margin) * CELL / WEBRTC_RATE)
        if gap.end - at >= SHORTEST:
            pieces.append(gap.moved(at, gap.end))
        if len(pieces) < 2:
            return pieces
        return [piece for piece in pieces if piece.duration >= SHARD] or pieces[:1]
