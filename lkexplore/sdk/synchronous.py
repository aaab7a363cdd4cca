"""Waiting for coroutines from plain synchronous code, which cannot ``await``."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import signal
import sys
import threading
from collections.abc import Awaitable, Iterator
from types import FrameType
from typing import Any, TypeVar

from ..errors import LkExploreError
from ..sound.in_words import shown
from .media_loop import is_media_loop

__all__ = ["run"]

T = TypeVar("T")


def run(awaitable: Awaitable[T]) -> T:
    """Wait for `awaitable` from plain synchronous code and return its result.

    In a script it starts an event loop for this one call. Inside a running loop (a function called
    from a notebook cell, a widget's callback) it runs that loop further until the result is
    there, with nest-asyncio.

    Pressing Ctrl-C, or interrupting the kernel, cancels the awaitable: a recording returns what
    was captured up to then, anything else raises `KeyboardInterrupt`.

    Parameters
    ----------
    awaitable : awaitable
        The coroutine or other awaitable, such as ``lk.connect("lesson-1")`` or
        ``room.record("alice", 5)``.

    Returns
    -------
    object
        The value that the awaitable returns.

    Raises
    ------
    LkExploreError
        On the media loop itself, on a running loop that cannot be nested (uvloop), or for
        something that cannot be awaited.

    See Also
    --------
    lkexplore.connect : Gives a room when it is awaited.
    lkexplore.Room.record : A coroutine that returns early when it is interrupted.

    Examples
    --------
    >>> room = lk.run(lk.connect("lesson-1"))          # doctest: +SKIP
    >>> voice = lk.run(room.record("alice", 5))        # doctest: +SKIP
    """
    if not inspect.isawaitable(awaitable):
        raise LkExploreError(
            f"run() was given {shown(awaitable)}, which is nothing to wait for: give it a call "
            "without await, as in run(room.record('alice', 5))"
        )
    running = _running_loop()
    if running is None:
        with asyncio.Runner() as runner:
            return runner.run(_awaited(awaitable))
    if is_media_loop(running):
        if asyncio.iscoroutine(awaitable):
            awaitable.close()
        raise LkExploreError("run() would stop the media loop: use await here")
    return _run_nested(running, awaitable)


class _InterruptedRun(KeyboardInterrupt):
    """An interrupt of `run`, which notebooks show in one line."""

    # To the user it is Python's own.
    __module__, __qualname__ = "builtins", "KeyboardInterrupt"

    def _render_traceback_(self) -> list[str]:
        # Asked for by IPython.
        return [f"KeyboardInterrupt: {self}" if str(self) else "KeyboardInterrupt"]


def _running_loop() -> asyncio.AbstractEventLoop | None:
    # Not handled by those who ask: what they raise later would be told as a consequence of it.
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable


def _run_nested(loop: asyncio.AbstractEventLoop, awaitable: Awaitable[T]) -> T:
    if sys.version_info >= (3, 13):
        import nest_asyncio2 as nest
    else:
        import nest_asyncio as nest
    try:
        nest.apply(loop)
    except ValueError:
        raise LkExploreError(
            f"run() cannot nest inside a running {type(loop).__module__} loop: use await instead"
        ) from None
    task = loop.create_task(_awaited(awaitable))
    with _cancel_on_interrupt(loop, task) as interrupts, _refilled(loop):
        try:
            return loop.run_until_complete(task)
        except asyncio.CancelledError as cancelled:
            if interrupts:
                raise _InterruptedRun(str(cancelled)) from None
            raise


@contextlib.contextmanager
def _refilled(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Leave as many callbacks ready as there were.

    A loop that was running before it was made to nest, such as that of ``python -m asyncio``, has
    counted what is ready, and takes so many, though a nested loop has run some of them meanwhile.
    """
    ready = getattr(loop, "_ready", ())
    before = len(ready)
    try:
        yield
    finally:
        for _ in range(before - len(ready)):
            loop.call_soon(_nothing)


def _nothing() -> None:
    pass


@contextlib.contextmanager
def _cancel_on_interrupt(
    loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]
) -> Iterator[list[int]]:
    """Turn the first interrupt into a cancellation of `task`; the second one raises."""
    interrupts: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return

    def on_interrupt(number: int, _frame: FrameType | None) -> None:
        interrupts.append(number)
        if len(interrupts) > 1 or task.done():
            raise KeyboardInterrupt
        task.cancel()
        loop.call_soon_threadsafe(lambda: None)  # wakes a loop that waits in select()

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler if before is None else before)
