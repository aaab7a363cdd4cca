"""Any object with ``process``, as a filter."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FilterError
from .filter import Filter

__all__ = ["as_filter"]


class _Plain(Filter):
    """An object of the user's that has ``process``, as a filter."""

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

    See Also
    --------
    from_function : A filter of a plain function.
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
