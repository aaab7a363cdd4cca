"""The classical recursive filters: lowpass, highpass, bandpass and bandstop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from ..errors import FilterError
from .linear.design import SosDesign
from .linear.linear_filter import LinearFilter
from .linear.prototypes import FAMILIES, Family, iir_design
from .parameter import Parameter, frequency

__all__ = [
    "Bandpass",
    "Bandstop",
    "Family",
    "Highpass",
    "Lowpass",
    "bandpass",
    "bandstop",
    "highpass",
    "lowpass",
]

_ORDER = Parameter(low=1, high=12, whole=True)
"""Order of the filter, as a parameter."""

_RIPPLE = Parameter("dB", low=0.01, high=6.0)
"""How far the response may fall in the pass-band, in dB, as a parameter."""

_STOP = Parameter("dB", low=10.0, high=120.0)
"""How far the stop-band is down at least, in dB, as a parameter."""


class _Classical(LinearFilter):
    """A filter of one of the classical families; `family` stays as it was made."""

    _kind: Literal["lowpass", "highpass", "bandpass", "bandstop"]

    def _begin(
        self, family: Family, ripple_db: float | None, stop_db: float | None, **values: float
    ) -> None:
        if family not in FAMILIES:
            raise FilterError(f"design {family!r} is unknown: use {', '.join(FAMILIES)}")
        self.family = family
        for name, value, usual in (("ripple_db", ripple_db, 0.5), ("stop_db", stop_db, 60.0)):
            if name in FAMILIES[family]:
                values[name] = usual if value is None else value
            elif value is not None:
                having = " and ".join(each for each in FAMILIES if name in FAMILIES[each])
                raise FilterError(f"a {family} design has no {name}: leave it out, or use {having}")
        self.set(**values)

    def _declared(self) -> Iterator[tuple[str, Parameter]]:
        unused = {"ripple_db", "stop_db"} - set(FAMILIES[self.family])
        return ((name, found) for name, found in super()._declared() if name not in unused)

    def _sections(self, edges: float | list[float]) -> SosDesign:
        values = self.__dict__
        return iir_design(
            self.family,
            self._kind,
            int(values["order"]),
            edges,
            self.sample_rate,
            ripple_db=values.get("ripple_db", 0.0),
            stop_db=values.get("stop_db", 0.0),
        )

    def __repr__(self) -> str:
        shown = super().__repr__()
        return shown if self.family == "butterworth" else f"{shown[:-1]}, design={self.family!r})"


class _Edge(_Classical):
    cutoff = frequency()
    order = _ORDER
    ripple_db = _RIPPLE
    stop_db = _STOP

    def __init__(
        self,
        cutoff: float,
        order: int = 4,
        design: Family = "butterworth",
        *,
        ripple_db: float | None = None,
        stop_db: float | None = None,
    ) -> None:
        self._begin(design, ripple_db, stop_db, cutoff=cutoff, order=order)

    def design(self) -> SosDesign:
        """Return the design for the present parameters and sample rate."""
        return self._sections(self.below_half_rate("cutoff", self.cutoff))


class Lowpass(_Edge):
    """Recursive lowpass; see :func:`lowpass`."""

    _kind = "lowpass"


class Highpass(_Edge):
    """Recursive highpass; see :func:`highpass`."""

    _kind = "highpass"


class _Band(_Classical):
    low = frequency()
    high = frequency()
    order = _ORDER
    ripple_db = _RIPPLE
    stop_db = _STOP

    def __init__(
        self,
        low: float,
        high: float,
        order: int = 4,
        design: Family = "butterworth",
        *,
        ripple_db: float | None = None,
        stop_db: float | None = None,
    ) -> None:
        self._begin(design, ripple_db, stop_db, low=low, high=high, order=order)

    def changed(self) -> None:
        """Check that the band has a width, and redo the design."""
        check_band(self.low, self.high)
        super().changed()

    def design(self) -> SosDesign:
        """Return the design for the present parameters and sample rate."""
        return self._sections([self.low, self.below_half_rate("high", self.high)])


class Bandpass(_Band):
    """Recursive bandpass; see :func:`bandpass`."""

    _kind = "bandpass"


class Bandstop(_Band):
    """Recursive bandstop; see :func:`bandstop`."""

    _kind = "bandstop"


def check_band(low: float, high: float) -> None:
    """Raise FilterError unless a band has a width."""
    if low >= high:
        raise FilterError(
            f"a band from {low:g} to {high:g} Hz is none: give low below high, "
            "both at once by set(low=..., high=...)"
        )


def lowpass(
    cutoff: float,
    order: int = 4,
    design: Family = "butterworth",
    *,
    ripple_db: float | None = None,
    stop_db: float | None = None,
) -> Lowpass:
    """Let through what is below a frequency.

    Parameters
    ----------
    cutoff : float
        Cutoff frequency, in Hz: 1 up to below half the sample rate. The response there depends on
        `design`.
    order : int
        Order, 1 to 12; beyond the cutoff the response of a Butterworth filter falls by 6 dB an
        octave for each.
    design : {"butterworth", "chebyshev1", "chebyshev2", "elliptic", "bessel"}
        ``"butterworth"``: as flat as possible, 3.01 dB down at the cutoff. ``"chebyshev1"``:
        steeper, with ripples of `ripple_db` up to the cutoff. ``"chebyshev2"``: flat below, and
        from the cutoff on at least `stop_db` down. ``"elliptic"``: steepest of all, ripples of
        `ripple_db` up to the cutoff and at least `stop_db` down soon after. ``"bessel"``: 3.01 dB
        down at the cutoff, not steep, but without overshoot, because everything below is nearly
        equally late.
    ripple_db : float, optional
        Ripple of ``"chebyshev1"`` and ``"elliptic"``, which is how far the response may fall in the
        pass-band: 0.01 to 6 dB; 0.5 unless given.
    stop_db : float, optional
        Attenuation of ``"chebyshev2"`` and ``"elliptic"`` in the stop-band: 10 to 120 dB; 60 unless
        given.

    Returns
    -------
    Lowpass
        With the parameters ``cutoff``, ``order`` and, where the design has them, ``ripple_db``
        and ``stop_db``; no latency.

    Raises
    ------
    FilterError
        If a value is out of its range, or the design has no such value. That the cutoff is below
        half the sample rate is checked as soon as the rate is known: by sound going through, or
        by setting ``sample_rate``.

    See Also
    --------
    highpass : Let through what is above.
    fir_lowpass : The same with linear phase.
    lkexplore.plot.response : Draw the response.

    References
    ----------
    S. Butterworth, "On the theory of filter amplifiers", Experimental Wireless 7, 1930; T. W.
    Parks and C. S. Burrus, "Digital Filter Design", Wiley 1987, chapter 7, for all five; designed
    by scipy.signal's butter, cheby1, cheby2, ellip and bessel, which keep the edge in place when
    going from analogue to digital. Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> print(round(abs(lowpass(1000).response(1000)), 4))
    0.7071
    >>> lowpass(1000, 6, "elliptic", stop_db=80)
    Lowpass(cutoff=1000, order=6, ripple_db=0.5, stop_db=80, design='elliptic')
    """
    return Lowpass(cutoff, order, design, ripple_db=ripple_db, stop_db=stop_db)


def highpass(
    cutoff: float,
    order: int = 4,
    design: Family = "butterworth",
    *,
    ripple_db: float | None = None,
    stop_db: float | None = None,
) -> Highpass:
    """Let through what is above a frequency.

    Parameters
    ----------
    cutoff : float
        Cutoff frequency, in Hz: 1 up to below half the sample rate.
    order, design, ripple_db, stop_db
        Order, kind of design, ripple and attenuation in dB, as for :func:`lowpass`, with the
        pass-band above the cutoff.

    Returns
    -------
    Highpass
        With the parameters ``cutoff``, ``order`` and, where the design has them, ``ripple_db``
        and ``stop_db``; no latency.

    Raises
    ------
    FilterError
        As :func:`lowpass`.

    See Also
    --------
    lowpass : Let through what is below.
    fir_highpass : The same with linear phase.
    dehum : Take out mains hum alone.

    References
    ----------
    As :func:`lowpass`. Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> print(round(abs(highpass(1000).response(0)), 4))
    0.0
    """
    return Highpass(cutoff, order, design, ripple_db=ripple_db, stop_db=stop_db)


def bandpass(
    low: float,
    high: float,
    order: int = 4,
    design: Family = "butterworth",
    *,
    ripple_db: float | None = None,
    stop_db: float | None = None,
) -> Bandpass:
    """Let through what is between two frequencies.

    Parameters
    ----------
    low, high : float
        Edges of the band, in Hz: ``1 <= low < high``, below half the sample rate.
    order : int
        Order, 1 to 12; outside the band the response of a Butterworth filter falls by 6 dB an
        octave for each, on either side.
    design, ripple_db, stop_db
        Kind of design, ripple and attenuation in dB, as for :func:`lowpass`, at either edge.

    Returns
    -------
    Bandpass
        With the parameters ``low``, ``high``, ``order`` and, where the design has them,
        ``ripple_db`` and ``stop_db``; no latency.

    Raises
    ------
    FilterError
        As :func:`lowpass`, and if the band has no width.

    See Also
    --------
    bandstop : Take out what is between.
    fir_bandpass : The same with linear phase.

    References
    ----------
    As :func:`lowpass`. Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> bandpass(300, 3400)
    Bandpass(low=300, high=3400, order=4)
    """
    return Bandpass(low, high, order, design, ripple_db=ripple_db, stop_db=stop_db)


def bandstop(
    low: float,
    high: float,
    order: int = 4,
    design: Family = "butterworth",
    *,
    ripple_db: float | None = None,
    stop_db: float | None = None,
) -> Bandstop:
    """Take out what is between two frequencies.

    Parameters
    ----------
    low, high : float
        Edges of the band, in Hz: ``1 <= low < high``, below half the sample rate.
    order, design, ripple_db, stop_db
        Order, kind of design, ripple and attenuation in dB, as for :func:`bandpass`, with the
        pass-bands outside the edges.

    Returns
    -------
    Bandstop
        With the parameters ``low``, ``high``, ``order`` and, where the design has them,
        ``ripple_db`` and ``stop_db``; no latency.

    Raises
    ------
    FilterError
        As :func:`bandpass`.

    See Also
    --------
    notch : A single frequency.
    bandpass : Let through what is between.
    fir_bandstop : The same with linear phase.

    References
    ----------
    As :func:`lowpass`. Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> print(round(abs(bandstop(900, 1100).response(1000)), 4))
    0.0
    """
    return Bandstop(low, high, order, design, ripple_db=ripple_db, stop_db=stop_db)
