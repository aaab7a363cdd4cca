"""Designs of linear filters: coefficients that never change and hold no sound."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.signal import sosfilt, sosfreqz

__all__ = ["Design", "GainDesign", "SosDesign"]

# Numbers this small are silence, and processors add them many times slower.
_SILENCE = 1e-30


class Design(Protocol):
    """Coefficients that can run on sound, the sound's memory being kept outside.

    Attributes
    ----------
    memory : float
        How many samples of past input the output depends on to within -80 dB; may be inf.
    """

    memory: float

    def state(self, channels: int) -> NDArray[np.float64]:
        """Return the memory of silence."""

    def run(
        self, block: NDArray[np.float64], state: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the filtered block of shape (channels, n), n > 0, and the memory after it."""

    def response(self, hz: NDArray[np.float64], sample_rate: int) -> NDArray[np.complex128]:
        """Return the frequency response."""


class SosDesign:
    """A recursive filter as second-order sections, computed in float64.

    Parameters
    ----------
    sections : ndarray, shape (k, 6)
        As scipy.signal makes them with ``output="sos"``.
    """

    def __init__(self, sections: NDArray[np.float64]) -> None:
        self.sections = np.ascontiguousarray(sections, dtype=np.float64)
        radius = _largest_pole(self.sections)
        # A pole of radius r decays by r every sample.
        self.memory = np.log(1e-4) / np.log(radius) if 0 < radius < 1 else 2.0

    def state(self, channels: int) -> NDArray[np.float64]:
        """Return the memory of silence."""
        return np.zeros((len(self.sections), channels, 2))

    def run(
        self, block: NDArray[np.float64], state: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the filtered block and the memory after it."""
        out, after = sosfilt(self.sections, block, axis=-1, zi=state)
        after[np.abs(after) < _SILENCE] = 0.0
        return out, after

    def response(self, hz: NDArray[np.float64], sample_rate: int) -> NDArray[np.complex128]:
        """Return the frequency response."""
        _, values = sosfreqz(self.sections, worN=hz.ravel(), fs=sample_rate)
        return np.asarray(values, dtype=np.complex128).reshape(hz.shape)


class GainDesign:
    """Multiplication by a number.

    Parameters
    ----------
    factor : float
        Linear.
    """

    memory = 0.0

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def state(self, channels: int) -> NDArray[np.float64]:
        """Return the memory of silence, which is nothing."""
        return np.zeros(0)

    def run(
        self, block: NDArray[np.float64], state: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the filtered block and the memory after it."""
        return block * self.factor, state

    def response(self, hz: NDArray[np.float64], sample_rate: int) -> NDArray[np.complex128]:
        """Return the frequency response."""
        return np.full(hz.shape, self.factor, dtype=np.complex128)


def _largest_pole(sections: NDArray[np.float64]) -> float:
    half, last = -sections[:, 4] / 2, sections[:, 5]
    root = np.sqrt((half**2 - last).astype(np.complex128))
    return float(np.max(np.abs([half + root, half - root])))
