"""Filters of second order with one frequency: notch, all-pass, peak and shelves."""

from __future__ import annotations

from math import cos, pi, sin, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.signal import iirnotch

from .linear.design import SosDesign
from .linear.linear_filter import LinearFilter
from .parameter import Parameter, frequency

__all__ = [
    "Allpass",
    "HighShelf",
    "LowShelf",
    "Notch",
    "Peaking",
    "allpass",
    "high_shelf",
    "low_shelf",
    "notch",
    "peak_section",
    "peaking",
]

_Q_OF_BUTTERWORTH = 0.5**0.5
"""Quality, a bare number, of a Butterworth filter of second order: the steepest without a bump."""


def _gain() -> Parameter:
    return Parameter("dB", low=-40.0, high=40.0, scale="db")


class Notch(LinearFilter):
    """Second-order notch; see :func:`notch`."""

    hz = frequency()
    q = Parameter(low=0.1, high=1000.0, scale="log")

    def __init__(self, hz: float, q: float = 30.0) -> None:
        self.set(hz=hz, q=q)

    def design(self) -> SosDesign:
        """Return the design for the present parameters and sample rate."""
        hz = self.below_half_rate("hz", self.hz)
        b, a = iirnotch(hz, self.q, fs=self.sample_rate)
        return SosDesign(np.concatenate((b, a))[np.newaxis])


class Allpass(LinearFilter):
    """Second-order all-pass; see :func:`allpass`."""

    hz = frequency()
    q = Parameter(low=0.1, high=1000.0, scale="log")

    def __init__(self, hz: float, q: float = _Q_OF_BUTTERWORTH) -> None:
        self.set(hz=hz, q=q)

    def design(self) -> SosDesign:
        """Return the design for the present parameters and sample rate."""
        cosine, alpha = _angle(self.below_half_rate("hz", self.hz), self.q, self.sample_rate)
        under = [1 + alpha, -2 * cosine, 1 - alpha]
        return SosDesign(_section([1 - alpha, -2 * cosine, 1 + alpha], under)[np.newaxis])


class Peaking(LinearFilter):
    """A bump or a dip around a frequency; see :func:`peaking`."""

    hz = frequency()
    gain_db = _gain()
    q = Parameter(low=0.1, high=100.0, scale="log")

    def __init__(self, hz: float, gain_db: float, q: float = 1.0) -> None:
        self.set(hz=hz, gain_db=gain_db, q=q)

    def design(self) -> SosDesign:
        """Return the design for the present parameters and sample rate."""
        hz = self.below_half_rate("hz", self.hz)
        return SosDesign(peak_section(hz, self.gain_db, self.q, self.sample_rate)[np.newaxis])


class _Shelf(LinearFilter):
    hz = frequency()
    gain_db = _gain()
    q = Parameter(low=0.1, high=10.0, scale="log")
    # +1 if the raised side is the low one, -1 if it is the high one.
    _side: int

    def __init__(self, hz: float, gain_db: float, q: float = _Q_OF_BUTTERWORTH) -> None:
        self.set(hz=hz, gain_db=gain_db, q=q)

    def design(self) -> SosDesign:
        """Return the design for the present parameters and sample rate."""
        cosine, alpha = _angle(self.below_half_rate("hz", self.hz), self.q, self.sample_rate)
        size, side = 10 ** (self.gain_db / 40), self._side
        more, less, slope = size + 1, size - 1, 2 * sqrt(size) * alpha
        over = [
            size * (more - side * less * cosine + slope),
            side * 2 * size * (less - side * more * cosine),
            size * (more - side * less * cosine - slope),
        ]
        under = [
            more + side * less * cosine + slope,
            -side * 2 * (less + side * more * cosine),
            more + side * less * cosine - slope,
        ]
        return SosDesign(_section(over, under)[np.newaxis])


class LowShelf(_Shelf):
    """More or less of all that is below a frequency; see :func:`low_shelf`."""

    _side = 1


class HighShelf(_Shelf):
    """More or less of all that is above a frequency; see :func:`high_shelf`."""

    _side = -1


def peak_section(hz: float, gain_db: float, q: float, sample_rate: int) -> NDArray[np.float64]:
    """Return a peak as one second-order section, of shape (6,); see :func:`peaking`."""
    cosine, alpha = _angle(hz, q, sample_rate)
    size = 10 ** (gain_db / 40)
    over = [1 + alpha * size, -2 * cosine, 1 - alpha * size]
    return _section(over, [1 + alpha / size, -2 * cosine, 1 - alpha / size])


def _angle(hz: float, q: float, sample_rate: int) -> tuple[float, float]:
    omega = 2 * pi * hz / sample_rate
    return cos(omega), sin(omega) / (2 * q)


def _section(over: list[float], under: list[float]) -> NDArray[np.float64]:
    return np.array(over + under) / under[0]


def notch(hz: float, q: float = 30.0) -> Notch:
    """Take one frequency out, such as mains hum at 50 or 60 Hz.

    Parameters
    ----------
    hz : float
        The frequency, in Hz: 1 up to below half the sample rate.
    q : float
        Quality, 0.1 to 1000: the response is down by 3.01 dB at two frequencies that are ``hz / q``
        apart. A narrower notch takes longer to act: about ``2 q / hz`` seconds.

    Returns
    -------
    Notch
        With the parameters ``hz`` and ``q``; no latency.

    Raises
    ------
    FilterError
        As :func:`lkexplore.filters.lowpass`.

    See Also
    --------
    dehum : Notches at a frequency and its multiples.
    bandstop : Take out a wider band.
    lkexplore.plot.response : Draw what is left of each frequency.

    Notes
    -----
    It is the notch of R. Bristow-Johnson's cookbook, with another width: there it shrinks towards
    half the sample rate, here it is as described at any frequency.

    References
    ----------
    S. J. Orfanidis, "Introduction to Signal Processing", Prentice Hall 1996, section 11.3;
    designed by ``scipy.signal.iirnotch``. Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> print(round(abs(notch(50).response(50)), 4))
    0.0
    """
    return Notch(hz, q)


def allpass(hz: float, q: float = _Q_OF_BUTTERWORTH) -> Allpass:
    """Turn the phase and leave all levels as they are.

    Parameters
    ----------
    hz : float
        Frequency at which the phase is turned by 180 degrees, in Hz: 1 up to below half the sample
        rate. Far below, the phase is not turned; far above, by 360 degrees.
    q : float
        Quality, 0.1 to 1000: the greater, the faster the phase turns around `hz`.

    Returns
    -------
    Allpass
        With the parameters ``hz`` and ``q``; no latency.

    Raises
    ------
    FilterError
        As :func:`lkexplore.filters.lowpass`.

    See Also
    --------
    delay : The same delay for all frequencies.
    lkexplore.plot.response : Draw the phase and the delay.

    References
    ----------
    R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients", W3C
    Audio Working Group note, 2021, APF. Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> print(allpass(1000).response(1000).round(6))
    (-1-0j)
    """
    return Allpass(hz, q)


def peaking(hz: float, gain_db: float, q: float = 1.0) -> Peaking:
    """Raise or lower what is around a frequency.

    Parameters
    ----------
    hz : float
        Middle of the bump or dip, in Hz: 1 up to below half the sample rate.
    gain_db : float
        Gain at `hz`, -40 to 40 dB. Far away it is 0 dB.
    q : float
        Quality, 0.1 to 100: half of `gain_db`, in dB, is reached at two frequencies about
        ``hz / q`` apart; a q of 1.41 makes an octave.

    Returns
    -------
    Peaking
        With the parameters ``hz``, ``gain_db`` and ``q``; no latency.

    Raises
    ------
    FilterError
        As :func:`lkexplore.filters.lowpass`.

    See Also
    --------
    parametric_eq : Several peaks and two shelves.
    graphic_eq : One slider an octave.
    notch : Take one frequency out entirely.

    References
    ----------
    As :func:`allpass`, peakingEQ. Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> print(round(20 * np.log10(abs(peaking(1000, -6).response(1000))), 6))
    -6.0
    """
    return Peaking(hz, gain_db, q)


def low_shelf(hz: float, gain_db: float, q: float = _Q_OF_BUTTERWORTH) -> LowShelf:
    """Raise or lower all that is below a frequency.

    Parameters
    ----------
    hz : float
        Frequency of the middle of the slope, where half of `gain_db` is reached, in Hz: 1 up to
        below half the sample rate.
    gain_db : float
        Gain far below `hz`, -40 to 40 dB. Far above it is 0 dB.
    q : float
        Quality, 0.1 to 10: how steep the slope is; above 0.71 the response overshoots on both
        sides.

    Returns
    -------
    LowShelf
        With the parameters ``hz``, ``gain_db`` and ``q``; no latency.

    Raises
    ------
    FilterError
        As :func:`lkexplore.filters.lowpass`.

    See Also
    --------
    high_shelf : The same above a frequency.
    peaking : Only around a frequency.
    parametric_eq : Shelves and peaks together.

    References
    ----------
    As :func:`allpass`, lowShelf. Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> print((20 * np.log10(abs(low_shelf(200, 6).response([0, 200])))).round(6))
    [6. 3.]
    """
    return LowShelf(hz, gain_db, q)


def high_shelf(hz: float, gain_db: float, q: float = _Q_OF_BUTTERWORTH) -> HighShelf:
    """Raise or lower all that is above a frequency.

    Parameters
    ----------
    hz : float
        Frequency of the middle of the slope, where half of `gain_db` is reached, in Hz: 1 up to
        below half the sample rate.
    gain_db : float
        Gain at half the sample rate, -40 to 40 dB. Far below it is 0 dB.
    q : float
        Quality, 0.1 to 10, as for :func:`low_shelf`.

    Returns
    -------
    HighShelf
        With the parameters ``hz``, ``gain_db`` and ``q``; no latency.

    Raises
    ------
    FilterError
        As :func:`lkexplore.filters.lowpass`.

    See Also
    --------
    low_shelf : The same below a frequency.
    peaking : Only around a frequency.
    parametric_eq : Shelves and peaks together.

    References
    ----------
    As :func:`allpass`, highShelf. Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> print((20 * np.log10(abs(high_shelf(4000, -6).response([4000, 24000])))).round(6))
    [-3. -6.]
    """
    return HighShelf(hz, gain_db, q)
