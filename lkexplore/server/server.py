"""The server: one HTTP port for signalling and administration, one UDP port for media."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable
from ipaddress import AddressValueError, IPv4Address

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from livekit.protocol import models as m

from lkexplore.errors import ServerError

from .config import ServerConfig
from .room import Room
from .shared import Shared
from .signalling.admission import Admission, Refused
from .signalling.impairment_call import PATH, ImpairmentService
from .signalling.pending_connections import Door
from .signalling.twirp import RoomService
from .transport import UdpMux

log = logging.getLogger("lkexplore.server")
_http_log = logging.getLogger("lkexplore.server.http")


def _is_ours(record: logging.LogRecord) -> bool:
    """Return whether a failure is the server's own, not that of a stranger who sends no HTTP."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


_http_log.addFilter(_is_ours)

_LINGERING_SECONDS = 2.0
"""Seconds for which the rest of a refused request is still read, so that its answer arrives."""

_SHUTDOWN_SECONDS = 1.0
"""Seconds that requests under way have to end when the server stops."""

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """A LiveKit-compatible room server for a laptop, a classroom or a test.

    Parameters
    ----------
    config : ServerConfig
        Keys, addresses, limits and timeouts; by default a fresh key, on loopback, at free ports.

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
        self._runner: web.AppRunner | None = None
        self._door: Door | None = None
        self._listener: asyncio.Server | None = None
        self.mux: UdpMux
        self._shared: Shared

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
        self._shared = Shared(config, self.mux)
        self._runner = web.AppRunner(
            self._application(),
            access_log=None,
            logger=_http_log,
            keepalive_timeout=config.limits.http_header_seconds,
            shutdown_timeout=_SHUTDOWN_SECONDS,
            max_line_size=config.limits.http_head_bytes,
            max_field_size=config.limits.http_head_bytes,
            lingering_time=_LINGERING_SECONDS,
        )
        await self._runner.setup()
        self._door = self._make_door(self._runner)
        loop = asyncio.get_running_loop()
        try:
            self._listener = await loop.create_server(self._door, host, config.port)
        except (OSError, OverflowError) as error:
            await self.stop()
            reason = error.strerror if isinstance(error, OSError) else error
            raise ServerError(
                f"TCP {host} port {config.port} cannot be used ({reason}); choose another port,"
                " 0 for a free one"
            ) from error
        self.port = self._listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Send everybody away and release the ports."""
        for room in list(self.rooms.values()):
            room.end(m.DisconnectReason.SERVER_SHUTDOWN)
        if self._listener is not None:
            self._listener.close()
        if self._door is not None:
            self._door.close()
        if self._runner is not None:
            await self._runner.cleanup()
        self.mux.close()

    def room(self, name: str) -> Room:
        """Return the room called `name`, creating it when there is none."""
        room = self.rooms.get(name)
        if room is None:
            room = self.rooms[name] = Room(name, self._shared, self._on_ended)
        return room

    def _on_ended(self, room: Room) -> None:
        if self.rooms.get(room.name) is room:
            del self.rooms[room.name]

    def _application(self) -> web.Application:
        app = web.Application(
            client_max_size=self.config.limits.http_body_bytes, middlewares=[self._middleware]
        )
        grants = self.admission.grants
        room_service = RoomService(self, grants)
        versions = ["/rtc", "/rtc/v1"] if self.config.single_peer_connection else ["/rtc"]
        app.router.add_get("/", self._hello)
        # A client that was given the server's URL with a slash at its end asks for "//rtc".
        for path in [*versions, *("/" + version for version in versions)]:
            app.router.add_get(path, self.admission.serve)
            app.router.add_get(path + "/validate", self._validate)
        app.router.add_route("*", "/twirp/livekit.RoomService/{method}", room_service.handle)
        app.router.add_post(PATH, ImpairmentService(self.rooms, grants).handle)
        return app

    @web.middleware
    async def _middleware(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Turn refusals into responses; serve one request a connection."""
        response: web.StreamResponse
        try:
            if request.method == "OPTIONS":
                response = web.Response(status=204)
            else:
                response = await handler(request)
        except Refused as refusal:
            response = web.Response(status=refusal.status, text=refusal.text)
        except web.HTTPException as error:
            response = web.Response(status=error.status, text=error.text)
        if not response.prepared:
            _allow_all(request, response)
            response.force_close()
        return response

    @staticmethod
    async def _hello(request: web.Request) -> web.Response:
        return web.Response(text="OK")

    async def _validate(self, request: web.Request) -> web.Response:
        self.admission.check(request)
        return web.Response(text="success")

    def _make_door(self, runner: web.AppRunner) -> Door:
        handlers = runner.server
        if handlers is None:
            raise ServerError("the HTTP server did not start")
        limits = self.config.limits
        return Door(
            handlers,
            lambda: len(handlers.connections),
            limit=limits.connections,
            head_bytes=limits.http_head_bytes,
            seconds=limits.http_header_seconds,
        )


def _allow_all(request: web.Request, response: web.StreamResponse) -> None:
    """Let web pages of any origin send requests: tokens protect the server, not origins."""
    asked = request.headers.get("Access-Control-Request-Headers")
    response.headers["Access-Control-Allow-Origin"] = "*"
    if asked is not None:
        # Not "*", which does not cover Authorization.
        response.headers["Access-Control-Allow-Headers"] = asked
    if request.method == "OPTIONS":
        response.headers["Access-Control-Allow-Methods"] = "GET, POST"
        response.headers["Access-Control-Max-Age"] = "86400"
    else:
        response.headers["Access-Control-Expose-Headers"] = "*"


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
