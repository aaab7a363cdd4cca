"""Compressor: loud sound made less loud."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .engine.level_follower import PeakHold, Smoother, curve, factor, level_db
from .engine.ramp import Ramp
from .engine.stateful import RunningFilter
from .parameter import Parameter

__all__ = ["Compressor", "compressor"]


class Compressor(RunningFilter):
    """Feed-forward compressor; see :func:`compressor`.

    Attributes
    ----------
    reduction : float
        How many dB the last sample was turned down, without the makeup gain; for a meter.
    """

    threshold = Parameter("dB", low=-80.0, high=0.0, scale="db")
    ratio = Parameter(low=1.0, high=100.0, scale="log")
    attack = Parameter("s", low=0.0001, high=1.0, scale="log")
    release = Parameter("s", low=0.001, high=5.0, scale="log")
    knee = Parameter("dB", low=0.0, high=40.0)
    makeup = Parameter("dB", low=0.0, high=60.0, scale="db")

    def __init__(
        self,
        threshold: float = -20.0,
        ratio: float = 4.0,
        attack: float = 0.005,
        release: float = 0.1,
        knee: float = 6.0,
        makeup: float = 0.0,
    ) -> None:
        self.set(
            threshold=threshold,
            ratio=ratio,
            attack=attack,
            release=release,
            knee=knee,
            makeup=makeup,
        )

    def start(self, channels: int) -> _CompressorRun:
        """Return a memory of silence."""
        return _CompressorRun(self)

    @property
    def reduction(self) -> float:
        """How many dB the last sample was turned down."""
        return self._run.smooth.last if isinstance(self._run, _CompressorRun) else 0.0

    def wanted(self) -> tuple[float, float, float, float]:
        """Return threshold, slope, knee and makeup."""
        return self.threshold, 1 - 1 / self.ratio, self.knee, self.makeup


class _CompressorRun:
    def __init__(self, owner: Compressor) -> None:
        self._owner = owner
        self._ramp = Ramp(owner.wanted(), owner.sample_rate)
        self._held = PeakHold()
        self.smooth = Smoother()

    def process(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        owner, rate = self._owner, self._owner.sample_rate
        threshold, slope, knee, makeup = self._ramp.take(block.shape[1], owner.wanted())
        reduction = slope * curve(level_db(block) - threshold, knee)
        reduction = self._held.process(reduction, owner.release, rate)
        reduction = self.smooth.process(reduction, owner.attack, rate)
        return np.asarray(block * factor(makeup - reduction))


def compressor(
    threshold: float = -20.0,
    ratio: float = 4.0,
    attack: float = 0.005,
    release: float = 0.1,
    knee: float = 6.0,
    makeup: float = 0.0,
) -> Compressor:
    """Make loud sound less loud.

    Parameters
    ----------
    threshold : float
        Peak level above which sound is turned down, -80 to 0 dBFS.
    ratio : float
        Ratio, 1 to 100: how many dB more at the input make one dB more at the output.
    attack : float
        Time to reach 63 % of a reduction, 0.0001 to 1 s.
    release : float
        Time in which a reduction, in dB, falls to 37 %, 0.001 to 5 s.
    knee : float
        Width around the threshold over which compression sets in, 0 to 40 dB.
    makeup : float
        Gain added to everything, 0 to 60 dB.

    Returns
    -------
    Compressor
        With these parameters; no latency. All channels get the gain that the loudest needs, so
        that the stereo image stays. ``reduction`` is the present reduction in dB.

    Raises
    ------
    FilterError
        If a value is out of its range.

    See Also
    --------
    limiter : Never above a level.
    expander : Make quiet sound quieter.
    lkexplore.plot.levels : Draw the level over time.

    References
    ----------
    D. Giannoulis, M. Massberg & J. D. Reiss, "Digital dynamic range compressor design: a tutorial
    and analysis", J. Audio Eng. Soc. 60(6), 2012: feed-forward, in the log domain, with the
    decoupled peak detector (equation 16) after the gain computer (equation 4).
    Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> loud = np.full((1, 48000), 1.0, "f4")
    >>> squeezed = compressor(threshold=-20, ratio=4).process(loud)
    >>> print(round(float(20 * np.log10(squeezed[0, -1])), 2))
    -15.0
    """
    return Compressor(threshold, ratio, attack, release, knee, makeup)
