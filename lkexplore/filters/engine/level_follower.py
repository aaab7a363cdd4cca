"""Levels that rise at once and fall slowly, computed without a loop over samples."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

__all__ = ["PeakHold", "Smoother", "curve", "factor", "level_db", "loudest"]

Samples = NDArray[np.float64]

_LOWEST = 1e-10
"""Amplitude, full scale being 1, that silence counts as: -200 dBFS."""

_TINY = 1e-12
"""Level (linear or in dB) below which a value counts as zero, and the least that is divided by."""

_NEPER_PER_DB = math.log(10) / 20
"""Nepers in one decibel: the natural logarithm of its ratio of amplitudes."""

_EXPONENT = 300.0
"""Largest number given to exp(): far larger ones leave the range of floating-point numbers."""


def level_db(block: Samples) -> Samples:
    """Return the level of the loudest channel at every sample, in dBFS, at least -200."""
    return np.asarray(20 * np.log10(np.maximum(loudest(block), _LOWEST)))


def loudest(block: Samples) -> Samples:
    """Return the size of the loudest channel's sample at every time."""
    sizes = np.abs(block)
    return np.asarray(sizes[0] if len(sizes) == 1 else sizes.max(axis=0))


def factor(db: Samples) -> Samples:
    """Return by what a gain in dB multiplies; exp() takes a fifth of the time of a power."""
    return np.asarray(np.exp(db * _NEPER_PER_DB))


def curve(above: Samples, knee: Samples) -> Samples:
    """Return by how many dB a level counts as above the threshold, rounded within the knee.

    Parameters
    ----------
    above : ndarray
        Level minus threshold, in dB.
    knee : ndarray
        Width in dB of the range around the threshold in which the slope goes from 0 to 1.

    Notes
    -----
    Giannoulis, Massberg & Reiss 2012, equation 4, without its case distinction.
    """
    inside = np.clip(above + knee / 2, 0, knee)
    rounded = inside**2 / (2 * np.maximum(knee, _TINY))
    return np.asarray(rounded + np.maximum(above - knee / 2, 0))


class PeakHold:
    """``y[n] = max(x[n], a y[n-1])`` of numbers not below 0: the peak detector's release.

    Notes
    -----
    Giannoulis, Massberg & Reiss 2012, equation 16, first line. Dividing by ``a^n`` makes it
    a running maximum.
    """

    def __init__(self) -> None:
        self._last = 0.0

    def process(self, x: Samples, seconds: float, sample_rate: int) -> Samples:
        """Return the next values; they fall to 1/e of a peak in so many seconds."""
        decay = 1 / (seconds * sample_rate)
        step = max(1, int(_EXPONENT / decay))
        y = np.empty_like(x)
        for begin in range(0, x.size, step):
            piece = x[begin : begin + step]
            growth = np.exp(decay * np.arange(1, piece.size + 1))
            highest = np.maximum.accumulate(piece * growth)
            y[begin : begin + step] = np.maximum(highest, self._last) / growth
            self._last = float(y[begin + piece.size - 1])
        if self._last < _TINY:
            self._last = 0.0
        return y


class Smoother:
    """``y[n] = a y[n-1] + (1 - a) x[n]``: the peak detector's attack.

    Notes
    -----
    Giannoulis, Massberg & Reiss 2012, equation 16, second line, and equation 7 for ``a``.
    """

    def __init__(self, value: float = 0.0) -> None:
        self.last = value

    def process(self, x: Samples, seconds: float, sample_rate: int) -> Samples:
        """Return the next values; a step is followed to 1 - 1/e in so many seconds."""
        a = math.exp(-1 / (seconds * sample_rate))
        y: Samples
        y, _ = lfilter([1 - a], [1, -a], x, zi=[a * self.last])
        self.last = float(y[-1]) if abs(y[-1]) > _TINY else 0.0
        return y
