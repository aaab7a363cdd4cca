"""Filters one after another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import convolve

from .analysis import PolesZeros
from .any_object import as_filter
from .engine.member_filters import Members
from .filter import Filter
from .linear.fused_chain import grouped
from .output import as_output

__all__ = ["Chain"]


class Chain(Members):
    """Filters one after another, as one filter; made by ``first | second``.

    Parameters
    ----------
    *filters : Filter, object with ``process``, or function of a block
        The filters in the order in which sound passes. They stay the same objects, so that setting
        a parameter of one works in the chain; only an object given twice is copied for its second
        place. Chains among them are taken apart.

    Attributes
    ----------
    filters : tuple of Filter
        Filters of the chain, in order.

    Raises
    ------
    FilterError
        If there is none, if one is no filter, or if they were set to different rates.

    Notes
    -----
    Parameters are listed as ``"lowpass.cutoff"``, a second lowpass's as ``"lowpass_2.cutoff"``.
    Recursive filters and gains that are neighbours are computed together, which is several times
    as fast; so what they have heard belongs to the chain, and only its ``reset()`` forgets it.
    Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> from lkexplore.filters import highpass, notch
    >>> chain = highpass(80) | notch(50)
    >>> list(chain.parameters)
    ['highpass.cutoff', 'highpass.order', 'notch.hz', 'notch.q']
    """

    def __init__(self, *filters: Any) -> None:
        members: list[Filter] = []
        for given in filters:
            members.extend(given.filters if isinstance(given, Chain) else [as_filter(given)])
        super().__init__(members)
        self._steps: list[Filter] | None = None

    def process(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Send the next block through all of them; see :meth:`Filter.process`."""
        if self._steps is None:
            self._steps = grouped(self.filters)
        for step in self._steps:
            block = as_output(step.process(block), step)
        return block

    def reset(self) -> None:
        """Let every member forget all sound."""
        super().reset()
        self._steps = None

    def copy(self) -> Chain:
        """Return a chain of copies that have heard nothing yet."""
        return Chain(*(member.copy() for member in self.filters))

    @property
    def latency(self) -> int:  # type: ignore[override]
        """The sum of the members' latencies, in samples."""
        return sum(member.latency for member in self.filters)

    def response(self, hz: ArrayLike) -> NDArray[np.complex128]:
        """Return the product of the members' responses; see :meth:`Filter.response`."""
        product = np.ones(np.shape(hz), dtype=np.complex128)
        for member in self.filters:
            product = product * member.response(hz)
        return product

    def group_delay(self, hz: ArrayLike) -> NDArray[np.float64]:
        """Return the sum of the members' group delays; see :meth:`Filter.group_delay`."""
        total = np.zeros(np.shape(hz))
        for member in self.filters:
            total = total + member.group_delay(hz)
        return total

    def poles_zeros(self) -> PolesZeros:
        """Return the poles and zeros of all members; see :meth:`Filter.poles_zeros`."""
        found = [member.poles_zeros() for member in self.filters]
        return PolesZeros(
            np.concatenate([each.poles for each in found]),
            np.concatenate([each.zeros for each in found]),
            float(np.prod([each.gain for each in found])),
        )

    def impulse_response(self, n: int) -> NDArray[np.float64]:
        """Return the members' responses, convolved; see :meth:`Filter.impulse_response`."""
        joined = self.filters[0].impulse_response(n)
        for member in self.filters[1:]:
            joined = np.asarray(convolve(joined, member.impulse_response(n))[:n])
        return joined

    def __repr__(self) -> str:
        return " | ".join(map(repr, self.filters))
