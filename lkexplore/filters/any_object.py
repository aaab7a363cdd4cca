"""Any object with ``process``, or any function of a block, as a filter."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FilterError
from ..sound.in_words import kind_of
from .filter import Filter
from .function import FunctionFilter
from .output import as_output

__all__ = ["as_filter"]


class _Plain(Filter):
    """An object of the user's that has ``process``, as a filter."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def process(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        return as_output(self.inner.process(block), self.inner)

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
    """Make a filter of any object that has ``process(block)``, or of a function of a block.

    Everything that takes filters does this by itself, ``recording | function`` included.

    Parameters
    ----------
    thing : object
        A Filter; an object with ``process`` and, where it needs them, ``reset``, ``latency``,
        ``sample_rate`` and ``copy``, as in :class:`Filter`; or a function ``f(block)``, or
        ``f(block, state)`` that returns the next state too, as for :func:`from_function`. Its first
        state is None. They put out floats, or int16, which is divided by 32768.

    Returns
    -------
    Filter
        The same object if it is a Filter.

    Raises
    ------
    FilterError
        If it is none of these, a class instead of an object, or a function that takes another
        number of arguments.

    See Also
    --------
    from_function : A filter of a function, with its first state and its latency.
    Filter : Base class of filters of your own.
    lkexplore.check : Try whether a filter does live what it does on a recording.

    Notes
    -----
    Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> class Half:
    ...     def process(self, block): return block / 2
    >>> as_filter(Half()).process(np.ones((1, 2), "f4")).tolist()
    [[0.5, 0.5]]
    >>> as_filter(lambda block: block / 4).process(np.ones((1, 2), "f4")).tolist()
    [[0.25, 0.25]]
    """
    if isinstance(thing, Filter):
        return thing
    if isinstance(thing, type):
        raise FilterError(f"{thing.__name__} is a class: give an object, {thing.__name__}(...)")
    if callable(getattr(thing, "process", None)):
        return _Plain(thing)
    if callable(thing):
        return FunctionFilter(thing)
    raise FilterError(
        f"{kind_of(thing)} is no filter: give one of lkexplore.filters, a function of a block, "
        "or an object with process(block)"
    )
