"""Networks that go wrong: a signalling line that can be cut, a UDP path that loses packets."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class TcpProxy:
    """A TCP line to the server's signalling, which can be cut.

    Parameters
    ----------
    url : str
        Of the server; `TcpProxy.url` is the one to use instead.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._to = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._open: set[asyncio.StreamWriter] = set()
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._server.close()
        self.cut()

    def cut(self) -> None:
        """Break every connection there is, without a goodbye; new ones are served."""
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._to)
        self._open |= {writer, back}
        await asyncio.gather(_pump(reader, back), _pump(there, writer))
        self._open -= {writer, back}


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


class LossyPath(asyncio.DatagramProtocol):
    """The UDP path between clients and a server, losing packets at random in each direction.

    It loses media only, or everything that goes over it.

    Parameters
    ----------
    host : str
        An address of this machine other than the server's: the path listens there, on the
        same port as the server, so that the server need only advertise this address.
    server : tuple of (str, int)
        Where the server's media socket is.
    """

    def __init__(self, host: str, server: tuple[str, int]) -> None:
        self.host, self.server = host, server
        self.loss_up = self.loss_down = 0.0
        self.loses_everything = False
        self.lost = self.passed = 0
        self._random = random.Random(7)
        self._upstream: dict[tuple[str, int], asyncio.DatagramTransport] = {}
        self._opening: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._down, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=(self.host, self.server[1])
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._down.close()
        for transport in self._upstream.values():
            transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Pass on what a client sends, from a socket of the client's own."""
        if not self._passes(data, self.loss_up):
            return
        if addr in self._upstream:
            self._upstream[addr].sendto(data)
        else:
            task = asyncio.ensure_future(self._open(data, addr))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self, data: bytes, addr: tuple[str, int]) -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Back(self, addr), remote_addr=self.server
        )
        if self._upstream.setdefault(addr, transport) is not transport:
            transport.close()
        self._upstream[addr].sendto(data)

    def down(self, data: bytes, addr: tuple[str, int]) -> None:
        """Pass on what the server sends to a client."""
        if self._passes(data, self.loss_down):
            self._down.sendto(data, addr)

    def _passes(self, data: bytes, loss: float) -> bool:
        is_media = 128 <= data[0] <= 191 and not 192 <= data[1] <= 223
        kept = not (is_media or self.loses_everything) or self._random.random() >= loss
        self.lost, self.passed = self.lost + (not kept), self.passed + kept
        return kept


class _Back(asyncio.DatagramProtocol):
    def __init__(self, path: LossyPath, client: tuple[str, int]) -> None:
        self._path, self._client = path, client

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._path.down(data, self._client)


def has_second_loopback() -> bool:
    """Return whether this machine listens on 127.0.0.2, as Linux does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.2", 0))
        except OSError:
            return False
    return True
