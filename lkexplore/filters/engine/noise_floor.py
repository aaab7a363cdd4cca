"""How much noise there is at every frequency: learned once, or followed as sound comes."""

from __future__ import annotations

from collections import deque
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ...errors import FilterError
from ...sound.recording import Recording
from .overlap import hann

__all__ = ["RunningFloor", "learned_floor"]

Power = NDArray[np.float64]

_WINDOW_SECONDS = 1.6
"""Seconds over which the minimum of the spectrum is taken."""

_PARTS = 8
"""Parts of that window; each keeps one minimum, and the oldest is dropped when one is full."""

_SMOOTHING_SECONDS = 0.05
"""Seconds in which the smoothing of the spectrum forgets 63 % of what was before."""

_BIAS = 2.0
"""Factor of power by which the minimum of a smoothed periodogram of white noise lies below its
mean.
"""

_SILENCE = 1e-12
"""Power of the strongest bin up to which a spectrum counts as digital silence."""

_MUTE_SECONDS = 1.0
"""Seconds of digital silence after which the floor is what it was before them."""


def learned_floor(profile: Recording, sample_rate: int, size: int) -> Power:
    """Return the mean power spectrum of a recording that holds nothing but noise.

    Parameters
    ----------
    profile : Recording
        Noise alone, at any sample rate, at least one window long.
    sample_rate : int
        Sample rate in Hz of the sound that it will be compared with.
    size : int
        Length of the windows, in samples.

    Returns
    -------
    ndarray of float64, shape (channels, size // 2 + 1)

    Raises
    ------
    FilterError
        If the recording is shorter.
    """
    noise = profile if profile.sample_rate == sample_rate else profile.resample(sample_rate)
    samples = noise.samples.astype(np.float64)
    if samples.shape[1] < size:
        raise FilterError(
            f"a noise profile of {profile.duration:.3g} s is too short: give at least "
            f"{size / sample_rate:.3g} s of noise alone, better a second"
        )
    window, total, count = hann(size), np.zeros((samples.shape[0], size // 2 + 1)), 0
    for begin in range(0, samples.shape[1] - size + 1, size // 2):
        total += np.abs(np.fft.rfft(samples[:, begin : begin + size] * window)) ** 2
        count += 1
    return total / count


class RunningFloor:
    """The noise floor as the minimum of the spectrum over the last second or so.

    Parameters
    ----------
    frames_per_second : float
        Number of spectra per second.

    Notes
    -----
    R. Martin, "Noise power spectral density estimation based on optimal smoothing and minimum
    statistics", IEEE Trans. Speech Audio Process. 9(5), 2001, with a fixed smoothing and a fixed
    correction of the bias. Digital silence is sound without noise, as between the words of a
    synthetic voice; but after more than a second of it, as while a track is muted, the floor is
    what it was before.
    """

    def __init__(self, frames_per_second: float) -> None:
        self._keep = float(np.exp(-1 / (_SMOOTHING_SECONDS * frames_per_second)))
        self._frames = max(1, round(_WINDOW_SECONDS * frames_per_second / _PARTS))
        self._smooth: Power | None = None
        self._lowest: Power | None = None
        self._parts: deque[Power] = deque(maxlen=_PARTS)
        self._count = 0
        self._mute = round(_MUTE_SECONDS * frames_per_second)
        self._silent = 0
        self._before: tuple[Power | None, Power | None, list[Power]] = (None, None, [])

    def update(self, power: Power) -> Power:
        """Take note of the next power spectrum, and return the floor."""
        floor: Power = self.follow(power[np.newaxis])[0]
        return floor

    def follow(self, powers: Power) -> Power:
        """Take note of the next power spectra, at least one, and return the floor at each."""
        floors = np.empty_like(powers)
        silent = powers.reshape(len(powers), -1).max(axis=1) <= _SILENCE
        places = [0, *(np.flatnonzero(silent[1:] != silent[:-1]) + 1).tolist(), len(powers)]
        for begin, end in pairwise(places):
            self._notice_silence(bool(silent[begin]), end - begin)
            while begin < end:
                # Up to the end of a part, which has one minimum.
                until = min(end, begin + self._frames - self._count)
                self._advance(powers[begin:until], floors[begin:until])
                begin = until
        return floors

    def _advance(self, powers: Power, floors: Power) -> None:
        """Take note of spectra of one part, and write the floor at each."""
        before = powers[0] if self._smooth is None else self._smooth
        for floor, new in zip(floors, (1 - self._keep) * powers, strict=True):
            np.multiply(before, self._keep, out=floor)
            floor += new
            before = floor
        self._smooth = floors[-1].copy()
        if self._lowest is not None:
            np.minimum(floors[0], self._lowest, out=floors[0])
        np.minimum.accumulate(floors, axis=0, out=floors)
        self._lowest = floors[-1].copy()
        self._count += len(powers)
        if self._parts:
            np.minimum(floors[:-1], np.minimum.reduce(self._parts), out=floors[:-1])
        if self._count >= self._frames:
            self._parts.append(self._lowest)
            self._lowest, self._count = self._smooth, 0
        if self._parts:
            np.minimum(floors[-1], np.minimum.reduce(self._parts), out=floors[-1])
        floors *= _BIAS

    def _notice_silence(self, silent: bool, count: int) -> None:
        if silent:
            if not self._silent:
                self._before = (self._smooth, self._lowest, list(self._parts))
            self._silent += count
            return
        if self._silent > self._mute:
            self._smooth, self._lowest, parts = self._before
            self._parts = deque(parts, maxlen=_PARTS)
        self._silent = 0
