"""Equalizers: parametric, of any bands, and graphic, one slider an octave."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Sized

import numpy as np
from numpy.typing import NDArray

from ..errors import FilterError
from ..sound.in_words import shown
from ..sound.validation import as_real
from .biquads import HighShelf, LowShelf, Peaking, peak_section
from .chain import Chain
from .filter import Filter
from .linear.design import SosDesign
from .linear.linear_filter import LinearFilter
from .parameter import Parameter

__all__ = ["GraphicEq", "graphic_eq", "parametric_eq"]

_MIDDLES = tuple(1000.0 * 2.0**octave for octave in range(-5, 5))
"""Middle of each band in Hz, from 31.25 to 16000, an octave apart."""

_NAMES = tuple(f"db_{int(middle)}" for middle in _MIDDLES)
"""Parameter that holds the gain of each band, in the order of the middles."""

_Q = 2**0.5
"""Quality of each peak, a bare number: at half height, in dB, it is an octave wide."""

_HIGHEST = 0.45
"""Share of the sample rate, from 0 to 0.5, above which a band does nothing: it would have no upper
side.
"""

_ROUNDS = 8
"""Rounds in which the gains are corrected for what the neighbouring bands do."""


def _octave() -> Parameter:
    return Parameter("dB", low=-12.0, high=12.0, scale="db")


class GraphicEq(LinearFilter):
    """Ten bands an octave apart; see :func:`graphic_eq`."""

    db_31 = _octave()
    db_62 = _octave()
    db_125 = _octave()
    db_250 = _octave()
    db_500 = _octave()
    db_1000 = _octave()
    db_2000 = _octave()
    db_4000 = _octave()
    db_8000 = _octave()
    db_16000 = _octave()

    def __init__(self, gains_db: Sequence[float]) -> None:
        listed = isinstance(gains_db, Sized) and np.ndim(gains_db) > 0
        count = len(gains_db) if listed else shown(gains_db)
        if count != len(_NAMES):
            raise FilterError(
                f"{count} gains cannot be: give {len(_NAMES)}, one an octave from 31 to "
                "16000 Hz, or some by frequency, as {1000: -3}"
            )
        self.set(**dict(zip(_NAMES, gains_db, strict=True)))

    def design(self) -> SosDesign:
        """Return the design for the present parameters and sample rate."""
        wanted = {
            middle: self.__dict__[name]
            for middle, name in zip(_MIDDLES, _NAMES, strict=True)
            if middle <= _HIGHEST * self.sample_rate
        }
        return SosDesign(_octave_sections(wanted, self.sample_rate))


def _octave_sections(wanted: dict[float, float], sample_rate: int) -> NDArray[np.float64]:
    """Return one peak a band, so that they together reach what is wanted in the middles."""
    middles, target = np.array(list(wanted)), np.array(list(wanted.values()))
    gains = target.copy()
    steps = np.exp(-2j * np.pi / sample_rate * np.outer(middles, np.arange(3)))
    for _ in range(_ROUNDS):
        # The gain in every middle for 1 dB of each band; a band at 0 dB is tried with 0.1 dB.
        probed = np.where(np.abs(gains) < 0.1, 0.1, gains)
        sections = _peaks(middles, probed, sample_rate)
        size = np.abs(steps @ sections[:, :3].T) / np.abs(steps @ sections[:, 3:].T)
        gains = np.linalg.solve(20 * np.log10(size) / probed, target)
    return _peaks(middles, gains, sample_rate)


def _peaks(
    middles: NDArray[np.float64], gains: NDArray[np.float64], sample_rate: int
) -> NDArray[np.float64]:
    bands = zip(middles.tolist(), gains.tolist(), strict=True)
    return np.array([peak_section(middle, gain, _Q, sample_rate) for middle, gain in bands])


def graphic_eq(gains_db: Sequence[float] | Mapping[float, float] = (0.0,) * 10) -> GraphicEq:
    """Raise or lower each octave by its own slider.

    Parameters
    ----------
    gains_db : sequence of 10 float, or mapping of Hz to float
        Gains of the bands, -12 to 12 dB, for 31, 62, 125, 250, 500, 1000, 2000, 4000, 8000 and
        16000 Hz; in a mapping, those that are not 0, as ``{125: -6, 4000: 3}``. (Exactly, the
        lowest two are 31.25 and 62.5 Hz.)

    Returns
    -------
    GraphicEq
        With the parameters ``db_31`` to ``db_16000``; no latency. In the middle of each band the
        response is what its slider says, whatever the others are; bands above 0.45 times the
        sample rate do nothing.

    Raises
    ------
    FilterError
        If there are not ten, a frequency is none of these, or a gain is out of its range.

    See Also
    --------
    parametric_eq : Any frequencies and widths.
    peaking : A single band.

    References
    ----------
    V. Valimaki and J. Liski, "Accurate cascade graphic equalizer", IEEE Signal Processing Letters
    24(2), 2017, for finding gains that allow for the neighbours, here iterated, of peaks as in
    :func:`peaking`. Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> warm = graphic_eq({125: 3, 250: 3, 8000: -6})
    >>> print((20 * np.log10(abs(warm.response([125, 1000, 8000])))).round(2) + 0)
    [ 3.  0. -6.]
    """
    if not isinstance(gains_db, Mapping):
        return GraphicEq(gains_db)
    values = dict.fromkeys(_NAMES, 0.0)
    for hz, gain in gains_db.items():
        number = as_real(hz)
        name = f"db_{int(number)}" if math.isfinite(number) else ""
        if name not in values:
            known = ", ".join(each.removeprefix("db_") for each in _NAMES)
            raise FilterError(f"there is no band at {shown(hz)} Hz: use {known}")
        values[name] = gain
    return GraphicEq(list(values.values()))


def parametric_eq(
    *peaks: Sequence[float],
    low: Sequence[float] | None = None,
    high: Sequence[float] | None = None,
) -> Chain:
    """Raise or lower any frequencies: a low shelf, any number of peaks, a high shelf.

    Parameters
    ----------
    *peaks : sequences (hz, gain_db) or (hz, gain_db, q)
        Bands around a frequency: Hz, gain in dB and quality, as for :func:`peaking`.
    low, high : sequence (hz, gain_db) or (hz, gain_db, q), optional
        Shelves: Hz, gain in dB and quality, as for :func:`low_shelf` and :func:`high_shelf`.

    Returns
    -------
    Chain
        Of the low shelf, the peaks in their order, and the high shelf, with the parameters of
        each: ``lowshelf.hz``, ``peaking.gain_db``, ``peaking_2.gain_db`` ...; no latency.

    Raises
    ------
    FilterError
        If there is no band at all, or a value is out of its range.

    See Also
    --------
    graphic_eq : One slider an octave.
    peaking : A single peak.
    low_shelf : A single shelf.

    References
    ----------
    As :func:`peaking`. Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> clear = parametric_eq((250, -4, 1.4), (3000, 3), low=(90, -6))
    >>> [type(band).__name__ for band in clear.filters]
    ['LowShelf', 'Peaking', 'Peaking']
    """
    bands: list[Filter] = []
    if low is not None:
        bands.append(LowShelf(*_band(low)))
    bands.extend(Peaking(*_band(peak)) for peak in peaks)
    if high is not None:
        bands.append(HighShelf(*_band(high)))
    if not bands:
        raise FilterError("an equalizer needs a band: give some as (hz, gain_db, q)")
    return Chain(*bands)


def _band(given: Sequence[float]) -> Sequence[float]:
    listed = isinstance(given, list | tuple | np.ndarray)
    if not listed or np.ndim(given) != 1 or len(given) not in (2, 3):
        raise FilterError(f"{shown(given)} is no band: give (hz, gain_db) or (hz, gain_db, q)")
    return given
