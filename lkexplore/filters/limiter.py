"""Limiter: never above the ceiling."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .engine.between_samples import REACH, SwingPeaks
from .engine.level_follower import PeakHold, factor, level_db
from .engine.ramp import Ramp
from .engine.stateful import RunningFilter
from .parameter import Parameter, flag

__all__ = ["Limiter", "limiter"]

_MARGIN_DB = 1e-5
"""How much more, in dB, is turned down than needed: rounding to float32 could end above the ceiling
otherwise.
"""

_LOOKAHEAD = Parameter("s", low=0.0005, high=0.1)
"""Seconds of the look-ahead, checked as a parameter is, but fixed once the limiter is made."""
_LOOKAHEAD.name = "lookahead"


class Limiter(RunningFilter):
    """Look-ahead limiter; see :func:`limiter`.

    Attributes
    ----------
    lookahead : float
        Look-ahead in seconds, 0.0005 to 0.1.
    true_peak : bool
        Whether the wave between the samples is kept below the ceiling as well.
    """

    ceiling = Parameter("dB", low=-60.0, high=0.0, scale="db")
    release = Parameter("s", low=0.001, high=5.0, scale="log")

    def __init__(
        self,
        ceiling: float = -1.0,
        release: float = 0.05,
        lookahead: float = 0.005,
        *,
        true_peak: bool = False,
    ) -> None:
        self.lookahead = _LOOKAHEAD.checked(lookahead)
        self.true_peak = flag("true_peak", true_peak)
        self.set(ceiling=ceiling, release=release)

    @property
    def latency(self) -> int:  # type: ignore[override]
        """The look-ahead in samples, and 24 more to look between them."""
        return self.ahead + (REACH if self.true_peak else 0)

    @property
    def ahead(self) -> int:
        """The look-ahead in samples."""
        return max(2, round(self.lookahead * self.sample_rate))

    def start(self, channels: int) -> _LimiterRun:
        """Return a memory of silence."""
        return _LimiterRun(self, channels)

    def __repr__(self) -> str:
        more = ", true_peak=True" if self.true_peak else ""
        return f"{super().__repr__()[:-1]}, lookahead={self.lookahead:g}{more})"


class _LimiterRun:
    def __init__(self, owner: Limiter, channels: int) -> None:
        self._owner = owner
        self._ramp = Ramp((owner.ceiling,), owner.sample_rate)
        self._swings = SwingPeaks(channels) if owner.true_peak else None
        self._sound = np.zeros((channels, owner.latency))
        late = self._late = owner.ahead
        self._needed = np.zeros(late)
        self._released = PeakHold()
        first = late // 2 + 1
        self._boxes = [_Box(first), _Box(late + 2 - first)]

    def process(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        length, owner = block.shape[1], self._owner
        (ceiling,) = self._ramp.take(length, (owner.ceiling,))
        peaks = block if self._swings is None else self._swings.process(block)
        needed = np.maximum(level_db(peaks) - ceiling + _MARGIN_DB, 0)
        joined = np.concatenate((self._needed, needed))
        self._needed = joined[length:].copy()
        # Every sample's need holds for the look-ahead; an average over that is never below it.
        down = _highest(joined, self._late + 1)
        down = self._released.process(down, owner.release, owner.sample_rate)
        for box in self._boxes:
            down = box.process(down)
        sound = np.concatenate((self._sound, block), axis=1)
        self._sound = sound[:, length:].copy()
        return np.asarray(sound[:, :length] * factor(-down))


class _Box:
    """The average of the last few values."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._past = np.zeros(length - 1)

    def process(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        joined = np.concatenate((self._past, x))
        self._past = joined[x.size :].copy()
        sums = np.concatenate(([0.0], np.cumsum(joined)))
        return np.asarray(
            np.maximum(sums[self._length :] - sums[: -self._length], 0) / self._length
        )


def _highest(x: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Return the maximum of every run of so many values."""
    width = 1
    while 2 * width <= length:
        x = np.maximum(x[:-width], x[width:])
        width *= 2
    rest = length - width
    return np.maximum(x[: x.size - rest], x[rest:]) if rest else x


def limiter(
    ceiling: float = -1.0,
    release: float = 0.05,
    lookahead: float = 0.005,
    *,
    true_peak: bool = False,
) -> Limiter:
    """Keep sound from ever going above a level, by turning it down just before.

    Parameters
    ----------
    ceiling : float
        Level that no sample of the output exceeds, -60 to 0 dBFS.
    release : float
        Time in which a reduction, in dB, falls to 37 %, 0.001 to 5 s.
    lookahead : float
        Time by which the sound is delayed, 0.0005 to 0.1 s, to turn it down smoothly before a peak;
        fixed once made.
    true_peak : bool
        Whether to keep the wave between the samples below the ceiling too, which converters and
        lossy codecs reproduce; fixed once made. It takes 24 samples more of delay.

    Returns
    -------
    Limiter
        With the parameters ``ceiling`` and ``release``; late by the look-ahead. All channels
        get the same gain, by the loudest. A lower ceiling holds for what comes in from then on.

    Raises
    ------
    FilterError
        If a value is out of its range.

    See Also
    --------
    compressor : Make loud sound less loud, without a hard edge.
    lkexplore.measure.true_peak_dbtp : Measure the wave between the samples.

    Notes
    -----
    Without `true_peak` it is samples that stay below: the wave between them may swing higher, by
    3 dB with a tone at a quarter of the sample rate, and by more with noise. With it,
    :func:`lkexplore.measure.true_peak_dbtp` never shows more than 0.01 dB above the ceiling; by
    a finer measure it is at most 0.1 dB for sound up to 0.4 of the sample rate, 1 dB beyond.

    References
    ----------
    U. Zölzer (ed.), "DAFX: Digital Audio Effects", 2nd ed., Wiley 2011, section 4.2.1; release
    in the log domain as in :func:`compressor`; true peak by ITU-R BS.1770-5 (2023), annex 2,
    eightfold. Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> loud = 4 * np.sin(np.arange(48000) / 10)[None].astype("f4")
    >>> print(round(float(abs(limiter(-6).process(loud)).max()), 3))
    0.501
    """
    return Limiter(ceiling, release, lookahead, true_peak=true_peak)
