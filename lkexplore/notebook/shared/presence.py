"""A part of a panel of ipywidgets: it knows whether somebody looks, and keeps the keys there."""

from __future__ import annotations

import time
from typing import Any

import anywidget

from ..page import module
from .kernel_busy import kernel

__all__ = ["BUSY_SECONDS", "UNSEEN_SECONDS", "Presence"]

UNSEEN_SECONDS = 5.0
"""A page tells every second that it looks; when it has not for so long, nobody does."""

BUSY_SECONDS = 600.0
"""A busy kernel hears no page: for so long somebody is taken to look."""


class Presence(anywidget.AnyWidget):
    """Unseen, in a box of the class ``lkx-panel``.

    JupyterLab's shortcuts stay away from all that is in the box: on a button, X would cut the cell.
    """

    _esm = module("page/element.js", "shared/presence.js")

    def __init__(self) -> None:
        self._seen = 0.0
        super().__init__()
        self.on_msg(self._heard)
        kernel.watch()

    @property
    def looks(self) -> bool:
        """Whether somebody looks at the box."""
        return looks(self._seen)

    def expect(self) -> None:
        """Take it that somebody looks from now on, for the page is not heard while a cell runs."""
        self._seen = time.monotonic()

    def _heard(self, _widget: Any, _content: dict[str, Any], _buffers: Any) -> None:
        self._seen = time.monotonic()


def looks(seen: float) -> bool:
    """Return whether somebody looks still.

    Parameters
    ----------
    seen : float
        When a page last said so, monotonic.
    """
    now = time.monotonic()
    return now - seen <= UNSEEN_SECONDS + min(kernel.busy_for(now), BUSY_SECONDS)
