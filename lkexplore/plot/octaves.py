"""Octave and third-octave bands."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["ENBW_HANN", "Bands", "band_powers", "octave_bands"]

ENBW_HANN = 1.5
"""Equivalent noise bandwidth of a Hann window in bins (F. J. Harris, 1978, table 1)."""

_OCTAVE = 10**0.3
"""Ratio of the frequencies of an octave (IEC 61260-1:2014, 5.2)."""

_NOMINAL = (1.0, 1.25, 1.6, 2.0, 2.5, 3.15, 4.0, 5.0, 6.3, 8.0)
"""Nominal middles of third-octave bands in Hz, within a factor of ten (IEC 61260-1:2014, 5.5)."""

_LOWEST_HZ = 15.0
"""Frequency in Hz below which no middle of a band lies: the first octave is 16 Hz."""


class Bands(NamedTuple):
    """Neighbouring bands of the same width in octaves.

    Attributes
    ----------
    names : list of str
        Nominal middles, as they are written: ``"31.5"``, ``"1k"``.
    middles : ndarray of float64, shape (bands,)
        Exact middles in Hz.
    edges : ndarray of float64, shape (bands + 1,)
        Edges in Hz, rising.
    """

    names: list[str]
    middles: NDArray[np.float64]
    edges: NDArray[np.float64]


def octave_bands(per_octave: int, top: float) -> Bands:
    """Return the bands from 16 Hz on that lie wholly below a frequency.

    Parameters
    ----------
    per_octave : {1, 3}
        Bands in an octave.
    top : float
        Frequency in Hz that no band exceeds.

    Returns
    -------
    Bands
        The bands; there may be none.

    References
    ----------
    IEC 61260-1:2014, Electroacoustics, octave-band and fractional-octave-band filters, 5.2 to
    5.5: an octave is a ratio of 10**0.3, and 1000 Hz is the middle of a band.

    Examples
    --------
    >>> octave_bands(1, 1500).names
    ['16', '31.5', '63', '125', '250', '500', '1k']
    """
    ratio = _OCTAVE ** (1 / per_octave)
    first = math.ceil(math.log(_LOWEST_HZ / 1000, ratio))
    last = math.floor(math.log(top / 1000, ratio) - 0.5 + 1e-9)
    steps = np.arange(first, last + 1)
    middles = 1000 * ratio**steps
    edges = 1000 * ratio ** (np.arange(first, last + 2) - 0.5) if steps.size else np.empty(0)
    return Bands([_nominal(middle) for middle in middles], middles, edges)


def band_powers(
    hz: NDArray[np.float64], power: NDArray[np.float64], edges: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the power in each band of a mean spectrum with a Hann window.

    Parameters
    ----------
    hz, power : ndarray of float64, shape (bins,)
        Frequencies in Hz and power of the bins, as :func:`lkexplore.plot.welch.mean_spectrum`
        returns them.
    edges : ndarray of float64, shape (bands + 1,)
        Edges of the bands in Hz, rising. Bins on an edge are shared between the bands.

    Returns
    -------
    ndarray of float64, shape (bands,)
        Power in each band; 0.5 for a full-scale sine within it.
    """
    spacing = hz[1] - hz[0]
    borders = np.append(hz - spacing / 2, hz[-1] + spacing / 2)
    below = np.append(0.0, np.cumsum(power)) / ENBW_HANN
    return np.diff(np.interp(edges, borders, below))


def _nominal(hz: float) -> str:
    power = math.floor(math.log10(hz) + 1e-6)
    mantissa = min((*_NOMINAL, 10.0), key=lambda value: abs(math.log(value * 10**power / hz)))
    # The series has three digits here and there, which the standard writes for these alone.
    value = 31.5 if math.isclose(mantissa * 10**power, 31.5) else mantissa * 10**power
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"
