"""One signalling WebSocket: messages of a client in, messages to it out, in order."""

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


class SignalSession:
    """Sends without waiting, through a bounded queue; a client that stops reading is cut off.

    Parameters
    ----------
    socket : aiohttp.web.WebSocketResponse
        The prepared socket.
    queue : int
        The most messages that may wait for the client.
    """

    def __init__(self, socket: web.WebSocketResponse, queue: int) -> None:
        self._socket = socket
        self._outbox: asyncio.Queue[bytes | None] = asyncio.Queue(queue)
        self._writer = asyncio.create_task(self._write())

    def send(self, **message: Any) -> None:
        """Queue one SignalResponse, given as its single field."""
        try:
            self._outbox.put_nowait(rtc.SignalResponse(**message).SerializeToString())
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
        """Close the socket now."""
        self._writer.cancel()

    async def _write(self) -> None:
        try:
            while (payload := await self._outbox.get()) is not None:
                await self._socket.send_bytes(payload)
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

    async def close(self) -> None:
        """Send what is queued, close, and end the writing task."""
        self.finish()
        done, _ = await asyncio.wait([self._writer], timeout=_CLOSE_SECONDS)
        if not done:
            self._writer.cancel()
