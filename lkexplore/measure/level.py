"""Levels: peak and RMS.

Levels are in dBFS as AES17 defines it: a full-scale sine is 0 dBFS both as a peak and as RMS,
so a full-scale square wave has an RMS level of +3.01 dBFS.
"""

from __future__ import annotations

import math

import numpy as np

from ..sound.as_recording import Sound, as_recording
from .decibel import decibels

__all__ = ["peak_dbfs", "rms_dbfs"]

_CHUNK = 1 << 20
"""Samples per channel that are squared at a time, so that memory does not grow with the sound."""


def peak_dbfs(sound: Sound) -> float:
    """Return the sample peak of all channels in dBFS.

    Parameters
    ----------
    sound : Recording or (samples, sample_rate)
        The sound, with any number of channels.

    Returns
    -------
    float
        ``20 log10(max |x|)``: 0 for a sample at full scale, above 0 beyond it, -inf for silence
        and for a recording without samples. Peaks between the samples are not looked for.

    Raises
    ------
    SoundError
        If it is no sound.

    See Also
    --------
    true_peak_dbtp : The wave between the samples as well.
    rms_dbfs : The mean level.

    References
    ----------
    AES17-2020, AES standard method for digital audio engineering: measurement of digital audio
    equipment, definition of dB FS. Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> round(peak_dbfs(([0.0, -0.5], 8000)), 2)
    -6.02
    """
    samples = as_recording(sound).samples
    if not samples.size:
        return -math.inf
    return decibels(max(float(samples.max()), -float(samples.min())) ** 2)


def rms_dbfs(sound: Sound) -> float:
    """Return the RMS level over all channels and the whole length, in dBFS.

    Parameters
    ----------
    sound : Recording or (samples, sample_rate)
        The sound, with any number of channels; their powers are averaged.

    Returns
    -------
    float
        ``20 log10(rms * sqrt(2))``: 0 for a full-scale sine, +3.01 for a full-scale square wave,
        -inf for silence and for a recording without samples.

    Raises
    ------
    SoundError
        If it is no sound.

    See Also
    --------
    peak_dbfs : The highest sample.
    loudness_lufs : The level as it is heard.
    lkexplore.plot.levels : Draw the level over time.

    References
    ----------
    AES17-2020, definition of dB FS: the reference is the RMS of a sine whose peak reaches full
    scale. Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> round(rms_dbfs(([1.0, -1.0], 8000)), 2)
    3.01
    """
    samples = as_recording(sound).samples
    if not samples.size:
        return -math.inf
    total = 0.0
    for begin in range(0, samples.shape[1], _CHUNK):
        part = samples[:, begin : begin + _CHUNK].astype(np.float64)
        total += float(np.vdot(part, part))
    return decibels(2 * total / samples.size)
