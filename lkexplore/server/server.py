"""The server: one HTTP port for signalling and administration, one UDP port for media."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import socket
from collections.abc import Awaitable, Callable
from ipaddress import AddressValueError, IPv4Address

from aiohttp import web
from livekit.protocol import models as m

from lkexplore.errors import ServerError

from .admission import Admission, Refused
from .codecs import PayloadTypes
from .config import ServerConfig
from .room import Room
from .transport import UdpMux
from .twirp import RoomService

log = logging.getLogger("lkexplore.server")

_FIRST_SSRC = 0x10000
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """A LiveKit-compatible room server for a laptop, a classroom or a test.

    Parameters
    ----------
    config : ServerConfig
        Keys, addresses, limits.

    Examples
    --------
    >>> async def serve():
    ...     server = Server(ServerConfig())
    ...     await server.start()
    ...     print(server.url)
    ...     await server.stop()
    """

    def __init__(self, config: ServerConfig | None = None) -> None:
        self.config = config or ServerConfig()
        self.rooms: dict[str, Room] = {}
        self.admission = Admission(self)
        self.port = 0
        self._payload_types = PayloadTypes()
        self._ssrcs = itertools.count(_FIRST_SSRC)
        self._silent: dict[asyncio.BaseProtocol, asyncio.TimerHandle] = {}
        self._runner: web.AppRunner | None = None
        self._listener: asyncio.Server | None = None
        self.mux: UdpMux

    @property
    def url(self) -> str:
        """The WebSocket address for clients on this machine."""
        return f"ws://{_advertised(self.config)}:{self.port}"

    async def start(self) -> None:
        """Bind both ports and serve.

        Raises
        ------
        ServerError
            When the address is unusable or a port is taken.
        """
        config = self.config
        host = _ipv4(config.host)
        self.mux = UdpMux(host, advertised=_advertised(config))
        await self.mux.start(config.udp_port)
        self._runner = web.AppRunner(
            self._application(),
            access_log=None,
            shutdown_timeout=1.0,
            max_line_size=config.limits.http_line_bytes,
            max_field_size=config.limits.http_line_bytes,
        )
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        try:
            self._listener = await loop.create_server(self._protocol, host, config.port)
        except OSError as error:
            await self.stop()
            raise ServerError(f"TCP {host}:{config.port}: {error.strerror}") from error
        self.port = self._listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Send everybody away and release the ports."""
        for room in list(self.rooms.values()):
            room.end(m.DisconnectReason.SERVER_SHUTDOWN)
        if self._listener is not None:
            self._listener.close()
        if self._runner is not None:
            await self._runner.cleanup()
        self.mux.close()

    def room(self, name: str) -> Room:
        """Return the room called `name`, creating it when there is none."""
        room = self.rooms.get(name)
        if room is None:
            room = self.rooms[name] = Room(
                name, self.mux, self.config, self._payload_types, self._ssrcs, self._on_ended
            )
        return room

    def _on_ended(self, room: Room) -> None:
        if self.rooms.get(room.name) is room:
            del self.rooms[room.name]

    def _application(self) -> web.Application:
        app = web.Application(
            client_max_size=self.config.limits.http_body_bytes, middlewares=[self._middleware]
        )
        service = RoomService(self)
        app.router.add_get("/", self._hello)
        app.router.add_get("/rtc", self.admission.serve)
        app.router.add_get("/rtc/validate", self._validate)
        if self.config.single_peer_connection:
            app.router.add_get("/rtc/v1", self.admission.serve)
            app.router.add_get("/rtc/v1/validate", self._validate)
        app.router.add_post("/twirp/livekit.RoomService/{method}", service.handle)
        return app

    @web.middleware
    async def _middleware(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Turn refusals into responses, and let pages of any origin ask."""
        timer = self._silent.pop(request.protocol, None)
        if timer is not None:
            timer.cancel()
        response: web.StreamResponse
        try:
            if request.method == "OPTIONS":
                response = web.Response()
            else:
                response = await handler(request)
        except Refused as refusal:
            response = web.Response(status=refusal.status, text=refusal.text)
        except web.HTTPException as error:
            response = web.Response(status=error.status, text=error.text)
        if not response.prepared:
            response.headers["Access-Control-Allow-Origin"] = "*"
            response.headers["Access-Control-Allow-Headers"] = "*"
        return response

    @staticmethod
    async def _hello(request: web.Request) -> web.Response:
        return web.Response(text="OK")

    async def _validate(self, request: web.Request) -> web.Response:
        self.admission.check(request)
        return web.Response(text="success")

    def _protocol(self) -> asyncio.Protocol:
        """Return the handler of a new connection; drop it at once when there are too many."""
        handlers = self._runner.server if self._runner else None
        if handlers is None or len(handlers.connections) >= self.config.limits.connections:
            return _Refuse()
        protocol = handlers()
        self._silent[protocol] = asyncio.get_running_loop().call_later(
            self.config.limits.http_header_seconds, self._drop_silent, protocol
        )
        return protocol

    def _drop_silent(self, protocol: web.RequestHandler) -> None:
        """Close a connection that has not made a request in its first seconds."""
        self._silent.pop(protocol, None)
        if protocol.transport is not None:
            protocol.transport.close()


class _Refuse(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


def _ipv4(host: str) -> str:
    if host == "localhost":
        return "127.0.0.1"
    try:
        return str(IPv4Address(host))
    except AddressValueError as error:
        raise ServerError(
            f"host {host!r}: an IPv4 address is needed, such as 127.0.0.1 or 0.0.0.0"
        ) from error


def _advertised(config: ServerConfig) -> str:
    if config.node_ip:
        return _ipv4(config.node_ip)
    host = _ipv4(config.host)
    return host if host != "0.0.0.0" else _own_address()


def _own_address() -> str:
    """Return the address by which this machine reaches others; nothing is sent."""
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe,
    ):
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])
    return "127.0.0.1"
