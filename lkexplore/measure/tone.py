"""Tones: which frequency is the strongest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import SoundError
from ..sound.as_recording import Sound
from .one_channel import mixed

__all__ = ["peak_hz", "tone_hz"]


def tone_hz(sound: Sound) -> float:
    """Return the frequency of the strongest tone, between the bins of the spectrum.

    Parameters
    ----------
    sound : Recording or (samples, sample_rate)
        The sound, of at least 16 samples; it is mixed to mono.

    Returns
    -------
    float
        Hz. For a steady tone of a second the error is below 0.01 Hz; it grows as the sound gets
        shorter. It is the strongest partial, which need not be the pitch that is heard.

    Raises
    ------
    SoundError
        If it is silent, constant or too short, or its channels cancel each other in the mix.

    See Also
    --------
    thd_db : How pure the tone is.
    lkexplore.plot.pitch : Draw the pitch of a voice over time.

    References
    ----------
    Parabolic interpolation of the logarithmic spectrum: J. O. Smith and X. Serra, "PARSHL",
    ICMC 1987, on a Hann window with zero padding. Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> round(tone_hz((np.sin(2 * np.pi * 440 * np.arange(8000) / 8000), 8000)), 2)
    440.0
    """
    recording = mixed(sound)
    samples = recording.samples[0].astype(np.float64)
    if samples.size < 16:
        raise SoundError(f"a tone cannot be found in {samples.size} samples: give at least 16")
    samples -= samples.mean()
    if not samples.any():
        raise SoundError("there is no tone in silence: give a sound with one")
    return peak_hz(samples, recording.sample_rate, 0.0, recording.sample_rate / 2)


def peak_hz(samples: NDArray[np.float64], sample_rate: int, low: float, high: float) -> float:
    """Return where the spectrum of at least 16 samples is highest within a band, in Hz."""
    from scipy.fft import next_fast_len, rfft

    window = np.hanning(samples.size + 2)[1:-1]
    size = next_fast_len(4 * samples.size, real=True)
    power = np.square(np.abs(rfft(samples * window, size)))
    first = max(1, int(low * size / sample_rate))
    last = max(first + 1, min(power.size - 1, int(high * size / sample_rate) + 1))
    peak = int(np.argmax(power[first:last])) + first
    left, middle, right = np.log(np.maximum(power[peak - 1 : peak + 2], np.finfo(float).tiny))
    bend = left - 2 * middle + right
    offset = 0.5 * (left - right) / bend if bend else 0.0
    return float((peak + offset) * sample_rate / size)
