"""Administration: every call, in both encodings, does what it says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from livekit.protocol import models as m
from livekit.protocol import room as api
from office import ADMIN, JSON, LIST, PROTOBUF, Office, publishing
from serving import Clients, audio_track


@pytest.fixture(params=[JSON, PROTOBUF])
def office(clients: Clients, request: pytest.FixtureRequest) -> Office:
    return Office(clients, request.param)


async def test_rooms_are_created_changed_listed_and_deleted(office: Office) -> None:
    room = await office.call(
        "CreateRoom",
        name="room",
        empty_timeout=11,
        departure_timeout=12,
        max_participants=3,
        metadata="about",
    )
    assert (room.empty_timeout, room.departure_timeout, room.max_participants) == (11, 12, 3)
    assert (room.name, room.metadata) == ("room", "about")
    assert room.sid.startswith("RM_")
    assert room.creation_time > 0
    again = await office.call("CreateRoom", name="room", empty_timeout=15)
    assert again.sid == room.sid
    assert (again.empty_timeout, again.departure_timeout, again.metadata) == (15, 12, "about")
    await office.call("CreateRoom", name="other")
    assert {r.name for r in (await office.call("ListRooms")).rooms} == {"room", "other"}
    found = await office.call("ListRooms", names=["other", "absent"])
    assert [r.name for r in found.rooms] == ["other"]
    await office.call("DeleteRoom", room="room")
    assert [r.name for r in (await office.call("ListRooms")).rooms] == ["other"]


async def test_a_deleted_room_sends_everybody_away(office: Office) -> None:
    alice = await office.clients.join("alice")
    await office.call("DeleteRoom", room="room")
    leave = await alice.wait("leave")
    assert leave.reason == m.DisconnectReason.ROOM_DELETED
    await alice.gone()


async def test_participants_are_listed_and_read(office: Office) -> None:
    _, voice, _ = await publishing(office.clients)
    await office.clients.join("bob", hidden=True)
    found = (await office.call("ListParticipants", room="room")).participants
    assert sorted(p.identity for p in found) == ["alice", "bob"]
    alice = await office.call("GetParticipant", room="room", identity="alice")
    assert alice.is_publisher
    assert [t.type for t in alice.tracks] == [m.TrackType.AUDIO, m.TrackType.VIDEO]
    assert (alice.tracks[0].sid, alice.tracks[0].name) == (voice, "voice")
    assert alice.permission.can_publish


async def test_nobody_is_in_a_room_that_is_not_there(office: Office) -> None:
    assert not (await office.call("ListParticipants", room="room")).participants
    assert office.clients.server.rooms == {}


async def test_json_shows_what_is_empty_too(clients: Clients) -> None:
    await clients.join("alice")
    _, _, body = await Office(clients).post("ListRooms", b"{}", grants=LIST)
    [room] = json.loads(body)["rooms"]
    assert room["metadata"] == ""
    assert room["num_participants"] == 1
    assert room["num_publishers"] == 0


async def test_a_participant_is_removed(office: Office) -> None:
    alice = await office.clients.join("alice")
    bob = await office.clients.join("bob")
    await office.call("RemoveParticipant", room="room", identity="alice")
    leave = await alice.wait("leave")
    assert leave.reason == m.DisconnectReason.PARTICIPANT_REMOVED
    await alice.gone()
    gone = m.ParticipantInfo.State.DISCONNECTED
    await bob.wait("update", lambda u: u.participants[0].state == gone)
    assert list(office.clients.server.rooms["room"].participants) == ["bob"]


async def test_a_track_is_muted_but_not_unmuted(office: Office) -> None:
    alice, voice, _ = await publishing(office.clients)
    bob = await office.clients.join("bob")
    answer = await office.call(
        "MutePublishedTrack", room="room", identity="alice", track_sid=voice, muted=True
    )
    assert (answer.track.sid, answer.track.muted) == (voice, True)
    told = await alice.wait("mute")
    assert (told.sid, told.muted) == (voice, True)
    await bob.wait("update", lambda u: any(t.muted for t in u.participants[0].tracks))
    request = api.MuteRoomTrackRequest(room="room", identity="alice", track_sid=voice)
    assert await office.refused("MutePublishedTrack", office.encode(request), grants=ADMIN) == (
        412,
        "failed_precondition",
        "remote unmute not enabled",
    )
    request.track_sid, request.muted = "TR_none", True
    assert await office.refused("MutePublishedTrack", office.encode(request), grants=ADMIN) == (
        404,
        "not_found",
        "track is not found",
    )


async def test_a_participant_is_changed(office: Office) -> None:
    alice = await office.clients.join("alice")
    info = await office.call(
        "UpdateParticipant",
        room="room",
        identity="alice",
        name="Alice",
        metadata="about",
        attributes={"seat": "3", "row": "1"},
    )
    assert (info.name, info.metadata, dict(info.attributes)) == (
        "Alice",
        "about",
        {"seat": "3", "row": "1"},
    )
    await alice.wait("update", lambda u: u.participants[0].name == "Alice")
    info = await office.call(
        "UpdateParticipant", room="room", identity="alice", attributes={"seat": ""}
    )
    assert (info.name, info.metadata, dict(info.attributes)) == ("Alice", "about", {"row": "1"})


async def test_permissions_are_taken_away_at_once(office: Office) -> None:
    alice, voice, camera = await publishing(office.clients)
    info = await office.call(
        "UpdateParticipant",
        room="room",
        identity="alice",
        permission=m.ParticipantPermission(
            can_subscribe=True, can_publish=True, can_publish_sources=[m.TrackSource.CAMERA]
        ),
    )
    assert [t.sid for t in info.tracks] == [camera]
    assert (await alice.wait("track_unpublished")).track_sid == voice
    response = await alice.ask("request_response", add_track=audio_track("again"))
    assert response.reason == response.NOT_ALLOWED
    assert response.add_track.cid == "again"


async def test_subscriptions_are_changed(office: Office) -> None:
    _, voice, camera = await publishing(office.clients)
    await office.clients.join("bob")
    bob = office.clients.participant("bob")
    assert voice in bob.subscriptions
    await office.call(
        "UpdateSubscriptions", room="room", identity="bob", track_sids=[voice], subscribe=False
    )
    assert voice not in bob.subscriptions
    assert camera in bob.subscriptions
    sid = office.clients.participant("alice").sid
    await office.call(
        "UpdateSubscriptions",
        room="room",
        identity="bob",
        participant_tracks=[m.ParticipantTracks(participant_sid=sid, track_sids=[voice])],
        subscribe=True,
    )
    assert voice in bob.subscriptions


@pytest.mark.parametrize(
    ("fields", "who"),
    [
        ({}, {"alice", "bob", "carol"}),
        ({"destination_identities": ["bob", "absent"]}, {"bob"}),
        ({"destination_sids": ["carol's"]}, {"carol"}),
        ({"destination_identities": ["absent"]}, set()),
    ],
)
async def test_data_reach_those_they_are_for(
    office: Office, fields: dict[str, Any], who: set[str]
) -> None:
    for identity in ("alice", "bob", "carol"):
        await office.clients.join(identity)
    people = office.clients.server.rooms["room"].participants
    if "destination_sids" in fields:
        fields = {"destination_sids": [people["carol"].sid]}
    await office.call("SendData", room="room", data=b"hello", topic="t", nonce=bytes(16), **fields)
    waiting = {
        identity: [m.DataPacket.FromString(p) for p in person.data._pending]
        for identity, person in people.items()
    }
    assert {identity for identity, packets in waiting.items() if packets} == who
    for identity in who:
        [packet] = waiting[identity]
        assert (packet.user.payload, packet.user.topic) == (b"hello", "t")


async def test_a_room_s_metadata_are_changed(office: Office) -> None:
    alice = await office.clients.join("alice")
    room = await office.call("UpdateRoomMetadata", room="room", metadata="new")
    assert room.metadata == "new"
    await alice.wait("room_update", lambda u: u.room.metadata == "new")
