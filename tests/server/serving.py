"""What the tests of the server share: a server, tokens, and a signalling client in plain sight."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gzip
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import jwt
from livekit.protocol import models as m
from livekit.protocol import rtc

from lkexplore.server.config import Limits, ServerConfig, Timeouts
from lkexplore.server.server import Server

# The client of the transports' tests, and the people and sounds of the end-to-end tests.
for folder in ("transport", "e2e"):
    sys.path.append(str(Path(__file__).parent / folder))

KEY, SECRET = "LKtest", "a-secret-for-tests-that-is-long-enough"
PATIENCE = 10.0

DESCRIPTIONS = Path(__file__).parent / "descriptions"
SINGLE_OFFER, DUAL_OFFER, DUAL_ANSWER = (
    "\r\n".join((DESCRIPTIONS / f"{name}.sdp").read_text().splitlines()) + "\r\n"
    for name in ("single_offer", "dual_offer", "dual_answer")
)
"""Descriptions as the Python SDK makes them: with two receiving sections, data, an Opus track
and a VP8 track of three layers; the same two tracks for a client of two peer connections; and
its answer to an offer of the server's."""


def token(
    identity: str = "alice",
    *,
    room: str = "room",
    key: str = KEY,
    secret: str = SECRET,
    video: Any = None,
    algorithm: str = "HS256",
    without: tuple[str, ...] = (),
    **claims: Any,
) -> str:
    """Return a token that may join `room`, with claims replaced or left out."""
    now = int(time.time())
    payload = {
        "iss": key,
        "sub": identity,
        "nbf": now - 5,
        # Some are signed when the tests are collected, and used when their turn comes.
        "exp": now + 21_600,
        "video": {"roomJoin": True, "room": room} if video is None else video,
        **claims,
    }
    payload = {name: value for name, value in payload.items() if name not in without}
    return jwt.encode(payload, secret, algorithm=algorithm)


def joining_token(identity: str = "alice", room: str = "room", **grants: Any) -> str:
    """Return a token that may join, with grants in the names of the protocol."""
    return token(identity, video={"roomJoin": True, "room": room, **grants})


def join_request(*, compress: bool = True, **fields: Any) -> str:
    """Return the parameter of a join request."""
    fields.setdefault("connection_settings", rtc.ConnectionSettings(auto_subscribe=True))
    payload = rtc.JoinRequest(**fields).SerializeToString()
    wrapped = rtc.WrappedJoinRequest(
        compression=rtc.WrappedJoinRequest.GZIP if compress else rtc.WrappedJoinRequest.NONE,
        join_request=gzip.compress(payload) if compress else payload,
    )
    return base64.urlsafe_b64encode(wrapped.SerializeToString()).decode()


@contextlib.asynccontextmanager
async def serving(
    limits: Limits | None = None, timeouts: Timeouts | None = None
) -> AsyncIterator[Server]:
    """Run a server on this loop; afterwards it must have freed everything."""
    before = asyncio.all_tasks()
    config = ServerConfig(
        keys={KEY: SECRET}, limits=limits or Limits(), timeouts=timeouts or Timeouts()
    )
    server = Server(config)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
    assert not server.rooms
    assert not server.mux._by_ufrag
    assert not server.mux._by_address
    assert server.mux.failures.count == 0
    mine = {asyncio.current_task()}
    await until(lambda: asyncio.all_tasks() - mine <= before, "all tasks have ended")


def http_url(server: Server, path: str) -> str:
    """Return the address of a request."""
    return server.url.replace("ws", "http", 1) + path


class Peer:
    """A client that speaks only signalling, and remembers what it was told."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.heard: list[rtc.SignalResponse] = []
        self._news = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self.socket:
            self.heard.append(rtc.SignalResponse.FromString(message.data))
            self._news.set()
        self._news.set()

    @property
    def ended(self) -> bool:
        """Whether the server has closed the connection."""
        return self._reader.done()

    def kinds(self) -> list[str | None]:
        """Return the kinds of everything heard."""
        return [response.WhichOneof("message") for response in self.heard]

    async def send(self, **request: Any) -> None:
        """Send one SignalRequest, given as its single field."""
        await self.socket.send_bytes(rtc.SignalRequest(**request).SerializeToString())

    async def wait(
        self, kind: str, where: Callable[[Any], bool] = lambda _: True, *, after: int = 0
    ) -> Any:
        """Return the first message of a kind, which may have come already."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for response in self.heard[after:]:
                    if response.WhichOneof("message") == kind and where(getattr(response, kind)):
                        return getattr(response, kind)
                assert not self.ended, f"closed before {kind} came: {self.kinds()}"
                self._news.clear()
                await self._news.wait()

    async def ask(self, kind: str, /, **request: Any) -> Any:
        """Send a request and return the first message of a kind after it."""
        after = len(self.heard)
        await self.send(**request)
        return await self.wait(kind, after=after)

    async def settled(self) -> None:
        """Wait until everything sent so far has been dealt with."""
        await self.ask("pong_resp", ping_req=rtc.Ping(timestamp=1))

    async def gone(self) -> None:
        """Wait until the server has closed the connection."""
        await asyncio.wait_for(asyncio.shield(self._reader), PATIENCE)

    async def close(self) -> None:
        """Go without a goodbye."""
        await self.socket.close()
        await self._reader


class Clients:
    """Peers of one server; all of them leave at the end."""

    def __init__(self, server: Server, http: aiohttp.ClientSession) -> None:
        self.server, self.http = server, http
        self.peers: list[Peer] = []

    async def join(
        self, identity: str = "alice", *, room: str = "room", single: bool = True, **grants: Any
    ) -> Peer:
        """Return a peer that has joined."""
        query = {"join_request": join_request()} if single else {"protocol": "16"}
        peer = await self.knock(joining_token(identity, room, **grants), single=single, **query)
        await peer.wait("join")
        return peer

    async def knock(self, bearer: str, *, single: bool = False, **query: str) -> Peer:
        """Return a peer whose connection was accepted, whatever it will be told."""
        socket = await self.http.ws_connect(
            http_url(self.server, "/rtc/v1" if single else "/rtc"),
            headers={"Authorization": f"Bearer {bearer}"},
            params=query,
            max_msg_size=0,
        )
        peer = Peer(socket)
        self.peers.append(peer)
        return peer

    def participant(self, identity: str, room: str = "room") -> Any:
        """Return the server's side of a peer."""
        return self.server.rooms[room].participants[identity]

    async def close(self) -> None:
        """Close every connection."""
        for peer in self.peers:
            await peer.close()
        await self.http.close()


@contextlib.asynccontextmanager
async def open_clients(
    limits: Limits | None = None, timeouts: Timeouts | None = None
) -> AsyncIterator[Clients]:
    """Run a server, and connect peers to it."""
    async with serving(limits, timeouts) as server:
        clients = Clients(server, aiohttp.ClientSession())
        try:
            yield clients
        finally:
            await clients.close()


async def until(condition: Callable[[], Any], what: str, timeout: float = PATIENCE) -> None:
    """Wait until something is true that no event tells of."""
    deadline = asyncio.get_running_loop().time() + timeout
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"not within {timeout} s: {what}"
        await asyncio.sleep(0.01)


def audio_track(cid: str = "microphone-cid", **fields: Any) -> rtc.AddTrackRequest:
    """Return the announcement of an audio track."""
    fields.setdefault("source", m.TrackSource.MICROPHONE)
    return rtc.AddTrackRequest(cid=cid, type=m.TrackType.AUDIO, **fields)


def video_track(cid: str = "camera-cid", **fields: Any) -> rtc.AddTrackRequest:
    """Return the announcement of a video track."""
    fields.setdefault("source", m.TrackSource.CAMERA)
    return rtc.AddTrackRequest(cid=cid, type=m.TrackType.VIDEO, **fields)


def offer(sdp: str, number: int = 1) -> rtc.SessionDescription:
    """Return a client's offer."""
    return rtc.SessionDescription(type="offer", sdp=sdp, id=number)
