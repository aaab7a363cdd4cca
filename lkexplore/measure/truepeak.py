"""True peak: how far the sound reaches between its samples."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ..sound.as_recording import Sound, as_recording

__all__ = ["REACH", "interpolator", "true_peak_dbtp"]

REACH = 24
"""Samples on either side from which an interpolated one is computed."""
_FACTOR = 4
"""Points per sample at which the wave is computed (ITU-R BS.1770-5, 2023, annex 2)."""

_CHUNK = 1 << 18
"""Samples per channel that are oversampled at a time, so that memory does not grow with the sound.
"""


def true_peak_dbtp(sound: Sound) -> float:
    """Return the true peak of all channels in dBTP, by fourfold oversampling.

    Parameters
    ----------
    sound : Recording or (samples, sample_rate)
        The sound, with any number of channels; silence is assumed before and after it.

    Returns
    -------
    float
        dB relative to full scale: what a converter's output will reach, which may be more than
        any sample does. At most 0.2 dB too low for tones up to a quarter of the sample rate, and
        0.6 dB up to 0.45 of it; never below the sample peak. -inf for silence.

    Raises
    ------
    SoundError
        If it is no sound.

    See Also
    --------
    peak_dbfs : The highest sample.
    lkexplore.filters.limiter : Keep the true peak below a ceiling.

    References
    ----------
    ITU-R BS.1770-5 (2023), annex 2, with an interpolator of 48 taps per phase in place of the 12
    of the example there. Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> tone = np.sin(np.pi / 2 * np.arange(4800) + np.pi / 4) * np.hanning(4800)  # peak -3 dBFS
    >>> round(abs(true_peak_dbtp((tone, 48000))), 1)
    0.0
    """
    from scipy.signal import upfirdn

    samples = as_recording(sound).samples
    if not samples.size:
        return -math.inf
    peak = max(float(samples.max()), -float(samples.min()))
    taps = interpolator(_FACTOR)
    for begin in range(0, samples.shape[1], _CHUNK):
        # Each piece has its neighbours' samples at its ends, for the interpolator to reach into.
        first = max(0, begin - 2 * REACH)
        part = samples[:, first : begin + _CHUNK].astype(np.float64)
        full = upfirdn(taps, part, up=_FACTOR, axis=-1)
        if begin:
            full = full[:, _FACTOR * 2 * REACH :]
        if begin + _CHUNK < samples.shape[1]:
            full = full[:, : -_FACTOR * 2 * REACH + _FACTOR - 1]
        peak = max(peak, float(np.max(np.abs(full))))
    return 20 * math.log10(peak) if peak else -math.inf


@cache
def interpolator(factor: int) -> NDArray[np.float64]:
    """Return the taps that make so many samples of one, for ``scipy.signal.upfirdn``."""
    from scipy.signal import firwin

    taps = firwin(2 * REACH * factor + 1, 1 / factor, window=("kaiser", 8.0))
    return np.asarray(factor * taps, dtype=np.float64)
