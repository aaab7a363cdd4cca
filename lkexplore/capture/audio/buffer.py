"""Where a capture's samples gather: float32, in memory that is never held twice."""

from __future__ import annotations

import mmap
import sys

import numpy as np
from numpy.typing import NDArray

from ...sound.convert import INT16_STEP

__all__ = ["SampleBuffer"]

_PIECE = 1 << 16
"""Samples that are moved at a time."""

_ITEM = 4
"""Bytes in a float32 sample."""


class SampleBuffer:
    """Grows at the end, by samples or silence, up to an optional limit; what is beyond is dropped.

    Memory is reserved in one piece and taken up only as it is written to. When a buffer without
    a limit outgrows its reserve, or its channels move together at the end, what has been moved
    is given back piece by piece, so that the samples never take twice their size.

    Parameters
    ----------
    channels : int
        Number of channels.
    limit : int or None
        Most samples per channel; None for no limit.
    reserve : int
        Samples per channel to reserve first when there is no limit.
    """

    def __init__(self, channels: int, limit: int | None, reserve: int) -> None:
        self.channels = channels
        self.limit = limit
        self.length = 0
        self._capacity = max(reserve, 1) if limit is None else limit
        self._memory = _Memory(channels * self._capacity)

    def write_int16(self, interleaved: NDArray[np.int16]) -> None:
        """Append 16-bit samples, channels interleaved, as floats in [-1, 1)."""
        columns = interleaved.reshape(-1, self.channels).T
        place = self._make_room(columns.shape[1])
        np.multiply(columns[:, : place.shape[1]], INT16_STEP, out=place)

    def write(self, samples: NDArray[np.float32]) -> None:
        """Append float samples of shape (channels, n)."""
        place = self._make_room(samples.shape[1])
        place[:] = samples[:, : place.shape[1]]

    def silence(self, count: int) -> None:
        """Append zeros."""
        self._make_room(count)[:] = 0.0

    def set_length(self, length: int) -> None:
        """Cut off the end, or append zeros, to reach a length."""
        if length > self.length:
            self.silence(length - self.length)
        self.length = length

    def take(self) -> NDArray[np.float32]:
        """Return the samples, shape (channels, length), and give the memory away with them."""
        memory, length = self._memory, self.length
        for channel in range(1, self.channels):
            memory.move(channel * self._capacity, memory, channel * length, length)
        self._memory, self._capacity, self.length, self.limit = _Memory(0), 0, 0, 0
        return memory.samples[: self.channels * length].reshape(self.channels, length)

    def _make_room(self, count: int) -> NDArray[np.float32]:
        """Claim the next `count` samples (fewer at the limit) and return them to be filled."""
        if self.limit is not None:
            count = max(min(count, self.limit - self.length), 0)
        start, self.length = self.length, self.length + count
        if self.length > self._capacity:
            self._enlarge(max(2 * self._capacity, self.length), start)
        rows = self._memory.samples.reshape(self.channels, self._capacity)
        return rows[:, start : self.length]

    def _enlarge(self, capacity: int, used: int) -> None:
        larger = _Memory(self.channels * capacity)
        for channel in range(self.channels):
            self._memory.move(channel * self._capacity, larger, channel * capacity, used)
        self._memory, self._capacity = larger, capacity


class _Memory:
    """Float samples in pages of their own, which can be given back one by one."""

    def __init__(self, count: int) -> None:
        size = max(count, 1) * _ITEM
        if sys.platform == "win32":
            self._pages = mmap.mmap(-1, size)
        else:
            self._pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.samples = np.frombuffer(self._pages, np.float32, count)

    def move(self, source: int, into: _Memory, target: int, count: int) -> None:
        """Move samples into another memory, or towards the start of this one."""
        if into is self and source == target:
            return
        for done in range(0, count, _PIECE):
            size = min(_PIECE, count - done)
            first = source + done
            into.samples[target + done : target + done + size] = self.samples[first : first + size]
            if into is not self or first >= target + count:
                self._give_back(first, first + size)

    def _give_back(self, first: int, last: int) -> None:
        page = mmap.PAGESIZE
        start, end = -(-first * _ITEM // page) * page, last * _ITEM // page * page
        if hasattr(self._pages, "madvise") and end > start:
            self._pages.madvise(mmap.MADV_DONTNEED, start, end - start)
