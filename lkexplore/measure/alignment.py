"""Two sounds made comparable: one channel, one rate, one start."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import SoundError
from ..sound.as_recording import Sound
from ..sound.recording import Recording
from .one_channel import mixed

__all__ = ["aligned", "pair"]


def pair(reference: Sound, test: Sound) -> tuple[Recording, Recording]:
    """Return both as mono at the reference's rate; SoundError if one of them is silent."""
    first = mixed(reference, "reference")
    second = mixed(test, "test").resample(first.sample_rate)
    for name, recording in (("reference", first), ("test", second)):
        if not recording.samples.any():
            raise SoundError(f"the {name} is silent, so nothing can be compared: give sound")
    return first, second


def aligned(
    reference: NDArray[np.float64], test: NDArray[np.float64], lag: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the overlap of both, the reference delayed by the lag's fraction of a sample."""
    whole = round(lag)
    fraction = lag - whole
    edge = 0
    if fraction:
        from scipy.fft import irfft, rfft

        # Zeros at the end take what wraps around; the ends themselves ring and are left out.
        edge = min(64, reference.size // 8)
        size = reference.size + 2 * 64
        omega = 2 * np.pi / size * np.arange(size // 2 + 1)
        delayed = irfft(rfft(reference, size) * np.exp(-1j * omega * fraction), size)
        reference = delayed[: reference.size]
    begin = max(edge, edge - whole)
    end = min(reference.size - edge, test.size - whole)
    if end <= begin:
        raise SoundError("the reference and the test do not overlap: give more of both")
    return reference[begin:end], test[begin + whole : end + whole]
