"""A plain function as a filter, its memory handed in and out."""

from __future__ import annotations

import copy
import inspect
import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FilterError
from ..sound.in_words import kind_of, shown
from ..sound.validation import is_whole
from .as_block import as_block
from .filter import Filter
from .output import as_output

__all__ = ["FunctionFilter", "from_function"]


class FunctionFilter(Filter):
    """A function of your own as a filter; see :func:`from_function`."""

    def __init__(self, function: Callable[..., Any], state: Any = None, latency: int = 0) -> None:
        if not callable(function) or isinstance(function, type):
            raise FilterError(
                f"{kind_of(function)} is no function: give f(block) or f(block, state)"
            )
        if not is_whole(latency) or latency < 0:
            raise FilterError(f"latency={shown(latency)} cannot be: give whole samples, 0 or more")
        self.takes_state = _takes_state(function, state is not None)
        self.function = function
        self.latency = latency
        self._first = copy.deepcopy(state)
        self._state: Any = None
        self._channels = 0

    def process(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Filter the next block; see :meth:`Filter.process`."""
        checked = as_block(block)
        if not checked.shape[1]:
            return np.zeros(checked.shape, dtype=np.float32)
        # A copy, because the function may work in place.
        if not self.takes_state:
            return self._sound(self.function(checked.copy()), checked)
        if self._channels != len(checked):
            self._state = self._begin(len(checked))
        result = self.function(checked.copy(), self._state)
        if not isinstance(result, tuple) or len(result) != 2:
            raise FilterError(
                f"{self!r} returned {kind_of(result)}: return (block, state), for it takes a state"
            )
        out = self._sound(result[0], checked)
        self._state, self._channels = result[1], len(checked)
        return out

    def reset(self) -> None:
        """Forget all sound: begin with the first state again."""
        self._state = None
        self._channels = 0

    def _begin(self, channels: int) -> Any:
        return self._first(channels) if callable(self._first) else copy.deepcopy(self._first)

    def _sound(self, result: Any, block: NDArray[np.float32]) -> NDArray[np.float32]:
        if isinstance(result, tuple):
            raise FilterError(
                f"{self!r} returned a tuple: return the block alone, or take the state as a second "
                "parameter, as f(block, state) does"
            )
        with np.errstate(over="ignore"):
            out = as_output(result, self).astype(np.float32, copy=False)
        if out.shape != block.shape:
            raise FilterError(
                f"{self!r} made {out.shape} of a block of shape {block.shape}: "
                "return as many samples as came in"
            )
        if not np.isfinite(out).all():
            raise FilterError(f"{self!r} put out NaN or infinity: return finite samples")
        return out

    def __repr__(self) -> str:
        name = getattr(self.function, "__name__", type(self.function).__name__)
        return f"from_function({name})"


def _takes_state(function: Callable[..., Any], given: bool) -> bool:
    """Return whether to call a function with a state; FilterError if it cannot be called so."""
    name = getattr(function, "__name__", type(function).__name__)
    if function is getattr(sys.modules[str(__package__)], name, None):
        raise FilterError(f"{name} makes a filter and is none: call it, {name}(...)")
    if inspect.iscoroutinefunction(function):
        raise FilterError(f"{name} is async: a filter's function must return its block at once")
    least, most = _arguments(function, given)
    if not given and least <= 1 <= most:
        return False
    if least <= 2 <= most:
        return True
    raise FilterError(
        f"{name} cannot be called with {'a block and a state' if given else 'a block alone'}: give "
        "a function that takes (block), or (block, state)"
    )


def _arguments(function: Callable[..., Any], given: bool) -> tuple[int, float]:
    """Return how many arguments a function needs and takes, by position."""
    if isinstance(function, np.ufunc):
        return (function.nin, 1) if function.nout == 1 else (3, 3)
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        # Some functions of other languages do not say.
        return (2, 2) if given else (1, 1)
    placed = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if any(p.default is p.empty and p.kind is p.KEYWORD_ONLY for p in parameters):
        # It needs one that has a name, which nobody gives.
        return 3, 3
    least = sum(p.default is p.empty for p in placed)
    return least, math.inf if any(p.kind is p.VAR_POSITIONAL for p in parameters) else len(placed)


def from_function(
    function: Callable[..., Any], state: Any = None, *, latency: int = 0
) -> FunctionFilter:
    """Make a filter of a plain function.

    Parameters
    ----------
    function : callable
        Function to call on each block. Without a `state`, ``function(block)`` returns the filtered
        block: right for what needs no past, such as a gain. With one, ``function(block, state)``
        returns ``(filtered block, state for the next block)``. Blocks are float32 of shape
        (channels, n), n > 0 and of any size; they may be changed in place. It returns floats, or
        int16, which is divided by 32768 as in :class:`lkexplore.Recording`.
    state : object, or callable, optional
        State that the first block gets, copied at each start; or a function that takes the number
        of channels and returns that state, such as ``lambda channels: np.zeros((channels, 2))``.
        A function that needs two arguments gets None as its first state if none is given.
    latency : int
        Number of samples by which the function delays sound, 0 or more.

    Returns
    -------
    FunctionFilter
        A filter that gives the same at any block size if the function does.

    Raises
    ------
    FilterError
        If it is no function, or takes another number of arguments; while running, if it returns no
        finite block of the same shape, or no state.

    See Also
    --------
    as_filter : A filter of an object with ``process``.
    Filter : Base class of filters with parameters of your own.
    lkexplore.check : Try whether a filter does live what it does on a recording.

    Notes
    -----
    A variable that the function itself keeps outside is not reset and not copied: then two
    sounds mix. Hand it in and out as the state.
    Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> def difference(block, last):
    ...     joined = np.concatenate((last, block), axis=1)
    ...     return np.diff(joined, axis=1), joined[:, -1:]
    >>> steps = from_function(difference, lambda channels: np.zeros((channels, 1)))
    >>> steps.process(np.array([[1.0, 3.0]], "f4")).tolist()
    [[1.0, 2.0]]
    >>> steps.process(np.array([[3.5]], "f4")).tolist()
    [[0.5]]
    """
    return FunctionFilter(function, state, latency)
