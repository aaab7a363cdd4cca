"""A part of a panel of ipywidgets that knows whether somebody looks, and keeps the keys there."""

from __future__ import annotations

import time
from typing import Any

import anywidget

from ..page import module
from .kernel_busy import kernel

__all__ = ["BUSY_SECONDS", "UNSEEN_SECONDS", "Presence"]

UNSEEN_SECONDS = 5.0
"""Seconds without a message of the page, which sends one every second, after which nobody looks."""

BUSY_SECONDS = 600.0
"""Seconds without a message for which somebody is assumed to look while the kernel is busy."""


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
        """Assume that somebody looks: messages of the page do not come while a cell runs."""
        self._seen = time.monotonic()

    def _heard(self, _widget: Any, _content: dict[str, Any], _buffers: Any) -> None:
        self._seen = time.monotonic()


def looks(seen: float) -> bool:
    """Return whether somebody still looks.

    Parameters
    ----------
    seen : float
        Monotonic time in seconds of the latest message of a page.
    """
    now = time.monotonic()
    return now - seen <= UNSEEN_SECONDS + min(kernel.busy_for(now), BUSY_SECONDS)
