"""Pictures from one participant to another: codecs, simulcast layers, muting."""

from __future__ import annotations

import asyncio

import pytest
from e2e_people import House
from e2e_picture import Film, assert_film
from livekit import rtc

_SMALL = Film(320, 180)
_CODECS = ["VP8", "H264", "VP9", "AV1"]


@pytest.mark.parametrize("codec", _CODECS)
async def test_a_film_arrives_as_it_was_shown(house: House, codec: str) -> None:
    alice, bob = await house.together("alice", "bob")
    publication = await alice.show(_SMALL, video_codec=rtc.VideoCodec.Value(codec), simulcast=False)
    eye = bob.watch(await bob.track("alice"))
    await eye.until(_SMALL.width, frames=3)
    frames = await eye.next(10)
    assert_film(frames, _SMALL)
    assert {(f.width, f.height) for f in frames} == {(320, 180)}
    mime = f"video/{codec.lower()}"
    seen = await bob.publication("alice")
    assert seen.mime_type.lower() == mime
    # The SDK does not say at once which codec it will use.
    assert publication.mime_type.lower() in ("", mime)
    assert (seen.width, seen.height, seen.simulcasted) == (320, 180, False)


async def test_who_comes_late_sees_the_film_at_once(house: House) -> None:
    alice = await house.join("alice")
    await alice.show(_SMALL, simulcast=False)
    for name in ("bob", "carol"):
        person = await house.join(name)
        eye = person.watch(await person.track("alice"))
        assert_film(await eye.until(_SMALL.width), _SMALL)


async def test_each_viewer_gets_the_layer_it_asked_for(house: House) -> None:
    film = Film(960, 540)
    alice, bob, carol = await house.together("alice", "bob", "carol")
    await alice.show(film, simulcast=True)
    eyes = [p.watch(await p.track("alice")) for p in (bob, carol)]
    at_bob, at_carol = [await p.publication("alice") for p in (bob, carol)]
    assert at_bob.simulcasted
    await asyncio.gather(*(eye.until(960) for eye in eyes))

    at_bob.set_video_quality(rtc.VideoQuality.VIDEO_QUALITY_LOW)
    at_carol.set_video_quality(rtc.VideoQuality.VIDEO_QUALITY_MEDIUM)
    seen = await asyncio.gather(eyes[0].until(320), eyes[1].until(640))
    for frames in seen:
        assert_film(frames, film)

    at_bob.set_video_quality(rtc.VideoQuality.VIDEO_QUALITY_HIGH)
    at_carol.set_video_quality(rtc.VideoQuality.VIDEO_QUALITY_LOW)
    seen = await asyncio.gather(eyes[0].until(960), eyes[1].until(320))
    for frames in seen:
        assert_film(frames, film)


async def test_a_muted_film_stands_still_and_goes_on(house: House) -> None:
    alice, bob = await house.together("alice", "bob")
    publication = await alice.show(_SMALL, simulcast=False)
    eye = bob.watch(await bob.track("alice"))
    assert_film(await eye.until(_SMALL.width), _SMALL)
    publication.track.mute()
    await bob.wait("track_muted")
    await asyncio.sleep(0.5)
    still = len(eye.seen)
    await asyncio.sleep(0.5)
    assert len(eye.seen) <= still + 1
    publication.track.unmute()
    await bob.wait("track_unmuted")
    assert_film(await eye.until(_SMALL.width), _SMALL)


async def test_sound_and_film_and_film_again(house: House) -> None:
    alice, bob = await house.together("alice", "bob")
    for n in range(4):
        film = Film(320, 180, bars=tuple(((50 + 60 * n) % 256, 40, 200 - 40 * k) for k in range(4)))
        mark = bob.mark()
        publication = await alice.show(film, f"film {n}", simulcast=False)
        eye = bob.watch(await bob.track("alice", f"film {n}", after=mark))
        assert_film(await eye.until(320), film)
        await asyncio.wait_for(alice.me.unpublish_track(publication.sid), 10)
        await bob.wait("track_unpublished", after=mark)
