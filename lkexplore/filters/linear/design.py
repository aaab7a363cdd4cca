"""Designs of linear filters: coefficients that never change and hold no sound."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from scipy.signal import sosfreqz

from ..analysis import PolesZeros, delay_of_roots, quadratic_roots
from .short_block_sos import run_sections

__all__ = ["AnalysedDesign", "Design", "GainDesign", "SosDesign"]

_SILENCE = 1e-150
"""Number below which the memory is set to zero: processors add such small ones many times slower.
"""


class Design(Protocol):
    """Coefficients that can run on sound, the sound's memory being kept outside.

    Attributes
    ----------
    memory : float
        Number of samples of past input that the output depends on, to within -80 dB; may be inf.
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


@runtime_checkable
class AnalysedDesign(Design, Protocol):
    """A design that also knows its group delay, its poles and its zeros."""

    def group_delay(self, omega: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the group delay in samples at frequencies in radians per sample."""

    def poles_zeros(self) -> PolesZeros:
        """Return poles, zeros and gain."""


class SosDesign:
    """A recursive filter as second-order sections, computed in float64.

    Parameters
    ----------
    sections : ndarray, shape (k, 6)
        Coefficients, as scipy.signal makes them with ``output="sos"``.
    """

    def __init__(self, sections: NDArray[np.float64]) -> None:
        self.sections = np.ascontiguousarray(sections, dtype=np.float64)
        radius = _largest_pole(self.sections)
        # A pole of radius r decays by r every sample.
        self.memory = np.log(1e-4) / np.log(radius) if 0 < radius < 1 else 2.0

    def state(self, channels: int) -> NDArray[np.float64]:
        """Return the memory of silence."""
        return np.zeros((channels, len(self.sections), 2))

    def run(
        self, block: NDArray[np.float64], state: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the filtered block and the memory after it."""
        out, after = run_sections(self.sections, block, state)
        after[np.abs(after) < _SILENCE] = 0.0
        return out, after

    def response(self, hz: NDArray[np.float64], sample_rate: int) -> NDArray[np.complex128]:
        """Return the frequency response."""
        _, values = sosfreqz(self.sections, worN=hz.ravel(), fs=sample_rate)
        return np.asarray(values, dtype=np.complex128).reshape(hz.shape)

    def group_delay(self, omega: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the group delay in samples."""
        return delay_of_roots(self.poles_zeros(), omega)

    def poles_zeros(self) -> PolesZeros:
        """Return poles, zeros and gain; those at 0 that cancel each other are left out."""
        poles, zeros, gain = [], [], 1.0
        for section in self.sections:
            shared = 3
            while shared > 1 and section[shared - 1] == 0 and section[shared + 2] == 0:
                shared -= 1
            over, under = section[:shared], section[3 : 3 + shared]
            padding = 3 - shared
            zeros.append(quadratic_roots(np.concatenate((np.zeros(padding), over))))
            poles.append(quadratic_roots(np.concatenate((np.zeros(padding), under))))
            used = np.flatnonzero(over)
            gain *= float(over[used[0]]) if used.size else 0.0
        return PolesZeros(np.concatenate(poles), np.concatenate(zeros), gain)


class GainDesign:
    """Multiplication by a number.

    Parameters
    ----------
    factor : float
        Linear gain.
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

    def group_delay(self, omega: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the group delay, which is none."""
        return np.zeros(omega.shape)

    def poles_zeros(self) -> PolesZeros:
        """Return the gain; there are no poles and zeros."""
        none = np.zeros(0, dtype=np.complex128)
        return PolesZeros(none, none, self.factor)


def _largest_pole(sections: NDArray[np.float64]) -> float:
    half, last = -sections[:, 4] / 2, sections[:, 5]
    root = np.sqrt((half**2 - last).astype(np.complex128))
    return float(np.max(np.abs([half + root, half - root])))
