"""How far sound swings between its samples, block by block."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...measure.truepeak import REACH, interpolator

__all__ = ["REACH", "SwingPeaks"]

_FACTOR = 8
"""Points per sample at which the wave is computed; four, enough for a meter, would miss up to 0.3
dB of a peak.
"""


class SwingPeaks:
    """The highest that sound reaches right before, at and right after every sample.

    Parameters
    ----------
    channels : int
        Number of channels of the blocks.

    Notes
    -----
    By an interpolator like that of :func:`lkexplore.measure.true_peak_dbtp`, but eightfold. It
    needs samples from both sides: so what comes out belongs to the sample 24 before.
    """

    def __init__(self, channels: int) -> None:
        self._past = np.zeros((channels, 2 * REACH))
        self._before = 0.0

    def process(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the peak of all channels around every sample, shape (1, n)."""
        from scipy.signal import upfirdn

        length = block.shape[1]
        joined = np.concatenate((self._past, block), axis=1)
        self._past = joined[:, length:].copy()
        full = upfirdn(interpolator(_FACTOR), joined, up=_FACTOR, axis=-1)
        first = _FACTOR * 2 * REACH
        swings = np.abs(full[:, first : first + _FACTOR * length]).max(axis=0)
        peaks = swings.reshape(length, _FACTOR).max(axis=1)
        peaks = np.maximum(peaks, np.abs(joined[:, REACH : REACH + length]).max(axis=0))
        around = np.concatenate(([self._before], peaks))
        self._before = float(peaks[-1])
        return np.asarray(np.maximum(around[1:], around[:-1]))[np.newaxis]
