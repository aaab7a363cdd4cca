"""Work that no cell waits for: on the media loop, or the newest of several in a thread."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from ...sdk.media_loop import media_loop

__all__ = ["LatestOnly", "in_background"]

_log = logging.getLogger("lkexplore")

Job = Callable[[Callable[[], bool]], None]
"""Is given a function that tells whether it is out of date; it should then return soon."""


def in_background(work: Coroutine[Any, Any, None]) -> concurrent.futures.Future[None]:
    """Begin something on the media loop; unforeseen errors there are logged.

    Parameters
    ----------
    work : coroutine
        The work; to end it, cancel the future that is returned.
    """
    begun = asyncio.run_coroutine_threadsafe(work, media_loop())
    begun.add_done_callback(_tell)
    return begun


def _tell(done: concurrent.futures.Future[None]) -> None:
    if not done.cancelled() and (error := done.exception()) is not None:
        _log.error("a widget's work has ended", exc_info=error)


class LatestOnly:
    """Runs jobs one after another in a thread, which exists only while there is a job.

    Notes
    -----
    A job that is submitted while another runs replaces the one that was waiting, and the running
    one is told that it is out of date.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0
        self._next: tuple[int, Job] | None = None
        self._thread: threading.Thread | None = None

    def submit(self, job: Job) -> None:
        """Run a job as soon as the present one has returned, unless a newer one comes."""
        with self._lock:
            self._number += 1
            self._next = self._number, job
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="filter lab", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Run nothing more; a running job is told that it is out of date."""
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
                # An exception from a user's filter must not end the thread for the next job.
                _log.exception("a filter lab could not show its filter")
