"""Mains hum and its harmonics, taken out."""

from __future__ import annotations

import numpy as np
from scipy.signal import iirnotch

from .linear.design import SosDesign
from .linear.linear_filter import LinearFilter
from .parameter import Parameter

__all__ = ["Dehum", "dehum"]

_HIGHEST = 0.98
"""Share of half the sample rate, from 0 to 1, above which harmonics are left: a notch there has no
upper side.
"""


class Dehum(LinearFilter):
    """A notch at a frequency and at each of its multiples; see :func:`dehum`."""

    hz = Parameter("Hz", low=10.0, high=1000.0, scale="log", below_half_rate=True)
    harmonics = Parameter(low=1, high=40, whole=True)
    q = Parameter(low=1.0, high=1000.0, scale="log")

    def __init__(self, hz: float = 50.0, harmonics: int = 8, q: float = 30.0) -> None:
        self.set(hz=hz, harmonics=harmonics, q=q)

    def design(self) -> SosDesign:
        """Return the design for the present parameters and sample rate."""
        hz = self.below_half_rate("hz", self.hz)
        half = self.sample_rate / 2
        count = max(1, min(int(self.harmonics), int(_HIGHEST * half / hz)))
        sections = [
            np.concatenate(iirnotch(number * hz, self.q, fs=self.sample_rate))
            for number in range(1, count + 1)
        ]
        return SosDesign(np.array(sections))


def dehum(hz: float = 50.0, harmonics: int = 8, q: float = 30.0) -> Dehum:
    """Take out mains hum: a frequency and its multiples.

    Parameters
    ----------
    hz : float
        The lowest frequency, in Hz: 10 to 1000; mains hum has 50 or 60.
    harmonics : int
        Number of notches, 1 to 40: at `hz`, ``2 hz``, ``3 hz`` and so on; those that would come
        beyond half the sample rate are left out.
    q : float
        Quality of each, 1 to 1000: the notch at ``k hz`` is ``k hz / q`` wide, because when the
        mains drift, harmonic k drifts k times as far.

    Returns
    -------
    Dehum
        With the parameters ``hz``, ``harmonics`` and ``q``; no latency.

    Raises
    ------
    FilterError
        As :func:`lkexplore.filters.lowpass`.

    See Also
    --------
    notch : One frequency alone.
    highpass : Everything below a frequency.
    lkexplore.plot.spectrum : Draw where the hum is.

    References
    ----------
    As :func:`lkexplore.filters.notch`. Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> print(abs(dehum(50, harmonics=2).response([50, 100, 150])).round(2))
    [0. 0. 1.]
    """
    return Dehum(hz, harmonics, q)
