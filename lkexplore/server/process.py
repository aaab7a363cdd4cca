"""Running the server as a process: as a child of a kernel, or by hand.

As a child (``--child``) it reads one line of JSON from standard input, with its keys and
address, answers with one line on standard output, and ends when its parent does: standard
input then reaches its end, however the parent died.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Coroutine
from typing import Any

from lkexplore.errors import ServerError

from .config import ServerConfig
from .server import Server

_PARENT_CHECK_SECONDS = 1.0
"""Seconds between two looks whether the parent process is still there."""

_MAX_LINE = 1 << 16
"""Bytes of the line of settings that are read from standard input."""

_OPEN_FILES = 4096
"""Files, sockets included, that the process asks the system to allow: one socket per client."""


def run_child() -> int:
    """Serve until the parent process ends; return the exit status.

    Standard input: ``{"keys": {"<key>": "<secret>"}, "host": "127.0.0.1", "port": 0}``.
    Standard output: ``{"url": "ws://127.0.0.1:<port>"}`` or ``{"error": "<one line>"}``.
    """
    # A notebook's interrupt goes to the kernel's whole process group; the server ignores it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = os.getppid()
    try:
        config = _read_config(sys.stdin.buffer.readline(_MAX_LINE))
        _run(_serve_child(config, parent))
    except ServerError as error:
        _answer({"error": str(error)})
        return 1
    return 0


def _run(work: Coroutine[Any, Any, None]) -> None:
    _prepare()
    # The loop that reads sockets directly, on Windows too, where it is not the default.
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(work)


def _prepare() -> None:
    """Prepare the process for serving: warnings, and the number of open files."""
    # LiveKit's own development secret is short; whoever chose it knows that.
    warnings.filterwarnings("ignore", message="The HMAC key is", module="jwt")
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _read_config(line: bytes) -> ServerConfig:
    try:
        given = json.loads(line)
        keys = {str(key): str(secret) for key, secret in given["keys"].items()}
        return ServerConfig(
            keys=keys, host=str(given.get("host", "127.0.0.1")), port=int(given.get("port", 0))
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ServerError("one line of JSON with keys, host and port is needed") from error


async def _serve_child(config: ServerConfig, parent: int) -> None:
    server = Server(config)
    await server.start()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    _watch_standard_input(lambda: loop.call_soon_threadsafe(ended.set))
    with contextlib.suppress(NotImplementedError):
        loop.add_signal_handler(signal.SIGTERM, ended.set)
    _answer({"url": server.url})
    try:
        while not ended.is_set() and os.getppid() == parent:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), _PARENT_CHECK_SECONDS)
    finally:
        await server.stop()


def _watch_standard_input(on_end: Callable[[], object]) -> None:
    def wait() -> None:
        # Not through sys.stdin, whose lock a thread that waits would hold at exit.
        while os.read(sys.stdin.fileno(), 4096):
            pass
        with contextlib.suppress(RuntimeError):
            on_end()

    threading.Thread(target=wait, name="lkexplore-parent-watch", daemon=True).start()


def _answer(message: dict[str, str]) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps(message), flush=True)


def run_foreground(config: ServerConfig, announce: Callable[[Server], None]) -> int:
    """Serve until interrupted or terminated; return the exit status.

    Parameters
    ----------
    config : ServerConfig
        Keys, addresses, limits and timeouts of the server.
    announce : callable
        Called with the server once it listens.

    Raises
    ------
    ServerError
        When it cannot start.
    """
    _run(_serve_foreground(config, announce))
    return 0


async def _serve_foreground(config: ServerConfig, announce: Callable[[Server], None]) -> None:
    server = Server(config)
    await server.start()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, ended.set)
    try:
        announce(server)
        await ended.wait()
    finally:
        await server.stop()
