"""Nothing is left in the server when everybody has gone. It runs in a thread, to look inside."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from e2e_people import House, Person, Target, until
from e2e_picture import Film
from e2e_process import InnerServer
from e2e_sound import Tone
from livekit import rtc

from lkexplore.server.config import ServerConfig, Timeouts

_KINDS = (
    "Participant",
    "PublishedTrack",
    "Layer",
    "Subscription",
    "DownTrack",
    "Transport",
    "DtlsSession",
    "SrtpSession",
    "DataChannels",
    "Association",
    "SignalSession",
    "Room",
)


@pytest.fixture
async def inner(embedded: Target) -> AsyncIterator[InnerServer]:
    with InnerServer(ServerConfig(timeouts=Timeouts(departed_room=1))) as inner:
        yield inner


@pytest.fixture(params=[True, False], ids=["single", "dual"])
async def inner_house(
    inner: InnerServer, request: pytest.FixtureRequest
) -> AsyncIterator[tuple[House, InnerServer]]:
    house = House(inner.target, request.param)
    yield house, inner
    await house.close()


def _held(inner: InnerServer) -> Counter[str]:
    """Return how much of everything the server holds."""
    server = inner.server
    held: Counter[str] = Counter()
    gc.collect()
    for thing in gc.get_objects():
        kind = type(thing)
        if kind.__name__ in _KINDS and kind.__module__.startswith("lkexplore.server"):
            held[kind.__name__] += 1
    held["tasks"] = len(asyncio.all_tasks(inner.loop))
    held["rooms"] = len(server.rooms)
    held["ufrags"] = len(server.mux._by_ufrag)
    held["addresses"] = len(server.mux._by_address)
    return +held


async def _visit(house: House) -> None:
    """Use everything there is, and leave."""
    alice, bob, carol = people = await house.together("alice", "bob", "carol")
    await asyncio.gather(*(p.play(Tone(440 + 100 * n)) for n, p in enumerate(people)))
    await alice.show(Film(640, 360), simulcast=True)
    track = await bob.me.publish_data_track(name="numbers")
    (found,) = await carol.wait("data_track_published")
    stream = found.subscribe()
    for person in people:
        await person.me.publish_data(b"hello" * 100)
        for other in people:
            if other is not person:
                await (await person.hear(other.identity, "tone")).sound(0.1)
    track.try_push(rtc.DataTrackFrame(payload=b"1"))
    (await bob.publication("alice", "film")).set_subscribed(False)
    await carol.room.simulate_scenario(rtc.SimulateScenarioKind.SIMULATE_FULL_RECONNECT)
    await carol.wait("reconnected")
    stream.close()
    await house.join("alice")
    await house.close()


async def test_everything_is_freed_when_all_have_gone(
    inner_house: tuple[House, InnerServer],
) -> None:
    house, inner = inner_house
    before = inner.look(lambda: _held(inner))
    await _visit(house)
    await until(lambda: not inner.server.rooms, "the room ends", timeout=20)
    await until(
        lambda: inner.look(lambda: _held(inner)) == before,
        "the server holds what it held before",
        timeout=20,
        every=0.5,
    )


async def test_publishing_again_and_again_grows_nothing(
    inner_house: tuple[House, InnerServer],
) -> None:
    house, inner = inner_house
    alice, bob = await house.together("alice", "bob")
    for n in range(3):
        await _cycle(alice, bob, n)
    await until(
        lambda: not inner.look(lambda: _held(inner))["PublishedTrack"],
        "the server has let go of the track",
    )
    await asyncio.sleep(1.0)
    held = inner.look(lambda: _held(inner))
    for n in range(3, 12):
        await _cycle(alice, bob, n)
    await until(
        lambda: inner.look(lambda: _held(inner)) == held,
        "the server holds what it held nine tracks ago",
    )
    assert (held["Participant"], held["Transport"]) == (2, 2 if house.single else 4)
    room = inner.server.rooms[house.name]
    for participant in room.participants.values():
        assert not participant.uplink._by_ssrc


async def _cycle(alice: Person, bob: Person, n: int) -> None:
    mark = bob.mark()
    publication = await alice.play(Tone(440, name=f"tone {n}"))
    await bob.track("alice", f"tone {n}", after=mark)
    await alice.me.unpublish_track(publication.sid)
    await bob.wait("track_unpublished", lambda p, _: p.sid == publication.sid, after=mark)
