"""Administration: every call in both encodings, every refusal with its code and status."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st
from livekit.protocol import models as m
from livekit.protocol import room as api
from serving import (
    SINGLE_OFFER,
    Clients,
    Peer,
    audio_track,
    http_url,
    offer,
    open_clients,
    token,
    video_track,
)

from lkexplore.server.config import Limits
from lkexplore.server.twirp import TwirpError, decode

JSON, PROTOBUF = "application/json", "application/protobuf"
ADMIN = {"roomAdmin": True, "room": "room"}
CREATE, LIST = {"roomCreate": True}, {"roomList": True}
CALLS: dict[str, tuple[type[Message], type[Message], dict[str, Any]]] = {
    "CreateRoom": (api.CreateRoomRequest, m.Room, CREATE),
    "ListRooms": (api.ListRoomsRequest, api.ListRoomsResponse, LIST),
    "DeleteRoom": (api.DeleteRoomRequest, api.DeleteRoomResponse, CREATE),
    "ListParticipants": (api.ListParticipantsRequest, api.ListParticipantsResponse, ADMIN),
    "GetParticipant": (api.RoomParticipantIdentity, m.ParticipantInfo, ADMIN),
    "RemoveParticipant": (api.RoomParticipantIdentity, api.RemoveParticipantResponse, ADMIN),
    "MutePublishedTrack": (api.MuteRoomTrackRequest, api.MuteRoomTrackResponse, ADMIN),
    "UpdateParticipant": (api.UpdateParticipantRequest, m.ParticipantInfo, ADMIN),
    "UpdateSubscriptions": (
        api.UpdateSubscriptionsRequest,
        api.UpdateSubscriptionsResponse,
        ADMIN,
    ),
    "SendData": (api.SendDataRequest, api.SendDataResponse, ADMIN),
    "UpdateRoomMetadata": (api.UpdateRoomMetadataRequest, m.Room, ADMIN),
}
OF_A_ROOM = [
    name for name, (_, _, grants) in CALLS.items() if grants is ADMIN and name != "ListParticipants"
]
OF_A_PARTICIPANT = [
    "GetParticipant",
    "RemoveParticipant",
    "MutePublishedTrack",
    "UpdateParticipant",
    "UpdateSubscriptions",
]


class Office:
    """Makes the calls, in one of the two encodings."""

    def __init__(self, clients: Clients, content_type: str = JSON) -> None:
        self.clients, self.content_type = clients, content_type

    async def post(
        self,
        method: str,
        body: bytes,
        *,
        grants: dict[str, Any] | str | None = None,
        content_type: str | None = None,
        verb: str = "POST",
        service: str = "livekit.RoomService",
    ) -> tuple[int, str, bytes]:
        """Return status, content type and body of the answer."""
        headers = {}
        if content_type is None:
            content_type = self.content_type
        if content_type:
            headers["Content-Type"] = content_type
        if grants is not None:
            text = grants if isinstance(grants, str) else token(video=grants)
            headers["Authorization"] = f"Bearer {text}"
        url = http_url(self.clients.server, f"/twirp/{service}/{method}")
        async with self.clients.http.request(
            verb, url, data=body, headers=headers, skip_auto_headers=["Content-Type"]
        ) as response:
            return response.status, response.headers.get("Content-Type", ""), await response.read()

    async def call(self, method: str, **fields: Any) -> Any:
        """Return the answer to a call that must succeed."""
        kind, answer_kind, grants = CALLS[method]
        status, content_type, body = await self.post(
            method, self.encode(kind(**fields)), grants=grants
        )
        assert (status, content_type) == (200, self.content_type), body
        if self.content_type == PROTOBUF:
            return answer_kind.FromString(body)
        return json_format.Parse(body, answer_kind())

    def encode(self, message: Message) -> bytes:
        if self.content_type == PROTOBUF:
            return message.SerializeToString()
        return json_format.MessageToJson(message).encode()

    async def refused(self, method: str, body: bytes, **options: Any) -> tuple[int, str, str]:
        """Return status, code and text of an answer that must be a refusal."""
        status, content_type, answer = await self.post(method, body, **options)
        assert content_type == JSON, answer
        told = json.loads(answer)
        return status, told["code"], told["msg"]


@pytest.fixture(params=[JSON, PROTOBUF])
def office(clients: Clients, request: pytest.FixtureRequest) -> Office:
    return Office(clients, request.param)


async def publishing(clients: Clients, identity: str = "alice") -> tuple[Peer, str, str]:
    """Return a peer that publishes a microphone and a camera, and their ids."""
    peer = await clients.join(identity)
    await peer.send(add_track=audio_track(name="voice"))
    await peer.send(add_track=video_track())
    answer = await peer.ask("answer", offer=offer(SINGLE_OFFER))
    return peer, answer.mid_to_track_id["7"], answer.mid_to_track_id["8"]


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


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize(
    "grants", [None, {}, {"roomAdmin": True, "room": "another"}, {"roomJoin": True}]
)
async def test_without_the_right_grant(
    office: Office, method: str, grants: dict[str, Any] | None
) -> None:
    await office.clients.join("alice")
    kind, _, _ = CALLS[method]
    fields = {f.name for f in kind.DESCRIPTOR.fields}
    names = {k: v for k, v in {"room": "room", "identity": "alice"}.items() if k in fields}
    told = await office.refused(method, office.encode(kind(**names)), grants=grants)
    assert told == (401, "unauthenticated", "permissions denied")
    without_video = token(without=("video",))
    told = await office.refused(method, office.encode(kind(**names)), grants=without_video)
    assert told == (401, "unauthenticated", "permissions denied")


@pytest.mark.parametrize("text", ["garbage", token(exp=0), token(secret="x" * 40)])
async def test_a_bad_token_is_refused_like_everywhere(clients: Clients, text: str) -> None:
    for method in (*CALLS, "Nothing"):
        status, content_type, body = await Office(clients).post(method, b"{}", grants=text)
        assert (status, content_type.split(";")[0]) == (401, "text/plain")
        assert body.startswith(b"invalid")


@pytest.mark.parametrize("method", CALLS)
async def test_what_cannot_be_decoded(office: Office, method: str) -> None:
    form = "json" if office.content_type == JSON else "protobuf"
    bodies = {
        JSON: [b"{nope", b"[]", b'{"room": 5, "name": 5, "names": 5}', b"\xff", b"[" * 5000, b""],
        PROTOBUF: [b"\xff\xff\xff", b"\x0a\x05ab", b"\x0a\x02\xff\xfe"],
    }
    for body in bodies[office.content_type]:
        told = await office.refused(method, body, grants=CALLS[method][2])
        assert told == (400, "malformed", f"the {form} request could not be decoded")


@pytest.mark.parametrize("method", OF_A_ROOM)
async def test_a_room_that_is_not_there(office: Office, method: str) -> None:
    kind, _, grants = CALLS[method]
    told = await office.refused(method, office.encode(kind(room="room")), grants=grants)
    assert told == (404, "not_found", "requested room does not exist")


@pytest.mark.parametrize("method", OF_A_PARTICIPANT)
async def test_a_participant_who_is_not_there(office: Office, method: str) -> None:
    await office.clients.join("alice")
    kind, _, grants = CALLS[method]
    body = office.encode(kind(room="room", identity="bob"))
    told = await office.refused(method, body, grants=grants)
    assert told == (404, "not_found", "participant does not exist")


async def test_deleting_a_room_that_is_not_there(office: Office) -> None:
    body = office.encode(api.DeleteRoomRequest(room="room"))
    told = await office.refused("DeleteRoom", body, grants=CREATE)
    assert told == (404, "not_found", "requested room does not exist")


@pytest.mark.parametrize(
    ("method", "fields", "text"),
    [
        ("CreateRoom", {"name": ""}, "no room name"),
        ("CreateRoom", {"name": "é" * 129}, "room name length exceeds limits: max length 256"),
        ("CreateRoom", {"name": "n", "metadata": "m" * 524_289}, "metadata size exceeds limits"),
        ("UpdateRoomMetadata", {"metadata": "m" * 524_289}, "metadata size exceeds limits"),
        ("UpdateParticipant", {"name": "n" * 257}, "exceeds name length limit"),
        ("UpdateParticipant", {"metadata": "m" * 524_289}, "exceeds metadata size limit"),
        ("UpdateParticipant", {"attributes": {"a": "m" * 65_536}}, "exceeds attributes size limit"),
        ("SendData", {"nonce": b"ab"}, "nonce should be 16-bytes or not present, got: 2 bytes"),
    ],
)
async def test_arguments_beyond_their_limits(
    office: Office, method: str, fields: dict[str, Any], text: str
) -> None:
    await office.clients.join("alice")
    kind, _, grants = CALLS[method]
    known = {f.name for f in kind.DESCRIPTOR.fields}
    names = {k: v for k, v in {"room": "room", "identity": "alice"}.items() if k in known}
    told = await office.refused(method, office.encode(kind(**names, **fields)), grants=grants)
    assert told == (400, "invalid_argument", text)


async def test_a_server_with_all_its_rooms() -> None:
    async with open_clients(Limits(rooms=1)) as clients:
        office = Office(clients)
        await office.call("CreateRoom", name="one")
        await office.call("CreateRoom", name="one", metadata="again")
        status, code, _ = await office.refused("CreateRoom", b'{"name": "two"}', grants=CREATE)
        assert (status, code) == (429, "resource_exhausted")


async def test_wrong_routes(clients: Clients) -> None:
    office = Office(clients)
    assert await office.refused("Nothing", b"{}", grants=LIST) == (
        404,
        "bad_route",
        'no handler for path "/twirp/livekit.RoomService/Nothing"',
    )
    assert await office.refused("ListRooms", b"", grants=LIST, verb="GET") == (
        404,
        "bad_route",
        'unsupported method "GET" (only POST is allowed)',
    )
    for content_type in ("text/plain", "", "application/x-www-form-urlencoded"):
        assert await office.refused("ListRooms", b"{}", grants=LIST, content_type=content_type) == (
            404,
            "bad_route",
            f'unexpected Content-Type: "{content_type}"',
        )
    status, _, _ = await office.post("ListRooms", b"{}", grants=LIST, service="livekit.Nothing")
    assert status == 404


async def test_json_is_taken_as_twirp_has_it(clients: Clients) -> None:
    office = Office(clients)
    for body in (b"{}", b'{"names": []}', b'{"unknown": {"a": [1]}}'):
        status, _, _ = await office.post(
            "ListRooms", body, grants=LIST, content_type="application/json; charset=utf-8"
        )
        assert status == 200
    status, _, body = await office.post(
        "CreateRoom", b'{"name":"a","emptyTimeout":15}', grants=CREATE
    )
    assert json.loads(body)["empty_timeout"] == 15
    await clients.join("alice")
    data = json.dumps({"room": "room", "kind": "LOSSY", "data": base64.b64encode(b"x").decode()})
    assert (await office.post("SendData", data.encode(), grants=ADMIN))[0] == 200


async def test_a_body_beyond_the_limit(clients: Clients) -> None:
    body = json.dumps({"names": ["x" * (2 << 20)]}).encode()
    status, _, _ = await Office(clients).post("ListRooms", body, grants=LIST)
    assert status == 413


@given(st.sampled_from(sorted(CALLS)), st.binary(max_size=200), st.booleans())
def test_random_bodies_are_decoded_or_refused(method: str, body: bytes, as_json: bool) -> None:
    kind, _, _ = CALLS[method]
    with contextlib.suppress(TwirpError):
        assert isinstance(decode(kind, body, is_json=as_json), kind)
