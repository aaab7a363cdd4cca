"""Mix: the filtered sound together with the sound as it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .analysis import PolesZeros, as_frequencies, impulse
from .any_object import as_filter
from .as_block import as_block
from .chain import Chain
from .engine.ramp import Ramp
from .filter import Filter
from .linear.poles_zeros import sum_of
from .output import as_output
from .parameter import BoundParameter, Parameter

__all__ = ["Mix", "mix"]

_NUDGE = 1e-6
"""Share of the sample rate to either side over which the slope of the phase is measured."""


class Mix(Filter):
    """A filter's output with its input; see :func:`mix`."""

    wet = Parameter(low=0.0, high=1.0)
    filter: Filter
    _past: NDArray[np.float32] | None
    _ramp: Ramp | None

    def __init__(self, filter: Filter, wet: float = 0.5) -> None:
        self.filter = as_filter(filter)
        if self.filter.sample_rate != self._rate:
            self._rate = self.filter.sample_rate
        self.set(wet=wet)
        self.reset()

    def process(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Filter the next block; see :meth:`Filter.process`."""
        dry = as_block(block)
        wet = as_output(self.filter.process(dry), self.filter)
        if not dry.shape[1]:
            return wet.astype(np.float32, copy=False)
        late = self.filter.latency
        if self._past is None or self._past.shape != (dry.shape[0], late):
            self._past = np.zeros((dry.shape[0], late), dtype=np.float32)
            self._ramp = None
        if self._ramp is None:
            self._ramp = Ramp((self.wet,), self.sample_rate)
        joined = np.concatenate((self._past, dry), axis=1)
        self._past = joined[:, dry.shape[1] :].copy()
        share = self._ramp.take(dry.shape[1], (self.wet,))
        delayed = joined[:, : dry.shape[1]].astype(np.float64)
        with np.errstate(over="ignore"):
            return (delayed + share * (wet - delayed)).astype(np.float32)

    def changed(self) -> None:
        """Pass the sample rate on."""
        if self.filter.sample_rate != self.sample_rate:
            self.filter.sample_rate = self.sample_rate
            self._past = self._ramp = None

    def reset(self) -> None:
        """Forget all sound."""
        self._past = None
        self._ramp = None
        self.filter.reset()

    def copy(self) -> Mix:
        """Return a mix of a copy of the filter that has heard nothing yet."""
        return Mix(self.filter.copy(), self.wet)

    @property
    def latency(self) -> int:  # type: ignore[override]
        """The latency of the filter, in samples; the unfiltered sound is as late."""
        return self.filter.latency

    @property
    def parameters(self) -> Mapping[str, BoundParameter]:
        """``wet``, and the filter's own named after it."""
        own = dict(super().parameters)
        prefix = "" if isinstance(self.filter, Chain) else type(self.filter).__name__.lower() + "."
        return own | {prefix + name: value for name, value in self.filter.parameters.items()}

    def response(self, hz: ArrayLike) -> NDArray[np.complex128]:
        """Return the frequency response; see :meth:`Filter.response`."""
        wet = self.filter.response(hz)
        turn = -2j * np.pi * as_frequencies(hz, self.sample_rate) * self.latency / self.sample_rate
        return np.asarray((1 - self.wet) * np.exp(turn) + self.wet * wet, dtype=np.complex128)

    def group_delay(self, hz: ArrayLike) -> NDArray[np.float64]:
        """Return the group delay in samples; see :meth:`Filter.group_delay`."""
        nudge = _NUDGE * self.sample_rate
        at = as_frequencies(hz, self.sample_rate)
        ahead = np.minimum(at + nudge, self.sample_rate / 2)
        behind = np.maximum(at - nudge, 0)
        turned = self.response(ahead) * np.conj(self.response(behind))
        radians = 2 * np.pi * (ahead - behind) / self.sample_rate
        # Squared, because at a zero the sign flips at once, which is no delay.
        return np.asarray(-np.angle(turned**2) / 2 / radians)

    def poles_zeros(self) -> PolesZeros:
        """Return the poles and zeros; see :meth:`Filter.poles_zeros`."""
        found = self.filter.poles_zeros()
        none = np.zeros(0, dtype=np.complex128)
        if self.wet == 1:
            return found
        if self.wet == 0:
            return PolesZeros(np.zeros(self.latency, dtype=np.complex128), none, 1.0)
        dry = PolesZeros(none, none, 1 - self.wet)
        return sum_of([dry, found._replace(gain=self.wet * found.gain)], [self.latency, 0])

    def impulse_response(self, n: int) -> NDArray[np.float64]:
        """Return what a single sample becomes; see :meth:`Filter.impulse_response`."""
        dry = np.concatenate((np.zeros(self.latency), impulse(n)[0]))[:n]
        return (1 - self.wet) * dry + self.wet * self.filter.impulse_response(n)

    def __repr__(self) -> str:
        return f"Mix({self.filter!r}, wet={self.wet:g})"


def mix(filter: Any, wet: float = 0.5) -> Mix:
    """Mix what a filter makes of sound with the sound as it was.

    Parameters
    ----------
    filter : Filter, object with ``process``, or function of a block
        The filter, used as it is and not copied, so that its parameters act in the mix.
    wet : float
        Share of the filtered sound, 0 to 1; the rest is the unfiltered, delayed by the filter's
        latency so that both are in step. The shares add up to one, which is right for two
        versions of the same sound.

    Returns
    -------
    Mix
        With the parameter ``wet`` and those of the filter; as late as the filter.

    Raises
    ------
    FilterError
        If the share is out of its range, or the first argument is no filter.

    See Also
    --------
    parallel : Add the outputs of several filters.
    echo : A delay that has its own mix.

    Notes
    -----
    Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> from lkexplore.filters import gain
    >>> mix(gain(-120), wet=0.5).process(np.ones((1, 1), "f4")).round(3).tolist()
    [[0.5]]
    """
    return Mix(filter, wet)
