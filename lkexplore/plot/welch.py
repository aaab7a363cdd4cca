"""Mean spectra of sounds of any length (Welch's method), alone and between two."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..sound.recording import Recording

__all__ = ["CrossSpectrum", "cross_spectrum", "mean_spectrum"]

_SAMPLES_AT_ONCE = 1 << 18
"""Samples, in several windows, that are transformed at a time, so that memory stays small."""


class CrossSpectrum(NamedTuple):
    """Mean power spectra of two sounds and between them, all of shape (bins,).

    Attributes
    ----------
    hz : ndarray of float64
        Frequencies of the bins in Hz.
    before, after : ndarray of float64
        Power of each sound; 0.5 for a full-scale sine.
    between : ndarray of complex128
        Conjugate of the first spectrum times the second.
    """

    hz: NDArray[np.float64]
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    between: NDArray[np.complex128]

    @property
    def transfer(self) -> NDArray[np.complex128]:
        """The linear response that makes the second of the first; 0 where the first is silent."""
        return self.between / np.where(self.before > 0, self.before, np.inf)

    @property
    def coherence(self) -> NDArray[np.float64]:
        """How much of the power after is linearly made of what was before, from 0 to 1."""
        product = self.before * self.after
        power = np.square(np.abs(self.between)) / np.where(product > 0, product, np.inf)
        return np.asarray(np.minimum(power, 1.0))


def mean_spectrum(
    recording: Recording, bins: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean power of windows that overlap by half, averaged over the channels.

    Parameters
    ----------
    recording : Recording
        The sound, with at least one sample.
    bins : int
        Length of the Hann windows in samples; shorter if the sound is.

    Returns
    -------
    hz, power : ndarray of float64, shape (size // 2 + 1,)
        Frequency in Hz and power of each bin; 0.5 for a full-scale sine in the middle of one.

    References
    ----------
    P. D. Welch, "The use of fast Fourier transform for the estimation of power spectra", IEEE
    Trans. Audio and Electroacoustics 15(2), 1967.
    """
    size = min(bins, recording.samples.shape[1])
    power = np.zeros(size // 2 + 1)
    for channel in recording.samples:
        found, _, _ = _accumulated(channel, channel, size)
        power += found
    power /= recording.channels
    return _bins_hz(size, recording.sample_rate), power


def cross_spectrum(before: Recording, after: Recording, bins: int) -> CrossSpectrum:
    """Return the mean spectra of two sounds and between them; see :func:`mean_spectrum`.

    Parameters
    ----------
    before, after : Recording
        The two sounds, of one sample rate and with at least one sample; channels are mixed, and the
        longer one is cut.
    bins : int
        Length of the Hann windows in samples.

    Returns
    -------
    CrossSpectrum
    """
    first, second = before.mono().samples[0], after.mono().samples[0]
    length = min(first.size, second.size)
    size = min(bins, length)
    found = _accumulated(first[:length], second[:length], size)
    return CrossSpectrum(_bins_hz(size, before.sample_rate), *found)


def _bins_hz(size: int, sample_rate: int) -> NDArray[np.float64]:
    return np.arange(size // 2 + 1, dtype=np.float64) * float(sample_rate / size)


def _accumulated(
    first: NDArray[np.float32], second: NDArray[np.float32], size: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.complex128]]:
    from scipy.fft import rfft

    shape = np.hanning(size + 2)[1:-1] if size > 2 else np.ones(size)
    # Powers of both sides of the spectrum, as the RMS counts them.
    shape = shape * (np.sqrt(2) / shape.sum())
    one, other = (
        np.lib.stride_tricks.sliding_window_view(sound, size)[:: max(1, size // 2)]
        for sound in (first, second)
    )
    sums = (np.zeros(size // 2 + 1), np.zeros(size // 2 + 1), np.zeros(size // 2 + 1, "c16"))
    at_once = max(1, _SAMPLES_AT_ONCE // size)
    for begin in range(0, len(one), at_once):
        a = rfft(one[begin : begin + at_once] * shape, axis=1)
        b = a if second is first else rfft(other[begin : begin + at_once] * shape, axis=1)
        sums[0][:] += np.sum(np.square(a.real) + np.square(a.imag), axis=0)
        sums[1][:] += np.sum(np.square(b.real) + np.square(b.imag), axis=0)
        sums[2][:] += np.sum(np.conj(a) * b, axis=0)
    for total in sums:
        total /= len(one)
        # At 0 Hz and half the rate both sides are one.
        total[0] /= 2
        if size % 2 == 0:
            total[-1] /= 2
    return sums
