"""Where a filter's poles and zeros are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..filters import Filter, as_filter
from .axes import add_title, axes_for
from .colours import BLUE, VERMILLION

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["pole_zero"]

_SAME = 1e-4
"""Distance in the z-plane below which two poles or zeros are drawn as one with a number."""

_WIDEST = 4.0
"""Distance from the centre of the z-plane, in radii of the unit circle, beyond which points are
only counted.
"""


def pole_zero(one: Filter, ax: Axes | None = None, *, title: str | None = None) -> Axes:
    """Draw the poles and zeros of a filter in the z-plane.

    Parameters
    ----------
    one : Filter
        The filter, known to be linear, at its present parameters and sample rate.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into; new ones are made by default.
    title : str, optional
        Heading; by default the filter's repr. ``""`` for none.

    Returns
    -------
    matplotlib.axes.Axes
        The unit circle, poles as crosses and zeros as rings; a number beside one says how many are
        there. Frequencies in Hz are written round the circle. Points more than 4 from the centre
        are not drawn, but counted below.

    Raises
    ------
    FilterError
        If the filter is not known to be linear, or has more than 2000 zeros.

    See Also
    --------
    response : Gain, phase and delay of filters.
    lkexplore.filters.from_sos : A filter of coefficients of your own.

    Notes
    -----
    A frequency is at its angle on the circle: the nearer a pole is to it, the louder it comes out;
    where a zero is, nothing comes out. A filter with poles outside the circle would never come to
    rest. Taught in ``notebooks/03_waveforms_and_spectrograms.ipynb``.

    Examples
    --------
    >>> import lkexplore as lk
    >>> ax = lk.plot.pole_zero(lk.filters.lowpass(1000, order=2))
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['zeros', 'poles']
    """
    one = as_filter(one)
    found = one.poles_zeros()
    ax = axes_for(ax, 4.4)
    turn = np.exp(2j * np.pi * np.arange(361) / 360)
    ax.plot(turn.real, turn.imag, color="0.5", linewidth=1)
    ax.axhline(0, color="0.5", linewidth=0.5)
    ax.axvline(0, color="0.5", linewidth=0.5)
    points = np.concatenate((found.poles, found.zeros))
    far = np.abs(points) > _WIDEST
    reach = 1.05 * max(1.2, float(np.abs(points[~far]).max(initial=0.0)))
    _draw(ax, found.zeros, "zeros", "o", BLUE)
    _draw(ax, found.poles, "poles", "x", VERMILLION)
    half = one.sample_rate / 2
    for share, side in enumerate(("left", "left", "center", "right", "right")):
        at = 1.08 * np.exp(0.25j * np.pi * share)
        text = f"{share * half / 4:g} Hz"
        height = "bottom" if at.imag > 0.1 else "top"
        ax.text(at.real, at.imag, text, fontsize="x-small", ha=side, va=height)
    ax.set_aspect("equal")
    ax.set_xlim(-reach - 0.3, reach + 0.3)
    ax.set_ylim(-reach, reach)
    ax.set_xlabel("Real part")
    ax.set_ylabel("Imaginary part")
    if far.any():
        ax.text(0.01, 0.01, f"{far.sum()} farther out", transform=ax.transAxes, fontsize="small")
    ax.legend(loc="upper right", fontsize="small")
    add_title(ax, title if title is not None else repr(one))
    return ax


def _draw(ax: Axes, points: NDArray[np.complex128], label: str, marker: str, color: str) -> None:
    places, counts = _grouped(points[np.abs(points) <= _WIDEST])
    ax.plot(
        places.real,
        places.imag,
        marker,
        color=color,
        markerfacecolor="none",
        markersize=8,
        markeredgewidth=1.6,
        label=label,
    )
    for place, count in zip(places, counts, strict=True):
        if count > 1:
            ax.annotate(
                str(count),
                (place.real, place.imag),
                xytext=(6, 6),
                textcoords="offset points",
                color=color,
                fontsize="small",
            )


def _grouped(points: NDArray[np.complex128]) -> tuple[NDArray[np.complex128], list[int]]:
    """Return the places of points, and how many are at each."""
    places: list[complex] = []
    counts: list[int] = []
    for point in points:
        for index, place in enumerate(places):
            if abs(place - point) < _SAME:
                counts[index] += 1
                break
        else:
            places.append(complex(point))
            counts.append(1)
    return np.array(places, dtype=np.complex128), counts
