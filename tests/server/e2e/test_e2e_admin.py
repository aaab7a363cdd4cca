"""The room service, called by `livekit-api`, and what it does to people in a room."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from e2e_people import House, Target, until
from e2e_sound import Tone
from livekit import api, rtc

_Reason = rtc.DisconnectReason


async def test_a_room_is_made_listed_changed_and_deleted(
    lobby: House, admin: api.LiveKitAPI
) -> None:
    made = await admin.room.create_room(
        api.CreateRoomRequest(
            name=lobby.name, metadata="lesson", max_participants=2, empty_timeout=60
        )
    )
    assert (made.name, made.metadata, made.max_participants) == (lobby.name, "lesson", 2)
    assert made.sid.startswith("RM_")
    assert made.empty_timeout == 60
    again = await admin.room.create_room(api.CreateRoomRequest(name=lobby.name))
    assert (again.sid, again.metadata) == (made.sid, "lesson")
    listed = await admin.room.list_rooms(api.ListRoomsRequest(names=[lobby.name, "e2e-no-such"]))
    assert [room.sid for room in listed.rooms] == [made.sid]
    assert made.sid in [r.sid for r in (await admin.room.list_rooms(api.ListRoomsRequest())).rooms]

    alice, bob = await lobby.together("alice", "bob")
    assert alice.room.metadata == "lesson"
    assert await alice.room.sid == made.sid
    with pytest.raises(rtc.ConnectError):
        await lobby.join("one too many")
    changed = await admin.room.update_room_metadata(
        api.UpdateRoomMetadataRequest(room=lobby.name, metadata="break")
    )
    assert changed.metadata == "break"
    await bob.wait("room_metadata_changed", lambda old, new: (old, new) == ("lesson", "break"))

    await admin.room.delete_room(api.DeleteRoomRequest(room=lobby.name))
    for person in (alice, bob):
        assert await person.wait("disconnected") == (_Reason.ROOM_DELETED,)
    listed = await admin.room.list_rooms(api.ListRoomsRequest(names=[lobby.name]))
    assert list(listed.rooms) == []


async def test_people_are_listed_with_their_tracks(lobby: House, admin: api.LiveKitAPI) -> None:
    alice = await lobby.join("alice", name="Alice", metadata="m", attributes={"a": "b"})
    bob = await lobby.join("bob")
    publication = await alice.play(Tone(440))
    await bob.track("alice")
    listed = await admin.room.list_participants(api.ListParticipantsRequest(room=lobby.name))
    assert {p.identity for p in listed.participants} == {"alice", "bob"}
    found = await admin.room.get_participant(
        api.RoomParticipantIdentity(room=lobby.name, identity="alice")
    )
    assert (found.sid, found.name, found.metadata) == (alice.me.sid, "Alice", "m")
    assert dict(found.attributes) == {"a": "b"}
    assert found.state == api.ParticipantInfo.State.ACTIVE
    assert [(t.sid, t.name) for t in found.tracks] == [(publication.sid, "tone")]
    assert found.permission.can_publish
    for _ in range(100):
        listed = await admin.room.list_rooms(api.ListRoomsRequest(names=[lobby.name]))
        if listed.rooms[0].num_participants == 2:
            break
        await asyncio.sleep(0.1)
    else:
        pytest.fail(f"two people are there, and {listed.rooms[0].num_participants} are counted")


async def test_somebody_is_sent_away(lobby: House, admin: api.LiveKitAPI) -> None:
    alice, bob = await lobby.together("alice", "bob")
    await admin.room.remove_participant(
        api.RoomParticipantIdentity(room=lobby.name, identity="alice")
    )
    assert await alice.wait("disconnected") == (_Reason.PARTICIPANT_REMOVED,)
    (gone,) = await bob.wait("participant_disconnected")
    assert (gone.identity, gone.disconnect_reason) == ("alice", _Reason.PARTICIPANT_REMOVED)


async def test_a_track_is_muted_from_outside(lobby: House, admin: api.LiveKitAPI) -> None:
    alice, bob = await lobby.together("alice", "bob")
    publication = await alice.play(Tone(440))
    ear = await bob.hear("alice")
    await ear.hears(Tone(440))
    answer = await admin.room.mute_published_track(
        api.MuteRoomTrackRequest(
            room=lobby.name, identity="alice", track_sid=publication.sid, muted=True
        )
    )
    assert answer.track.muted
    await bob.wait("track_muted", lambda _, p: p.sid == publication.sid)
    await alice.wait("track_muted")
    await ear.gone()
    mark = bob.mark()
    publication.track.unmute()
    await bob.wait("track_unmuted", after=mark)
    await ear.hears(Tone(440))


async def test_somebody_is_renamed(lobby: House, admin: api.LiveKitAPI) -> None:
    alice = await lobby.join("alice", name="Alice", attributes={"kept": "1", "gone": "2"})
    bob = await lobby.join("bob")
    await admin.room.update_participant(
        api.UpdateParticipantRequest(
            room=lobby.name,
            identity="alice",
            name="Bob's friend",
            metadata="by the teacher",
            attributes={"gone": "", "new": "3"},
        )
    )
    for person in (alice, bob):
        await person.wait("participant_name_changed", lambda p, _, new: new == "Bob's friend")
        await person.wait("participant_metadata_changed", lambda p, _, new: new == "by the teacher")
        await person.wait("participant_attributes_changed")
    assert bob.room.remote_participants["alice"].attributes == {"kept": "1", "new": "3"}


async def test_data_is_sent_from_outside(house: House, admin: api.LiveKitAPI) -> None:
    alice, bob, carol = await house.together("alice", "bob", "carol")

    async def send(data: bytes, **to: Any) -> None:
        kind = api.DataPacket.Kind.RELIABLE
        await admin.room.send_data(
            api.SendDataRequest(room=house.name, data=data, kind=kind, topic="bell", **to)
        )

    await send(b"for two", destination_identities=["alice", "bob"])
    await send(b"for carol", destination_sids=[carol.me.sid])
    await send(b"for all")
    expected = {
        alice: [b"for two", b"for all"],
        bob: [b"for two", b"for all"],
        carol: [b"for carol", b"for all"],
    }
    for person, messages in expected.items():
        await until(
            lambda person=person, messages=messages: (
                len(person.seen("data_received")) >= len(messages)
            ),
            f"{person.identity} got its messages",
        )
        got = [packet for (packet,) in person.seen("data_received")]
        assert [packet.data for packet in got] == messages
        assert {(packet.topic, packet.participant) for packet in got} == {("bell", None)}


async def test_what_is_not_there_is_not_found(lobby: House, admin: api.LiveKitAPI) -> None:
    await lobby.join("alice")
    somebody = api.RoomParticipantIdentity(room=lobby.name, identity="nobody")
    update = api.UpdateParticipantRequest(room=lobby.name, identity="nobody", name="x")
    elsewhere = api.RoomParticipantIdentity(room="e2e-no-such", identity="alice")
    for call in (
        admin.room.get_participant(somebody),
        admin.room.remove_participant(somebody),
        admin.room.update_participant(update),
        admin.room.get_participant(elsewhere),
    ):
        with pytest.raises(api.TwirpError) as failure:
            await call
        assert failure.value.code == api.TwirpErrorCode.NOT_FOUND


async def test_calls_without_the_grant_are_refused(lobby: House) -> None:
    target, name = lobby.target, lobby.name
    await lobby.join("alice")
    joiner = {"room_join": True, "room": name}
    stranger = {"room_admin": True, "room": name + "-other"}
    lister = {"room_list": True}
    bodies: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
        "CreateRoom": ({"name": name}, [joiner, lister, {"room_admin": True, "room": name}]),
        "DeleteRoom": ({"room": name}, [joiner, lister]),
        "ListRooms": ({}, [joiner, {"room_create": True}]),
        "ListParticipants": ({"room": name}, [joiner, stranger, lister]),
        "GetParticipant": ({"room": name, "identity": "alice"}, [joiner, stranger]),
        "RemoveParticipant": ({"room": name, "identity": "alice"}, [joiner, stranger]),
        "MutePublishedTrack": (
            {"room": name, "identity": "alice", "track_sid": "TR_x", "muted": True},
            [joiner, stranger],
        ),
        "UpdateParticipant": ({"room": name, "identity": "alice"}, [joiner, stranger]),
        "UpdateSubscriptions": ({"room": name, "identity": "alice"}, [joiner, stranger]),
        "SendData": ({"room": name, "data": "aGk="}, [joiner, stranger]),
        "UpdateRoomMetadata": ({"room": name, "metadata": "x"}, [joiner, stranger]),
    }
    async with aiohttp.ClientSession() as client:
        for method, (body, refused) in bodies.items():
            for grants in refused:
                status, code = await _call(client, target, method, body, grants)
                assert (status, code) in (
                    (401, "unauthenticated"),
                    (403, "permission_denied"),
                ), (method, grants)
        status, _ = await _call(client, target, "ListParticipants", {"room": name}, None)
        assert status == 401
        granted = {"room_admin": True, "room": name}
        status, _ = await _call(client, target, "ListParticipants", {"room": name}, granted)
        assert status == 200


async def _call(
    client: aiohttp.ClientSession,
    target: Target,
    method: str,
    body: dict[str, Any],
    grants: dict[str, Any] | None,
) -> tuple[int, str]:
    """Return the status and Twirp's error code of one call in JSON."""
    headers = {}
    if grants is not None:
        token = api.AccessToken(target.key, target.secret).with_grants(api.VideoGrants(**grants))
        headers["Authorization"] = f"Bearer {token.with_identity('caller').to_jwt()}"
    url = target.url.replace("ws", "http", 1) + f"/twirp/livekit.RoomService/{method}"
    async with client.post(url, json=body, headers=headers) as response:
        text = await response.text()
        return response.status, (await response.json())["code"] if response.status != 200 else text
