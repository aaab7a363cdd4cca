"""Sample rates and integers: conversions between forms of the same sound."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import SoundError

__all__ = [
    "INT16_SCALE",
    "INT16_STEP",
    "MAX_RATE_RATIO",
    "WEBRTC_RATE",
    "int16_of",
    "int24_of",
    "resampled",
]

WEBRTC_RATE = 48_000
"""Samples per second of all sound in LiveKit rooms: what Opus and the SDK work with."""

INT16_SCALE = 32_768
"""What 1.0, full scale, is as a 16-bit integer; the greatest of those is one less."""

INT16_STEP = np.float32(1 / INT16_SCALE)
"""How far apart two neighbouring 16-bit integers are, as floats."""

MAX_RATE_RATIO = 5000
"""By how much two sample rates may differ, as a ratio: soxr's filters grow with it."""

_CHUNK = 1 << 18
"""Samples that are converted at a time, so that an hour of sound needs no second hour of memory."""


def resampled(samples: NDArray[np.float32], old: int, new: int) -> NDArray[np.float32]:
    """Convert samples to another rate with soxr at its highest quality, without delay.

    Parameters
    ----------
    samples : ndarray of float32, shape (channels, n)
        The sound.
    old, new : int
        Sample rates in Hz, at most 5000 times apart.

    Returns
    -------
    ndarray of float32, shape (channels, round(n * new / old))
        What lies above half the new rate is removed.

    Raises
    ------
    SoundError
        If the rates are too far apart.

    Examples
    --------
    >>> resampled(np.zeros((1, 480), "f4"), 48000, 16000).shape
    (1, 160)
    """
    if max(old, new) > MAX_RATE_RATIO * min(old, new):
        raise SoundError(
            f"{old} Hz cannot be resampled to {new} Hz: the ratio may be at most {MAX_RATE_RATIO}"
        )
    import soxr

    # Rounded half up in whole numbers, so that the length is exact for any recording.
    length = (2 * samples.shape[1] * new + old) // (2 * old)
    out = np.zeros((samples.shape[0], length), dtype=np.float32)
    for source, target in zip(samples, out, strict=True):
        converted = soxr.resample(source, old, new, quality="VHQ")[:length]
        target[: converted.size] = converted
    return out


def int16_of(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Convert to 16-bit integers: times 32768, rounded, clipped at full scale.

    Parameters
    ----------
    samples : ndarray of float32, shape (channels, n)
        The sound, full scale being [-1, 1].

    Returns
    -------
    ndarray of int16, shape (channels, n)

    Examples
    --------
    >>> int16_of(np.array([[0.5, 1.5]], "f4")).tolist()
    [[16384, 32767]]
    """
    out: NDArray[np.int16] = np.empty(samples.shape, dtype=np.int16)
    for begin in range(0, samples.shape[1], _CHUNK):
        part = slice(begin, begin + _CHUNK)
        scaled = np.clip(samples[:, part], -1.0, 1.0) * np.float32(1 << 15)
        out[:, part] = np.minimum(np.rint(scaled), (1 << 15) - 1)
    return out


def int24_of(samples: NDArray[np.float32]) -> NDArray[np.int32]:
    """Convert to 24-bit integers in the upper bits of 32: rounded, clipped at full scale.

    Parameters
    ----------
    samples : ndarray of float32, shape (channels, n)
        The sound, full scale being [-1, 1].

    Returns
    -------
    ndarray of int32, shape (channels, n)
        Multiples of 256, as libsndfile takes 24-bit samples.

    Examples
    --------
    >>> int24_of(np.array([[0.5, 1.5]], "f4")).tolist()
    [[1073741824, 2147483392]]
    """
    out: NDArray[np.int32] = np.empty(samples.shape, dtype=np.int32)
    for begin in range(0, samples.shape[1], _CHUNK):
        part = slice(begin, begin + _CHUNK)
        scaled = np.clip(samples[:, part], -1.0, 1.0) * np.float64(1 << 23)
        out[:, part] = np.minimum(np.rint(scaled), (1 << 23) - 1).astype(np.int32) << 8
    return out
