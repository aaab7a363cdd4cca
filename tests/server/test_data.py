"""Data: packets over real data channels, data tracks, and what is not passed on."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from livekit.protocol import models as m
from livekit.protocol import rtc
from serving import SINGLE_OFFER, Clients, Peer, offer, open_clients
from transport_client import Client

from lkexplore.server.config import Limits
from lkexplore.server.data import DATA_TRACKS, LABELS, LOSSY, RELIABLE
from lkexplore.server.transport import Channel

Reason = rtc.RequestResponse.Reason


def user(payload: bytes = b"hello", **fields: Any) -> bytes:
    """Return a data packet as a client writes it."""
    packet = m.DataPacket(user=m.UserPacket(payload=payload))
    for name, value in fields.items():
        getattr(packet, name).extend(value) if isinstance(value, list) else setattr(
            packet, name, value
        )
    return packet.SerializeToString()


def waiting(clients: Clients, identity: str) -> list[m.DataPacket]:
    """Return what waits for a participant whose channels are not open yet."""
    pending = clients.participant(identity).data._pending
    return [m.DataPacket.FromString(payload) for payload in pending]


async def everybody(clients: Clients, **grants: Any) -> Any:
    """Let three join; return the relay of the first."""
    for identity in ("alice", "bob", "carol"):
        await clients.join(identity, **(grants if identity == "alice" else {}))
    return clients.participant("alice").data


async def connected(clients: Clients, identity: str) -> tuple[Peer, Client]:
    """Return a peer with a connection and open data channels."""
    peer = await clients.join(identity)
    await peer.ask("answer", offer=offer(SINGLE_OFFER))
    client = Client(clients.participant(identity).publisher_transport)
    await client.connect()
    client.start_data()
    return peer, client


async def test_messages_go_from_one_to_the_other_over_the_wire(clients: Clients) -> None:
    _, alice = await connected(clients, "alice")
    _, bob = await connected(clients, "bob")
    try:
        for number in range(3):
            clients.participant("alice").data.on_message(RELIABLE, user(b"early%d" % number))
        for label in LABELS:
            await bob.open_channel(label, lossy=label != RELIABLE)
        channels = {
            label: await alice.open_channel(label, lossy=label != RELIABLE) for label in LABELS
        }
        for number in range(50):
            channels[RELIABLE].send(user(b"%d" % number))
        received = [await asyncio.wait_for(bob.messages.get(), 5) for _ in range(53)]
        assert {label for label, _ in received} == {RELIABLE}
        packets = [m.DataPacket.FromString(payload) for _, payload in received]
        expected = [*(b"early%d" % n for n in range(3)), *(b"%d" % n for n in range(50))]
        assert [packet.user.payload for packet in packets] == expected
        assert {packet.participant_identity for packet in packets} == {"alice"}
        channels[LOSSY].send(user(b"quick"))
        label, payload = await asyncio.wait_for(bob.messages.get(), 5)
        assert (label, m.DataPacket.FromString(payload).user.payload) == (LOSSY, b"quick")
        channels[RELIABLE].send(user(bytes(60_000)))
        _, payload = await asyncio.wait_for(bob.messages.get(), 5)
        assert m.DataPacket.FromString(payload).user.payload == bytes(60_000)
        assert alice.messages.empty()
    finally:
        alice.close()
        bob.close()


async def test_everybody_but_the_sender_receives(clients: Clients) -> None:
    relay = await everybody(clients)
    relay.on_message(RELIABLE, user(sequence=7))
    assert waiting(clients, "alice") == []
    alice = clients.participant("alice")
    for identity in ("bob", "carol"):
        [packet] = waiting(clients, identity)
        assert packet.user.payload == b"hello"
        assert (packet.participant_identity, packet.participant_sid) == ("alice", alice.sid)
        assert packet.user.participant_identity == "alice"
    assert relay.last_sequence == 7


async def test_nobody_can_speak_as_somebody_else(clients: Clients) -> None:
    relay = await everybody(clients)
    forged = m.DataPacket(
        participant_identity="carol",
        participant_sid="PA_carol",
        user=m.UserPacket(payload=b"x", participant_identity="carol", participant_sid="PA_carol"),
    )
    relay.on_message(RELIABLE, forged.SerializeToString())
    [packet] = waiting(clients, "bob")
    sid = clients.participant("alice").sid
    assert (packet.participant_identity, packet.participant_sid) == ("alice", sid)
    assert (packet.user.participant_identity, packet.user.participant_sid) == ("alice", sid)


@pytest.mark.parametrize("where", ["packet", "user", "sids"])
async def test_only_those_it_is_for_receive(clients: Clients, where: str) -> None:
    relay = await everybody(clients)
    packet = m.DataPacket(user=m.UserPacket(payload=b"x"))
    if where == "packet":
        packet.destination_identities.extend(["carol", "absent"])
    elif where == "user":
        packet.user.destination_identities.append("carol")
    else:
        packet.user.destination_sids.append(clients.participant("carol").sid)
    relay.on_message(RELIABLE, packet.SerializeToString())
    assert waiting(clients, "bob") == []
    assert len(waiting(clients, "carol")) == 1


async def test_packets_of_other_kinds_pass_as_they_are(clients: Clients) -> None:
    relay = await everybody(clients)
    call = m.DataPacket(
        destination_identities=["bob"],
        rpc_request=m.RpcRequest(id="1", method="greet", payload="p" * 1000),
    )
    relay.on_message(RELIABLE, call.SerializeToString())
    [packet] = waiting(clients, "bob")
    assert packet.rpc_request == call.rpc_request
    assert packet.participant_identity == "alice"
    assert waiting(clients, "carol") == []


async def test_without_the_grant_nothing_passes(clients: Clients) -> None:
    relay = await everybody(clients, canPublishData=False)
    for label in LABELS:
        relay.on_message(label, user())
    assert waiting(clients, "bob") == []


async def test_the_grant_can_be_taken_away(clients: Clients) -> None:
    relay = await everybody(clients)
    clients.participant("alice").set_permission(m.ParticipantPermission(can_subscribe=True))
    relay.on_message(RELIABLE, user())
    assert waiting(clients, "bob") == []


@pytest.mark.parametrize("label", ["_other", "", RELIABLE + "x"])
async def test_other_channels_lead_nowhere(clients: Clients, label: str) -> None:
    relay = await everybody(clients)
    relay.on_message(label, user())
    assert waiting(clients, "bob") == []


@pytest.mark.parametrize("payload", [b"\xff\xff\xff", b"\x12\x05ab", b"\x0a"])
async def test_what_is_no_packet_is_not_passed_on(clients: Clients, payload: bytes) -> None:
    relay = await everybody(clients)
    relay.on_message(RELIABLE, payload)
    assert waiting(clients, "bob") == []


async def test_random_messages_never_raise(clients: Clients) -> None:
    relay = await everybody(clients)

    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from([*LABELS, "x"]), st.binary(max_size=300))
    def attempt(label: str, payload: bytes) -> None:
        relay.on_message(label, payload)

    attempt()
    assert len(waiting(clients, "bob")) <= 256


async def test_what_waits_is_bounded_and_what_is_dropped_is_counted(clients: Clients) -> None:
    relay = await everybody(clients)
    for number in range(1000):
        relay.on_message(RELIABLE, user(b"%d" % number))
    relay.on_message(LOSSY, user())
    packets = waiting(clients, "bob")
    assert [packet.user.payload for packet in packets] == [b"%d" % n for n in range(256)]
    assert clients.participant("bob").data.dropped == 1000 - 256 + 1


async def test_what_waits_is_bounded_in_bytes(clients: Clients) -> None:
    relay = await everybody(clients)
    for _ in range(200):
        relay.on_message(RELIABLE, user(bytes(200_000)))
    size = sum(len(payload) for payload in clients.participant("bob").data._pending)
    assert 4 << 20 < size <= 8 << 20


async def test_channels_of_other_names_are_not_remembered(clients: Clients) -> None:
    relay = await everybody(clients)
    for number in range(1000):
        relay._on_channel(Channel(f"channel {number}", number, True, True, False))
    assert len(relay._open) <= len(LABELS)


async def announce(peer: Peer, handle: int, name: str) -> Any:
    request = rtc.PublishDataTrackRequest(pub_handle=handle, name=name)
    return await peer.ask("publish_data_track_response", publish_data_track_request=request)


async def test_data_tracks_are_announced_and_withdrawn(clients: Clients) -> None:
    alice = await clients.join("alice")
    bob = await clients.join("bob")
    info = (await announce(alice, 9, "sensor")).info
    assert info.sid.startswith("DTR_")
    assert (info.pub_handle, info.name) == (9, "sensor")
    update = await bob.wait("update", lambda u: u.participants[0].data_tracks)
    assert list(update.participants[0].data_tracks) == [info]
    assert update.participants[0].is_publisher
    after = len(bob.heard)
    request = rtc.UnpublishDataTrackRequest(pub_handle=9)
    answer = await alice.ask("unpublish_data_track_response", unpublish_data_track_request=request)
    assert answer.info == info
    update = await bob.wait("update", after=after)
    assert not update.participants[0].data_tracks
    response = await alice.ask("request_response", unpublish_data_track_request=request)
    assert response.reason == Reason.NOT_FOUND


@pytest.mark.parametrize(
    ("grants", "request_", "reason"),
    [
        ({"canPublishData": False}, {"pub_handle": 1, "name": "n"}, Reason.NOT_ALLOWED),
        ({}, {"pub_handle": 0, "name": "n"}, Reason.INVALID_HANDLE),
        ({}, {"pub_handle": 65_536, "name": "n"}, Reason.INVALID_HANDLE),
        ({}, {"pub_handle": 1, "name": ""}, Reason.INVALID_NAME),
        ({}, {"pub_handle": 1, "name": "n" * 257}, Reason.INVALID_NAME),
        ({}, {"pub_handle": 7, "name": "n"}, Reason.DUPLICATE_HANDLE),
        ({}, {"pub_handle": 1, "name": "taken"}, Reason.DUPLICATE_NAME),
        (
            {},
            {"pub_handle": 1, "name": "n", "schema": m.DataTrackSchemaId(name="s" * 20_000)},
            Reason.LIMIT_EXCEEDED,
        ),
    ],
)
async def test_refused_data_tracks(
    clients: Clients, grants: dict[str, Any], request_: dict[str, Any], reason: int
) -> None:
    alice = await clients.join("alice", **grants)
    if not grants:
        await announce(alice, 7, "taken")
    wanted = rtc.PublishDataTrackRequest(**request_)
    response = await alice.ask("request_response", publish_data_track_request=wanted)
    assert response.reason == reason
    assert response.message
    assert response.publish_data_track == wanted


async def test_too_many_data_tracks() -> None:
    async with open_clients(Limits(data_tracks_per_participant=3)) as clients:
        alice = await clients.join("alice")
        for n in range(1, 4):
            await announce(alice, n, f"n{n}")
        wanted = rtc.PublishDataTrackRequest(pub_handle=4, name="n4")
        response = await alice.ask("request_response", publish_data_track_request=wanted)
        assert response.reason == Reason.LIMIT_EXCEEDED


async def test_data_tracks_come_under_the_subscriber_s_own_handles(clients: Clients) -> None:
    alice, alices = await connected(clients, "alice")
    carol = await clients.join("carol")
    bob, bobs = await connected(clients, "bob")
    try:
        await bobs.open_channel(DATA_TRACKS, lossy=True)
        channel = await alices.open_channel(DATA_TRACKS, lossy=True)
        infos = [(await announce(alice, handle, f"n{handle}")).info for handle in (500, 600)]
        infos.append((await announce(carol, 500, "same handle")).info)
        wish = rtc.UpdateDataSubscription(
            updates=[
                rtc.UpdateDataSubscription.Update(track_sid=sid, subscribe=True)
                for sid in (infos[1].sid, infos[2].sid, "DTR_absent", infos[1].sid)
            ]
        )
        table = await bob.ask("data_track_subscriber_handles", update_data_subscription=wish)
        handles = {entry.track_sid: handle for handle, entry in table.sub_handles.items()}
        assert set(handles) == {infos[1].sid, infos[2].sid}
        assert len(set(handles.values())) == 2
        for packet in (b"\x10\x20", b"\x10\x20\x00", struct.pack("!HH", 0, 7) + b"no such track"):
            channel.send(packet)
        channel.send(struct.pack("!HH", 0x1020, 500) + b"not subscribed")
        channel.send(struct.pack("!HH", 0x1020, 600) + b"payload")
        label, payload = await asyncio.wait_for(bobs.messages.get(), 5)
        assert label == DATA_TRACKS
        assert payload == struct.pack("!HH", 0x1020, handles[infos[1].sid]) + b"payload"
        request = rtc.UnpublishDataTrackRequest(pub_handle=600)
        await alice.ask("unpublish_data_track_response", unpublish_data_track_request=request)
        table = await bob.ask(
            "data_track_subscriber_handles", update_data_subscription=rtc.UpdateDataSubscription()
        )
        assert {entry.track_sid for entry in table.sub_handles.values()} == {infos[2].sid}
    finally:
        alices.close()
        bobs.close()
