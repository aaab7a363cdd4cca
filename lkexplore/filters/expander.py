"""Expander: quiet sound made quieter."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .engine.level_follower import PeakHold, Smoother, curve, factor, level_db
from .engine.ramp import Ramp
from .engine.stateful import RunningFilter
from .parameter import Parameter

__all__ = ["Expander", "expander"]


class Expander(RunningFilter):
    """Downward expander; see :func:`expander`."""

    threshold = Parameter("dB", low=-100.0, high=0.0, scale="db")
    ratio = Parameter(low=1.0, high=100.0, scale="log")
    attack = Parameter("s", low=0.0001, high=1.0, scale="log")
    release = Parameter("s", low=0.001, high=5.0, scale="log")
    knee = Parameter("dB", low=0.0, high=40.0)
    depth = Parameter("dB", low=0.0, high=120.0)

    def __init__(
        self,
        threshold: float = -50.0,
        ratio: float = 2.0,
        attack: float = 0.002,
        release: float = 0.1,
        knee: float = 6.0,
        depth: float = 40.0,
    ) -> None:
        self.set(
            threshold=threshold,
            ratio=ratio,
            attack=attack,
            release=release,
            knee=knee,
            depth=depth,
        )

    def start(self, channels: int) -> _ExpanderRun:
        """Return a memory of silence."""
        return _ExpanderRun(self)

    def wanted(self) -> tuple[float, float, float, float]:
        """Return threshold, slope, knee and depth."""
        return self.threshold, self.ratio - 1, self.knee, self.depth


class _ExpanderRun:
    """The share of the depth that is open: 1 is unchanged, 0 is turned down by all of it."""

    def __init__(self, owner: Expander) -> None:
        self._owner = owner
        self._ramp = Ramp(owner.wanted(), owner.sample_rate)
        self._held = PeakHold()
        self._smooth = Smoother()

    def process(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        owner, rate = self._owner, self._owner.sample_rate
        threshold, slope, knee, depth = self._ramp.take(block.shape[1], owner.wanted())
        down = slope * curve(threshold - level_db(block), knee)
        opened = 1 - np.minimum(down / np.maximum(depth, 1e-9), 1)
        opened = self._held.process(opened, owner.release, rate)
        opened = self._smooth.process(opened, owner.attack, rate)
        return np.asarray(block * factor(depth * (opened - 1)))


def expander(
    threshold: float = -50.0,
    ratio: float = 2.0,
    attack: float = 0.002,
    release: float = 0.1,
    knee: float = 6.0,
    depth: float = 40.0,
) -> Expander:
    """Make quiet sound quieter, the more the quieter it is.

    Parameters
    ----------
    threshold : float
        Peak level below which sound is turned down, -100 to 0 dBFS.
    ratio : float
        Ratio, 1 to 100: how many dB less at the output one dB less at the input makes.
    attack : float
        Time to go 63 % of the way up when sound gets louder, 0.0001 to 1 s.
    release : float
        Time of the way down when sound gets quieter, 0.001 to 5 s.
    knee : float
        Width around the threshold over which expansion sets in, 0 to 40 dB.
    depth : float
        Largest reduction, 0 to 120 dB.

    Returns
    -------
    Expander
        With these parameters; no latency. All channels get the same gain, by the loudest.

    Raises
    ------
    FilterError
        If a value is out of its range.

    See Also
    --------
    gate : Silence below a level.
    compressor : Make loud sound less loud.
    lkexplore.plot.levels : Draw the level over time.

    References
    ----------
    As :func:`compressor`, with the curve mirrored at the threshold. Taught in
    ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> quiet = np.full((1, 48000), 0.001, "f4")
    >>> quieter = expander(threshold=-50, ratio=2).process(quiet)
    >>> print(round(float(20 * np.log10(quieter[0, -1])), 2))
    -70.0
    """
    return Expander(threshold, ratio, attack, release, knee, depth)
