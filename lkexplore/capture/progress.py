"""The progress of a recording: a bar in a notebook's output or in a terminal, nothing elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import html
import math
import sys
from collections.abc import Callable, Iterator
from typing import Any, Protocol

__all__ = ["Progress", "show_progress"]

PERIOD = 0.25
"""Seconds between two updates."""

WIDTH = 30
"""Characters in a terminal's bar."""


class Progress(Protocol):
    """What can be watched."""

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""

    @property
    def length(self) -> float:
        """Seconds that it takes; infinite when that is not known."""

    @property
    def level(self) -> float:
        """How loud it is, in dBFS."""


@contextlib.contextmanager
def show_progress(what: Progress) -> Iterator[None]:
    """Show how far it is, where someone can see it, while the caller waits for it."""
    show = _notebook() or _terminal()
    if show is None:
        yield
        return
    task = asyncio.get_running_loop().create_task(_keep_showing(what, show))
    try:
        yield
    finally:
        task.cancel()
        show(what, True)


Show = Callable[[Progress, bool], None]
"""Shows the progress; the second argument says whether it is over."""


async def _keep_showing(what: Progress, show: Show) -> None:
    while True:
        show(what, False)
        await asyncio.sleep(PERIOD)


def _words(what: Progress, over: bool) -> str:
    length = "" if math.isinf(what.length) else f" of {what.length:.1f}"
    level = "" if over else f", {what.level:.0f} dBFS"
    return f"{'recorded' if over else 'recording'} {what.elapsed:.1f}{length} s{level}"


def _notebook() -> Show | None:
    # Only a kernel that is running has loaded it.
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from IPython import display

    # IPython is not typed.
    handle: Any = display.display(display.HTML(""), display_id=True)  # type: ignore[no-untyped-call]

    def show(what: Progress, over: bool) -> None:
        words = html.escape(_words(what, over))
        share = "" if math.isinf(what.length) else f' value="{what.elapsed}" max="{what.length}"'
        bar = "" if over else f'<progress{share} aria-label="recording"></progress> '
        handle.update(display.HTML(f"<div>{bar}{words}</div>"))  # type: ignore[no-untyped-call]

    return show


def _terminal() -> Show | None:
    if not sys.stderr.isatty():
        return None

    def show(what: Progress, over: bool) -> None:
        full = 0 if math.isinf(what.length) else round(WIDTH * what.elapsed / what.length)
        bar = "" if math.isinf(what.length) else f"[{'=' * full}{' ' * (WIDTH - full)}] "
        sys.stderr.write(f"\r\x1b[K{bar}{_words(what, over)}" + ("\n" if over else ""))
        sys.stderr.flush()

    return show
