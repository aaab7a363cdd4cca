"""Work on the media loop that no cell waits for."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
from collections.abc import Coroutine
from typing import Any

from ...sdk.media_loop import media_loop

__all__ = ["in_background"]

_log = logging.getLogger("lkexplore")


def in_background(work: Coroutine[Any, Any, None]) -> concurrent.futures.Future[None]:
    """Begin something on the media loop; what goes wrong there unforeseen is logged.

    Parameters
    ----------
    work : coroutine
        Ended by cancelling what is returned.
    """
    begun = asyncio.run_coroutine_threadsafe(work, media_loop())
    begun.add_done_callback(_tell)
    return begun


def _tell(done: concurrent.futures.Future[None]) -> None:
    if not done.cancelled() and (error := done.exception()) is not None:
        _log.error("a widget's work has ended", exc_info=error)
