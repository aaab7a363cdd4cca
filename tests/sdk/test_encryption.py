"""End-to-end encryption: with the right key all is heard, without it nothing, not even noise."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from sounds import RATE, silent_blocks, sine, tone_fit

import lkexplore as lk
from lkexplore.errors import EncryptionError, TrackNotFound
from lkexplore.sound.recording import Recording

KEY = "one key for all of us"
TONE = (0.4 * sine(440, 1.0), RATE)
RED = np.full((120, 160, 3), (200, 20, 20), np.uint8)


def assert_nothing_heard(recording: Recording, seconds: float) -> None:
    """It is as long as wanted, a gap from end to end, and silent."""
    assert recording.duration == pytest.approx(seconds, abs=0.01)
    assert [gap.reason for gap in recording.gaps] == ["encrypted"]
    assert recording.gaps[0].duration > seconds - 0.5
    assert recording.peak_dbfs < -60


async def test_with_the_key_sound_and_pictures_come(join, send, show):
    await send(TONE, e2ee_key=KEY)
    await show(lambda _n: RED, identity="camera", e2ee_key=KEY.encode())
    room = await join("me", e2ee_key=KEY)
    await room.record("alice", 2)
    heard = await room.record("alice", 1)
    assert heard.gaps == ()
    assert tone_fit(heard.samples[0], RATE)[0] == pytest.approx(440, abs=1)
    assert heard.peak_dbfs == pytest.approx(-14, abs=1)
    image = await room.capture_image("camera")
    assert np.abs(image.mean(axis=(0, 1)) - RED[0, 0]).max() < 20


async def test_without_a_key_there_is_a_gap_and_no_noise(join, send, show, tmp_path):
    await send(TONE, e2ee_key=KEY)
    await show(lambda _n: RED, identity="camera", e2ee_key=KEY)
    room = await join("me")
    whole, saved, everyone = await asyncio.gather(
        room.record("alice", 2),
        room.record("alice", 2, path=tmp_path / "alice.wav"),
        room.record_all(2, settling=0),
    )
    for recording in (whole, saved.load(), everyone["alice"]):
        assert_nothing_heard(recording, 2)
    with pytest.raises(EncryptionError, match=r"joined without a key: join with e2ee_key="):
        await room.live("alice", lk.filters.gain(0))
    with pytest.raises(EncryptionError, match=r"of 'alice' is end-to-end encrypted"):
        await anext(aiter(room.frames("alice")))
    for look in (room.capture_image, room.record_video):
        with pytest.raises(EncryptionError, match="of 'camera'"):
            await look("camera")


async def test_a_wrong_key_is_a_gap_until_the_right_one_comes(join, send):
    await send(TONE, e2ee_key=KEY)
    room = await join("me", e2ee_key="another key")
    recording = asyncio.ensure_future(room.record("alice", 6))
    await asyncio.sleep(3)
    await room.set_e2ee_key(KEY)
    heard = await recording
    assert heard.duration == pytest.approx(6, abs=0.01)
    assert {gap.reason for gap in heard.gaps} == {"encrypted"}
    assert heard.gaps[0].start < 0.5
    assert 2.0 < heard.gaps[-1].end < 5.0
    for gap in heard.gaps:
        assert heard[gap.start : gap.end].peak_dbfs < -60
    assert tone_fit(heard[5.2:].samples[0], RATE)[0] == pytest.approx(440, abs=1)


async def test_pictures_of_a_wrong_key_are_refused_and_said_to_be_encrypted(join, show):
    await show(lambda _n: RED, identity="camera", e2ee_key=KEY)
    room = await join("me", e2ee_key="another key")
    with pytest.raises(TrackNotFound, match="it is encrypted, and our key does not fit"):
        await room.capture_image("camera", timeout=3)
    await room.set_e2ee_key(KEY)
    image = await room.capture_image("camera")
    assert np.abs(image.mean(axis=(0, 1)) - RED[0, 0]).max() < 20


async def test_a_key_changed_in_mid_recording_is_followed(join, send):
    alice = await send(TONE, e2ee_key=KEY)
    room = await join("me", e2ee_key=KEY)
    await room.record("alice", 2)
    recording = asyncio.ensure_future(room.record("alice", 7))
    await asyncio.sleep(1.5)
    await alice.room.set_e2ee_key("the second key")
    await asyncio.sleep(2)
    await room.set_e2ee_key("the second key")
    heard = await recording
    [gap] = [gap for gap in heard.gaps if gap.reason == "encrypted"]
    assert gap.start == pytest.approx(1.5, abs=0.6)
    assert 1.0 < gap.duration < 4.0
    assert heard[gap.start : gap.end].peak_dbfs < -60
    assert silent_blocks(heard[0.1:1.2].samples[0]) == 0
    assert tone_fit(heard[6.2:].samples[0], RATE)[0] == pytest.approx(440, abs=1)


async def test_each_participant_may_have_a_key(join, send):
    await send(TONE, "alice", e2ee_key={"alice": "hers"})
    await send((0.4 * sine(660, 1.0), RATE), "bob", e2ee_key={"bob": "his"})
    room = await join("me", e2ee_key={"alice": "hers", "bob": "not his"})
    await room.record("alice", 2)
    alice, bob = await asyncio.gather(room.record("alice", 1), room.record("bob", 1))
    assert tone_fit(alice.samples[0], RATE)[0] == pytest.approx(440, abs=1)
    assert [gap.reason for gap in bob.gaps] == ["encrypted"]
    assert bob.peak_dbfs < -60


@pytest.mark.parametrize("key", ["", b"", 17, ["a"], {"alice": 3}])
def test_what_is_no_key_is_refused(key):
    with pytest.raises(EncryptionError, match="e2ee_key cannot be"):
        lk.connect("room", e2ee_key=key)


async def test_a_key_shows_nowhere(join):
    room = await join("me", e2ee_key=KEY)
    assert KEY not in repr(vars(room)) + repr(room) + repr(room.rtc.e2ee_manager.options)
    connecting = lk.connect("room", e2ee_key=KEY)
    assert KEY not in repr(vars(connecting))
    connecting.close()


async def test_a_room_in_the_clear_takes_no_key(join):
    room = await join("me")
    with pytest.raises(EncryptionError, match="joined without encryption: join it with e2ee_key="):
        await room.set_e2ee_key(KEY)
