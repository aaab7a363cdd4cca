"""A delay of whole samples, for sounds that have to wait for others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..analysis import PolesZeros
from ..parameter import Parameter
from .linear_filter import LinearFilter

__all__ = ["DelayDesign", "DelayLine"]


class DelayDesign:
    """Sound as it came in, but later.

    Parameters
    ----------
    samples : int
        Delay in samples, at least 0.
    """

    def __init__(self, samples: int) -> None:
        self.samples = samples
        self.memory = float(samples)

    def state(self, channels: int) -> NDArray[np.float64]:
        """Return the memory of silence."""
        return np.zeros((channels, self.samples))

    def run(
        self, block: NDArray[np.float64], state: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the delayed block and the memory after it."""
        joined = np.concatenate((state, block), axis=1)
        length = block.shape[1]
        return joined[:, :length].copy(), joined[:, length:].copy()

    def response(self, hz: NDArray[np.float64], sample_rate: int) -> NDArray[np.complex128]:
        """Return the frequency response."""
        turns = hz * self.samples / sample_rate
        return np.asarray(np.exp(-2j * np.pi * turns), dtype=np.complex128)

    def group_delay(self, omega: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the group delay in samples."""
        return np.full(omega.shape, float(self.samples))

    def poles_zeros(self) -> PolesZeros:
        """Return as many poles at 0 as samples."""
        none = np.zeros(0, dtype=np.complex128)
        return PolesZeros(np.zeros(self.samples, dtype=np.complex128), none, 1.0)


class DelayLine(LinearFilter):
    """Let sound wait for so many samples; its ``latency`` stays 0: the delay is wanted."""

    samples = Parameter(low=0, high=1_000_000, whole=True)

    def __init__(self, samples: int) -> None:
        self.set(samples=samples)

    def design(self) -> DelayDesign:
        """Return the design for the present parameter."""
        return DelayDesign(int(self.samples))
