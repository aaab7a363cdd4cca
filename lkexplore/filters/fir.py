"""Filters with linear phase: all frequencies are late by the same time."""

from __future__ import annotations

from math import pi
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.signal import firls, firwin, kaiser_beta, remez

from ..errors import FilterError
from .iir import check_band
from .linear.fir_convolution import FirDesign
from .linear.linear_filter import LinearFilter
from .parameter import Parameter, frequency

__all__ = [
    "FirBandpass",
    "FirBandstop",
    "FirHighpass",
    "FirLowpass",
    "FirMethod",
    "fir_bandpass",
    "fir_bandstop",
    "fir_highpass",
    "fir_lowpass",
]

FirMethod = Literal["window", "parks-mcclellan", "least squares"]

_METHODS = ("window", "parks-mcclellan", "least squares")
"""Ways to design the taps, the window first, which is the default."""

_TAPS = Parameter(low=3, high=16_383, whole=True, step=2)
"""How many taps, as a parameter: odd, so that the latency is a whole number of samples."""

_STOP = Parameter("dB", low=20.0, high=120.0)
"""How far the stop-band is down, in dB, as a parameter."""

_MOST_OPTIMAL = 2047
"""Taps of the longest design other than by a window: longer ones take seconds, or are not found at
all.
"""


class _Fir(LinearFilter):
    """A filter with linear phase; `method` stays as it was made."""

    # Whether the bands between the edges, from 0 Hz on, are let through.
    _bands: tuple[bool, ...]

    def _begin(self, method: FirMethod, **values: float) -> None:
        if method not in _METHODS:
            raise FilterError(f"design {method!r} is unknown: use {', '.join(_METHODS)}")
        self.method = method
        self.set(**values)

    @property
    def latency(self) -> int:  # type: ignore[override]
        """Half the taps, in samples."""
        return (int(self.__dict__["taps"]) - 1) // 2

    @property
    def transition(self) -> float:
        """Width of the slope in Hz at the present taps, ``stop_db`` and sample rate."""
        taps, stop_db = self.__dict__["taps"], self.__dict__["stop_db"]
        # Kaiser's estimate, the inverse of scipy.signal.kaiserord's.
        width = (stop_db - 7.95) / 2.285 / (taps - 1)
        return float(width * self.sample_rate / (2 * pi))

    def _taps(self, edges: list[float]) -> FirDesign:
        taps, stop_db = int(self.__dict__["taps"]), self.__dict__["stop_db"]
        if self.method == "window":
            window = ("kaiser", kaiser_beta(stop_db))
            found = firwin(
                taps, edges, window=window, pass_zero=self._bands[0], fs=self.sample_rate
            )
            return FirDesign(np.asarray(found))
        return FirDesign(self._optimal(taps, edges))

    def _optimal(self, taps: int, edges: list[float]) -> NDArray[np.float64]:
        borders = [0.0]
        for edge in edges:
            borders += [edge - self.transition / 2, edge + self.transition / 2]
        borders.append(self.sample_rate / 2)
        if np.any(np.diff(borders) <= 0):
            raise FilterError(
                f"{taps} taps need {self.transition:.4g} Hz from pass to stop, which do not fit "
                f"between {' and '.join(f'{edge:g}' for edge in edges)} Hz and the next edge, 0 "
                f"or {self.sample_rate / 2:g} Hz: give more taps, or a lower stop_db"
            )
        if taps > _MOST_OPTIMAL:
            raise FilterError(
                f"{taps} taps are too many for {self.method}: give at most {_MOST_OPTIMAL}, "
                "or design='window'"
            )
        wanted = [float(band) for band in self._bands]
        if self.method == "least squares":
            return np.asarray(
                firls(taps, borders, np.repeat(wanted, 2), fs=self.sample_rate), dtype=np.float64
            )
        try:
            found = remez(taps, borders, wanted, fs=self.sample_rate, maxiter=100)
        except ValueError as error:
            raise FilterError(
                f"Parks-McClellan found no filter of {taps} taps and {self.transition:.4g} Hz "
                f"from pass to stop ({str(error).splitlines()[0]}): give other taps or stop_db, "
                "or design='window'"
            ) from None
        return np.asarray(found, dtype=np.float64)

    def __repr__(self) -> str:
        shown = super().__repr__()
        return shown if self.method == "window" else f"{shown[:-1]}, design={self.method!r})"


class _FirEdge(_Fir):
    cutoff = frequency()
    taps = _TAPS
    stop_db = _STOP

    def __init__(
        self, cutoff: float, taps: int = 255, design: FirMethod = "window", stop_db: float = 60.0
    ) -> None:
        self._begin(design, cutoff=cutoff, taps=taps, stop_db=stop_db)

    def design(self) -> FirDesign:
        """Return the design for the present parameters and sample rate."""
        return self._taps([self.below_half_rate("cutoff", self.cutoff)])


class FirLowpass(_FirEdge):
    """Lowpass with linear phase; see :func:`fir_lowpass`."""

    _bands = (True, False)


class FirHighpass(_FirEdge):
    """Highpass with linear phase; see :func:`fir_highpass`."""

    _bands = (False, True)


class _FirBand(_Fir):
    low = frequency()
    high = frequency()
    taps = _TAPS
    stop_db = _STOP

    def __init__(
        self,
        low: float,
        high: float,
        taps: int = 255,
        design: FirMethod = "window",
        stop_db: float = 60.0,
    ) -> None:
        self._begin(design, low=low, high=high, taps=taps, stop_db=stop_db)

    def changed(self) -> None:
        """Check that the band has a width, and redo the design."""
        check_band(self.low, self.high)
        super().changed()

    def design(self) -> FirDesign:
        """Return the design for the present parameters and sample rate."""
        return self._taps([self.low, self.below_half_rate("high", self.high)])


class FirBandpass(_FirBand):
    """Bandpass with linear phase; see :func:`fir_bandpass`."""

    _bands = (False, True, False)


class FirBandstop(_FirBand):
    """Bandstop with linear phase; see :func:`fir_bandstop`."""

    _bands = (True, False, True)


def fir_lowpass(
    cutoff: float, taps: int = 255, design: FirMethod = "window", stop_db: float = 60.0
) -> FirLowpass:
    """Let through what is below a frequency, with linear phase.

    Parameters
    ----------
    cutoff : float
        Frequency of the middle of the slope, where the response has about half its height, in Hz:
        1 up to below half the sample rate.
    taps : int
        Length of the impulse response, odd, 3 to 16383; up to 2047 unless `design` is
        ``"window"``. The more, the steeper, and the later: ``latency`` is ``(taps - 1) / 2``.
    design : {"window", "parks-mcclellan", "least squares"}
        ``"window"``: the ideal response, cut off by a Kaiser window. ``"parks-mcclellan"``: ripples
        of equal height, the lowest that so many taps can have. ``"least squares"``: the least
        energy of the error.
    stop_db : float
        Approximate attenuation in the stop-band, 20 to 120 dB; up to 10 dB less near the slope with
        ``"least squares"``. The higher it is, the wider the slope: the attribute ``transition`` is
        its width in Hz.

    Returns
    -------
    FirLowpass
        With the parameters ``cutoff``, ``taps`` and ``stop_db``.

    Raises
    ------
    FilterError
        As :func:`lkexplore.filters.lowpass`; and as soon as the sample rate is known, if the
        slope of a design other than ``"window"`` does not fit between 0 and half the rate.

    See Also
    --------
    lowpass : Steeper for less work and without latency, but not of linear phase.
    from_ba : Taps of your own.
    lkexplore.plot.response : Draw the response.

    Notes
    -----
    With ``"window"`` a slope that does not fit is not refused: with too few taps, the lowest
    cutoffs are no longer reached.

    References
    ----------
    J. F. Kaiser, "Nonrecursive digital filter design using the I0-sinh window function", ISCAS
    1974; T. W. Parks and J. H. McClellan, "Chebyshev approximation for nonrecursive digital
    filters with linear phase", IEEE Trans. Circuit Theory 19(2), 1972; designed by scipy.signal's
    firwin, remez and firls. Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> smooth = fir_lowpass(4000, taps=101)
    >>> smooth.latency, round(smooth.transition)
    (50, 1740)
    """
    return FirLowpass(cutoff, taps, design, stop_db)


def fir_highpass(
    cutoff: float, taps: int = 255, design: FirMethod = "window", stop_db: float = 60.0
) -> FirHighpass:
    """Let through what is above a frequency, with linear phase.

    Parameters
    ----------
    cutoff, taps, design, stop_db
        Cutoff in Hz, number of taps, kind of design and attenuation in dB, as for
        :func:`fir_lowpass`.

    Returns
    -------
    FirHighpass
        With the parameters ``cutoff``, ``taps`` and ``stop_db``.

    Raises
    ------
    FilterError
        As :func:`fir_lowpass`.

    See Also
    --------
    highpass : Without latency, but not of linear phase.
    fir_lowpass : Let through what is below.

    References
    ----------
    As :func:`fir_lowpass`. Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> print(round(abs(fir_highpass(1000).response(0)), 2))
    0.0
    """
    return FirHighpass(cutoff, taps, design, stop_db)


def fir_bandpass(
    low: float,
    high: float,
    taps: int = 255,
    design: FirMethod = "window",
    stop_db: float = 60.0,
) -> FirBandpass:
    """Let through what is between two frequencies, with linear phase.

    Parameters
    ----------
    low, high : float
        The middles of the slopes, in Hz: ``1 <= low < high``, below half the sample rate.
    taps, design, stop_db
        Number of taps, kind of design and attenuation in dB, as for :func:`fir_lowpass`.

    Returns
    -------
    FirBandpass
        With the parameters ``low``, ``high``, ``taps`` and ``stop_db``.

    Raises
    ------
    FilterError
        As :func:`fir_lowpass`, and if the band has no width.

    See Also
    --------
    bandpass : Without latency, but not of linear phase.
    fir_bandstop : Take out what is between.

    References
    ----------
    As :func:`fir_lowpass`. Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> fir_bandpass(300, 3400, design="least squares")
    FirBandpass(low=300, high=3400, taps=255, stop_db=60, design='least squares')
    """
    return FirBandpass(low, high, taps, design, stop_db)


def fir_bandstop(
    low: float,
    high: float,
    taps: int = 255,
    design: FirMethod = "window",
    stop_db: float = 60.0,
) -> FirBandstop:
    """Take out what is between two frequencies, with linear phase.

    Parameters
    ----------
    low, high : float
        The middles of the slopes, in Hz: ``1 <= low < high``, below half the sample rate.
    taps, design, stop_db
        Number of taps, kind of design and attenuation in dB, as for :func:`fir_lowpass`.

    Returns
    -------
    FirBandstop
        With the parameters ``low``, ``high``, ``taps`` and ``stop_db``.

    Raises
    ------
    FilterError
        As :func:`fir_bandpass`.

    See Also
    --------
    bandstop : Without latency, but not of linear phase.
    fir_bandpass : Let through what is between.

    References
    ----------
    As :func:`fir_lowpass`. Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> fir_bandstop(2000, 3000).latency
    127
    """
    return FirBandstop(low, high, taps, design, stop_db)
