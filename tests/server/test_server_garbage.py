"""Garbage against a running server, while others talk: they hear nothing of it.

Everything here happens while two people of the real SDK are in a room of their own, one
playing a tone and the other listening. Afterwards the tone must have been whole, and the
server must be as it was: its memory, its connections, its rooms, and its log.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest
from children import Child, running
from livekit import api
from livekit.protocol import rtc
from nonsense import Dice, long_offer
from serving import (
    DUAL_OFFER,
    SINGLE_OFFER,
    Clients,
    Peer,
    audio_track,
    join_request,
    offer,
    token,
    until,
    video_track,
)

from e2e_people import House, Target  # isort: skip - found by way of `serving`
from e2e_sound import Tone, rms_db, silent_blocks, tone_hz  # isort: skip
from transport_client import Client, binding_request  # isort: skip

TONE = Tone(440.0)
GROWTH_BYTES = 40 << 20


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(4096, hard)), hard))
    with running() as child:
        yield child


@dataclass(frozen=True)
class Figures:
    """What a server process holds."""

    memory: int
    files: int
    threads: int

    @classmethod
    def of(cls, child: Child) -> Figures:
        inside = child.inside
        return cls(inside.memory_info().rss, inside.num_fds(), inside.num_threads())


async def rooms(child: Child) -> dict[str, int]:
    """Return each room with its number of participants."""
    url = child.url.replace("ws", "http", 1)
    async with api.LiveKitAPI(url, child.key, child.secret) as admin:
        found = await admin.room.list_rooms(api.ListRoomsRequest())
        for room in found.rooms:
            if room.num_participants == 0:
                await admin.room.delete_room(api.DeleteRoomRequest(room=room.name))
    return {room.name: room.num_participants for room in found.rooms if room.num_participants}


@contextlib.asynccontextmanager
async def undisturbed(child: Child) -> AsyncIterator[None]:
    """Let two people talk through what is in the block; check that all is as before."""
    house = House(Target(child.url, child.key, child.secret, embedded=True), None)
    try:
        alice = await house.join("innocent-alice")
        bob = await house.join("innocent-bob")
        await alice.play(TONE)
        ear = await bob.hear("innocent-alice")
        await ear.sound(0.5)
        before = Figures.of(child)
        begin = ear.heard.shape[1]
        yield
        await ear.next(0.5)
        heard = ear.heard[:, begin:]
        assert silent_blocks(heard) == 0
        for start in range(0, heard.shape[1] - 24_000, 24_000):
            part = heard[0, start : start + 24_000]
            assert abs(tone_hz(part) - 440) < 1.5
            assert abs(rms_db(part) - TONE.rms_db) < 1.5
        assert bob.room.connection_state == alice.room.connection_state == 1
        await until(lambda: Figures.of(child).files <= before.files, "its sockets are closed", 20)
        after = Figures.of(child)
        assert after.threads == before.threads
        assert after.memory - before.memory < GROWTH_BYTES
        assert await rooms(child) == {house.name: 2}
        assert child.process.poll() is None
        assert "Traceback" not in child.log
        assert child.secret not in child.log
        assert "eyJ" not in child.log
    finally:
        await house.close()


async def throw(child: Child, data: bytes, *, wait: float = 0.5) -> bytes:
    """Send bytes to the TCP port; return what comes back in a while."""
    reader, writer = await asyncio.open_connection(*child.address)
    answer = b""
    with contextlib.suppress(ConnectionError, TimeoutError):
        writer.write(data)
        await writer.drain()
        answer = await asyncio.wait_for(reader.read(65_536), wait)
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return answer


async def drip(child: Child) -> float:
    """Send a header without an end, slowly; return how long this is suffered, in seconds."""
    loop = asyncio.get_running_loop()
    reader, writer = await asyncio.open_connection(*child.address)
    begin = loop.time()
    writer.write(b"GET /rtc HTTP/1.1\r\n")
    with contextlib.suppress(ConnectionError):
        while loop.time() - begin < 20 and not reader.at_eof():
            writer.write(b"X: y\r\n")
            await writer.drain()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(reader.read(1), 0.2)
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return loop.time() - begin


async def endless(child: Child) -> int:
    """Send headers for as long as they are taken; return how many bytes that were."""
    reader, writer = await asyncio.open_connection(*child.address)
    sent = 0
    with contextlib.suppress(ConnectionError):
        writer.write(b"GET / HTTP/1.1\r\n")
        while sent < 50_000_000 and not reader.at_eof() and not reader.exception():
            writer.write(b"X-Header: " + b"y" * 8_000 + b"\r\n")
            sent += 8_012
            await writer.drain()
            await asyncio.sleep(0.001)
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return sent


async def wrong_tokens(child: Child, number: int) -> set[int]:
    """Come with bad tokens, many a second; return the statuses of the answers."""
    texts = [token(), token(key=child.key), "x", "a.b.c", "x" * 20_000, token(key=child.key, exp=0)]
    statuses = set()
    url = child.url.replace("ws", "http", 1)
    async with aiohttp.ClientSession() as http:
        for n in range(number):
            headers = {"Authorization": f"Bearer {texts[n % len(texts)]}"}
            path = ("/rtc", "/rtc/validate", "/twirp/livekit.RoomService/ListRooms")[n % 3]
            async with http.request(
                "POST" if "twirp" in path else "GET", url + path, headers=headers
            ) as r:
                statuses.add(r.status)
            await asyncio.sleep(0.002)
    return statuses


async def strangers(child: Child) -> None:
    dice = random.Random(1)
    for _ in range(60):
        await throw(child, dice.randbytes(dice.randrange(1, 3000)) + b"\r\n\r\n", wait=0.05)
    big = join_request(compress=False, metadata="m" * 90_000)
    bomb = join_request(metadata="m" * (20 << 20))
    for request in (big, bomb, "A" * 100_000, "A" * 400_000):
        head = f"GET /rtc/v1?join_request={request} HTTP/1.1\r\nHost: x\r\n\r\n"
        answer = await throw(child, head.encode())
        assert answer == b"" or answer.startswith(b"HTTP/1.1 4")


async def test_strangers_at_the_tcp_port(child: Child) -> None:
    async with undisturbed(child):
        drips = [asyncio.create_task(drip(child)) for _ in range(5)]
        idle = [await asyncio.open_connection(*child.address) for _ in range(200)]
        sent = await endless(child)
        assert sent < 20_000_000
        await strangers(child)
        assert await wrong_tokens(child, 300) == {401}
        suffered = await asyncio.gather(*drips)
        assert max(suffered) < 14
        for _, writer in idle:
            writer.close()


async def test_more_connections_than_are_allowed(child: Child) -> None:
    async with undisturbed(child):
        crowd = []
        for _ in range(1100):
            crowd.append(await asyncio.open_connection(*child.address))
            if len(crowd) % 50 == 0:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)
        closed = sum(reader.at_eof() or reader.exception() is not None for reader, _ in crowd)
        assert 90 <= closed <= 200
        assert await throw(child, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") == b""
        for _, writer in crowd:
            writer.close()
        await asyncio.sleep(0.5)
        assert (await throw(child, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")).endswith(b"OK")


async def test_strangers_at_the_media_port(child: Child) -> None:
    dice = random.Random(2)
    address = ("127.0.0.1", child.media_port)
    hello = bytes.fromhex(
        "16fefd000000000000000000300100002400000000000000 24fefd".replace(" ", "")
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.setblocking(False)
        async with undisturbed(child):
            for n in range(20_000):
                kind = n % 5
                if kind == 0:
                    data = dice.randbytes(dice.randrange(1, 1500))
                elif kind == 1:
                    data = binding_request(f"{dice.randrange(99):08d}", "password-of-nobody")
                elif kind == 2:
                    data = bytes([0, 1, 0, 0]) + bytes.fromhex("2112a442") + dice.randbytes(12)
                elif kind == 3:
                    data = hello + dice.randbytes(100)
                else:
                    data = bytes([0x80 | dice.randrange(64), dice.randrange(256)]) + dice.randbytes(
                        200
                    )
                with contextlib.suppress(BlockingIOError):
                    out.sendto(data, address)
                if n % 50 == 0:
                    await asyncio.sleep(0.005)


class Insiders:
    """Peers with good tokens for rooms of their own, and bad intentions."""

    def __init__(self, child: Child, http: aiohttp.ClientSession) -> None:
        self.child = child
        server = cast("Any", SimpleNamespace(url=child.url))
        self.clients = Clients(server, http)

    async def join(self, identity: str, room: str = "garbage") -> Peer:
        bearer = token(
            identity,
            key=self.child.key,
            secret=self.child.secret,
            video={"roomJoin": True, "room": room, "canUpdateOwnMetadata": True},
        )
        peer = await self.clients.knock(bearer, single=True, join_request=join_request())
        await peer.wait("join")
        return peer


@contextlib.asynccontextmanager
async def insiders(child: Child) -> AsyncIterator[Insiders]:
    """Let some in; at the end they say goodbye, so that nobody is waited for."""
    some = Insiders(child, aiohttp.ClientSession())
    try:
        yield some
    finally:
        for peer in some.clients.peers:
            if not peer.ended:
                with contextlib.suppress(ConnectionError):
                    await peer.send(leave=rtc.LeaveRequest())
        await some.clients.close()


async def nonsense(peer: Peer, seed: int, number: int) -> None:
    """Send frames and requests without sense."""
    dice = Dice(seed, (SINGLE_OFFER, DUAL_OFFER))
    kinds = [
        f.name for f in rtc.SignalRequest.DESCRIPTOR.fields if f.name not in ("leave", "simulate")
    ]
    for _ in range(number):
        if peer.ended:
            return
        if dice.random.random() < 0.3:
            await peer.socket.send_bytes(dice.bytes(3000))
        else:
            request = dice.request(dice.random.choice(kinds))
            if request.HasField("offer"):
                request.offer.sdp = dice.description(SINGLE_OFFER)
            await peer.socket.send_bytes(request.SerializeToString())
        await asyncio.sleep(0.002)


async def too_much(peer: Peer) -> None:
    """Send as much as one may, and then more."""
    for n in range(2000):
        await peer.send(add_track=audio_track(f"c{n}"))
        if n % 20 == 0:
            await asyncio.sleep(0.002)
    for number, sections in enumerate((300, 600, 1000, 300), start=1):
        await peer.send(offer=offer(long_offer(SINGLE_OFFER, sections), number))
        await asyncio.sleep(0.05)
    sids = [f"TR_{n}" for n in range(50_000)]
    await peer.send(track_setting=rtc.UpdateTrackSettings(track_sids=sids))
    await peer.settled()
    await peer.socket.send_bytes(bytes(2 << 20))
    await peer.gone()


async def test_insiders_who_send_nonsense(child: Child) -> None:
    async with undisturbed(child):
        async with insiders(child) as some:
            peers = [await some.join(f"peer{n}") for n in range(4)]
            await asyncio.gather(
                *(nonsense(peer, seed, 250) for seed, peer in enumerate(peers[:3])),
                too_much(peers[3]),
            )
            # The one that was cut off takes its place again, to leave it properly.
            await some.join("peer3")
        await until_empty(child, "garbage")


async def until_empty(child: Child, room: str) -> None:
    for _ in range(100):
        if room not in await rooms(child):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{room}: {await rooms(child)}")


async def connected(some: Insiders, identity: str) -> tuple[Peer, Client]:
    """Return a peer that publishes, and its real connection."""
    place = SimpleNamespace(
        ufrag="", pwd="", fingerprint="", candidate=("127.0.0.1", some.child.media_port)
    )
    place.set_remote_fingerprints = lambda _: None
    client = Client(cast("Any", place))
    peer = await some.join(identity)
    await peer.send(add_track=audio_track())
    await peer.send(add_track=video_track())
    text = SINGLE_OFFER
    old = next(line for line in text.splitlines() if line.startswith("a=fingerprint"))
    text = text.replace(old, f"a=fingerprint:sha-256 {client.certificate.fingerprint}")
    answer = await peer.ask("answer", offer=offer(text))
    told = {
        key: value
        for key, _, value in (line.partition(":") for line in answer.sdp.splitlines())
        if key in ("a=ice-ufrag", "a=ice-pwd", "a=fingerprint")
    }
    client.ufrag, client.password = told["a=ice-ufrag"], told["a=ice-pwd"]
    client.server_fingerprint = told["a=fingerprint"].partition(" ")[2]
    await client.connect()
    client.start_data()
    return peer, client


async def test_insiders_whose_media_are_nonsense(child: Child) -> None:
    async with undisturbed(child):
        async with insiders(child) as some:
            _, bad = await connected(some, "bad")
            _, other = await connected(some, "other")
            dice = random.Random(3)
            channel = await bad.open_channel("_reliable")
            lossy = await bad.open_channel("_lossy", lossy=True)
            for n in range(4000):
                if bad.closed.is_set():
                    break
                size = dice.randrange(1, 1000)
                head = bytes(
                    [0x80 | dice.randrange(64), dice.choice((111, 96, dice.randrange(128)))]
                )
                kind = n % 6
                if kind < 2:
                    with contextlib.suppress(Exception):
                        bad.send_rtp(head + dice.randbytes(10 + size))
                elif kind == 2:
                    head = bytes([0x80 | dice.randrange(32), dice.randrange(200, 208)])
                    words = dice.randrange(2, 60)
                    bad.send_rtcp(head + (words).to_bytes(2, "big") + dice.randbytes(4 * words))
                elif kind == 3:
                    bad.send_raw(head + dice.randbytes(size))
                elif kind == 4:
                    dice.choice((channel, lossy)).send(dice.randbytes(size))
                else:
                    bad.send_application(dice.randbytes(size))
                if n % 20 == 0:
                    await asyncio.sleep(0.004)
            bad.close()
            other.close()
        await until_empty(child, "garbage")


async def test_a_listener_who_does_not_listen(child: Child) -> None:
    async with undisturbed(child):
        async with insiders(child) as some:
            deaf = await some.join("deaf")
            deaf.socket._reader._protocol.pause_reading()
            loud = await some.join("loud")
            for n in range(300):
                text = f"{n}" + "m" * 60_000
                await loud.send(update_metadata=rtc.UpdateParticipantMetadata(metadata=text))
                await loud.settled()
                await asyncio.sleep(0.002)
            deaf.socket._reader._protocol.resume_reading()
        await until_empty(child, "garbage")


def test_the_log_is_short(child: Child) -> None:
    assert child.process.poll() is None
    assert child.log.count("\n") <= 20
