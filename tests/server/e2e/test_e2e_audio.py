"""Sound from one participant to another, over real WebRTC."""

from __future__ import annotations

import asyncio

import pytest
from e2e_people import House, Target
from e2e_sound import Ear, Tone, assert_silent, snr_db, tone_db
from livekit import rtc


@pytest.mark.parametrize("speaker_single", [True, False], ids=["from_single", "from_dual"])
async def test_a_tone_arrives_as_it_was_played(house: House, speaker_single: bool) -> None:
    alice = await house.join("alice", single=speaker_single)
    bob = await house.join("bob")
    tone = Tone(440)
    publication = await alice.play(tone)
    ear = await bob.hear("alice")
    await ear.hears(tone, seconds=1.0)
    assert snr_db((await ear.next(0.3))[0], 440) > 20
    await asyncio.wait_for(publication.wait_for_subscription(), 10)
    seen = await bob.publication("alice")
    assert (seen.sid, seen.name) == (publication.sid, "tone")
    assert seen.mime_type.lower() in ("audio/opus", "audio/red")
    assert seen.source == rtc.TrackSource.SOURCE_MICROPHONE


async def test_both_directions_at_once(house: House) -> None:
    alice, bob = await house.together("alice", "bob")
    high, low = Tone(1200, name="high"), Tone(350, name="low")
    await asyncio.gather(alice.play(high), bob.play(low))
    at_bob, at_alice = await asyncio.gather(bob.hear("alice"), alice.hear("bob"))
    await asyncio.gather(at_bob.hears(high), at_alice.hears(low))


async def test_who_comes_late_hears_what_is_played_already(house: House) -> None:
    alice = await house.join("alice")
    tone = Tone(523)
    await alice.play(tone)
    bob = await house.join("bob")
    await (await bob.hear("alice")).hears(tone)


async def test_stereo_sides_stay_apart(embedded: Target, lobby: House) -> None:
    """Not on LiveKit's own server, which takes mono unless told of stereo: the SDK never is."""
    alice = await lobby.join("alice", single=True)
    bob = await lobby.join("bob", single=True)
    tone = Tone(440, 1000)
    await alice.play(tone, source=rtc.TrackSource.SOURCE_SCREENSHARE_AUDIO)
    ear = bob.listen(await bob.track("alice"), channels=2)
    left, right = await ear.hears(tone)
    assert tone_db(left, 440) - tone_db(left, 1000) > 20
    assert tone_db(right, 1000) - tone_db(right, 440) > 20


async def test_a_microphone_is_heard_on_both_sides(house: House) -> None:
    alice, bob = await house.together("alice", "bob")
    await alice.play(Tone(440))
    ear = bob.listen(await bob.track("alice"), channels=2)
    await ear.hears(Tone(440, 440))


async def test_mute_is_signalled_and_silences(house: House) -> None:
    alice, bob = await house.together("alice", "bob")
    tone = Tone(440)
    publication = await alice.play(tone)
    ear = await bob.hear("alice")
    await ear.hears(tone)
    for _ in range(2):
        mark = bob.mark()
        publication.track.mute()
        await bob.wait("track_muted", lambda _, p: p.sid == publication.sid, after=mark)
        assert_silent(await ear.silence())
        assert (await bob.publication("alice")).muted
        publication.track.unmute()
        await bob.wait("track_unmuted", lambda _, p: p.sid == publication.sid, after=mark)
        await ear.hears(tone)
        assert not (await bob.publication("alice")).muted


async def test_more_tracks_than_the_first_offer_has_room_for(house: House) -> None:
    alice, bob = await house.together("alice", "bob")
    tones = [Tone(300 + 150 * n, level=0.2, name=f"tone {n}") for n in range(7)]
    for tone in tones:
        await alice.play(tone)
    ears = [await bob.hear("alice", tone.name) for tone in tones]
    await _all_hear(ears, tones)


async def test_many_speakers_are_heard_apart(house: House) -> None:
    tones = [Tone(300 + 170 * n, level=0.2, name=f"tone {n}") for n in range(5)]
    people = [await house.join(f"person {n}") for n in range(5)]
    await asyncio.gather(*(p.play(t) for p, t in zip(people, tones, strict=True)))
    listener = await house.join("listener")
    ears = [await listener.hear(p.identity) for p in people]
    ears.append(await people[0].hear("person 4"))
    await _all_hear(ears, [*tones, tones[4]])


async def _all_hear(ears: list[Ear], tones: list[Tone]) -> None:
    await asyncio.gather(*(ear.hears(tone) for ear, tone in zip(ears, tones, strict=True)))


async def test_an_unpublished_track_is_taken_away(house: House) -> None:
    alice, bob = await house.together("alice", "bob")
    publication = await alice.play(Tone(440))
    await (await bob.hear("alice")).sound(0.2)
    await asyncio.wait_for(alice.me.unpublish_track(publication.sid), 10)
    await bob.wait("track_unsubscribed", lambda _, p, __: p.sid == publication.sid)
    await bob.wait("track_unpublished", lambda p, _: p.sid == publication.sid)
    assert bob.room.remote_participants["alice"].track_publications == {}


async def test_twelve_tracks_one_after_the_other(house: House) -> None:
    alice, bob = await house.together("alice", "bob")
    for n in range(12):
        tone = Tone(400 + 50 * n, name=f"tone {n}")
        mark = bob.mark()
        publication = await alice.play(tone)
        await (await bob.hear("alice", tone.name, after=mark)).hears(tone)
        await asyncio.wait_for(alice.me.unpublish_track(publication.sid), 10)
        await bob.wait("track_unpublished", lambda p, _, sid=publication.sid: p.sid == sid)
    assert bob.room.remote_participants["alice"].track_publications == {}


async def test_quiet_and_loud_keep_their_levels(house: House) -> None:
    alice, bob = await house.together("alice", "bob")
    loud, quiet = Tone(440, level=0.8, name="loud"), Tone(440, level=0.02, name="quiet")
    await alice.play(loud)
    await alice.play(quiet)
    ears = [await bob.hear("alice", name) for name in ("loud", "quiet")]
    await _all_hear(ears, [loud, quiet])
