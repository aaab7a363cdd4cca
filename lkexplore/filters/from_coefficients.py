"""Linear filters from coefficients of your own."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import freqz, lfilter

from ..errors import FilterError
from ..sound.in_words import kind_of, shown
from ..sound.validation import as_sample_rate, is_whole
from .analysis import PolesZeros, delay_of_polynomial
from .linear.design import Design, SosDesign
from .linear.fir_convolution import FirDesign
from .linear.linear_filter import LinearFilter

__all__ = ["Coefficients", "from_ba", "from_sos"]

_SILENCE = 1e-150
"""Number below which the memory is set to zero: processors add such small ones many times slower.
"""


_HIGH_ORDER = 4
"""Number of poles from which on rounding of the a may move one out of the unit circle."""


class Coefficients(LinearFilter):
    """A filter of given coefficients, without parameters; see :func:`from_sos`, :func:`from_ba`."""

    def __init__(
        self, design: Design, text: str, sample_rate: int | None = None, latency: int = 0
    ) -> None:
        if not is_whole(latency) or latency < 0:
            raise FilterError(f"latency={shown(latency)} cannot be: give whole samples, 0 or more")
        self._given = design
        self._shown = text
        self._made_for = None if sample_rate is None else as_sample_rate(sample_rate)
        self.latency = latency
        if self._made_for is not None:
            self.sample_rate = self._made_for

    def design(self) -> Design:
        """Return the design as it was given."""
        if self._made_for not in (None, self.sample_rate):
            raise FilterError(
                f"coefficients made for {self._made_for} Hz do not fit sound of "
                f"{self.sample_rate} Hz: design them anew, or resample the sound"
            )
        return self._given

    def __repr__(self) -> str:
        return self._shown


class _BaDesign:
    """A recursive filter as two polynomials, computed in float64."""

    def __init__(
        self, over: NDArray[np.float64], under: NDArray[np.float64], radius: float
    ) -> None:
        self.over = over
        self.under = under
        self.memory = np.log(1e-4) / np.log(radius) + len(over) if radius > 0 else 1.0 * len(over)

    def state(self, channels: int) -> NDArray[np.float64]:
        """Return the memory of silence."""
        return np.zeros((channels, max(len(self.over), len(self.under)) - 1))

    def run(
        self, block: NDArray[np.float64], state: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the filtered block and the memory after it."""
        out, after = lfilter(self.over, self.under, block, axis=1, zi=state)
        after = np.asarray(after)
        after[np.abs(after) < _SILENCE] = 0.0
        return np.asarray(out), after

    def response(self, hz: NDArray[np.float64], sample_rate: int) -> NDArray[np.complex128]:
        """Return the frequency response."""
        _, values = freqz(self.over, self.under, worN=hz.ravel(), fs=sample_rate)
        return np.asarray(values, dtype=np.complex128).reshape(hz.shape)

    def group_delay(self, omega: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the group delay in samples."""
        late = delay_of_polynomial(self.over, omega)
        return np.asarray(late - delay_of_polynomial(self.under, omega))

    def poles_zeros(self) -> PolesZeros:
        """Return poles, zeros and gain; those at 0 that cancel each other are left out."""
        size = max(len(self.over), len(self.under))
        over = np.pad(self.over, (0, size - len(self.over)))
        under = np.pad(self.under, (0, size - len(self.under)))
        while size > 1 and over[-1] == 0 and under[-1] == 0:
            over, under, size = over[:-1], under[:-1], size - 1
        used = np.flatnonzero(over)
        return PolesZeros(
            np.roots(under).astype(np.complex128),
            np.roots(over).astype(np.complex128),
            float(over[used[0]]) if used.size else 0.0,
        )


def from_sos(sections: ArrayLike, sample_rate: int | None = None) -> Coefficients:
    """Make a filter of second-order sections, as scipy.signal designs them.

    Parameters
    ----------
    sections : array_like, shape (k, 6)
        Coefficients ``b0 b1 b2 a0 a1 a2`` of each section, a0 not 0, all poles within the unit
        circle.
    sample_rate : int, optional
        Sample rate that the coefficients were designed for, in Hz. If given, sound of another rate
        is refused; if not, the same coefficients are used at any rate.

    Returns
    -------
    Coefficients
        Without parameters and latency.

    Raises
    ------
    FilterError
        If the shape is another, a number is not finite, or the filter is not stable.

    See Also
    --------
    from_ba : Coefficients of the difference equation.
    lowpass : Ready-made designs.
    lkexplore.plot.pole_zero : Draw where the poles and zeros are.

    Notes
    -----
    Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> from scipy.signal import butter
    >>> own = from_sos(butter(4, 1000, output="sos", fs=48000), sample_rate=48000)
    >>> print(round(abs(own.response(1000)), 4))
    0.7071
    """
    given = _numbers("sections", sections, 2)
    if not given.size or given.shape[1] != 6 or np.any(given[:, 3] == 0):
        raise FilterError(
            f"sections of shape {given.shape} cannot be: give (k, 6), k from 1 on, and a0 not 0, "
            "as scipy.signal designs with output='sos'"
        )
    design = SosDesign(given / given[:, 3:4])
    _stable(np.abs(design.poles_zeros().poles).max(initial=0.0))
    return Coefficients(design, f"from_sos({len(given)} sections)", sample_rate)


def from_ba(
    b: ArrayLike, a: ArrayLike = 1.0, sample_rate: int | None = None, latency: int = 0
) -> Coefficients:
    """Make a filter of the coefficients of its difference equation, as scipy.signal.lfilter does.

    Parameters
    ----------
    b, a : array_like, shape (n,)
        Coefficients of ``a[0] y[n] + a[1] y[n-1] + ... = b[0] x[n] + b[1] x[n-1] + ...``; all poles
        within the unit circle. With `a` left out, `b` is a finite impulse response of any length.
    sample_rate : int, optional
        Sample rate that the coefficients were designed for, in Hz, as for :func:`from_sos`.
    latency : int
        Number of samples by which the output is late, 0 or more, such as half the length of a
        finite response with linear phase; whole recordings are then not late.

    Returns
    -------
    Coefficients
        Without parameters.

    Raises
    ------
    FilterError
        If there is no number, one is not finite, ``a[0]`` is 0, or the filter is not stable.

    See Also
    --------
    from_sos : Second-order sections, more precise at high orders.
    fir_lowpass : Ready-made taps.
    lkexplore.plot.pole_zero : Draw where the poles and zeros are.

    Notes
    -----
    From an order of about six on, sections are more precise: see :func:`from_sos`. A stable design
    of a high order may be unstable as polynomials, only because their coefficients are rounded:
    this is refused, and told apart from a design that is unstable.
    Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> average = from_ba([0.25] * 4)
    >>> average.process(np.ones((1, 5), "f4")).tolist()
    [[0.25, 0.5, 0.75, 1.0, 1.0]]
    """
    over, under = _numbers("b", b, 1), _numbers("a", a, 1)
    if not over.size or not under.size or under[0] == 0:
        raise FilterError("coefficients cannot be: give at least one b and one a, a[0] not 0")
    over, under = over / under[0], under / under[0]
    under = under[: np.flatnonzero(under)[-1] + 1]
    text = f"from_ba({len(over)} b, {len(under)} a)"
    if len(under) == 1:
        return Coefficients(FirDesign(over), text, sample_rate, latency)
    poles = np.roots(under)
    radius = float(np.abs(poles).max())
    _stable(radius, rounded=len(poles) >= _HIGH_ORDER and _rounding_matters(under, poles))
    return Coefficients(_BaDesign(over, under, radius), text, sample_rate, latency)


def _numbers(name: str, given: ArrayLike, dimensions: int) -> NDArray[np.float64]:
    try:
        array = np.asarray(given)
        if array.dtype.kind not in "fiu":
            raise TypeError
        found = np.array(array, dtype=np.float64, ndmin=dimensions)
    except (TypeError, ValueError):
        raise FilterError(
            f"{name} of type {kind_of(given)} are no real numbers: give an array of them"
        ) from None
    if found.ndim != dimensions or not np.isfinite(found).all():
        raise FilterError(
            f"{name} of shape {found.shape} cannot be: give finite numbers "
            f"in {dimensions} dimension{'s'[: dimensions - 1]}"
        )
    return found


def _rounding_matters(under: NDArray[np.float64], poles: NDArray[np.inexact]) -> bool:
    """Return whether the outermost pole may be out there only because coefficients were rounded.

    Some exact root is within n |p / p'| of any point (Laguerre); rounding changes p by as much as
    the last bits of all its terms.
    """
    outermost = poles[np.argmax(np.abs(poles))]
    rounding = np.finfo(np.float64).eps * np.polyval(np.abs(under), np.abs(outermost))
    slope = np.abs(np.polyval(np.polyder(under), outermost))
    with np.errstate(divide="ignore"):
        return bool(np.abs(outermost) - len(poles) * rounding / slope < 1)


def _stable(radius: float, *, rounded: bool = False) -> None:
    if radius >= 1 and rounded:
        raise FilterError(
            f"rounding of these coefficients puts a pole at {radius:.6g} from the middle, outside "
            "1, so the filter never comes to rest: design it as sections, output='sos' in "
            "scipy.signal, for lkexplore.filters.from_sos, which are precise at high orders"
        )
    if not radius < 1:
        raise FilterError(
            f"a pole at {radius:.6g} from the middle makes a filter that never comes to rest: "
            "all must be within 1; look for a wrong sign among the a"
        )
