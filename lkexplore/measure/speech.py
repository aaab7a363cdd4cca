"""Speech: how intelligible and how good it is, by the reference implementations."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import MissingExtra, SoundError
from ..sound.as_recording import Sound
from ..sound.in_words import shown
from .alignment import aligned, pair
from .lag import lag_limit, lag_samples

__all__ = ["pesq", "stoi"]

_PESQ_RATES = {"wide": 16_000, "narrow": 8_000}
"""Sample rate in Hz of each band of PESQ: wide by ITU-T P.862.2 (2007), narrow by P.862 (2001)."""


def stoi(
    reference: Sound, test: Sound, *, extended: bool = False, max_lag: float | None = None
) -> float:
    """Return how intelligible a test is, by STOI.

    Parameters
    ----------
    reference, test : Recording or (samples, sample_rate)
        Clean speech, and the same after something happened to it; mono mix, aligned as in
        :func:`lkexplore.measure.snr_db`. At least half a second of speech.
    extended : bool
        Whether to use ESTOI, which also holds for noise that comes and goes.
    max_lag : float, optional
        Largest lag in seconds, as in :func:`lkexplore.measure.lag_seconds`.

    Returns
    -------
    float
        About 0 (nothing is understood) to 1 (everything).

    Raises
    ------
    MissingExtra
        If the extra ``speech`` is not installed (``pip install "lkexplore[speech]"``).
    SoundError
        If one of them is silent, or there is too little speech.

    See Also
    --------
    pesq : How good it sounds.
    segmental_snr_db : Noise, without an extra package.

    References
    ----------
    C. H. Taal, R. C. Hendriks, R. Heusdens and J. Jensen, "An algorithm for intelligibility
    prediction of time-frequency weighted noisy speech", IEEE Trans. ASLP 19(7), 2011; extended:
    J. Jensen and C. H. Taal, IEEE/ACM Trans. ASLP 24(11), 2016. Taught in
    ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> import lkexplore as lk
    >>> clean, noisy = lk.sample("speech"), lk.sample("speech_noisy")
    >>> round(stoi(clean, noisy), 2)  # doctest: +SKIP
    0.83
    """
    package = _package("pystoi", "STOI")
    clean, other, rate = _aligned_pair(reference, test, max_lag)
    import warnings

    with warnings.catch_warnings():
        # The package warns and returns 1e-5 where it cannot tell.
        warnings.simplefilter("error", RuntimeWarning)
        try:
            return float(package.stoi(clean, other, rate, extended=extended))
        except RuntimeWarning:
            raise SoundError(
                f"{clean.size / rate:g} s hold too little speech for STOI, which needs 30 frames "
                "of 26 ms that are not silent: give more"
            ) from None


def pesq(
    reference: Sound,
    test: Sound,
    *,
    band: Literal["wide", "narrow"] = "wide",
) -> float:
    """Return how good a test of speech is, by PESQ.

    Parameters
    ----------
    reference, test : Recording or (samples, sample_rate)
        Clean speech, and the same after something happened to it; mono mix, converted to the
        rate of the band. PESQ finds the lag by itself, piece by piece.
    band : {"wide", "narrow"}
        Band of frequencies: ``"wide"`` at 16000 Hz (P.862.2) or, as on a telephone, ``"narrow"`` at
        8000 Hz (P.862 and P.862.1).

    Returns
    -------
    float
        Mean opinion score, MOS-LQO: about 1 (bad) to 4.6 (as the reference).

    Raises
    ------
    MissingExtra
        If the extra ``speech`` is not installed (``pip install "lkexplore[speech]"``).
    SoundError
        If one of them is silent, no speech is found, or the band is unknown.

    See Also
    --------
    stoi : How intelligible it is.
    segmental_snr_db : Noise, without an extra package.

    References
    ----------
    ITU-T P.862 (2001), P.862.1 (2003) and P.862.2 (2007), by the implementation of the ITU in the
    package ``pesq``. Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> import lkexplore as lk
    >>> clean, noisy = lk.sample("speech"), lk.sample("speech_noisy")
    >>> round(pesq(clean, noisy), 2)  # doctest: +SKIP
    1.08
    """
    if band not in tuple(_PESQ_RATES):
        raise SoundError(f"band {shown(band)} is unknown: use 'wide' or 'narrow'")
    package = _package("pesq", "PESQ")
    first, second = pair(reference, test)
    rate = _PESQ_RATES[band]
    clean, other = (sound.resample(rate).samples[0] for sound in (first, second))
    try:
        return float(package.pesq(rate, clean, other, "wb" if band == "wide" else "nb"))
    except package.PesqError as error:
        raise SoundError(
            f"PESQ cannot tell ({str(error) or type(error).__name__}): "
            "give at least a quarter of a second, with speech in it"
        ) from None


def _package(name: str, measure: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtra(
            f"{measure} needs the package {name!r}, which cannot be loaded ({error}): "
            'pip install "lkexplore[speech]"'
        ) from None


def _aligned_pair(
    reference: Sound, test: Sound, max_lag: float | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    first, second = pair(reference, test)
    clean = first.samples[0].astype(np.float64)
    other = second.samples[0].astype(np.float64)
    limit = lag_limit(max_lag, first.sample_rate)
    clean, other = aligned(clean, other, lag_samples(clean, other, limit))
    return clean, other, first.sample_rate
