"""Work on overlapping spectra, and on frames of a fixed length, at any block size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["Frames", "OverlapAdd"]

_OVERLAP = 4


class OverlapAdd:
    """Cut sound into overlapping windows, change their spectra, and add them up again.

    Parameters
    ----------
    channels : int
        How many.
    size : int
        Length of a window in samples, a multiple of 4; one begins every quarter of it.
    change : callable
        Takes a spectrum, complex, shape (channels, size // 2 + 1), and returns gains for it, in
        the order of time.

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
        self._sum = np.zeros((channels, size))
        self._ready = np.zeros((channels, self._hop - 1))

    def process(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return as many samples as come in."""
        joined = np.concatenate((self._past, block), axis=1)
        size = self._window.size
        count = (joined.shape[1] - size) // self._hop + 1
        pieces = [self._ready]
        for begin in range(0, max(count, 0) * self._hop, self._hop):
            spectrum = np.fft.rfft(joined[:, begin : begin + size] * self._window)
            changed = np.fft.irfft(spectrum * self._change(spectrum), size)
            self._sum += changed * self._synthesis
            pieces.append(self._sum[:, : self._hop].copy())
            self._sum[:, : -self._hop] = self._sum[:, self._hop :]
            self._sum[:, -self._hop :] = 0.0
        self._past = joined[:, max(count, 0) * self._hop :].copy()
        ready = np.concatenate(pieces, axis=1)
        self._ready = ready[:, block.shape[1] :].copy()
        return ready[:, : block.shape[1]]


class Frames:
    """Cut sound into frames of one length for what takes no other.

    Parameters
    ----------
    channels : int
        How many.
    length : int
        Samples in a frame.
    change : callable
        Takes a frame, (channels, length), and returns another.

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
