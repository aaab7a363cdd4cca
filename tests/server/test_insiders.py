"""Garbage from those who have good tokens: it ends their own sessions at most.

As with strangers, two people of the real SDK talk through all of it and hear nothing of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
from children import Child
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
    video_track,
)
from watching import rooms, undisturbed

from transport_client import Client  # isort: skip - found by way of `serving`


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


async def test_insiders_who_send_nonsense(besieged: Child) -> None:
    async with undisturbed(besieged):
        async with insiders(besieged) as some:
            peers = [await some.join(f"peer{n}") for n in range(4)]
            await asyncio.gather(
                *(nonsense(peer, seed, 250) for seed, peer in enumerate(peers[:3])),
                too_much(peers[3]),
            )
            # The one that was cut off takes its place again, to leave it properly.
            await some.join("peer3")
        await until_empty(besieged, "garbage")


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


async def test_insiders_whose_media_are_nonsense(besieged: Child) -> None:
    async with undisturbed(besieged):
        async with insiders(besieged) as some:
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
        await until_empty(besieged, "garbage")


async def test_a_listener_who_does_not_listen(besieged: Child) -> None:
    async with undisturbed(besieged):
        async with insiders(besieged) as some:
            deaf = await some.join("deaf")
            deaf.socket._reader._protocol.pause_reading()
            loud = await some.join("loud")
            for n in range(300):
                text = f"{n}" + "m" * 60_000
                await loud.send(update_metadata=rtc.UpdateParticipantMetadata(metadata=text))
                await loud.settled()
                await asyncio.sleep(0.002)
            deaf.socket._reader._protocol.resume_reading()
        await until_empty(besieged, "garbage")


def test_the_log_is_short(besieged: Child) -> None:
    assert besieged.process.poll() is None
    assert besieged.log.count("\n") <= 20
