"""A notch: one frequency taken out."""

from __future__ import annotations

import numpy as np
from scipy.signal import iirnotch

from .design import SosDesign
from .linear import LinearFilter
from .parameter import Parameter

__all__ = ["Notch", "notch"]


class Notch(LinearFilter):
    """Second-order notch; see :func:`notch`."""

    hz = Parameter("Hz", low=1.0, high=384_000.0, scale="log", below_half_rate=True)
    q = Parameter(low=0.1, high=1000.0, scale="log")

    def __init__(self, hz: float, q: float = 30.0) -> None:
        self.set(hz=hz, q=q)

    def design(self) -> SosDesign:
        """Return the design for the present parameters and sample rate."""
        hz = self.below_half_rate("hz", self.hz)
        b, a = iirnotch(hz, self.q, fs=self.sample_rate)
        return SosDesign(np.concatenate((b, a))[np.newaxis])


def notch(hz: float, q: float = 30.0) -> Notch:
    """Take one frequency out, such as mains hum at 50 or 60 Hz.

    Parameters
    ----------
    hz : float
        The frequency, in Hz: 1 up to below half the sample rate.
    q : float
        Quality, 0.1 to 1000: the response is down by 3.01 dB at two frequencies that are
        ``hz / q`` apart. The narrower, the longer it takes to bite: about ``2 q / hz`` seconds.

    Returns
    -------
    Notch
        With the parameters ``hz`` and ``q``; no latency.

    Raises
    ------
    FilterError
        As :func:`lkexplore.filters.lowpass`.

    References
    ----------
    S. J. Orfanidis, "Introduction to Signal Processing", Prentice Hall 1996, section 11.3;
    designed by ``scipy.signal.iirnotch``. Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> print(round(abs(notch(50).response(50)), 4))
    0.0
    """
    return Notch(hz, q)
