"""Delay and echo."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .analysis import PolesZeros, as_frequencies, impulse
from .engine.ramp import Ramp
from .engine.stateful import RunningFilter
from .linear.poles_zeros import few_enough, of_power
from .parameter import Parameter

__all__ = ["Delay", "delay", "echo"]

LONGEST_SECONDS = 5.0
"""Seconds of the longest delay that can be set."""

_NOTHING = 1e-12
"""Gain below which the response counts as zero, so that it has no group delay."""


class Delay(RunningFilter):
    """A delay line with feedback; see :func:`delay`."""

    seconds = Parameter("s", low=0.001, high=LONGEST_SECONDS, scale="log")
    feedback = Parameter(low=-0.99, high=0.99)
    mix = Parameter(low=0.0, high=1.0)

    def __init__(self, seconds: float, feedback: float = 0.0, mix: float = 1.0) -> None:
        self.set(seconds=seconds, feedback=feedback, mix=mix)

    @property
    def samples(self) -> int:
        """The delay in samples."""
        return max(1, round(self.seconds * self.sample_rate))

    def start(self, channels: int) -> _DelayRun:
        """Return a line full of silence."""
        return _DelayRun(self, channels)

    def response(self, hz: ArrayLike) -> NDArray[np.complex128]:
        """Return the frequency response; see :meth:`Filter.response`."""
        late = self._turned(hz)
        return np.asarray(1 - self.mix + self.mix * late / (1 - self.feedback * late))

    def group_delay(self, hz: ArrayLike) -> NDArray[np.float64]:
        """Return the group delay in samples; see :meth:`Filter.group_delay`."""
        late = self._turned(hz)
        slope = self.mix * self.samples * late / (1 - self.feedback * late) ** 2
        response = self.response(hz)
        response = np.where(np.abs(response) < _NOTHING, np.nan, response)
        return np.asarray((slope / response).real)

    def impulse_response(self, n: int) -> NDArray[np.float64]:
        """Return what a single sample becomes; see :meth:`Filter.impulse_response`."""
        run = _DelayRun(self, 1)
        return np.asarray(run.process(impulse(n))[0])

    def poles_zeros(self) -> PolesZeros:
        """Return the poles and zeros; see :meth:`Filter.poles_zeros`."""
        late, back, dry = self.samples, self.feedback, 1 - self.mix
        few_enough(late)
        none = np.zeros(0, dtype=np.complex128)
        poles = of_power(back, late)
        if not dry:
            return PolesZeros(poles, none, 1.0)
        wet = self.mix - back * dry
        if wet == -back * dry:
            return PolesZeros(none, none, dry)
        return PolesZeros(poles, of_power(-wet / dry, late), dry)

    def _turned(self, hz: ArrayLike) -> NDArray[np.complex128]:
        frequencies = as_frequencies(hz, self.sample_rate)
        turns = frequencies * self.samples / self.sample_rate
        return np.asarray(np.exp(-2j * np.pi * turns))


class _DelayRun:
    """What went into the line, in a buffer that is moved back when it is full."""

    def __init__(self, owner: Delay, channels: int) -> None:
        self._owner = owner
        rate = owner.sample_rate
        self._longest = max(1, round(LONGEST_SECONDS * rate))
        # Zeroed pages cost nothing until they are written.
        self._line = np.zeros((channels, 2 * self._longest))
        self._at = self._longest
        self._amounts = Ramp((owner.feedback, owner.mix), rate)
        self._taps = (owner.samples, owner.samples)
        self._move = Ramp((0.0,), rate)

    def process(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        amounts = (self._owner.feedback, self._owner.mix)
        wanted = self._owner.samples
        out = np.empty_like(block)
        begin = 0
        while begin < block.shape[1]:
            if self._taps[0] == self._taps[1] != wanted:
                self._taps = (self._taps[0], wanted)
                self._move = Ramp((0.0,), self._owner.sample_rate)
            end = min(block.shape[1], begin + self._room())
            piece = block[:, begin:end]
            feedback, mix = self._amounts.take(end - begin, amounts)
            wet = self._tapped(end - begin)
            self._write(piece + feedback * wet)
            out[:, begin:end] = piece + mix * (wet - piece)
            begin = end
        return out

    def _room(self) -> int:
        """Return how many samples one step may take, up to its own output and the end of a move."""
        if self._at == self._line.shape[1]:
            self._line[:, : self._longest] = self._line[:, -self._longest :]
            self._at = self._longest
        room = min(*self._taps, self._line.shape[1] - self._at)
        return room if self._taps[0] == self._taps[1] else min(room, self._move.left(1.0))

    def _tapped(self, length: int) -> NDArray[np.float64]:
        old, new = self._taps
        before = self._line[:, self._at - old : self._at - old + length]
        if old == new:
            return before
        share = self._move.take(length, (1.0,))
        after = self._line[:, self._at - new : self._at - new + length]
        if self._move.left(1.0) == 0:
            self._taps = (new, new)
        return before + share * (after - before)

    def _write(self, piece: NDArray[np.float64]) -> None:
        # An echo that dies away would end in numbers that processors are slow with.
        piece[np.abs(piece) < 1e-30] = 0.0
        self._line[:, self._at : self._at + piece.shape[1]] = piece
        self._at += piece.shape[1]


def delay(seconds: float, feedback: float = 0.0, mix: float = 1.0) -> Delay:
    """Let sound come later, once or again and again.

    Parameters
    ----------
    seconds : float
        Delay, 0.001 to 5 s, rounded to whole samples.
    feedback : float
        Share of the delayed sound that is fed back into the line, -0.99 to 0.99.
    mix : float
        Share of the delayed sound, 0 to 1; the rest is the sound as it was.

    Returns
    -------
    Delay
        With these three parameters. The delay is what is wanted, so that ``latency`` is 0 and a
        recording comes out late. A new delay time is crossfaded to with equal gain, at the same
        pitch.

    Raises
    ------
    FilterError
        If a value is out of its range.

    See Also
    --------
    echo : The delayed sound mixed with what it was.
    comb : An echo so near that it colours the sound.

    References
    ----------
    U. Zölzer (ed.), "DAFX: Digital Audio Effects", 2nd ed., Wiley 2011, section 2.5 (comb
    filters). Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> late = delay(0.001)
    >>> late.sample_rate = 2000
    >>> late.process(np.array([[1.0, 0.5, 0.0, 0.0]], "f4")).tolist()
    [[0.0, 0.0, 1.0, 0.5]]
    """
    return Delay(seconds, feedback, mix)


def echo(seconds: float = 0.3, feedback: float = 0.4, mix: float = 0.35) -> Delay:
    """Repeat sound, quieter each time: a :func:`delay` mixed with what it delays.

    Parameters
    ----------
    seconds, feedback, mix : float
        Delay in seconds, share that is fed back, and share of the delayed sound, as for
        :func:`delay`.

    Returns
    -------
    Delay
        With these three parameters.

    Raises
    ------
    FilterError
        If a value is out of its range.

    See Also
    --------
    delay : The delayed sound alone.
    feedback_comb : Echoes so near that they sound as a tone.

    References
    ----------
    As :func:`delay`. Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> echo(0.25)
    Delay(seconds=0.25, feedback=0.4, mix=0.35)
    """
    return Delay(seconds, feedback, mix)
