"""Spectral distance: how different two sounds are in timbre."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..errors import SoundError
from ..sound.as_recording import Sound
from ..sound.in_words import shown
from ..sound.validation import as_real
from .alignment import aligned, pair
from .lag import lag_limit, lag_samples

__all__ = ["log_spectral_distance_db"]


def log_spectral_distance_db(
    reference: Sound,
    test: Sound,
    *,
    align: bool = True,
    max_lag: float | None = None,
    floor_db: float = -60.0,
) -> float:
    """Return the log-spectral distance of two sounds, in dB.

    Parameters
    ----------
    reference, test : Recording or (samples, sample_rate)
        The same sound twice; mono mix and the reference's rate, as in
        :func:`lkexplore.measure.lag_seconds`.
    align : bool
        Whether to shift by the lag and compare what overlaps; otherwise both are compared from
        their starts.
    max_lag : float, optional
        Largest lag in seconds, as in :func:`lkexplore.measure.lag_seconds`.
    floor_db : float
        Lowest level in dB relative to the loudest bin of the reference, -200 to 0; what is quieter
        counts as being at this level, in both sounds.

    Returns
    -------
    float
        dB: the root mean square over frequency of the difference of the two levels, averaged
        over frames of 32 ms (Hann window, every 8 ms). 0 for equal sounds; a change of level by
        6 dB is a distance of 6 dB.

    Raises
    ------
    SoundError
        If one of them is silent, they do not overlap by 32 ms, or a value is out of its range.

    See Also
    --------
    snr_db : The difference sample by sample.
    lkexplore.plot.compare : Draw both spectra and the difference.

    References
    ----------
    A. H. Gray and J. D. Markel, "Distance measures for speech processing", IEEE Trans. ASSP
    24(5), 1976, equation 9. Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> noise = np.random.RandomState(0).standard_normal(16000)
    >>> round(log_spectral_distance_db((noise, 16000), (noise / 2, 16000)), 2)
    6.02
    """
    if not -200 <= as_real(floor_db) <= 0:
        raise SoundError(f"floor_db={shown(floor_db)} cannot be: give -200 to 0 dB")
    first, second = pair(reference, test)
    clean = first.samples[0].astype(np.float64)
    other = second.samples[0].astype(np.float64)
    if align:
        limit = lag_limit(max_lag, first.sample_rate)
        clean, other = aligned(clean, other, lag_samples(clean, other, limit))
    length = min(clean.size, other.size)
    size = max(16, round(0.032 * first.sample_rate))
    if length < size:
        raise SoundError(
            f"the two overlap by {length / first.sample_rate:g} s, and 0.032 s are needed: "
            "give more of both"
        )
    powers = [_powers(samples[:length], size) for samples in (clean, other)]
    floor = powers[0].max() * 10 ** (floor_db / 10)
    if not floor:
        raise SoundError("the reference is silent where the two overlap: give more of both")
    before, after = (10 * np.log10(np.maximum(power, floor)) for power in powers)
    return float(np.mean(np.sqrt(np.mean(np.square(before - after), axis=-1))))


def _powers(samples: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Return the spectrum of every frame, (frames, bins)."""
    from scipy.fft import rfft

    hop = math.ceil(size / 4)
    frames = np.lib.stride_tricks.sliding_window_view(samples, size)[::hop]
    window = np.hanning(size + 2)[1:-1]
    out = np.empty((len(frames), size // 2 + 1))
    for begin in range(0, len(frames), 1024):
        part = frames[begin : begin + 1024] * window
        out[begin : begin + 1024] = np.square(np.abs(rfft(part, axis=-1)))
    return out
