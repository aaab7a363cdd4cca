"""Filters side by side, their outputs added."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import FilterError
from .analysis import PolesZeros, as_frequencies, delay_of_response
from .any_object import as_filter
from .as_block import as_block
from .engine.member_filters import Members
from .filter import Filter
from .linear.delay_line import DelayLine
from .linear.poles_zeros import sum_of
from .output import as_output

__all__ = ["Parallel", "parallel"]


class Parallel(Members):
    """Filters side by side, as one filter; see :func:`parallel`."""

    _label = "parallel filter"

    def __init__(self, members: Iterable[Filter]) -> None:
        super().__init__(members)
        self._lines = [DelayLine(wait) for wait in self._waits()]
        for line in self._lines:
            line.sample_rate = self.sample_rate

    def process(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Send the next block through all of them; see :meth:`Filter.process`."""
        checked = as_block(block)
        total: NDArray[np.float32] | None = None
        for member, line, wait in zip(self.filters, self._lines, self._waits(), strict=True):
            # A copy, because a filter of the user's may work in place.
            out = as_output(member.process(checked.copy()), member)
            if out.ndim != 2 or out.shape[1] != checked.shape[1]:
                raise FilterError(
                    f"{member!r} made {out.shape} of a block of shape {checked.shape}: "
                    "process() must return (channels, n) with the same n"
                )
            if total is not None and out.shape != total.shape:
                raise FilterError(
                    f"{member!r} made {out.shape[0]} channels, others {total.shape[0]}: "
                    "only filters with the same number of channels can be added"
                )
            if line.samples != wait:
                line.samples = wait
            late = line.process(out) if self.latency else as_block(out)
            total = late if total is None else total + late
        return np.array(total, dtype=np.float32)

    def reset(self) -> None:
        """Let every member forget all sound."""
        super().reset()
        for line in self._lines:
            line.reset()

    def copy(self) -> Parallel:
        """Return copies side by side that have heard nothing yet."""
        return Parallel(member.copy() for member in self.filters)

    @property
    def sample_rate(self) -> int:
        """Samples per second, in Hz; setting it sets all members, or none."""
        return self.filters[0].sample_rate

    @sample_rate.setter
    def sample_rate(self, value: int) -> None:
        Members.sample_rate.__set__(self, value)  # type: ignore[attr-defined]
        for line in getattr(self, "_lines", ()):
            line.sample_rate = self.sample_rate

    @property
    def latency(self) -> int:  # type: ignore[override]
        """The greatest latency of a member, in samples: the others wait for it."""
        return max(member.latency for member in self.filters)

    def response(self, hz: ArrayLike) -> NDArray[np.complex128]:
        """Return the sum of the members' responses; see :meth:`Filter.response`."""
        frequencies = as_frequencies(hz, self.sample_rate)
        total = np.zeros(frequencies.shape, dtype=np.complex128)
        for member, wait in zip(self.filters, self._waits(), strict=True):
            turned = np.exp(-2j * np.pi * frequencies * wait / self.sample_rate)
            total = total + turned * member.response(frequencies)
        return total

    def group_delay(self, hz: ArrayLike) -> NDArray[np.float64]:
        """Return the group delay of the sum, in samples; see :meth:`Filter.group_delay`."""
        frequencies = as_frequencies(hz, self.sample_rate)
        self.response(frequencies)
        half = self.sample_rate / 2

        def folded(omega: NDArray[np.float64]) -> NDArray[np.complex128]:
            wrapped = np.pi - np.abs(np.pi - np.abs(omega))
            values = self.response(np.minimum(wrapped / np.pi, 1) * half)
            return np.where((omega < 0) | (omega > np.pi), values.conj(), values)

        return delay_of_response(folded, frequencies * (np.pi / half))

    def poles_zeros(self) -> PolesZeros:
        """Return the poles of all members and the zeros of the sum; see :class:`Filter`."""
        return sum_of([member.poles_zeros() for member in self.filters], self._waits())

    def impulse_response(self, n: int) -> NDArray[np.float64]:
        """Return the sum of the members' responses; see :meth:`Filter.impulse_response`."""
        total = np.zeros(max(int(n), 0))
        for member, wait in zip(self.filters, self._waits(), strict=True):
            own = member.impulse_response(n)
            total[wait:] += own[: max(total.size - wait, 0)]
        return total

    def _waits(self) -> list[int]:
        late = [member.latency for member in self.filters]
        return [max(late) - own for own in late]

    def __repr__(self) -> str:
        return f"parallel({', '.join(map(repr, self.filters))})"


def parallel(*filters: Any) -> Parallel:
    """Send sound through filters side by side, and add what comes out.

    Parameters
    ----------
    *filters : Filter, object with ``process``, or function of a block
        The filters, at least one; all must give the same number of channels. They stay the same
        objects, so that setting a parameter of one works in the sum; one given twice is copied.

    Returns
    -------
    Parallel
        Its ``latency`` is the greatest of a member: the others wait for it, so that the sounds meet
        again in step. It has a response, a group delay, poles and zeros and an impulse response if
        all its members have them.

    Raises
    ------
    FilterError
        If there is none, or one is no filter.

    See Also
    --------
    mix : A filter together with the sound as it was.
    Chain : Filters one after another, made by ``first | second``.

    Notes
    -----
    Outputs are added as they are; ``gain(db)`` in a member's chain sets its share. Filters that
    turn the phase differently may cancel each other at some frequency.
    Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> from lkexplore.filters import gain, lowpass
    >>> both = parallel(gain(-6), lowpass(300) | gain(3))
    >>> list(both.parameters)
    ['gain.db', 'chain.lowpass.cutoff', 'chain.lowpass.order', 'chain.gain.db']
    """
    return Parallel([as_filter(given) for given in filters])
