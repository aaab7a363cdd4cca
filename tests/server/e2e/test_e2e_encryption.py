"""End-to-end encryption passes through: only who has the key hears, sees and reads."""

from __future__ import annotations

import asyncio

from e2e_people import House, until
from e2e_picture import Film, assert_film
from e2e_sound import Tone, tone_db
from livekit import rtc

_FILM = Film(320, 180)


def _options(key: bytes) -> rtc.RoomOptions:
    provider = rtc.KeyProviderOptions(shared_key=key)
    return rtc.RoomOptions(encryption=rtc.E2EEOptions(key_provider_options=provider))


async def test_only_the_right_key_opens_sound_and_picture(house: House) -> None:
    alice = await house.join("alice", options=_options(b"the right key"))
    bob = await house.join("bob", options=_options(b"the right key"))
    eve = await house.join("eve", options=_options(b"the wrong key"))
    tone = Tone(440)
    publication = await alice.play(tone)
    await alice.show(_FILM, simulcast=False)
    ear, deaf = await bob.hear("alice", "tone"), await eve.hear("alice", "tone")
    eye, blind = [p.watch(await p.track("alice", "film")) for p in (bob, eve)]
    await ear.hears(tone)
    assert_film(await eye.until(320), _FILM)
    seen = await bob.publication("alice", "tone")
    assert seen.encryption_type == rtc.EncryptionType.GCM
    assert publication.encryption_type == rtc.EncryptionType.GCM
    await until(lambda: deaf.heard.shape[1] > 0, "something is decoded for eve")

    await alice.me.publish_data(b"for whom it concerns")
    (packet,) = await bob.wait("data_received")
    assert packet.data == b"for whom it concerns"
    await deaf.next(0.2)
    assert tone_db((await deaf.next(0.3))[0], 440) < -60
    assert blind.seen == []
    assert eve.seen("data_received") == []


async def test_who_has_no_key_at_all_hears_nothing(house: House) -> None:
    alice = await house.join("alice", options=_options(b"the right key"))
    bob = await house.join("bob", options=_options(b"the right key"))
    eve = await house.join("eve")
    tone = Tone(440)
    await alice.play(tone)
    ear, deaf = await bob.hear("alice"), await eve.hear("alice")
    await ear.hears(tone)
    await asyncio.sleep(0.3)
    heard = deaf.heard[0]
    # What a decoder makes of the cipher is noise, which has a little of everything.
    assert heard.size == 0 or tone_db(heard, 440) < tone_db(ear.heard[0], 440) - 15
