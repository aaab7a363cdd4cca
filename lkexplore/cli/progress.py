"""A progress bar for something that takes a known time."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable
from typing import TextIO, TypeVar

from ..sound.progress import hide_progress

__all__ = ["with_progress"]

T = TypeVar("T")

_WIDTH = 32
"""Characters in the bar."""

_REFRESH_SECONDS = 0.1
"""Seconds between two updates."""


async def with_progress(
    work: Awaitable[T], label: str, seconds: float, *, stream: TextIO | None = None
) -> T:
    """Await `work` and show how much of its `seconds` have passed.

    Parameters
    ----------
    work : awaitable
        The work to wait for.
    label : str
        Text before the bar.
    seconds : float
        Seconds that the work should take.
    stream : text file, optional
        The stream to write to; by default standard error. The bar is drawn only on a terminal;
        elsewhere there is one line at the end.
    """
    out = stream or sys.stderr
    # What is awaited shows a bar of its own otherwise.
    with hide_progress():
        task = asyncio.ensure_future(work)
    start = time.monotonic()
    drawn = out.isatty()
    try:
        while not task.done():
            if drawn:
                print(_bar(label, time.monotonic() - start, seconds), end="", file=out, flush=True)
            await asyncio.wait([task], timeout=_REFRESH_SECONDS)
        result = await task
    finally:
        task.cancel()
        if drawn:
            print(file=out)
    if drawn:
        print("\033[A" + _bar(label, seconds, seconds), file=out)
    else:
        print(f"{label} {seconds:.1f} s", file=out, flush=True)
    return result


def _bar(label: str, elapsed: float, seconds: float) -> str:
    share = min(1.0, elapsed / seconds) if seconds > 0 else 1.0
    filled = round(_WIDTH * share)
    bar = "█" * filled + "░" * (_WIDTH - filled)
    return f"\r{label} {bar} {min(elapsed, seconds):4.1f} / {seconds:.1f} s"
