"""The first moments of a connection, in which a stranger can occupy little, and not for long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

_END_OF_HEAD = b"\r\n\r\n"
"""The bytes that end the head of an HTTP request (RFC 9112, section 2.1)."""


class Door:
    """Lets connections in, and hands each to the HTTP server once its request's head is there.

    Parameters
    ----------
    make_handler : callable
        Returns the asyncio protocol that takes over a connection.
    inside : callable
        Returns the number of connections that have been handed over and are open.
    limit : int
        The most connections at a time, waiting or inside; further ones are closed at once.
    head_bytes : int
        Bytes of the longest head: request line and header fields.
    seconds : float
        Seconds that a head may take to arrive.
    """

    def __init__(
        self,
        make_handler: Callable[[], asyncio.Protocol],
        inside: Callable[[], int],
        *,
        limit: int,
        head_bytes: int,
        seconds: float,
    ) -> None:
        self.make_handler, self.head_bytes, self.seconds = make_handler, head_bytes, seconds
        self._inside, self._limit = inside, limit
        self.waiting: set[Visitor] = set()

    def __call__(self) -> Visitor:
        """Return the protocol of a new connection."""
        return Visitor(self)

    @property
    def is_full(self) -> bool:
        """Whether no further connection is let in."""
        return len(self.waiting) + self._inside() >= self._limit

    def close(self) -> None:
        """Close all connections that still wait."""
        for visitor in list(self.waiting):
            visitor.send_away()


class Visitor(asyncio.Protocol):
    """A connection whose first request is not complete yet."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._head = bytearray()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the clock, or close at once when there are too many."""
        self._transport = cast("asyncio.Transport", transport)
        if self._door.is_full:
            self.send_away()
            return
        self._door.waiting.add(self)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._door.seconds, self.send_away)

    def data_received(self, data: bytes) -> None:
        """Collect the head; hand over when it is whole."""
        if self._transport is None:
            return
        start = max(0, len(self._head) - len(_END_OF_HEAD))
        # Empty lines may precede a request (RFC 9112, section 2.2).
        self._head += data if self._head else data.lstrip(b"\r\n")
        found = self._head.find(_END_OF_HEAD, start)
        size = found if found >= 0 else len(self._head)
        if size > self._door.head_bytes:
            self.send_away()
        elif found >= 0:
            self._hand_over(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._leave()

    def send_away(self) -> None:
        """Close the connection without an answer."""
        if self._transport is not None:
            self._transport.abort()
        self._leave()

    def _hand_over(self, transport: asyncio.Transport) -> None:
        head = bytes(self._head)
        self._leave()
        handler = self._door.make_handler()
        transport.set_protocol(handler)
        handler.connection_made(transport)
        handler.data_received(head)

    def _leave(self) -> None:
        self._door.waiting.discard(self)
        self._transport = None
        self._head.clear()
        if self._timer is not None:
            self._timer.cancel()
