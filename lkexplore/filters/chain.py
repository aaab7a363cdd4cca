"""Filters one after another, and objects of one's own among them."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import convolve

from ..errors import FilterError
from .engine.fused_chain import grouped
from .engine.member_filters import Members
from .filter import Filter
from .linear.analysis import PolesZeros

__all__ = ["Chain", "as_filter"]


class Chain(Members):
    """Filters one after another, as one filter; made by ``first | second``.

    Parameters
    ----------
    *filters : Filter, or any object with a ``process`` method
        In the order in which sound passes. They stay the same objects, so that setting a
        parameter of one works in the chain; only an object given twice is copied for its second
        place. Chains among them are taken apart.

    Attributes
    ----------
    filters : tuple of Filter
        The members.

    Raises
    ------
    FilterError
        If there is none, if one has no ``process``, or if they were set to different rates.

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
            block = step.process(block)
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


class _Plain(Filter):
    """An object of someone's own that has ``process``, as a filter."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def process(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        return self.inner.process(block)  # type: ignore[no-any-return]

    def reset(self) -> None:
        reset = getattr(self.inner, "reset", None)
        if callable(reset):
            reset()

    def changed(self) -> None:
        if hasattr(self.inner, "sample_rate"):
            self.inner.sample_rate = self.sample_rate

    @property
    def latency(self) -> int:  # type: ignore[override]
        return int(getattr(self.inner, "latency", 0))

    def copy(self) -> Filter:
        made = getattr(self.inner, "copy", None)
        other = _Plain(made() if callable(made) else copy.deepcopy(self.inner))
        if "_rate" in vars(self):
            other.sample_rate = self.sample_rate
        other.reset()
        return other

    def __repr__(self) -> str:
        return repr(self.inner)


def as_filter(thing: Any) -> Filter:
    """Make a filter of any object that has ``process(block)``.

    Parameters
    ----------
    thing : object
        A Filter, or an object with ``process`` and, where it needs them, ``reset``, ``latency``,
        ``sample_rate`` and ``copy``, as in :class:`Filter`.

    Returns
    -------
    Filter
        The same object if it is a Filter.

    Raises
    ------
    FilterError
        If it has no ``process``, or is a class instead of an object.

    Notes
    -----
    Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> class Half:
    ...     def process(self, block): return block / 2
    >>> as_filter(Half()).process(np.ones((1, 2), "f4")).tolist()
    [[0.5, 0.5]]
    """
    if isinstance(thing, Filter):
        return thing
    if isinstance(thing, type):
        raise FilterError(f"{thing.__name__} is a class: give an object, {thing.__name__}(...)")
    if not callable(getattr(thing, "process", None)):
        raise FilterError(
            f"{type(thing).__name__} is no filter: give an object with process(block), or "
            "lkexplore.filters.from_function(f) for a function f"
        )
    return _Plain(thing)
