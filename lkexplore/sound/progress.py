"""Progress of what takes long: a bar in a notebook's output or in a terminal, nothing elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import html
import math
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, Protocol

__all__ = ["Progress", "count_progress", "hide_progress", "show_progress"]

DELAY = 1.0
"""Seconds that something may take before its progress is shown."""

PERIOD = 0.25
"""Seconds between two updates."""

WIDTH = 30
"""Characters in a terminal's bar."""


class Progress(Protocol):
    """What can be watched; it may have a `level` in dBFS as well, which is shown too."""

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""

    @property
    def length(self) -> float:
        """Seconds that it takes; infinite when that is not known."""


Show = Callable[[str, float, bool], None]
"""Shows words and how much is done, 0 to 1 or NaN, or takes them away if there are no words; the
last argument says whether it is over."""

_hidden: ContextVar[bool] = ContextVar("lkexplore_progress_hidden", default=False)
"""Whether nothing is to be shown, because the caller shows a bar of its own."""

_terminal_taken = threading.Lock()
"""Held while there is a bar in the terminal: a second one would write over it."""


@contextlib.contextmanager
def show_progress(
    what: Progress, doing: str = "recording", done: str = "recorded"
) -> Iterator[None]:
    """Show how far something is that is awaited inside, from one second on.

    Where nobody can see it, nothing is shown: in a script whose standard error is no terminal, or
    on another thread than the main one. When what is inside raises, as when it is interrupted, the
    bar is taken away; otherwise one line stays that says how much was done.

    Parameters
    ----------
    what : Progress
        What is watched; it is asked four times a second.
    doing, done : str
        The words for it, while it is going on and when it is over.

    Examples
    --------
    >>> with show_progress(session):                     # doctest: +SKIP
    ...     recordings = await session.finished()
    """
    bar = _Bar(what, doing, done)
    task = None if bar.silent else asyncio.get_running_loop().create_task(_keep_showing(bar))
    try:
        with bar:
            yield
    finally:
        if task is not None:
            task.cancel()


@contextlib.contextmanager
def count_progress(length: float, doing: str, done: str) -> Iterator[Callable[[float], None]]:
    """Show how far a loop of plain code is, from one second on, as `show_progress` does.

    Parameters
    ----------
    length : float
        Seconds of sound to go through; infinite when that is not known.
    doing, done : str
        The words for it, such as ``"reading x.wav"`` and ``"read x.wav"``.

    Yields
    ------
    callable
        Function to call with the seconds that are done, as often as convenient: it takes a
        microsecond when it has nothing to show.

    Examples
    --------
    >>> with count_progress(3.0, "reading", "read") as done:
    ...     for second in range(3):
    ...         done(second + 1.0)
    """
    counter = _Counter(length)
    bar = _Bar(counter, doing, done)

    def step(elapsed: float) -> None:
        counter.elapsed = elapsed
        bar.look()

    with bar:
        yield step


@contextlib.contextmanager
def hide_progress() -> Iterator[None]:
    """Show no progress of what is begun inside, because the caller shows it in another way."""
    token = _hidden.set(True)
    try:
        yield
    finally:
        _hidden.reset(token)


class _Counter:
    """A progress that is told how far it is."""

    def __init__(self, length: float) -> None:
        self.length, self.elapsed = length, 0.0


class _Bar:
    """The bar of one progress; it appears when it is looked at late enough."""

    def __init__(self, what: Progress, doing: str, done: str) -> None:
        self._what, self._doing, self._done = what, doing, done
        self._show: Show | None = None
        self._next = time.monotonic() + DELAY
        self.silent = _hidden.get() or threading.current_thread() is not threading.main_thread()

    def look(self) -> None:
        """Show how far it is, if it is time for that."""
        now = time.monotonic()
        if self.silent or now < self._next:
            return
        self._next = now + PERIOD
        if self._show is None:
            with contextlib.suppress(Exception):
                self._show = _notebook() or _terminal()
            self.silent = self._show is None
            if self.silent:
                return
        what = self._what
        known = 0 < what.length < math.inf
        share = min(max(what.elapsed / what.length, 0.0), 1.0) if known else math.nan
        self._put(self._words(self._doing), share, False)

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_exc: object) -> None:
        self._put("" if kind is not None else self._words(self._done), math.nan, True)
        self.silent = True

    def _put(self, words: str, share: float, over: bool) -> None:
        if self._show is None:
            return
        # What is shown must not cost what it is about: the terminal may be gone.
        try:
            self._show(words, share, over)
        except Exception:
            self.silent = True

    def _words(self, verb: str) -> str:
        what = self._what
        length = "" if math.isinf(what.length) else f" of {what.length:.1f}"
        level = getattr(what, "level", None) if verb == self._doing else None
        loud = "" if level is None else f", {level:.0f} dBFS"
        return f"{verb} {what.elapsed:.1f}{length} s{loud}"


async def _keep_showing(bar: _Bar) -> None:
    while not bar.silent:
        await asyncio.sleep(PERIOD)
        bar.look()


def _notebook() -> Show | None:
    # Only a kernel that is running has loaded it.
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from IPython import display

    # IPython is not typed.
    handle: Any = display.display(display.HTML(""), display_id=True)  # type: ignore[no-untyped-call]

    def show(words: str, share: float, over: bool) -> None:
        value = "" if math.isnan(share) else f' value="{share:.4f}"'
        label = html.escape(words)
        bar = "" if over else f'<progress{value} aria-label="{label}"></progress> '
        handle.update(display.HTML(f"<div>{bar}{label}</div>" if words else ""))  # type: ignore[no-untyped-call]

    return show


def _terminal() -> Show | None:
    out = sys.stderr
    if out is None or not out.isatty() or not _terminal_taken.acquire(blocking=False):
        return None

    def show(words: str, share: float, over: bool) -> None:
        try:
            full = 0 if math.isnan(share) else round(WIDTH * share)
            bar = "" if math.isnan(share) else f"[{'=' * full}{' ' * (WIDTH - full)}] "
            out.write(f"\r\x1b[K{bar}{words}" + ("\n" if over and words else ""))
            out.flush()
        finally:
            if over:
                _terminal_taken.release()

    return show
