"""Ears are safe: what a live filter puts out is never above full scale, nor suddenly far louder."""

from __future__ import annotations

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray

__all__ = ["LOUDEST_GAIN_DB", "Ears"]

Samples = NDArray[np.float32]

LOUDEST_GAIN_DB = 20.0
"""Decibels by which what comes out may be louder than what goes in before it counts as a fault."""

LOUD_DBFS = -6.0
"""RMS in dBFS below which a sound hurts nobody, however much louder than its input it is."""

REMEMBERED_SECONDS = 2.0
"""Seconds of input whose loudest block counts: echoes and delays put out what came in earlier."""

CEILING = 0.99
"""Peak that live output is turned down to, 1 being full scale."""

ATTACK_SECONDS = 0.001
"""Seconds in which it is turned down."""

RELEASE_SECONDS = 0.2
"""Seconds in which it is turned up again, to a share of 1 - 1/e."""

ALL_BUT_ONE = 0.999
"""Gain above which it is turned up to 1 at once: nobody hears the step."""

FLOOR = 1e-10
"""Mean square of a block below which it counts as silence (-100 dBFS)."""


class Ears:
    """Watches the level of what a live filter puts out.

    Parameters
    ----------
    sample_rate : int
        Sample rate in Hz.

    Attributes
    ----------
    loudest_gain_db : float
        Decibels by which the output may be louder than the input, where it is loud; infinity for
        any.
    """

    def __init__(self, sample_rate: int) -> None:
        self.loudest_gain_db = LOUDEST_GAIN_DB
        self._rate = sample_rate
        self._heard: deque[tuple[float, float]] = deque()
        self._seconds = 0.0
        self._gain = 1.0

    def hear(self, block: Samples) -> None:
        """Take note of what goes in, of shape (channels, n)."""
        lasts = block.shape[1] / self._rate
        self._heard.append((_mean_square(block), lasts))
        self._seconds += lasts
        while self._seconds > REMEMBERED_SECONDS and len(self._heard) > 1:
            self._seconds -= self._heard.popleft()[1]

    def excess_db(self, out: Samples) -> float:
        """Return by how many decibels what comes out is louder than may be; 0 if it may be."""
        power = _mean_square(out)
        if power < 10 ** (LOUD_DBFS / 10):
            return 0.0
        loudest = max((power for power, _ in self._heard), default=0.0)
        gain = 10 * math.log10(power / max(loudest, FLOOR))
        return gain if gain > self.loudest_gain_db else 0.0

    def limited(self, out: Samples) -> Samples:
        """Return what comes out, turned down where it is above full scale; nothing is delayed."""
        peak = float(np.abs(out).max(initial=0.0))
        if peak <= 1.0 and self._gain == 1.0:
            return out
        length = out.shape[1]
        wanted = min(1.0, CEILING / peak) if peak > 0 else 1.0
        before = self._gain
        if wanted < before:
            self._gain, steps = wanted, max(1, min(length, round(ATTACK_SECONDS * self._rate)))
        else:
            back = 1 - math.exp(-length / self._rate / RELEASE_SECONDS)
            self._gain, steps = min(wanted, before + (1 - before) * back), max(1, length)
            if self._gain > ALL_BUT_ONE:
                self._gain = 1.0
        gains = np.full(length, self._gain, np.float32)
        gains[:steps] = np.linspace(before, self._gain, steps, dtype=np.float32)
        return np.asarray(np.clip(out * gains, -1.0, 1.0))


def _mean_square(block: Samples) -> float:
    flat = block.ravel()
    return float(flat.dot(flat)) / max(flat.size, 1)
