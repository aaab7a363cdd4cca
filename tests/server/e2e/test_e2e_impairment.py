"""A bad network on demand: pictures lost or jumbled on it are repaired, in either direction."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest
from e2e_people import House, Person, Target, has_modes
from e2e_picture import Film, assert_film
from e2e_process import InnerServer
from livekit import rtc

from lkexplore.server.config import ServerConfig
from lkexplore.server.network.impaired_link import DIRECTIONS, Direction
from lkexplore.server.network.impairment import Impairment

_BAD = Impairment(loss=0.05, jitter_ms=40)
_SECONDS = 5.0
_FILM = Film(480, 270, fps=20.0, noise=30)


@pytest.fixture
def inner(embedded: Target) -> Iterator[InnerServer]:
    with InnerServer(ServerConfig()) as inner:
        yield inner


def impair(inner: InnerServer, bad: Impairment, ways: dict[str, Direction]) -> None:
    """Make one direction of each of these people's links bad."""
    [room] = inner.server.rooms.values()

    def change() -> None:
        for identity, way in ways.items():
            room.network.impair(bad, (way,), list(room.participants.values()), identity)

    inner.look(change)


def counted(inner: InnerServer) -> tuple[int, int]:
    """Return how many packets went into impaired links, and how many were lost there."""
    [room] = inner.server.rooms.values()

    def count() -> tuple[int, int]:
        lines = [p.lines[way] for p in room.participants.values() for way in DIRECTIONS]
        return sum(line.packets for line in lines), sum(line.dropped for line in lines)

    return inner.look(count)


async def figures(person: Person, identity: str) -> tuple[int, int]:
    """Return how many pictures were decoded, and how many packets stay lost."""
    track = await person.track(identity)
    stats = await asyncio.wait_for(track.get_stats(), 10)
    [found] = [s.inbound_rtp for s in stats if s.HasField("inbound_rtp")]
    return found.inbound.frames_decoded, found.received.packets_lost


_MODES = [
    pytest.param(True, id="single"),
    pytest.param(
        False, id="dual", marks=pytest.mark.skipif(not has_modes(), reason="needs a choice")
    ),
]
_LINKS = [
    pytest.param({"alice": "up"}, id="up"),
    pytest.param({"bob": "down"}, id="down"),
    pytest.param({"alice": "up", "bob": "down"}, id="both"),
]


@pytest.mark.parametrize("single", _MODES)
@pytest.mark.parametrize("ways", _LINKS)
async def test_a_film_is_repaired(
    inner: InnerServer, single: bool, ways: dict[str, Direction]
) -> None:
    house = House(inner.target, single)
    try:
        alice, bob = await house.together("alice", "bob")
        await alice.show(_FILM, simulcast=False)
        eye = bob.watch(await bob.track("alice"))
        await eye.until(480)
        decoded, lost = await figures(bob, "alice")
        impair(inner, _BAD, ways)
        begin = len(eye.seen)
        await asyncio.sleep(_SECONDS)
        seen = eye.seen[begin:]
        decoded, lost = (
            b - a for a, b in zip((decoded, lost), await figures(bob, "alice"), strict=True)
        )
        packets, dropped = counted(inner)
    finally:
        await house.close()
    assert 0.01 * packets < dropped < 0.12 * packets
    assert dropped > 8
    assert_film(seen, _FILM)
    # Unrepaired, one picture in four would lack a packet, and all that build on it.
    assert decoded > 0.8 * _SECONDS * _FILM.fps
    assert lost < 0.5 * dropped
    steps = np.diff([frame.number for frame in seen])
    assert steps.max() <= 0.8 * _FILM.fps


async def test_simulcast_over_a_bad_link_still_changes_its_size(inner: InnerServer) -> None:
    house = House(inner.target, None)
    film = Film(960, 540)
    try:
        alice, bob = await house.together("alice", "bob")
        await alice.show(film, simulcast=True)
        eye = bob.watch(await bob.track("alice"))
        await eye.until(960)
        impair(inner, _BAD, {"alice": "up", "bob": "down"})
        publication = await bob.publication("alice")
        publication.set_video_quality(rtc.VideoQuality.VIDEO_QUALITY_LOW)
        small = await eye.until(320)
        publication.set_video_quality(rtc.VideoQuality.VIDEO_QUALITY_HIGH)
        large = await eye.until(960)
    finally:
        await house.close()
    assert_film(small, film)
    assert_film(large, film)
