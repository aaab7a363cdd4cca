"""Finite impulse responses at work, at any length and block size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import freqz

from ...errors import FilterError
from ..analysis import PolesZeros, delay_of_polynomial

__all__ = ["FirDesign"]

_DIRECT = 150_000
"""Multiplications per channel and block up to which convolving directly was measured to be faster.
"""

_CHUNK = 1 << 15
"""Samples of a block that are transformed at a time; longer blocks are cut."""

_MOST_SPECTRA = 4
"""Lengths of the transform for which the spectrum of the taps is kept."""

_MOST_ZEROS = 2000
"""Zeros that are looked for, at most: finding more takes too long."""


class FirDesign:
    """A filter without recursion, computed in float64.

    Long ones are computed by overlap-save (T. G. Stockham, "High-speed convolution and
    correlation", AFIPS 1966), with a transform that fits the block, so nothing is late.

    Parameters
    ----------
    taps : ndarray of float64, shape (n,)
        The impulse response, n > 0.
    """

    def __init__(self, taps: NDArray[np.float64]) -> None:
        self.taps = np.ascontiguousarray(taps, dtype=np.float64)
        self.memory = float(len(taps))
        self._spectra: dict[int, NDArray[np.complex128]] = {}

    def state(self, channels: int) -> NDArray[np.float64]:
        """Return the memory of silence."""
        return np.zeros((channels, len(self.taps) - 1))

    def run(
        self, block: NDArray[np.float64], state: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the filtered block and the memory after it."""
        joined = np.concatenate((state, block), axis=1)
        length, past = block.shape[1], len(self.taps) - 1
        after = joined[:, length:].copy()
        if length * len(self.taps) <= _DIRECT:
            direct = [np.convolve(channel, self.taps, "valid") for channel in joined]
            return np.stack(direct), after
        pieces = [
            self._fast(joined[:, begin : begin + past + _CHUNK])
            for begin in range(0, length, _CHUNK)
        ]
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=1), after

    def response(self, hz: NDArray[np.float64], sample_rate: int) -> NDArray[np.complex128]:
        """Return the frequency response."""
        _, values = freqz(self.taps, worN=hz.ravel(), fs=sample_rate)
        return np.asarray(values, dtype=np.complex128).reshape(hz.shape)

    def group_delay(self, omega: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the group delay in samples."""
        return delay_of_polynomial(self.taps, omega)

    def poles_zeros(self) -> PolesZeros:
        """Return the zeros, and as many poles at 0 as the response is long."""
        used = np.flatnonzero(self.taps)
        if not used.size:
            none = np.zeros(0, dtype=np.complex128)
            return PolesZeros(none, none, 0.0)
        if used[-1] - used[0] > _MOST_ZEROS:
            raise FilterError(
                f"{len(self.taps)} taps have too many zeros to find: at most {_MOST_ZEROS}; "
                "look at response() or impulse_response()"
            )
        zeros = np.roots(self.taps[used[0] : used[-1] + 1]).astype(np.complex128)
        return PolesZeros(np.zeros(used[-1], dtype=np.complex128), zeros, float(self.taps[used[0]]))

    def _fast(self, joined: NDArray[np.float64]) -> NDArray[np.float64]:
        size = next_fast_len(joined.shape[1], real=True)
        spectrum = self._spectra.get(size)
        if spectrum is None:
            while len(self._spectra) >= _MOST_SPECTRA:
                del self._spectra[next(iter(self._spectra))]
            spectrum = self._spectra[size] = rfft(self.taps, size)
        whole = irfft(rfft(joined, size, axis=1) * spectrum, size, axis=1)
        return np.asarray(whole[:, len(self.taps) - 1 : joined.shape[1]])
