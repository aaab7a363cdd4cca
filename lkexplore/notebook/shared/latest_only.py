"""Work in a thread of which only the newest counts."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

__all__ = ["LatestOnly"]

_log = logging.getLogger("lkexplore")

Job = Callable[[Callable[[], bool]], None]
"""It is given what tells whether it is out of date, and then should return soon."""


class LatestOnly:
    """Runs jobs one after another in a thread that is there only while there is one.

    Notes
    -----
    What is submitted while a job runs takes the place of what was to come next, and the running
    one is told that it is out of date.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0
        self._next: tuple[int, Job] | None = None
        self._thread: threading.Thread | None = None

    def submit(self, job: Job) -> None:
        """Run it as soon as the present one has returned, unless a newer one comes."""
        with self._lock:
            self._number += 1
            self._next = self._number, job
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="filter lab", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Run nothing more; what runs is told that it is out of date."""
        with self._lock:
            self._number += 1
            self._next = None

    def wait(self, timeout: float) -> bool:
        """Wait until nothing runs; return whether that is so."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return self._thread is None

    def _run(self) -> None:
        while True:
            with self._lock:
                if self._next is None:
                    self._thread = None
                    return
                (number, job), self._next = self._next, None
            try:
                job(lambda number=number: number != self._number)  # type: ignore[misc]
            except Exception:
                # What a filter of one's own raises must not end the thread for the next.
                _log.exception("a filter lab could not show its filter")
