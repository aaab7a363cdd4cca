"""Noise: how far a sound is above what does not belong to it."""

from __future__ import annotations

import math

import numpy as np

from ..errors import SoundError
from ..sound.as_recording import Sound
from ..sound.in_words import shown
from ..sound.validation import as_real
from .alignment import aligned, pair
from .decibel import decibels
from .lag import lag_limit, lag_samples, lag_seconds

__all__ = ["segmental_snr_db", "si_sdr_db", "snr_db"]


def snr_db(
    reference: Sound,
    test: Sound,
    *,
    align: bool = True,
    gain: bool = True,
    max_lag: float | None = None,
) -> float:
    """Return the signal-to-noise ratio of a test against the clean reference, in dB.

    Parameters
    ----------
    reference : Recording or (samples, sample_rate)
        The clean sound.
    test : Recording or (samples, sample_rate)
        The same sound after something happened to it; mono mix and the reference's rate, as in
        :func:`lag_seconds`.
    align : bool
        Whether to shift by the lag, fractions of a sample included, and compare only what overlaps;
        otherwise both are compared from their starts, to the end of the shorter.
    gain : bool
        Whether to scale the reference to fit the test by least squares, so that a change of level
        does not count as noise; otherwise it does.
    max_lag : float, optional
        Largest lag in seconds, as in :func:`lag_seconds`.

    Returns
    -------
    float
        ``10 log10(|g r|^2 / |t - g r|^2)``; inf if nothing differs, -inf if nothing is left of
        the reference.

    Raises
    ------
    SoundError
        If one of them is silent, or they do not overlap.

    See Also
    --------
    segmental_snr_db : For live sound, whose clock drifts.
    si_sdr_db : As in papers on the separation of sources.
    lag_seconds : The lag alone.

    References
    ----------
    With ``gain=True`` this is the scale-invariant SDR of J. Le Roux, S. Wisdom, H. Erdogan and
    J. R. Hershey, "SDR - half-baked or well done?", ICASSP 2019. Taught in
    ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> tone = np.sin(np.arange(8000))
    >>> round(snr_db((tone, 8000), (tone + 0.1, 8000)), 1)
    17.0
    """
    first, second = pair(reference, test)
    clean = first.samples[0].astype(np.float64)
    other = second.samples[0].astype(np.float64)
    if align:
        limit = lag_limit(max_lag, first.sample_rate)
        clean, other = aligned(clean, other, lag_samples(clean, other, limit))
    length = min(clean.size, other.size)
    clean, other = clean[:length], other[:length]
    energy = float(np.dot(clean, clean))
    if not energy:
        raise SoundError("the reference is silent where the two overlap: give more of both")
    factor = float(np.dot(clean, other)) / energy if gain else 1.0
    noise = other - factor * clean
    left = float(np.dot(noise, noise))
    if not left:
        return math.inf
    return decibels(factor**2 * energy / left)


def segmental_snr_db(
    reference: Sound, test: Sound, *, seconds: float = 0.1, drift: float = 0.06
) -> float:
    """Return the median signal-to-noise ratio of short segments, each aligned by itself, in dB.

    For live sound: a WebRTC jitter buffer stretches and drops a few milliseconds here and there.
    Nobody hears that, but from there on :func:`snr_db` compares samples that do not belong
    together.

    Parameters
    ----------
    reference, test : Recording or (samples, sample_rate)
        The clean sound, and the same after something happened to it, as in :func:`snr_db`.
    seconds : float
        Length of a segment in seconds, at least 0.01.
    drift : float
        Largest difference in seconds, 0 or more, between the lag of a segment and that of the
        whole.

    Returns
    -------
    float
        dB; segments in which the reference is 40 dB or more below its loudest one are left out.

    Raises
    ------
    SoundError
        If one of them is silent, or no segment of the reference lies within the test.

    See Also
    --------
    snr_db : Of the whole at once.
    stoi : How intelligible speech is.

    References
    ----------
    P. Noll, "Adaptive quantizing in speech coding systems", 1974; with the median in place of
    the mean. Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> noise = np.random.RandomState(0).standard_normal(16000)
    >>> stretched = np.concatenate((noise[:8000], np.zeros(40), noise[8000:]))
    >>> bool(segmental_snr_db((noise, 8000), (stretched, 8000)) > 50)
    True
    """
    if not (0.01 <= as_real(seconds) < math.inf and 0 <= as_real(drift) < math.inf):
        raise SoundError(
            f"segments of {shown(seconds)} s that drift by {shown(drift)} s cannot be: "
            "give finite numbers, at least 0.01 and 0"
        )
    first, second = pair(reference, test)
    lag = lag_seconds(first, second)
    starts = np.arange(0.0, first.duration - seconds + 1e-9, seconds)
    within = [
        start
        for start in starts
        if start + lag - drift >= 0 and start + lag + seconds + drift <= second.duration
    ]
    pieces = [
        (first[t : t + seconds], second[t + lag - drift : t + lag + seconds + drift])
        for t in within
    ]
    loudest = max((piece.rms_dbfs for piece, _ in pieces), default=-math.inf)
    ratios = [
        snr_db(piece, around) if np.any(around.samples) else -math.inf
        for piece, around in pieces
        if piece.rms_dbfs > loudest - 40
    ]
    if not ratios:
        raise SoundError("no segment of the reference is heard within the test: give more of both")
    return float(np.median(ratios))


def si_sdr_db(reference: Sound, test: Sound, *, align: bool = False) -> float:
    """Return the scale-invariant signal-to-distortion ratio of a test, in dB.

    Parameters
    ----------
    reference, test : Recording or (samples, sample_rate)
        The clean sound, and the same after something happened to it, as in :func:`snr_db`.
    align : bool
        Whether to shift by the lag first. The published measure does not: there, a sound that is
        late by one sample counts as a different sound.

    Returns
    -------
    float
        ``10 log10(|a r|^2 / |a r - t|^2)`` with ``a = <t, r> / |r|^2``.

    Raises
    ------
    SoundError
        If one of them is silent, or they do not overlap.

    See Also
    --------
    snr_db : Aligned, and with the level fixed if wanted.
    log_spectral_distance_db : The difference in timbre.

    References
    ----------
    J. Le Roux, S. Wisdom, H. Erdogan and J. R. Hershey, "SDR - half-baked or well done?",
    ICASSP 2019, equation 5; the mean is not taken off. Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> tone = np.sin(np.arange(8000))
    >>> round(si_sdr_db((tone, 8000), (0.5 * tone + 0.05, 8000)), 1)
    17.0
    """
    return snr_db(reference, test, align=align, gain=True)
