"""The embedded server as its child process, and in a thread where tests look inside."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from e2e_people import Target

from lkexplore.server.config import ServerConfig
from lkexplore.server.server import Server

T = TypeVar("T")


@dataclass(frozen=True)
class Child:
    """A running child process and how to reach it."""

    process: subprocess.Popen[bytes]
    url: str
    key: str
    secret: str


@contextlib.contextmanager
def start_child() -> Iterator[Child]:
    """Start the server as a kernel does, and end it by closing its standard input."""
    key, secret = "LK" + secrets.token_hex(4), secrets.token_urlsafe(32)
    process = subprocess.Popen(
        [sys.executable, "-m", "lkexplore.server", "--child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps({"keys": {key: secret}}).encode() + b"\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        yield Child(process, answer["url"], key, secret)
    finally:
        process.stdin.close()
        process.stdout.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


class InnerServer:
    """The server on a loop of its own in a thread, so that tests can look at its insides."""

    def __init__(self, config: ServerConfig) -> None:
        self.server = Server(config)
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def look(self, at: Callable[[], T]) -> T:
        """Return what a function says, called on the server's loop."""

        async def call() -> T:
            return at()

        return asyncio.run_coroutine_threadsafe(call(), self.loop).result(10)

    @property
    def target(self) -> Target:
        """How to join it; the address is the one that is bound, not the one advertised."""
        [(key, secret)] = self.server.config.keys.items()
        url = f"ws://{self.server.config.host}:{self.server.port}"
        return Target(url, key, secret, embedded=True)

    def __enter__(self) -> InnerServer:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.server.start(), self.loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self.server.stop(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()
