"""One signalling WebSocket: the requests of a client, and the messages to it, in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import WSMsgType, web
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from livekit.protocol import rtc

log = logging.getLogger("lkexplore.server")

_CLOSE_SECONDS = 2.0
"""Seconds that what is queued has to be sent when a session ends; the rest is dropped."""


def encode(**message: Any) -> bytes:
    """Return a SignalResponse, given as its single field, as it goes over the wire."""
    return rtc.SignalResponse(**message).SerializeToString()


class SignalSession:
    """Sends without waiting, through a bounded queue; a client that stops reading is cut off.

    Parameters
    ----------
    socket : aiohttp.web.WebSocketResponse
        The client's WebSocket, prepared.
    transport : asyncio.Transport, optional
        The TCP connection of the WebSocket.
    messages, size : int
        The most messages, and the most bytes of messages, that may wait for the client.
    """

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        *,
        messages: int,
        size: int,
    ) -> None:
        self._socket, self._transport, self._size = socket, transport, size
        self._outbox: asyncio.Queue[bytes | None] = asyncio.Queue(messages)
        self._waiting = 0
        self._cut_off = False
        self._writer = asyncio.create_task(self._write())

    def send(self, payload: bytes) -> None:
        """Queue one message, as `encode` makes it."""
        if self._cut_off:
            return
        self._waiting += len(payload)
        try:
            if self._waiting > self._size:
                raise asyncio.QueueFull
            self._outbox.put_nowait(payload)
        except asyncio.QueueFull:
            log.warning("a client does not read its signalling: cut off")
            self.abort()

    def finish(self) -> None:
        """Close the socket once everything queued has been sent."""
        try:
            self._outbox.put_nowait(None)
        except asyncio.QueueFull:
            self.abort()

    def abort(self) -> None:
        """Drop the connection now, and what waits for it."""
        self._cut_off = True
        self._writer.cancel()
        if self._transport is not None:
            self._transport.abort()

    async def _write(self) -> None:
        try:
            while (payload := await self._outbox.get()) is not None:
                await self._socket.send_bytes(payload)
                self._waiting -= len(payload)
        except (ConnectionError, RuntimeError) as error:
            log.debug("signalling ended: %s", error)
        finally:
            await self._socket.close()

    async def requests(self) -> AsyncIterator[rtc.SignalRequest]:
        """Yield the client's requests until the socket closes; skip what is malformed."""
        async for message in self._socket:
            try:
                if message.type == WSMsgType.BINARY:
                    yield rtc.SignalRequest.FromString(message.data)
                elif message.type == WSMsgType.TEXT:
                    yield json_format.Parse(message.data, rtc.SignalRequest())
            except (DecodeError, json_format.ParseError, RecursionError, UnicodeError):
                log.debug("a malformed signalling message was ignored")
            # A client that sends without pause must not keep the others from their turn.
            await asyncio.sleep(0)

    async def close(self) -> None:
        """Send what is queued, close, and end the writing task."""
        self.finish()
        done, _ = await asyncio.wait([self._writer], timeout=_CLOSE_SECONDS)
        if not done:
            self._writer.cancel()
