"""What a token forbids, as the user of the SDK gets to know of it: soon, and not by hanging."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from e2e_people import House, Person, until
from e2e_picture import Film
from e2e_sound import Tone
from livekit import api, rtc
from livekit.rtc.participant import PublishDataTrackError, PublishTrackError

_MICROPHONE = rtc.TrackSource.SOURCE_MICROPHONE
_SCREEN = rtc.TrackSource.SOURCE_SCREENSHARE
_SOON = 12.0


async def _refused(publishing: Coroutine[Any, Any, Any]) -> None:
    with pytest.raises(PublishTrackError):
        await asyncio.wait_for(publishing, _SOON)


async def test_what_may_not_be_published_gives_an_error(lobby: House) -> None:
    """The SDK itself takes ten seconds to say so, whatever the server answers."""
    mute = await lobby.join("mute", can_publish=False)
    some = await lobby.join("some", can_publish_sources=["microphone", "screen_share"])
    bob = await lobby.join("bob")
    tones = Tone(440, name="some"), Tone(660, name="bob")
    await some.play(tones[0], source=_MICROPHONE)
    await some.show(Film(320, 180), source=_SCREEN)
    await bob.play(tones[1])
    await asyncio.gather(
        _refused(mute.play(Tone(440))),
        _refused(mute.show(Film(320, 180))),
        _refused(some.play(Tone(440), source=rtc.TrackSource.SOURCE_SCREENSHARE_AUDIO)),
        _refused(some.show(Film(320, 180), source=rtc.TrackSource.SOURCE_CAMERA)),
    )
    await (await bob.hear("some", "some")).hears(tones[0])
    await (await mute.hear("bob")).hears(tones[1])
    await bob.watch(await bob.track("some", "film")).until(320)
    others = bob.room.remote_participants
    sources = {p.source for p in others["some"].track_publications.values()}
    assert sources == {_MICROPHONE, _SCREEN}
    assert others["mute"].track_publications == {}
    await mute.me.publish_data(b"still allowed")
    await bob.wait("data_received")


async def test_who_may_not_subscribe_receives_nothing(house: House) -> None:
    alice = await house.join("alice")
    deaf = await house.join("deaf", can_subscribe=False)
    bob = await house.join("bob")
    tone = Tone(440)
    await alice.play(tone)
    await (await bob.hear("alice")).hears(tone)
    publication = await deaf.publication("alice")
    publication.set_subscribed(True)
    await deaf.play(Tone(880))
    await (await alice.hear("deaf")).hears(Tone(880))
    assert deaf.seen("track_subscribed") == []


async def test_who_may_not_publish_data_reaches_nobody(house: House) -> None:
    alice = await house.join("alice", can_publish_data=False)
    bob = await house.join("bob")
    await until(lambda: "alice" in bob.room.remote_participants, "bob knows alice")
    await alice.me.publish_data(b"forbidden")
    await alice.me.publish_data(b"forbidden", reliable=False)
    with pytest.raises(PublishDataTrackError):
        await asyncio.wait_for(alice.me.publish_data_track(name="forbidden"), _SOON)
    await bob.me.publish_data(b"allowed")
    (packet,) = await alice.wait("data_received")
    assert packet.data == b"allowed"
    assert bob.seen("data_received") == []
    assert bob.seen("data_track_published") == []


@pytest.mark.parametrize(
    "grants",
    [{"room_join": False}, {"room_join": None, "room_admin": True}],
    ids=["no_join", "admin_only"],
)
async def test_who_may_not_join_gets_an_error(lobby: House, grants: dict[str, Any]) -> None:
    target = lobby.target
    video = api.VideoGrants(**{"room_join": True, "room": lobby.name, **grants})
    token = api.AccessToken(target.key, target.secret).with_identity("mallory").with_grants(video)
    with pytest.raises(rtc.ConnectError):
        await asyncio.wait_for(rtc.Room().connect(target.url, token.to_jwt()), _SOON)


async def test_an_expired_token_is_refused(lobby: House) -> None:
    token = lobby.target.token("late", lobby.name, ttl=-3600)
    with pytest.raises(rtc.ConnectError):
        await asyncio.wait_for(rtc.Room().connect(lobby.target.url, token), _SOON)


async def test_taking_the_permission_away_takes_the_track_away(
    house: House, admin: api.LiveKitAPI
) -> None:
    alice, bob = await house.together("alice", "bob")
    await alice.play(Tone(440))
    await (await bob.hear("alice")).sound(0.2)
    await _permit(house, admin, can_publish=False, can_subscribe=True, can_publish_data=True)
    await bob.wait("track_unpublished")
    await bob.wait("track_unsubscribed")
    await alice.wait("participant_permissions_changed", lambda p, allowed: not allowed.can_publish)
    assert bob.room.remote_participants["alice"].track_publications == {}

    await _permit(house, admin, can_publish=True, can_subscribe=True, can_publish_data=True)
    await alice.wait("participant_permissions_changed", lambda p, allowed: allowed.can_publish)
    tone, mark = Tone(550, name="again"), bob.mark()
    await alice.play(tone)
    await (await bob.hear("alice", "again", after=mark)).hears(tone)


async def test_giving_the_permission_to_subscribe_brings_the_track(
    house: House, admin: api.LiveKitAPI
) -> None:
    alice: Person = await house.join("alice", can_subscribe=False)
    bob = await house.join("bob")
    tone = Tone(440)
    await bob.play(tone)
    await alice.publication("bob")
    assert alice.seen("track_subscribed") == []
    await _permit(house, admin, can_publish=True, can_subscribe=True, can_publish_data=True)
    await (await alice.hear("bob")).hears(tone)


async def _permit(house: House, admin: api.LiveKitAPI, **allowed: bool) -> None:
    await admin.room.update_participant(
        api.UpdateParticipantRequest(
            room=house.name, identity="alice", permission=api.ParticipantPermission(**allowed)
        )
    )
