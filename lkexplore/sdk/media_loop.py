"""The media loop: one background thread that runs every room, capture and publication.

A notebook's own event loop stands still while a cell computes. Sound does not wait for it, so
lkexplore runs all media on an event loop of its own, in a daemon thread that starts on first use.
Public coroutines are bridged: they can be awaited on any loop and run on this one.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import functools
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, Protocol, TypeVar

from ..errors import LkExploreError
from .thread_switching import MediaUse

__all__ = [
    "Interrupted",
    "MediaUse",
    "ask_media_loop",
    "close_at_exit",
    "finish_within",
    "is_media_loop",
    "media_loop",
    "on_loop",
    "on_media_loop",
]

P = ParamSpec("P")
T = TypeVar("T")

LOOK_UP = 0.1
"""Seconds after which the loop of a waiting caller wakes.

Jupyter's handler of an interrupt may queue its work without waking the loop (it does with
ipykernel 7 and tornado 6.6): without other work, the loop would not notice it.
"""

EXIT_TIMEOUT = 3.0
"""Seconds that leaving the rooms may take when the interpreter exits."""

ANSWER_TIMEOUT = 5.0
"""Seconds that the media loop may take to answer a question from another thread."""

DRAIN = 0.05
"""Seconds to wait at exit for the native library's last calls into Python to end."""

_log = logging.getLogger("lkexplore")


class Interrupted(asyncio.CancelledError):
    """A wait that was cancelled, in one line that says what came of it; notebooks show only that.

    It is no error: tasks and timeouts treat it as every other cancellation.
    """

    def _render_traceback_(self) -> list[str]:
        # Asked for by IPython.
        return [f"Interrupted: {self}"]


class Closable(Protocol):
    """Something that is closed on the media loop when the interpreter exits."""

    async def _leave(self) -> None: ...


class _MediaThread:
    """The thread and its loop, started on first use; one per process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()
        self._to_close: weakref.WeakSet[Closable] = weakref.WeakSet()
        self._exit_registered = False
        # Exit handlers run last in, first out. This one comes before the SDK's own (registered
        # when its native library loads), so it runs after it: see _drain.
        atexit.register(self._drain)

    def loop(self) -> asyncio.AbstractEventLoop:
        """Return the running loop, starting it if needed."""
        if self._pid != os.getpid():
            if self._loop is not None:
                raise LkExploreError(
                    "this process was forked from one that already used lkexplore, and LiveKit's "
                    "native library does not survive a fork: start it with multiprocessing's "
                    "'spawn' method, or fork before the first use"
                )
            self._pid, self._lock = os.getpid(), threading.Lock()
        with self._lock:
            if self._loop is None or self._thread is None or not self._thread.is_alive():
                self._loop = self._start()
            return self._loop

    def _start(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()
        started = threading.Event()

        def serve() -> None:
            asyncio.set_event_loop(loop)
            loop.call_soon(started.set)
            loop.run_forever()

        self._thread = threading.Thread(target=serve, name="lkexplore-media", daemon=True)
        self._thread.start()
        started.wait()
        return loop

    def close_at_exit(self, room: Closable) -> None:
        """Have `room` left in order when the interpreter exits."""
        self._to_close.add(room)
        if not self._exit_registered:
            # After the SDK's own, so it runs before it, while the native library is there.
            atexit.register(self._exit)
            self._exit_registered = True

    def _exit(self) -> None:
        loop, thread = self._loop, self._thread
        if self._pid != os.getpid() or loop is None or thread is None or not thread.is_alive():
            return
        leaving = asyncio.run_coroutine_threadsafe(self._close_all(), loop)
        with contextlib.suppress(
            concurrent.futures.TimeoutError, concurrent.futures.CancelledError
        ):
            leaving.result(EXIT_TIMEOUT)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(1.0)

    def _drain(self) -> None:
        """Let the native library's last calls into Python end: cut off in one, it aborts."""
        if self._pid == os.getpid() and self._loop is not None:
            time.sleep(DRAIN)

    async def _close_all(self) -> None:
        rooms = [room._leave() for room in self._to_close]
        for result in await asyncio.gather(*rooms, return_exceptions=True):
            if isinstance(result, Exception):
                _log.debug("leaving a room at exit: %s", result)
        mine = asyncio.current_task()
        for task in asyncio.all_tasks():
            if task is not mine:
                task.cancel()
        await asyncio.sleep(0)


_media = _MediaThread()


def media_loop() -> asyncio.AbstractEventLoop:
    """Return the media loop, running in its own thread (started on first use).

    Raises
    ------
    LkExploreError
        In a process forked after the loop was started.
    """
    return _media.loop()


def is_media_loop(loop: asyncio.AbstractEventLoop) -> bool:
    """Return whether a loop is the media loop; asking does not start it."""
    return loop is _media._loop


def close_at_exit(room: Closable) -> None:
    """Leave `room` in order when the interpreter exits, before the native library unloads."""
    _media.close_at_exit(room)


async def on_loop(target: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on another thread's loop and await its result here.

    Cancelling the caller cancels the coroutine over there. If that then returns a value (a
    recording cut short), the value is returned; otherwise `asyncio.CancelledError` is raised. A
    second cancellation no longer waits.

    Parameters
    ----------
    target : asyncio.AbstractEventLoop
        A running event loop, usually another thread's. When it is the caller's, the coroutine is
        simply awaited.
    coroutine : coroutine
        The work; it must not touch objects of the caller's loop.
    """
    caller = asyncio.get_running_loop()
    if caller is target:
        return await coroutine
    result: asyncio.Future[T] = caller.create_future()
    tasks: list[asyncio.Task[T]] = []

    def start() -> None:
        task = target.create_task(coroutine)
        tasks.append(task)
        task.add_done_callback(hand_over)

    def hand_over(task: asyncio.Task[T]) -> None:
        # If the caller's loop is closed, nobody waits any more.
        with contextlib.suppress(RuntimeError):
            caller.call_soon_threadsafe(_copy_outcome, task, result)

    try:
        target.call_soon_threadsafe(start)
    except RuntimeError:
        coroutine.close()
        raise LkExploreError("the media loop has stopped: the interpreter is exiting") from None
    cancelled = False
    while not result.done():
        try:
            await asyncio.wait([result], timeout=LOOK_UP)
        except asyncio.CancelledError:
            target.call_soon_threadsafe(lambda: tasks[0].cancel())
            if cancelled:
                raise
            cancelled = True
    return result.result()


def _copy_outcome(task: asyncio.Task[T], result: asyncio.Future[T]) -> None:
    if result.done():
        return
    if task.cancelled():
        result.cancel()
    elif (error := task.exception()) is not None:
        result.set_exception(error)
    else:
        result.set_result(task.result())


def on_media_loop(
    function: Callable[P, Coroutine[Any, Any, T]],
) -> Callable[P, Coroutine[Any, Any, T]]:
    """Make an ``async def`` run on the media loop whatever loop awaits it (see `on_loop`)."""

    @functools.wraps(function)
    async def bridged(*args: P.args, **kwargs: P.kwargs) -> T:
        return await on_loop(media_loop(), function(*args, **kwargs))

    return bridged


def ask_media_loop(function: Callable[[], T]) -> T:
    """Return what a function says on the media loop, from any thread.

    What the media thread changes is read on that thread: another one could see it half changed.

    Parameters
    ----------
    function : callable
        Function that takes next to no time.

    Raises
    ------
    LkExploreError
        The media loop has stopped, or has not answered in time.
    """
    loop = media_loop()
    with contextlib.suppress(RuntimeError):
        if asyncio.get_running_loop() is loop:
            return function()

    async def answer() -> T:
        return function()

    try:
        return asyncio.run_coroutine_threadsafe(answer(), loop).result(ANSWER_TIMEOUT)
    except concurrent.futures.TimeoutError:
        raise LkExploreError(
            f"the media loop has not answered within {ANSWER_TIMEOUT:g} s: does something on it, "
            "such as a live filter, never end?"
        ) from None


async def finish_within(
    coroutine: Coroutine[Any, Any, T],
    timeout: float,
    undo: Callable[[T], Coroutine[Any, Any, None]],
) -> T:
    """Await work that must not be cancelled half way, but only for a limited time.

    Parameters
    ----------
    coroutine : coroutine
        The work; it is never cancelled.
    timeout : float
        Seconds after which `TimeoutError` is raised.
    undo : callable
        Function called with the result when the work ends after the time is over, or after the
        caller was cancelled.
    """
    work = asyncio.ensure_future(coroutine)
    try:
        done, _ = await asyncio.wait([work], timeout=timeout)
    except asyncio.CancelledError:
        _keep(_undo(work, undo))
        raise
    if not done:
        _keep(_undo(work, undo))
        raise TimeoutError
    return work.result()


async def _undo(work: asyncio.Future[T], undo: Callable[[T], Coroutine[Any, Any, None]]) -> None:
    try:
        result = await work
        await undo(result)
    except Exception as error:
        _log.debug("work that came through too late: %s", error)


_kept: set[asyncio.Task[None]] = set()


def _keep(coroutine: Coroutine[Any, Any, None]) -> None:
    # The event loop holds tasks weakly: without a reference they may vanish before their end.
    task = asyncio.ensure_future(coroutine)
    _kept.add(task)
    task.add_done_callback(_kept.discard)
