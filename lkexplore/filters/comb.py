"""Comb filters: a sound and its own echo, so near that they sound as one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from .analysis import PolesZeros
from .linear.linear_filter import LinearFilter
from .linear.poles_zeros import of_power
from .parameter import Parameter

__all__ = ["Comb", "FeedbackComb", "comb", "feedback_comb"]

_SHORT = 64
"""Samples of the shortest delay that is run a whole delay at a time; shorter ones are run sample by
sample in compiled code.
"""

_SILENCE = 1e-30
"""Amplitude, full scale being 1, below which the memory is set to zero: a ringing that dies away
would end in numbers that processors are slow with.
"""


class _CombDesign:
    """The sound of a fixed time ago, added; `under` tells whether to the output or the input."""

    def __init__(self, delay: int, gain: float, under: bool) -> None:
        self.delay = delay
        self.gain = gain
        self.under = under
        rounds = np.log(1e-4) / np.log(abs(gain)) if under and gain else 1.0
        self.memory = float(delay * max(rounds, 1.0))

    def state(self, channels: int) -> NDArray[np.float64]:
        """Return the memory of silence."""
        return np.zeros((channels, self.delay))

    def run(
        self, block: NDArray[np.float64], state: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the filtered block and the memory after it."""
        if not self.under:
            joined = np.concatenate((state, block), axis=1)
            length = block.shape[1]
            return block + self.gain * joined[:, :length], joined[:, length:].copy()
        return self._short(block, state) if self.delay < _SHORT else self._long(block, state)

    def _short(
        self, block: NDArray[np.float64], state: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        under = np.zeros(self.delay + 1)
        under[0], under[-1] = 1.0, -self.gain
        out, after = lfilter([1.0], under, block, axis=1, zi=self.gain * state)
        past = np.asarray(after) / self.gain if self.gain else np.zeros_like(state)
        past[np.abs(past) < _SILENCE] = 0.0
        return np.asarray(out), past

    def _long(
        self, block: NDArray[np.float64], state: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        joined = np.concatenate((state, block), axis=1)
        for begin in range(self.delay, joined.shape[1], self.delay):
            piece = joined[:, begin : begin + self.delay]
            piece += self.gain * joined[:, begin - self.delay :][:, : piece.shape[1]]
        after = joined[:, block.shape[1] :].copy()
        after[np.abs(after) < _SILENCE] = 0.0
        return joined[:, self.delay :].copy(), after

    def response(self, hz: NDArray[np.float64], sample_rate: int) -> NDArray[np.complex128]:
        """Return the frequency response."""
        turned = self.gain * np.exp(-2j * np.pi * hz * self.delay / sample_rate)
        return np.asarray(1 / (1 - turned) if self.under else 1 + turned, dtype=np.complex128)

    def group_delay(self, omega: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the group delay in samples."""
        if abs(self.gain) == 1:
            return np.full(omega.shape, self.delay / 2)
        turned = self.gain * np.exp(-1j * omega * self.delay)
        late = turned / (1 - turned) if self.under else turned / (1 + turned)
        return np.asarray(self.delay * late.real, dtype=np.float64)

    def poles_zeros(self) -> PolesZeros:
        """Return as many of either as the delay has samples."""
        sign = 1 if self.under else -1
        origin = np.zeros(self.delay, dtype=np.complex128)
        roots = of_power(sign * self.gain, self.delay)
        if not self.gain:
            roots, origin = roots[:0], origin[:0]
        if self.under:
            return PolesZeros(roots, origin, 1.0)
        return PolesZeros(origin, roots, 1.0)


class _Combing(LinearFilter):
    seconds = Parameter("s", low=0.0001, high=1.0, scale="log")
    _under: bool

    def design(self) -> _CombDesign:
        """Return the design for the present parameters and sample rate."""
        delay = max(1, round(self.seconds * self.sample_rate))
        return _CombDesign(delay, self.__dict__["gain"], self._under)


class Comb(_Combing):
    """A sound and one echo of it; see :func:`comb`."""

    gain = Parameter(low=-1.0, high=1.0)
    _under = False

    def __init__(self, seconds: float, gain: float = 0.7) -> None:
        self.set(seconds=seconds, gain=gain)


class FeedbackComb(_Combing):
    """A sound and echoes of echoes of it; see :func:`feedback_comb`."""

    gain = Parameter(low=-0.99, high=0.99)
    _under = True

    def __init__(self, seconds: float, gain: float = 0.7) -> None:
        self.set(seconds=seconds, gain=gain)


def comb(seconds: float, gain: float = 0.7) -> Comb:
    """Add to a sound what it was a moment ago (a feedforward comb).

    Parameters
    ----------
    seconds : float
        Delay, 0.0001 to 1 s, rounded to whole samples, at least one. The teeth of the comb are
        ``1 / seconds`` Hz apart.
    gain : float
        Gain of the echo, -1 to 1. At 1, frequencies half way between the teeth vanish; at -1, the
        teeth do.

    Returns
    -------
    Comb
        With the parameters ``seconds`` and ``gain``; no latency.

    Raises
    ------
    FilterError
        If a value is out of its range.

    See Also
    --------
    feedback_comb : Echoes of echoes: it rings.
    delay : Longer, and with its own share of the mix.

    References
    ----------
    J. O. Smith, "Physical Audio Signal Processing", W3K Publishing 2010, section "Comb filters":
    ``y[n] = x[n] + gain x[n - delay]``. Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> print(abs(comb(0.001, 1).response([500, 1000])).round(6))
    [0. 2.]
    """
    return Comb(seconds, gain)


def feedback_comb(seconds: float, gain: float = 0.7) -> FeedbackComb:
    """Add to a sound what came out a moment ago (a feedback comb): it rings.

    Parameters
    ----------
    seconds : float
        Delay, 0.0001 to 1 s, rounded to whole samples, at least one. The teeth of the comb are
        ``1 / seconds`` Hz apart.
    gain : float
        Gain of what is fed back, -0.99 to 0.99; at the teeth the sound grows
        ``1 / (1 - abs(gain))`` times as large.

    Returns
    -------
    FeedbackComb
        With the parameters ``seconds`` and ``gain``; no latency.

    Raises
    ------
    FilterError
        If a value is out of its range.

    See Also
    --------
    comb : A single echo.
    echo : Echoes that are heard one by one.

    References
    ----------
    As :func:`comb`: ``y[n] = x[n] + gain y[n - delay]``.
    Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> print(abs(feedback_comb(0.001, 0.5).response([500, 1000])).round(6))
    [0.666667 2.      ]
    """
    return FeedbackComb(seconds, gain)
