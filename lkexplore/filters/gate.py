"""Gate: silence where there is only background."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .engine.level_follower import PeakHold, factor, loudest
from .engine.ramp import Ramp
from .engine.stateful import RunningFilter
from .parameter import Parameter

__all__ = ["Gate", "gate"]

_LEVEL_SECONDS = 0.025
"""Seconds in which the level falls by 8.7 dB: slow beside a voice's lowest tones."""

_LONG_AGO = 1 << 60
"""Samples since the last loud one as long as there was none."""

_ARRIVED = 40.0
"""Time constants after which nothing of the way is left in a floating-point number."""


class Gate(RunningFilter):
    """Gate with hysteresis and hold; see :func:`gate`.

    Attributes
    ----------
    is_open : bool
        Whether it was open at the last sample.
    """

    threshold = Parameter("dB", low=-100.0, high=0.0, scale="db")
    hysteresis = Parameter("dB", low=0.0, high=40.0)
    attack = Parameter("s", low=0.0001, high=1.0, scale="log")
    hold = Parameter("s", low=0.0, high=5.0)
    release = Parameter("s", low=0.001, high=5.0, scale="log")
    depth = Parameter("dB", low=0.0, high=120.0)

    def __init__(
        self,
        threshold: float = -45.0,
        hysteresis: float = 6.0,
        attack: float = 0.002,
        hold: float = 0.1,
        release: float = 0.1,
        depth: float = 80.0,
    ) -> None:
        self.set(
            threshold=threshold,
            hysteresis=hysteresis,
            attack=attack,
            hold=hold,
            release=release,
            depth=depth,
        )

    def start(self, channels: int) -> _GateRun:
        """Return a closed gate."""
        return _GateRun(self)

    @property
    def is_open(self) -> bool:
        """Whether it was open at the last sample."""
        return isinstance(self._run, _GateRun) and self._run.is_open


class _GateRun:
    def __init__(self, owner: Gate) -> None:
        self._owner = owner
        self._depth = Ramp((owner.depth,), owner.sample_rate)
        self._level = PeakHold()
        self._loud = False
        self._since_loud = _LONG_AGO
        self._closed = 1.0
        self.is_open = False

    def process(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        depth = self._depth.take(block.shape[1], (self._owner.depth,))
        closed = self._follow(self._opened(loudest(block)))
        return block * factor(-depth * closed)

    def _opened(self, level: NDArray[np.float64]) -> NDArray[np.bool_]:
        owner, length = self._owner, level.size
        peaks = self._level.process(level, _LEVEL_SECONDS, owner.sample_rate)
        above = peaks >= 10 ** (owner.threshold / 20)
        below = peaks < 10 ** ((owner.threshold - owner.hysteresis) / 20)
        hold = round(owner.hold * owner.sample_rate)
        opened = np.zeros(length, dtype=np.bool_)
        opened[: max(0, hold - self._since_loud)] = True
        for begin, end in self._loud_times(above, below):
            opened[begin : end + hold] = True
            self._since_loud = -end
        self._since_loud = min(self._since_loud + length, _LONG_AGO)
        return opened

    def _loud_times(
        self, above: NDArray[np.bool_], below: NDArray[np.bool_]
    ) -> list[tuple[int, int]]:
        """Return from which to which sample the level is above, or has not fallen below since."""
        decided = above.view(np.int8) - below.view(np.int8)
        found, began = [], 0
        for place in [0, *(np.flatnonzero(decided[1:] != decided[:-1]) + 1).tolist()]:
            # Between the two thresholds it stays as it was last decided.
            loud = self._loud if not decided[place] else bool(decided[place] > 0)
            if loud != self._loud:
                if self._loud:
                    found.append((began, place))
                self._loud, began = loud, place
        return [*found, (began, above.size)] if self._loud else found

    def _follow(self, opened: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return how far it is closed: 0 is open, 1 closed by all of the depth."""
        owner = self._owner
        closed = np.empty(opened.size)
        edges = [0, *(np.flatnonzero(opened[1:] != opened[:-1]) + 1).tolist(), opened.size]
        for begin, end in pairwise(edges):
            goal, seconds = (0.0, owner.attack) if opened[begin] else (1.0, owner.release)
            samples = seconds * owner.sample_rate
            moving = begin if self._closed == goal else begin + math.ceil(_ARRIVED * samples)
            moving = min(end, moving)
            way = np.exp(np.arange(1, moving - begin + 1) / -samples)
            closed[begin:moving] = goal + (self._closed - goal) * way
            closed[moving:end] = goal
            self._closed = float(closed[end - 1])
            if abs(self._closed - goal) < 1e-12:
                self._closed = goal
        self.is_open = bool(opened[-1])
        return closed


def gate(
    threshold: float = -45.0,
    hysteresis: float = 6.0,
    attack: float = 0.002,
    hold: float = 0.1,
    release: float = 0.1,
    depth: float = 80.0,
) -> Gate:
    """Let sound through only while it is loud enough.

    Parameters
    ----------
    threshold : float
        Peak level at which the gate opens, -100 to 0 dBFS.
    hysteresis : float
        Distance below the threshold to which the level must fall for the gate to close, 0 to 40 dB.
    attack : float
        Time to open by 63 %, in dB, 0.0001 to 1 s.
    hold : float
        Time for which it stays open after the level has fallen, 0 to 5 s.
    release : float
        Time to close by 63 %, in dB, 0.001 to 5 s.
    depth : float
        Reduction when the gate is closed, 0 to 120 dB.

    Returns
    -------
    Gate
        With these parameters; no latency. ``is_open`` tells whether it is open. All channels get
        the same gain, by the loudest. A peak level falls by 8.7 dB in 25 ms.

    Raises
    ------
    FilterError
        If a value is out of its range.

    See Also
    --------
    expander : Quieter instead of silent.
    denoise : Reduce noise under the sound as well.
    lkexplore.plot.levels : Draw the level over time.

    References
    ----------
    U. Zölzer (ed.), "DAFX: Digital Audio Effects", 2nd ed., Wiley 2011, section 4.2.3 (noise
    gate with hysteresis and hold); levels in the log domain as in :func:`compressor`.
    Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> quiet = np.full((1, 48000), 0.001, "f4")
    >>> print(round(float(20 * np.log10(gate(depth=40).process(quiet)[0, -1]))))
    -100
    """
    return Gate(threshold, hysteresis, attack, hold, release, depth)
