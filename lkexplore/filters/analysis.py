"""What is known of a linear filter without any sound: poles, zeros and group delay."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import FilterError
from ..sound.in_words import shown
from ..sound.validation import is_whole

__all__ = [
    "PolesZeros",
    "as_frequencies",
    "delay_of_polynomial",
    "delay_of_response",
    "delay_of_roots",
    "impulse",
    "quadratic_roots",
]

_ON_CIRCLE = 1e-9
"""Distance from the unit circle below which a zero counts as on it: rounding alone moves it so far.
"""

_NUDGE = 1e-5
"""Radians per sample to move away from a frequency at which the response is zero."""

_STEP = 1e-6
"""Radians per sample to either side over which the slope of the phase is measured."""

_LONGEST = 10_000_000
"""Samples of the longest impulse response that can be asked for."""


class PolesZeros(NamedTuple):
    """Poles, zeros and gain of a linear filter, in the z-plane.

    The response is ``gain`` times the product of all ``z - zeros``, divided by the product of
    all ``z - poles``, at ``z = exp(2j pi hz / sample_rate)``.

    Attributes
    ----------
    poles, zeros : ndarray of complex128
        Positions in the z-plane; all poles are within the unit circle.
    gain : float
        Linear gain; negative if the filter inverts the sign.

    Notes
    -----
    Taught in ``notebooks/04_filters.ipynb``.
    """

    poles: NDArray[np.complex128]
    zeros: NDArray[np.complex128]
    gain: float


def as_frequencies(hz: ArrayLike, sample_rate: int) -> NDArray[np.float64]:
    """Return frequencies as float64, or raise FilterError if one is not 0 to half the rate."""
    half = sample_rate / 2
    try:
        frequencies = np.asarray(hz, dtype=np.float64)
    except (TypeError, ValueError):
        raise FilterError(
            f"{shown(hz)} are no frequencies: give numbers from 0 to {half:g} Hz"
        ) from None
    if not np.all((frequencies >= 0) & (frequencies <= half)):
        raise FilterError(
            f"the response is wanted outside 0 to {half:g} Hz, half the sample rate "
            f"of {sample_rate} Hz: give frequencies within"
        )
    return frequencies


def impulse(n: int) -> NDArray[np.float64]:
    """Return a single sample of height 1 and silence after it, of shape (1, n)."""
    if not (is_whole(n) and 1 <= n <= _LONGEST):
        raise FilterError(
            f"n={shown(n)} samples cannot be: give a whole number from 1 to {_LONGEST}"
        )
    samples = np.zeros((1, int(n)))
    samples[0, 0] = 1.0
    return samples


def quadratic_roots(section: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Return the roots of c0 z^2 + c1 z + c2; as few as its degree if c0 is 0."""
    c0, c1, c2 = (float(value) for value in section)
    if c0 == 0:
        return np.array([-c2 / c1] if c1 else [], dtype=np.complex128)
    half = -c1 / c0 / 2
    square = half * half - c2 / c0
    root = np.sqrt(complex(square))
    return np.array([half + root, half - root])


def delay_of_roots(found: PolesZeros, omega: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the group delay in samples at angular frequencies, from poles and zeros.

    The phase of ``e - root``, with ``e = exp(j omega)``, turns by ``Re(e / (e - root))`` per radian
    (A. V. Oppenheim and R. W. Schafer, "Discrete-Time Signal Processing", 3rd edition, section
    5.3). On the unit circle that is one half at every frequency.
    """
    turn = np.exp(1j * omega)
    total = np.zeros(omega.shape)
    for pole in found.poles:
        total += (turn / (turn - pole)).real
    for zero in found.zeros:
        if abs(abs(zero) - 1) < _ON_CIRCLE:
            total -= 0.5
        else:
            total -= (turn / (turn - zero)).real
    return total


def delay_of_polynomial(
    coefficients: NDArray[np.float64], omega: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the group delay in samples of a finite impulse response.

    Where the response is zero it has no delay: the value right beside it is returned.
    """
    if np.array_equal(coefficients, coefficients[::-1]):
        return np.full(omega.shape, (len(coefficients) - 1) / 2)
    times = np.arange(len(coefficients))
    size = np.abs(coefficients).sum()

    def parts(at: NDArray[np.float64]) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
        inverse = np.exp(-1j * at)
        plain = np.polynomial.polynomial.polyval(inverse, coefficients)
        return plain, np.polynomial.polynomial.polyval(inverse, coefficients * times)

    plain, timed = parts(omega)
    gone = np.abs(plain) < 1e-12 * size
    if np.any(gone):
        plain, timed = parts(np.where(gone, omega + _NUDGE, omega))
    return np.asarray((timed / np.where(plain == 0, 1, plain)).real, dtype=np.float64)


def delay_of_response(
    response: Callable[[NDArray[np.float64]], NDArray[np.complex128]],
    omega: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the group delay in samples of any response, from how its phase turns nearby.

    Parameters
    ----------
    response : callable
        Function from angular frequencies in radians per sample, also a little below 0 or above pi,
        to the complex response.
    omega : ndarray of float64
        Angular frequencies in radians per sample, 0 to pi.
    """
    turned = response(omega + _STEP) * np.conj(response(omega - _STEP))
    # Squared, because at a zero on the unit circle the sign flips at once, which is no delay.
    return np.asarray(-np.angle(turned**2) / (4 * _STEP), dtype=np.float64)
