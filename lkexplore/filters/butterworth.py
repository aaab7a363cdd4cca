"""Butterworth filters: lowpass, highpass and bandpass."""

from __future__ import annotations

from scipy.signal import butter

from ..errors import FilterError
from .design import SosDesign
from .linear import LinearFilter
from .parameter import Parameter

__all__ = ["Bandpass", "Highpass", "Lowpass", "bandpass", "highpass", "lowpass"]

_LOWEST_HZ = 1.0
_HIGHEST_HZ = 384_000.0


class Lowpass(LinearFilter):
    """Butterworth lowpass; see :func:`lowpass`."""

    cutoff = Parameter("Hz", low=_LOWEST_HZ, high=_HIGHEST_HZ, scale="log", below_half_rate=True)
    order = Parameter(low=1, high=12, whole=True)

    def __init__(self, cutoff: float, order: int = 4) -> None:
        self.set(cutoff=cutoff, order=order)

    def design(self) -> SosDesign:
        """Return the design for the present parameters and sample rate."""
        cutoff = self.below_half_rate("cutoff", self.cutoff)
        return SosDesign(
            butter(int(self.order), cutoff, "lowpass", output="sos", fs=self.sample_rate)
        )


class Highpass(LinearFilter):
    """Butterworth highpass; see :func:`highpass`."""

    cutoff = Parameter("Hz", low=_LOWEST_HZ, high=_HIGHEST_HZ, scale="log", below_half_rate=True)
    order = Parameter(low=1, high=12, whole=True)

    def __init__(self, cutoff: float, order: int = 4) -> None:
        self.set(cutoff=cutoff, order=order)

    def design(self) -> SosDesign:
        """Return the design for the present parameters and sample rate."""
        cutoff = self.below_half_rate("cutoff", self.cutoff)
        return SosDesign(
            butter(int(self.order), cutoff, "highpass", output="sos", fs=self.sample_rate)
        )


class Bandpass(LinearFilter):
    """Butterworth bandpass; see :func:`bandpass`."""

    low = Parameter("Hz", low=_LOWEST_HZ, high=_HIGHEST_HZ, scale="log", below_half_rate=True)
    high = Parameter("Hz", low=_LOWEST_HZ, high=_HIGHEST_HZ, scale="log", below_half_rate=True)
    order = Parameter(low=1, high=12, whole=True)

    def __init__(self, low: float, high: float, order: int = 4) -> None:
        self.set(low=low, high=high, order=order)

    def changed(self) -> None:
        """Check that the band has a width, and redo the design."""
        if self.low >= self.high:
            raise FilterError(
                f"a band from {self.low:g} to {self.high:g} Hz is none: give low below high, "
                "both at once by set(low=..., high=...)"
            )
        super().changed()

    def design(self) -> SosDesign:
        """Return the design for the present parameters and sample rate."""
        band = [self.low, self.below_half_rate("high", self.high)]
        return SosDesign(
            butter(int(self.order), band, "bandpass", output="sos", fs=self.sample_rate)
        )


def lowpass(cutoff: float, order: int = 4) -> Lowpass:
    """Let through what is below a frequency.

    Parameters
    ----------
    cutoff : float
        Where the response has fallen by 3.01 dB, in Hz: 1 up to below half the sample rate.
    order : int
        1 to 12; beyond the cutoff the response falls by 6 dB an octave for each.

    Returns
    -------
    Lowpass
        With the parameters ``cutoff`` and ``order``; no latency.

    Raises
    ------
    FilterError
        If a value is out of its range. That the cutoff is below half the sample rate is checked
        as soon as the rate is known: by sound going through, or by setting ``sample_rate``.

    References
    ----------
    S. Butterworth, "On the theory of filter amplifiers", Experimental Wireless 7, 1930; designed
    by ``scipy.signal.butter``. Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> print(round(abs(lowpass(1000).response(1000)), 4))
    0.7071
    """
    return Lowpass(cutoff, order)


def highpass(cutoff: float, order: int = 4) -> Highpass:
    """Let through what is above a frequency.

    Parameters
    ----------
    cutoff : float
        Where the response has fallen by 3.01 dB, in Hz: 1 up to below half the sample rate.
    order : int
        1 to 12; below the cutoff the response falls by 6 dB an octave for each.

    Returns
    -------
    Highpass
        With the parameters ``cutoff`` and ``order``; no latency.

    Raises
    ------
    FilterError
        As :func:`lowpass`.

    References
    ----------
    As :func:`lowpass`. Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> print(round(abs(highpass(1000).response(0)), 4))
    0.0
    """
    return Highpass(cutoff, order)


def bandpass(low: float, high: float, order: int = 4) -> Bandpass:
    """Let through what is between two frequencies.

    Parameters
    ----------
    low, high : float
        Where the response has fallen by 3.01 dB, in Hz: ``1 <= low < high``, below half the
        sample rate.
    order : int
        1 to 12; outside the band the response falls by 6 dB an octave for each, on either side.

    Returns
    -------
    Bandpass
        With the parameters ``low``, ``high`` and ``order``; no latency.

    Raises
    ------
    FilterError
        As :func:`lowpass`, and if the band has no width.

    References
    ----------
    As :func:`lowpass`. Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> bandpass(300, 3400)
    Bandpass(low=300, high=3400, order=4)
    """
    return Bandpass(low, high, order)
