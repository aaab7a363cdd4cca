"""Filters one after another, and objects of one's own among them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import FilterError
from .filter import Filter
from .parameter import BoundParameter

__all__ = ["Chain", "as_filter"]


class Chain(Filter):
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
    Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> from lkexplore.filters import highpass, notch
    >>> chain = highpass(80) | notch(50)
    >>> list(chain.parameters)
    ['highpass.cutoff', 'highpass.order', 'notch.hz', 'notch.q']
    """

    filters: tuple[Filter, ...]

    def __init__(self, *filters: Any) -> None:
        members: list[Filter] = []
        for given in filters:
            for member in given.filters if isinstance(given, Chain) else [as_filter(given)]:
                seen = any(member is other for other in members)
                members.append(member.copy() if seen else member)
        if not members:
            raise FilterError("a chain needs at least one filter: give some")
        self.filters = tuple(members)
        rates = sorted({member.sample_rate for member in members if "_rate" in vars(member)})
        if len(rates) > 1:
            raise FilterError(
                f"filters set to {' and '.join(map(str, rates))} Hz cannot be chained: "
                "set them to one sample rate"
            )
        if rates:
            self.sample_rate = rates[0]

    def process(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Send the next block through all of them; see :meth:`Filter.process`."""
        for member in self.filters:
            block = member.process(block)
        return block

    def reset(self) -> None:
        """Let every member forget all sound."""
        for member in self.filters:
            member.reset()

    def copy(self) -> Chain:
        """Return a chain of copies that have heard nothing yet."""
        return Chain(*(member.copy() for member in self.filters))

    @property
    def sample_rate(self) -> int:
        """Samples per second, in Hz; setting it sets all members, or none."""
        return self.filters[0].sample_rate

    @sample_rate.setter
    def sample_rate(self, value: int) -> None:
        before = [member.sample_rate for member in self.filters]
        try:
            for member in self.filters:
                member.sample_rate = value
        except FilterError:
            for member, rate in zip(self.filters, before, strict=True):
                if member.sample_rate != rate:
                    member.sample_rate = rate
            raise

    @property
    def latency(self) -> int:  # type: ignore[override]
        """The sum of the members' latencies, in samples."""
        return sum(member.latency for member in self.filters)

    @property
    def parameters(self) -> Mapping[str, BoundParameter]:
        """The parameters of all members, named after member and parameter."""
        found: dict[str, BoundParameter] = {}
        counts: dict[str, int] = {}
        for member in self.filters:
            label = type(member).__name__.lower()
            counts[label] = counts.get(label, 0) + 1
            if counts[label] > 1:
                label = f"{label}_{counts[label]}"
            for name, parameter in member.parameters.items():
                found[f"{label}.{name}"] = parameter
        return found

    def response(self, hz: ArrayLike) -> NDArray[np.complex128]:
        """Return the product of the members' responses; see :meth:`Filter.response`."""
        product = np.ones(np.shape(hz), dtype=np.complex128)
        for member in self.filters:
            product = product * member.response(hz)
        return product

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
            f"{type(thing).__name__} is no filter: give an object with process(block)"
        )
    return _Plain(thing)
