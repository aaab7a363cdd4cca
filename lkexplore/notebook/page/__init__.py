"""What the widgets run in the notebook's page: modules of JavaScript, and LiveKit's client."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ...errors import MissingBundle

__all__ = ["client", "module", "style"]

_HERE = Path(__file__).parent
"""Folder of the modules that all widgets share."""

_CLIENT = _HERE / "built" / "livekit-client.mjs.gz"
"""File of LiveKit's client for browsers, gzipped."""


def module(*names: str) -> str:
    """Return one ES module made of several files, named from the folder of all widgets.

    The page gets a widget's module as text, which cannot import others, so these are put in front
    of it. Only the last may export.
    """
    return "\n".join((_HERE.parent / name).read_text(encoding="utf-8") for name in names)


def style(*names: str) -> str:
    """Return the style sheets of several files as one."""
    return "\n".join((_HERE.parent / name).read_text(encoding="utf-8") for name in names)


@cache
def client() -> bytes:
    """Return LiveKit's client for browsers, an ES module, gzipped.

    Raises
    ------
    MissingBundle
        If this installation was built without it.
    """
    try:
        return _CLIENT.read_bytes()
    except OSError:
        raise MissingBundle(
            "LiveKit's client for the browser is not part of this installation: it was built "
            "where npm was not to be had. Install Node.js and run "
            "`python -m lkexplore.notebook.page.build`, or install a released wheel"
        ) from None
