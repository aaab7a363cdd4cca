"""What is still to be awaited, and says so when it is used as if it had been."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Generator
from typing import Any, ParamSpec, TypeVar

from ..errors import NotAwaited

__all__ = ["Pending", "needs_await"]

P = ParamSpec("P")
T = TypeVar("T")


class Pending(Coroutine[Any, Any, T]):
    """A coroutine with an error that helps where ``await`` was forgotten.

    Parameters
    ----------
    coroutine : coroutine
        The coroutine, which does the work.
    name : str
        The name of the function that was called.
    """

    __slots__ = ("_coroutine", "_name")

    def __init__(self, coroutine: Coroutine[Any, Any, T], name: str) -> None:
        self._coroutine, self._name = coroutine, name

    def __await__(self) -> Generator[Any, Any, T]:
        return self._coroutine.__await__()

    def send(self, value: Any) -> Any:
        """Step the coroutine (event loops do)."""
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> Any:
        """Raise an exception inside the coroutine (event loops do)."""
        return self._coroutine.throw(*error)

    def close(self) -> None:
        """Drop the coroutine unfinished (event loops do)."""
        self._coroutine.close()

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("_", "cr_", "gi_")):
            return getattr(self._coroutine, name)
        raise NotAwaited(
            f"{self._name}() has not been awaited, so there is no {name!r} yet: put await in front "
            f"of it, as in x = await {self._name}(...)"
        )

    def __repr__(self) -> str:
        return f"<{self._name}(...), not awaited yet: put await in front of it>"


def needs_await(
    function: Callable[P, Coroutine[Any, Any, T]],
) -> Callable[P, Coroutine[Any, Any, T]]:
    """Make an async function's calls say so where their result is used without ``await``."""

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:
        return Pending(function(*args, **kwargs), function.__name__)

    return called
