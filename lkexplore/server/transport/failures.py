"""Counting and logging what a handler raised, without letting a peer flood the log."""

from __future__ import annotations

import logging
import time

logger = logging.getLogger("lkexplore.server.transport")

SECONDS_BETWEEN_REPORTS = 1.0
"""Seconds from one logged traceback to the next; failures in between are only counted."""


class FailureLog:
    """Counts exceptions of handlers and logs at most one traceback a second.

    Attributes
    ----------
    count : int
        Exceptions reported so far, logged or not.

    Examples
    --------
    >>> failures = FailureLog()
    >>> try:
    ...     raise ValueError("broken handler")
    ... except ValueError:
    ...     failures.report("a datagram")
    >>> failures.count
    1
    """

    def __init__(self) -> None:
        self.count = 0
        self._last_report = float("-inf")

    def report(self, what: str) -> None:
        """Count the exception being handled and log it if the last report is old enough.

        Parameters
        ----------
        what : str
            What was being handled, for example "a datagram". Never a secret.
        """
        self.count += 1
        now = time.monotonic()
        if now - self._last_report >= SECONDS_BETWEEN_REPORTS:
            self._last_report = now
            logger.exception("handling %s failed (failure %d)", what, self.count)
