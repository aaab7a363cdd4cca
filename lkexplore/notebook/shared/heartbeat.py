"""A beat every second to a page that somebody looks at, by which it knows that the kernel lives."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from .background import in_background
from .kernel_busy import kernel

__all__ = ["BEAT_SECONDS", "BUSY_SECONDS", "UNSEEN_SECONDS", "Heartbeat", "looks"]

BEAT_SECONDS = 1.0
"""Seconds between two beats."""

UNSEEN_SECONDS = 5.0
"""Seconds without a message of the page, which sends one every second, after which nobody looks."""

BUSY_SECONDS = 600.0
"""Seconds without a message for which somebody is assumed to look while the kernel is busy."""


class Heartbeat:
    """Sends ``{"alive": True}`` every second while somebody looks, and knows whether they do.

    The beats come from the media thread, so a cell that computes does not stop them; with the
    kernel they end, and ``page/heart.js`` says so and takes no more input.

    Parameters
    ----------
    widget : anywidget.AnyWidget
        The widget, which is open; the beats end when it is closed.
    """

    def __init__(self, widget: Any) -> None:
        self._widget, self._seen = widget, 0.0
        widget.on_msg(self._heard)
        kernel.watch()
        in_background(self._beat())

    @property
    def looks(self) -> bool:
        """Whether somebody looks at the widget."""
        return looks(self._seen)

    def expect(self) -> None:
        """Assume that somebody looks: messages of the page do not come while a cell runs."""
        self._seen = time.monotonic()

    def _heard(self, _widget: Any, _content: dict[str, Any], _buffers: Any) -> None:
        self._seen = time.monotonic()

    async def _beat(self) -> None:
        while self._widget.comm is not None:
            # Beats for a page that is gone would pile up.
            if self.looks:
                self._widget.send({"alive": True})
            await asyncio.sleep(BEAT_SECONDS)


def looks(seen: float) -> bool:
    """Return whether somebody still looks.

    Parameters
    ----------
    seen : float
        Monotonic time in seconds of the latest message of a page.
    """
    now = time.monotonic()
    return now - seen <= UNSEEN_SECONDS + min(kernel.busy_for(now), BUSY_SECONDS)
