"""Lag: how much later one sound is than another."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import SoundError
from ..sound.as_recording import Sound
from ..sound.in_words import shown
from ..sound.validation import as_real
from .alignment import pair

__all__ = ["lag_limit", "lag_samples", "lag_seconds"]

Method: TypeAlias = Literal["correlation", "gcc-phat"]

_SILENT_SHARE = 1e-10
"""Share of the mean power below which a bin of the cross-spectrum is left out (-100 dB): where
there is next to no sound, its phase is chance.
"""


def lag_seconds(
    reference: Sound,
    test: Sound,
    *,
    max_lag: float | None = None,
    method: Method = "correlation",
) -> float:
    """Return how much later the test is than the reference, by cross-correlation.

    Parameters
    ----------
    reference, test : Recording or (samples, sample_rate)
        The same sound twice, mixed to mono; a test at another rate is converted to the
        reference's. Levels, noise and different lengths do not matter.
    max_lag : float, optional
        Largest lag in seconds, above 0, that is looked at in either direction; needed for periodic
        sound, which matches itself once every period.
    method : {"correlation", "gcc-phat"}
        Kind of correlation. ``"correlation"`` suits a sound before and after something happened to
        it. ``"gcc-phat"`` whitens both first (generalized cross-correlation with phase transform):
        its peak is sharp for sound with strong resonances or echoes, such as one voice in two
        microphones of a room.

    Returns
    -------
    float
        Seconds; positive when the test is late, negative when it is early.

    Raises
    ------
    SoundError
        If one of them is silent or has no samples, ``max_lag`` is no time, or the method is
        unknown.

    See Also
    --------
    snr_db : Compare two sounds after taking the lag out.
    lkexplore.compare : All measures of two sounds in a table.

    Notes
    -----
    The plain cross-correlation, computed by FFT, has its maximum at the lag of least squared error;
    the maximum is then refined between samples on the band-limited correlation, so the resolution
    is far below a sample. About 60 bytes of memory are used for every sample of the two. The
    whitened kind gives bands that a codec or a filter has emptied as much weight as those with
    sound in them, so it is not the default; it leaves out what lies 100 dB below the mean power of
    the cross-spectrum.

    References
    ----------
    C. H. Knapp and G. C. Carter, "The generalized correlation method for estimation of time
    delay", IEEE Trans. ASSP 24(4), 1976. Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> click = [0.0] * 100
    >>> late = click.copy()
    >>> click[10] = late[18] = 1.0
    >>> round(lag_seconds((click, 8000), (late, 8000)), 6)
    0.001
    """
    if method not in ("correlation", "gcc-phat"):
        raise SoundError(f"method {shown(method)} is unknown: use 'correlation' or 'gcc-phat'")
    first, second = pair(reference, test)
    limit = lag_limit(max_lag, first.sample_rate)
    whiten = method == "gcc-phat"
    return lag_samples(first.samples[0], second.samples[0], limit, whiten) / first.sample_rate


def lag_limit(max_lag: float | None, sample_rate: int) -> int | None:
    """Return the largest lag in samples; SoundError if it is no span of time."""
    if max_lag is None:
        return None
    seconds = as_real(max_lag)
    if not 0 < seconds < math.inf:
        raise SoundError(f"max_lag={shown(max_lag)} is no span of time: give seconds above 0")
    return round(seconds * sample_rate)


def lag_samples(
    reference: NDArray[np.floating],
    test: NDArray[np.floating],
    limit: int | None,
    whiten: bool = False,
) -> float:
    """Return the lag of least squared error, in samples and fractions of one."""
    from scipy.fft import irfft, next_fast_len, rfft

    size = next_fast_len(reference.size + test.size, real=True)
    cross = rfft(test.astype(np.float64), size) * rfft(reference.astype(np.float64), size).conj()
    if whiten:
        power = np.abs(cross)
        # Where there is next to no sound, the phase is chance.
        heard = power > _SILENT_SHARE * power.mean()
        cross = np.divide(cross, power, out=np.zeros_like(cross), where=heard)
    correlation = irfft(cross, size)
    early, late = reference.size - 1, test.size - 1
    if limit is not None:
        early, late = min(early, limit), min(late, limit)
    around = np.concatenate((correlation[size - early :], correlation[: late + 1]))
    best = int(np.argmax(around)) - early
    return best + _refined(cross, size, best)


def _refined(cross: NDArray[np.complex128], size: int, lag: int) -> float:
    """Return how far from a lag the band-limited correlation peaks, by Newton's method."""
    omega = 2 * np.pi / size * np.arange(cross.size)
    offset = 0.0
    for _ in range(6):
        turned = cross * np.exp(1j * omega * (lag + offset))
        slope = -float(np.dot(omega, turned.imag))
        bend = -float(np.dot(np.square(omega), turned.real))
        if bend >= 0:
            return 0.0
        step = slope / bend
        offset -= step
        if abs(offset) > 1 or abs(step) < 1e-7:
            break
    # A maximum elsewhere is another one; and an exact fit on the grid must stay exact.
    return offset if 1e-4 < abs(offset) <= 1 else 0.0
