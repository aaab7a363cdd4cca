"""The processes that benchmarks of capture run in, and what they have in common.

A child is an async function marked `@child`; the parent starts it as
``python capture_children.py <function> <arguments>`` and gives it the server in its environment.
Both speak lines of JSON. A child ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple, TypeAlias

from livekit import api, rtc

RATE = 48_000
SERVER = "LKEXPLORE_BENCHMARK_SERVER"
MODULES = "capture_cost", "capture_truth", "live_children"

Where: TypeAlias = dict[str, str]
Body: TypeAlias = Callable[..., Awaitable[None]]

_children: dict[str, Body] = {}


class Row(NamedTuple):
    """One line of a table."""

    name: str
    value: str
    target: str = ""
    met: bool = True


def server() -> Where:
    """Return the server to measure with, and how to join it."""
    url = os.environ.get("LKEXPLORE_TEST_URL")
    if url:
        key, secret = os.environ["LKEXPLORE_TEST_KEY"], os.environ["LKEXPLORE_TEST_SECRET"]
        return {"url": url, "api_key": key, "api_secret": secret}
    from lkexplore.room.embedded_server import shared_server

    found = shared_server()[0].credentials
    return {"url": found.url, "api_key": found.api_key, "api_secret": str(found.api_secret)}


# For the parent.


class Child:
    """A process, as a context manager: it is there once it has said something."""

    def __init__(self, where: Where, name: str, *arguments: str) -> None:
        self.name = name
        self.process = subprocess.Popen(
            [sys.executable, __file__, name, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, SERVER: json.dumps(where)},  # command lines are public
            text=True,
        )

    def read(self) -> Any:
        """Return what it says next."""
        line = self.process.stdout.readline()
        if not line:
            raise ChildProcessError(f"the child {self.name!r} has ended; above is why")
        return json.loads(line)

    def ask(self, order: str) -> Any:
        """Give an order and return the answer."""
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()
        return self.read()

    def __enter__(self) -> Child:
        self.read()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.process.communicate()


# For the children.


def child(body: Body) -> Body:
    """Make a function one that a process can be started with."""
    _children[body.__name__] = body
    return body


def says(answer: object) -> None:
    """Tell the parent something."""
    print(json.dumps(answer), flush=True)


async def orders() -> AsyncIterator[str]:
    """Give what the parent orders, until there is no more."""
    while order := (await asyncio.to_thread(sys.stdin.readline)).strip():
        yield order


@contextlib.asynccontextmanager
async def joined(
    where: Where, name: str, identity: str, subscribe: bool = True
) -> AsyncIterator[rtc.Room]:
    """Join with the SDK alone."""
    grants = api.VideoGrants(room_join=True, room=name)
    token = api.AccessToken(where["api_key"], where["api_secret"]).with_identity(identity)
    room = rtc.Room()
    options = rtc.RoomOptions(auto_subscribe=subscribe)
    await room.connect(where["url"], token.with_grants(grants).to_jwt(), options)
    try:
        yield room
    finally:
        await room.disconnect()


def main() -> None:
    name, *arguments = sys.argv[1:]
    for module in MODULES:
        importlib.import_module(module)
    # Run as a script, this module is not the one that the others have imported.
    body = importlib.import_module("capture_children")._children[name]
    asyncio.run(body(json.loads(os.environ[SERVER]), *arguments))
    sys.stdout.flush()
    # The SDK by itself may abort when its threads outlive the interpreter.
    os._exit(0)


if __name__ == "__main__":
    main()
