"""Work on overlapping spectra, and on frames of a fixed length, at any block size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["Frames", "OverlapAdd"]

_OVERLAP = 4
"""Windows that hold each sample."""

_AT_ONCE = 32
"""Windows that are transformed at a time: so few that they stay in the processor's cache."""


class OverlapAdd:
    """Cut sound into overlapping windows, change their spectra, and add them up again.

    Parameters
    ----------
    channels : int
        Number of channels.
    size : int
        Length of a window in samples, a multiple of 4; one begins every quarter of it.
    change : callable
        Function that takes some spectra, complex, shape (n, channels, size // 2 + 1), in the order
        of time, and returns gains for them.

    Notes
    -----
    Hann windows before and after, so that gains of one give back the sound. The output is late
    by ``size - 1`` samples. J. B. Allen & L. R. Rabiner, "A unified approach to short-time
    Fourier analysis and synthesis", Proc. IEEE 65(11), 1977.
    """

    def __init__(
        self,
        channels: int,
        size: int,
        change: Callable[[NDArray[np.complex128]], NDArray[np.float64]],
    ) -> None:
        self._hop = size // _OVERLAP
        self._change = change
        self._window = hann(size)
        # Squared Hann windows a quarter apart add up to 3/2.
        self._synthesis = self._window / 1.5
        self._past = np.zeros((channels, size - self._hop))
        self._sum = np.zeros((channels, _OVERLAP - 1, self._hop))
        self._ready = np.zeros((channels, self._hop - 1))

    def process(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return as many samples as come in."""
        joined = np.concatenate((self._past, block), axis=1)
        size, hop = self._window.size, self._hop
        count = max((joined.shape[1] - size) // hop + 1, 0)
        pieces = [self._ready]
        if count:
            windows = np.lib.stride_tricks.sliding_window_view(joined, size, axis=1)[:, ::hop]
            for begin in range(0, count, _AT_ONCE):
                frames = windows[:, begin : min(begin + _AT_ONCE, count)].swapaxes(0, 1)
                pieces.append(self._changed(frames))
        self._past = joined[:, count * hop :].copy()
        ready = np.concatenate(pieces, axis=1)
        self._ready = ready[:, block.shape[1] :].copy()
        return ready[:, : block.shape[1]]

    def _changed(self, frames: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what some windows, shape (n, channels, size), add to the sound."""
        spectra = np.fft.rfft(frames * self._window)
        spectra *= self._change(spectra)
        changed = np.fft.irfft(spectra, self._window.size) * self._synthesis
        count, channels, _ = changed.shape
        quarters = changed.reshape(count, channels, _OVERLAP, self._hop).transpose(1, 2, 0, 3)
        total = np.zeros((channels, count + _OVERLAP - 1, self._hop))
        total[:, : _OVERLAP - 1] = self._sum
        # The oldest first, so that sums do not depend on how many come at once.
        for part in reversed(range(_OVERLAP)):
            total[:, part : part + count] += quarters[:, part]
        self._sum = total[:, count:].copy()
        return total[:, :count].reshape(channels, -1)


class Frames:
    """Cut sound into frames of one length, for processing that takes no other.

    Parameters
    ----------
    channels : int
        Number of channels.
    length : int
        Samples in a frame.
    change : callable
        Function that takes a frame, (channels, length), and returns another.

    Notes
    -----
    The output is late by ``length - 1`` samples, whatever the blocks, so that it is always the
    same.
    """

    def __init__(
        self,
        channels: int,
        length: int,
        change: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    ) -> None:
        self._length = length
        self._change = change
        self._waiting = np.zeros((channels, 0))
        self._ready = np.zeros((channels, length - 1))

    def process(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return as many samples as come in."""
        joined = np.concatenate((self._waiting, block), axis=1)
        end = joined.shape[1] // self._length * self._length
        frames = [
            self._change(joined[:, begin : begin + self._length])
            for begin in range(0, end, self._length)
        ]
        self._waiting = joined[:, end:].copy()
        ready = np.concatenate((self._ready, *frames), axis=1)
        self._ready = ready[:, block.shape[1] :].copy()
        return ready[:, : block.shape[1]]


def hann(size: int) -> NDArray[np.float64]:
    """Return a Hann window whose copies a quarter apart add up to a constant."""
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size))
