"""Any value in words, for messages of one line: whatever came in place of a sound or a number."""

from __future__ import annotations

import inspect

__all__ = ["AWAIT", "is_unawaited", "kind_of", "shown"]

AWAIT = "put await in front of it, as in await room.record(...)"
"""Advice if a coroutine came in place of what it will give."""

_LONGEST = 60
"""Characters of a value that are written into a message, at most."""


def is_unawaited(value: object) -> bool:
    """Return whether a value is a coroutine, or something else that has to be awaited."""
    return inspect.isawaitable(value)


def kind_of(value: object) -> str:
    """Return the type of a value, and the advice to await it if it has to be.

    Examples
    --------
    >>> kind_of(5)
    'int'
    """
    name = type(value).__name__
    return f"a {name} ({AWAIT})" if is_unawaited(value) else name


def shown(value: object) -> str:
    """Return a value as Python writes it, in one line and not too long.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    str
        Its repr; the type alone if it has to be awaited, or has no repr.

    Examples
    --------
    >>> shown([[0, 1], "x"])
    "[[0, 1], 'x']"
    >>> len(shown("long" * 100))
    60
    """
    if is_unawaited(value):
        return kind_of(value)
    try:
        text = " ".join(repr(value).split())
    except Exception:
        # A repr of somebody else's may fail in any way.
        text = f"<{type(value).__name__}>"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
