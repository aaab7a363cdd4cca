"""Pan: from left to right."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..errors import FilterError
from .engine.ramp import Ramp
from .engine.stateful import RunningFilter
from .parameter import Parameter

__all__ = ["Pan", "pan"]


class Pan(RunningFilter):
    """A place between left and right; see :func:`pan`."""

    position = Parameter(low=-1.0, high=1.0)

    def __init__(self, position: float) -> None:
        self.set(position=position)

    def channels_out(self, channels: int) -> int:
        """Return how many channels come out: two."""
        if channels > 2:
            raise FilterError(
                f"{channels} channels cannot be panned: give one or two, such as recording.mono()"
            )
        return 2

    def start(self, channels: int) -> _PanRun:
        """Return a memory of silence for one channel or two."""
        self.channels_out(channels)
        return _PanRun(self, channels)

    def gains(self, channels: int) -> tuple[float, float]:
        """Return the gains to the left and to the right."""
        angle = (self.position + 1) * math.pi / 4
        left, right = math.cos(angle), math.sin(angle)
        if channels == 1:
            return left, right
        return min(1.0, math.sqrt(2) * left), min(1.0, math.sqrt(2) * right)


class _PanRun:
    def __init__(self, owner: Pan, channels: int) -> None:
        self._owner = owner
        self._channels = channels
        self._gains = Ramp(owner.gains(channels), owner.sample_rate)

    def process(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        return block * self._gains.take(block.shape[1], self._owner.gains(self._channels))


def pan(position: float) -> Pan:
    """Place sound between left and right.

    Parameters
    ----------
    position : float
        Place from left (-1) over the middle (0) to right (1).

    Returns
    -------
    Pan
        With the parameter ``position``; no latency. One channel becomes two, placed at equal power:
        in the middle both have -3.01 dB. With two channels, the one on the other side gets quieter
        by the same law, and in the middle both stay as they are.

    Raises
    ------
    FilterError
        If the position is out of its range, or the sound has more than two channels.

    See Also
    --------
    gain : Louder or quieter on both sides.
    lkexplore.Recording.mono : Mix the channels into one.

    References
    ----------
    U. Zölzer (ed.), "DAFX: Digital Audio Effects", 2nd ed., Wiley 2011, section 5.2 (the sine
    law of panning). Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> pan(-1).process(np.ones((1, 1), "f4")).round(6).tolist()
    [[1.0], [0.0]]
    """
    return Pan(position)
