"""How long this machine lets a process wait."""

from __future__ import annotations

import threading
import time
from typing import Self

__all__ = ["Waiting"]

NAP = 0.01
"""Seconds of each of its sleeps."""

USUAL = 0.002
"""Seconds by which a sleep may be late on a machine that has nothing else to do."""


class Waiting(threading.Thread):
    """Tells how long the machine lets a process wait that has next to nothing to do.

    What is late by that much says nothing of the code under test: a tolerance may be so much wider.

    Attributes
    ----------
    longest : float
        Seconds of the longest wait.
    total : float
        Seconds of all waits together, but for the usual.
    """

    def __enter__(self) -> Self:
        self.longest = self.total = 0.0
        self._over = threading.Event()
        self.start()
        return self

    def run(self) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            time.sleep(NAP)
            waited = time.monotonic() - began - NAP
            self.longest = max(self.longest, waited)
            self.total += waited if waited > USUAL else 0.0

    def __exit__(self, *_exc: object) -> None:
        self._over.set()
        self.join()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *exc: object) -> None:
        self.__exit__(*exc)
