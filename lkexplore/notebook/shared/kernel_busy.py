"""Knowing for how long the notebook's kernel has been running somebody's code."""

from __future__ import annotations

import sys
import time
from typing import Any

__all__ = ["Kernel", "kernel"]


class Kernel:
    """Tells for how long a cell, or a callback of a widget, has been running.

    It shares the interpreter with the media thread, so that blocks may come late meanwhile.
    """

    def __init__(self) -> None:
        self._began = 0.0
        self._watched: Any = None

    def watch(self) -> None:
        """Begin to look, if this is a notebook and it has not begun yet."""
        shell = _shell()
        if shell is None or shell is self._watched:
            return
        self._watched = shell
        shell.events.register("pre_execute", self._begins)
        shell.events.register("post_execute", self._ends)
        # The call itself comes from a cell.
        self._begins()

    def busy_for(self, now: float) -> float:
        """Return the seconds that the present cell or callback has taken, 0 if there is none.

        Parameters
        ----------
        now : float
            Monotonic time in seconds.
        """
        began = self._began
        return now - began if began else 0.0

    def _begins(self) -> None:
        self._began = time.monotonic()

    def _ends(self) -> None:
        self._began = 0.0


def _shell() -> Any:
    """Return IPython's shell, without importing it where nobody has."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


kernel = Kernel()
