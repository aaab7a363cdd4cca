"""Who is in a room, what is told of them, and how they go."""

from __future__ import annotations

import asyncio

import pytest
from e2e_people import House, Target, until
from e2e_sound import Tone
from livekit import api, rtc

_Reason = rtc.DisconnectReason


async def test_people_come_and_go(house: House) -> None:
    alice = await house.join(
        "alice", name="Alice", metadata="first", attributes={"role": "teacher", "seat": "1"}
    )
    bob = await house.join("bob")
    (seen,) = await alice.wait("participant_connected")
    assert (seen.identity, seen.sid) == ("bob", bob.me.sid)
    known = bob.room.remote_participants["alice"]
    assert (known.name, known.metadata) == ("Alice", "first")
    assert known.attributes == {"role": "teacher", "seat": "1"}
    assert (alice.me.name, alice.me.metadata) == ("Alice", "first")
    assert alice.me.attributes == {"role": "teacher", "seat": "1"}
    assert alice.room.name == house.name
    assert (await alice.room.sid).startswith("RM_")
    assert await alice.room.sid == await bob.room.sid

    await bob.leave()
    (gone,) = await alice.wait("participant_disconnected")
    assert gone.identity == "bob"
    assert gone.disconnect_reason == _Reason.CLIENT_INITIATED
    assert dict(alice.room.remote_participants) == {}


async def test_rooms_are_apart(lobby: House) -> None:
    alice, bob = await lobby.together("alice", "bob")
    stranger = await lobby.join("stranger", room=lobby.name + "-other")
    await stranger.me.publish_data(b"not for you")
    await stranger.play(Tone(440))
    await alice.me.publish_data(b"for bob")
    await bob.wait("data_received")
    assert [packet.data for (packet,) in bob.seen("data_received")] == [b"for bob"]
    assert set(bob.room.remote_participants) == {"alice"}
    assert dict(stranger.room.remote_participants) == {}
    assert stranger.seen("data_received") == []


async def test_the_newer_one_of_an_identity_stays(house: House) -> None:
    watcher, first = await house.together("watcher", "twin")
    await first.play(Tone(440, name="old"))
    await watcher.track("twin", "old")
    second = await house.join("twin")
    (reason,) = await first.wait("disconnected")
    assert reason == _Reason.DUPLICATE_IDENTITY
    await watcher.wait("participant_disconnected", lambda p: p.identity == "twin")
    await until(
        lambda: getattr(watcher.room.remote_participants.get("twin"), "sid", "") == second.me.sid,
        "the watcher knows the newer twin",
    )
    await second.play(Tone(660, name="new"))
    await (await watcher.hear("twin", "new")).sound(0.2)


async def test_the_hidden_see_and_are_not_seen(lobby: House) -> None:
    alice = await lobby.join("alice")
    ghost = await lobby.join("ghost", hidden=True)
    bob = await lobby.join("bob")
    await until(lambda: "bob" in alice.room.remote_participants, "alice knows bob")
    await until(lambda: "bob" in ghost.room.remote_participants, "the ghost knows bob")
    assert set(ghost.room.remote_participants) == {"alice", "bob"}
    await alice.play(Tone(440))
    await (await ghost.hear("alice")).sound(0.2)
    assert set(alice.room.remote_participants) == {"bob"}
    assert set(bob.room.remote_participants) == {"alice"}
    await ghost.leave()
    await bob.leave()
    await alice.wait("participant_disconnected")
    connected = [p.identity for (p,) in alice.seen("participant_connected")]
    gone = [p.identity for (p,) in alice.seen("participant_disconnected")]
    assert (connected, gone) == (["bob"], ["bob"])


async def test_one_changes_what_is_told_of_oneself(lobby: House) -> None:
    alice = await lobby.join(
        "alice", can_update_own_metadata=True, attributes={"kept": "1", "old": "2"}
    )
    bob = await lobby.join("bob")
    await alice.me.set_metadata("new metadata")
    await bob.wait("participant_metadata_changed", lambda p, _, new: new == "new metadata")
    await alice.me.set_name("Alice the Second")
    await bob.wait("participant_name_changed", lambda p, _, new: new == "Alice the Second")
    await alice.me.set_attributes({"fresh": "ö", "old": ""})
    changed, _ = await bob.wait("participant_attributes_changed")
    assert changed == {"fresh": "ö", "old": ""}
    known = bob.room.remote_participants["alice"]
    assert (known.name, known.metadata) == ("Alice the Second", "new metadata")
    assert known.attributes == {"kept": "1", "fresh": "ö"}
    late = (await lobby.join("carol")).room.remote_participants["alice"]
    assert (late.name, late.metadata) == ("Alice the Second", "new metadata")
    assert late.attributes == {"kept": "1", "fresh": "ö"}


async def test_without_the_grant_nothing_changes(lobby: House, admin: api.LiveKitAPI) -> None:
    alice = await lobby.join("alice", name="Alice", metadata="as given")
    bob = await lobby.join("bob")
    async with asyncio.timeout(10):
        await alice.me.set_metadata("as wished")
        await alice.me.set_name("Queen")
        await alice.me.set_attributes({"role": "queen"})
    # What is refused comes before what is done after it.
    await admin.room.update_participant(
        api.UpdateParticipantRequest(room=lobby.name, identity="alice", metadata="as decided")
    )
    await bob.wait("participant_metadata_changed", lambda p, _, new: new == "as decided")
    known = bob.room.remote_participants["alice"]
    assert (known.name, known.metadata, known.attributes) == ("Alice", "as decided", {})
    assert bob.seen("participant_name_changed") == []
    assert len(bob.seen("participant_metadata_changed")) == 1


async def test_who_speaks_is_told(lobby: House) -> None:
    alice = await lobby.join("alice", single=True)
    bob = await lobby.join("bob", single=False)
    people = (alice, bob)
    tracks = [(await person.play(Tone(440, level=0.5))).track for person in people]
    for expected, muted in (({"alice", "bob"}, []), ({"bob"}, tracks[:1])):
        marks = [person.mark() for person in people]
        for track in muted:
            track.mute()
        for person, mark in zip(people, marks, strict=True):
            await person.wait(
                "active_speakers_changed",
                lambda speakers, expected=expected: {s.identity for s in speakers} == expected,
                after=mark,
            )


async def test_the_quality_of_a_good_link_is_excellent(lobby: House) -> None:
    alice, bob = await lobby.together("alice", "bob")
    await alice.play(Tone(440))
    await bob.track("alice")

    def is_excellent(participant: rtc.Participant, quality: rtc.ConnectionQuality) -> bool:
        return (
            participant.identity == "alice" and quality == rtc.ConnectionQuality.QUALITY_EXCELLENT
        )

    await asyncio.gather(
        *(p.wait("connection_quality_changed", is_excellent, timeout=30) for p in (alice, bob))
    )


async def test_a_fresh_token_comes_on_its_own(target: Target, lobby: House) -> None:
    alice = await lobby.join("alice")
    await alice.wait("token_refreshed")
    again = await lobby.join("alice", token=alice.room._token)
    assert again.me.identity == "alice"


@pytest.mark.parametrize(
    ("key", "secret"), [("", "wrong secret, but a long one that is allowed"), ("nobody", "")]
)
async def test_a_stranger_is_refused(target: Target, key: str, secret: str) -> None:
    forger = Target(target.url, key or target.key, secret or target.secret, target.embedded)
    room = rtc.Room()
    with pytest.raises(rtc.ConnectError, match=r"401|[Uu]nauthorized|token|key"):
        await asyncio.wait_for(room.connect(target.url, forger.token("mallory", "e2e-any")), 15)
