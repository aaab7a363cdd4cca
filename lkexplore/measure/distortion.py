"""Distortion: what a device or a filter adds to a pure tone."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..errors import SoundError
from ..sound.as_recording import Sound
from ..sound.in_words import shown
from ..sound.validation import as_real, is_whole
from .decibel import decibels
from .one_channel import mixed
from .tone import peak_hz, tone_hz

__all__ = ["thd_db", "thd_n_db"]

_STEPS = 12
"""Steps of Gauss-Newton, at most, in the four-parameter fit (IEEE Std 1057-2017, section 4.6)."""


def thd_db(sound: Sound, *, hz: float | None = None, harmonics: int = 10) -> float:
    """Return the total harmonic distortion of a tone, in dB.

    Parameters
    ----------
    sound : Recording or (samples, sample_rate)
        A steady tone of at least ten periods, with what was added to it; mixed to mono. Some
        seconds are enough: about 500 bytes of memory are used for every sample.
    hz : float, optional
        Approximate frequency of the tone in Hz, to 1 %, below half the sample rate; by default the
        strongest tone is taken.
    harmonics : int
        Highest multiple of the frequency to look at, 2 to 50; those at or above half the sample
        rate are left out.

    Returns
    -------
    float
        dB: the power of the harmonics relative to that of the tone; -40 dB is 1 %. -inf if there
        is none.

    Raises
    ------
    SoundError
        If it is silent or too short, no second harmonic is below half the sample rate, or a
        value is out of its range.

    See Also
    --------
    thd_n_db : Noise counts as well.
    tone_hz : The frequency of the tone.

    References
    ----------
    The ratio to the fundamental as in IEC 60268-3:2018, section 14.12, with sines fitted by
    least squares as in IEEE Std 1057-2017, section 4.6. Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> phase = 2 * np.pi * 997 * np.arange(48000) / 48000
    >>> round(thd_db((np.sin(phase) + 0.01 * np.sin(3 * phase), 48000)), 2)
    -40.0
    """
    if not (is_whole(harmonics) and 2 <= harmonics <= 50):
        raise SoundError(f"harmonics={shown(harmonics)} cannot be: give a whole number, 2 to 50")
    samples, rate, near = _tone(sound, hz)
    found, power, rest = _fit(samples, near / rate)
    orders = [k for k in range(2, harmonics + 1) if k * found < 0.5]
    if not orders:
        raise SoundError(
            f"a tone of {found * rate:g} Hz has no harmonic below half of {rate} Hz: "
            "give a lower tone or a higher rate"
        )
    t = 2 * np.pi * found * np.arange(samples.size)
    waves = [wave(k * t) for k in orders for wave in (np.cos, np.sin)]
    sizes = np.linalg.lstsq(np.stack(waves, axis=1), rest, rcond=None)[0]
    return decibels(float(np.dot(sizes, sizes)) / 2 / power)


def thd_n_db(sound: Sound, *, hz: float | None = None) -> float:
    """Return total harmonic distortion plus noise of a tone, in dB.

    Parameters
    ----------
    sound : Recording or (samples, sample_rate)
        A steady tone, as in :func:`thd_db`.
    hz : float, optional
        Approximate frequency of the tone in Hz, as in :func:`thd_db`.

    Returns
    -------
    float
        dB: the power of everything except the tone and a constant, relative to the power of
        everything except the constant. The whole band counts; filter the sound first for less, such
        as the 20 Hz to 20 kHz of AES17. About -150 for a pure tone in float32.

    Raises
    ------
    SoundError
        If it is silent or too short.

    See Also
    --------
    thd_db : Harmonics alone.
    snr_db : Against a clean reference.

    References
    ----------
    AES17-2020, section 6.3.1, the notch being the subtraction of the fitted sine (IEEE Std
    1057-2017, section 4.6). Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> phase = 2 * np.pi * 997 * np.arange(48000) / 48000
    >>> noise = 0.01 * np.random.RandomState(0).standard_normal(48000)
    >>> round(thd_n_db((np.sin(phase) + noise, 48000)), 1)
    -37.0
    """
    samples, rate, near = _tone(sound, hz)
    _, power, rest = _fit(samples, near / rate)
    left = float(np.dot(rest, rest)) / rest.size
    return decibels(left / (left + power))


def _tone(sound: Sound, hz: float | None) -> tuple[NDArray[np.float64], int, float]:
    recording = mixed(sound)
    rate = recording.sample_rate
    near = tone_hz(recording) if hz is None else as_real(hz)
    if not 0 < near < rate / 2:
        raise SoundError(f"hz={shown(hz)} is no tone at {rate} Hz: give 0 to {rate / 2:g} Hz")
    samples = recording.samples[0].astype(np.float64)
    if samples.size * near < 10 * rate or not samples.any():
        raise SoundError(
            f"{recording.duration:g} s hold no ten periods of a tone of {near:g} Hz: give more"
        )
    if hz is not None:
        near = peak_hz(samples, rate, 0.99 * near, 1.01 * near)
    return samples, rate, near


def _fit(samples: NDArray[np.float64], near: float) -> tuple[float, float, NDArray[np.float64]]:
    """Return the frequency of a sine per sample, its power, and what else there is.

    The four-parameter fit: amplitude, phase, constant and frequency, the last by Gauss-Newton.
    """
    # Times from the middle make the frequency independent of the phase.
    t = np.arange(samples.size) - (samples.size - 1) / 2
    found = near
    for _ in range(_STEPS):
        phase = 2 * np.pi * found * t
        cosine, sine = np.cos(phase), np.sin(phase)
        waves = np.stack((cosine, sine, np.ones_like(t)), axis=1)
        size = np.linalg.lstsq(waves, samples, rcond=None)[0]
        slope = 2 * np.pi * t * (size[1] * cosine - size[0] * sine)
        energy = float(np.dot(slope, slope))
        step = float(np.dot(slope, samples - waves @ size)) / energy if energy else 0.0
        if not math.isfinite(step) or abs(step) < 1e-15 or abs(found + step - near) > 0.01 * near:
            break
        found += step
    rest = samples - waves @ size
    return found, float(size[0] ** 2 + size[1] ** 2) / 2, rest
