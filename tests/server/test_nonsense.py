"""Requests without sense, inside one process: none raises, and none leaves anything behind."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from livekit.protocol import rtc
from nonsense import Dice, long_offer
from serving import (
    DUAL_ANSWER,
    DUAL_OFFER,
    SINGLE_OFFER,
    Clients,
    audio_track,
    offer,
    open_clients,
    until,
    video_track,
)

from lkexplore.server.config import Limits, Timeouts
from lkexplore.server.signalling import requests as signals

KINDS = [field.name for field in rtc.SignalRequest.DESCRIPTOR.fields]


async def company(clients: Clients, single: bool) -> list[str]:
    """Let two join who publish; return the ids of their tracks."""
    for identity in ("alice", "bob"):
        peer = await clients.join(identity, single=single, canUpdateOwnMetadata=True)
        await peer.send(add_track=audio_track())
        await peer.send(add_track=video_track())
        await peer.ask("answer", offer=offer(SINGLE_OFFER if single else DUAL_OFFER))
    people = clients.server.rooms["room"].participants.values()
    return [sid for person in people for sid in (person.sid, *person.uplink.tracks)]


@pytest.mark.parametrize("single", [True, False])
async def test_random_requests_never_raise(clients: Clients, single: bool) -> None:
    sids = await company(clients, single)
    alice = clients.participant("alice")

    @settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.integers(0, 2**32), st.sampled_from([k for k in KINDS if k not in ("leave", "simulate")])
    )
    def attempt(seed: int, kind: str) -> None:
        dice = Dice(seed, (*sids, "alice", "bob"))
        request = dice.request(kind)
        if kind in ("offer", "answer"):
            text = dice.random.choice((SINGLE_OFFER, DUAL_OFFER, DUAL_ANSWER))
            getattr(request, kind).sdp = dice.description(text)
        signals.dispatch(alice, request)

    attempt()
    bob = clients.peers[1]
    await bob.settled()
    assert {"alice", "bob"} <= set(clients.server.rooms["room"].participants)


@pytest.mark.parametrize("kind", ["leave", "simulate"])
async def test_random_goodbyes_end_only_their_sender(clients: Clients, kind: str) -> None:
    await company(clients, True)
    carol = await clients.join("carol")
    for seed in range(30):
        alice = await clients.join("alice")
        signals.dispatch(clients.participant("alice"), Dice(seed).request(kind))
        await carol.settled()
        assert "bob" in clients.server.rooms["room"].participants
        assert not carol.ended
        await alice.close()


@pytest.mark.parametrize("seed", range(5))
async def test_a_stream_of_nonsense_over_the_wire(clients: Clients, seed: int) -> None:
    await company(clients, bool(seed % 2))
    dice = Dice(seed, (SINGLE_OFFER, DUAL_OFFER))
    alice = clients.peers[0]
    for _ in range(300):
        if alice.ended:
            break
        frame = dice.bytes(200) if dice.random.random() < 0.5 else None
        request = dice.request(
            dice.random.choice([k for k in KINDS if k not in ("leave", "simulate")])
        )
        await alice.socket.send_bytes(request.SerializeToString() if frame is None else frame)
    await clients.peers[1].settled()
    assert clients.participant("bob").session is not None


async def test_thousands_of_announcements_are_bounded(clients: Clients) -> None:
    alice = await clients.join()
    bob = await clients.join("bob")
    for n in range(3000):
        await alice.send(add_track=audio_track(f"c{n}", name="n" * 200))
    await alice.settled()
    published = alice.kinds().count("track_published")
    assert published == clients.server.config.limits.tracks_per_participant
    assert alice.kinds().count("request_response") == 3000 - published
    await bob.settled()


async def test_the_longest_offers(clients: Clients) -> None:
    alice = await clients.join()
    bob = await clients.join("bob")
    answer = await alice.ask("answer", offer=offer(long_offer(SINGLE_OFFER, 500)))
    assert answer.sdp.count("\nm=") == 500
    for number in range(2, 12):
        await alice.send(offer=offer(long_offer(SINGLE_OFFER, 500), number))
        await alice.send(offer=offer(long_offer(SINGLE_OFFER, 1000), number))
    await alice.settled()
    await bob.settled()


async def test_nonsense_leaves_no_memory_behind() -> None:
    limits = Limits(signal_queue_bytes=2 << 20)
    timeouts = Timeouts(resume=0.05, departed_room=0)
    async with open_clients(limits, timeouts) as clients:
        tracemalloc.start()
        try:
            sizes = []
            for round_ in range(4):
                for seed in range(4):
                    dice = Dice(seed, (SINGLE_OFFER,))
                    peer = await clients.join(f"peer{seed}", room=f"room{round_}")
                    for _ in range(150):
                        if peer.ended:
                            break
                        await peer.socket.send_bytes(dice.request().SerializeToString())
                    await peer.close()
                clients.peers.clear()
                await until(lambda: not clients.server.rooms, "the rooms have ended")
                sizes.append(tracemalloc.get_traced_memory()[0])
        finally:
            tracemalloc.stop()
    assert sizes[-1] - sizes[1] < 1 << 20
