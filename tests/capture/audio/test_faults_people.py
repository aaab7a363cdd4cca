"""People who crash, vanish, come back, are put out or lose their permissions while recorded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from faulty import eventually, only, only_made_up, voices
from livekit import api
from sounds import RATE, block_snr, silent_blocks, sine, tone_fit

import lkexplore as lk
from lkexplore.errors import SoundError, TrackNotFound
from lkexplore.room.video_bots import play_video

Permit = Callable[..., Awaitable[None]]

SETTLED = 2.0
"""Seconds until a new track's sound is no longer stretched."""


@pytest.fixture
def permit(server, room_name) -> Permit:
    """Give a function that changes what a participant may do, as a server's administrator."""

    async def permit(identity: str, **permissions: bool) -> None:
        allowed = {"can_publish": True, "can_subscribe": True, "can_publish_data": True}
        given = api.ParticipantPermission(**{**allowed, **permissions})
        change = api.UpdateParticipantRequest(room=room_name, identity=identity, permission=given)
        address = server.url.replace("ws", "http", 1)
        async with api.LiveKitAPI(address, server.api_key, server.api_secret) as admin:
            await admin.room.update_participant(change)

    return permit


async def test_a_publisher_that_crashes(join, server, room_name, tmp_path):
    """The server notices after a while: silence until then, and the end soon after."""
    room = await join()
    async with voices(server, room_name, "alice") as publisher:
        await room.record("alice", SETTLED)
        path = tmp_path / "alice.flac"
        jobs = [
            asyncio.ensure_future(room.record("alice", 100, path=path)),
            asyncio.ensure_future(room.record("alice")),
        ]
        everyone = asyncio.ensure_future(room.record_all(4, settling=0))
        session = await room.start_recording()
        await asyncio.sleep(1.0)
        await publisher.kill()
        crash = time.monotonic()
        whole = (await everyone)["alice"]
        with pytest.warns(UserWarning, match=r"'voice' of 'alice' ended, they left after .* 100"):
            saved, open_ended = await asyncio.wait_for(asyncio.gather(*jobs), 60)
        followed = (await session.stop())["alice"]
    assert saved.ended == "left"
    assert whole.samples.shape == (1, 4 * RATE)
    for recording in (saved.load(), open_ended, followed, whole):
        at = crash - recording.started_monotonic
        assert recording.gaps[0].start == pytest.approx(at, abs=0.05)
        assert sum(gap.duration for gap in recording.gaps) == pytest.approx(
            recording.duration - at, abs=0.06
        )
        assert recording.gaps[0].reason == "nothing arrived"
        before = recording[0.1 : at - 0.05]
        assert silent_blocks(before.samples[0]) == 0
        assert tone_fit(before.samples[0], RATE)[0] == pytest.approx(440, abs=1)


async def test_a_publisher_that_may_publish_no_more(join, send, permit):
    room = await join("eve")
    await send()
    await room.record("alice", SETTLED)
    one = asyncio.ensure_future(room.record("alice", 4))
    open_ended = asyncio.ensure_future(room.record("alice"))
    everyone = asyncio.ensure_future(room.record_all(4, settling=0))
    await asyncio.sleep(1.5)
    await permit("alice", can_publish=False)
    revoked = time.monotonic()
    ended = await asyncio.wait_for(open_ended, 5)
    assert ended.duration == pytest.approx(revoked - ended.started_monotonic, abs=0.1)
    for recording in (await one, (await everyone)["alice"]):
        assert recording.samples.shape == (1, 4 * RATE)
        gap = only(recording.gaps, "unpublished")
        assert gap.start == pytest.approx(revoked - recording.started_monotonic, abs=0.1)
        assert gap.end == 4
        assert silent_blocks(recording[0.1 : gap.start - 0.1].samples[0]) == 0
        assert not recording[gap.start + 0.1 :].samples.any()


async def test_we_may_hear_no_more(join, send, permit, tmp_path):
    room = await join("eve")
    await send()
    await room.record("alice", SETTLED)
    one = asyncio.ensure_future(room.record("alice", 30, path=tmp_path / "alice.wav"))
    open_ended = asyncio.ensure_future(room.record("alice"))
    everyone = asyncio.ensure_future(room.record_all(4, settling=0))
    await asyncio.sleep(1.5)
    await permit("eve", can_subscribe=False)
    revoked = time.monotonic()
    with pytest.warns(UserWarning, match=r"'tone' of 'alice' may not be heard .* of 30 s"):
        saved = await asyncio.wait_for(one, 5)
    ended = await asyncio.wait_for(open_ended, 5)
    assert saved.ended == "forbidden"
    for recording in (saved.load(), ended):
        assert recording.duration == pytest.approx(revoked - recording.started_monotonic, abs=0.25)
        assert tone_fit(recording.samples[0], RATE)[0] == pytest.approx(440, abs=1)
    with pytest.warns(UserWarning, match=r"'tone' of 'alice' may not be heard .* silence"):
        whole = (await everyone)["alice"]
    assert whole.samples.shape == (1, 4 * RATE)
    gap = only(whole.gaps, "forbidden")
    assert gap.start == pytest.approx(revoked - whole.started_monotonic, abs=0.4)
    assert gap.end == 4


async def test_someone_with_the_same_identity_takes_over(join, send):
    """Their track of the same name goes on where the first one's ended."""
    room = await join("eve")
    await send()
    await room.record("alice", SETTLED)
    one = asyncio.ensure_future(room.record("alice", 6))
    everyone = asyncio.ensure_future(room.record_all(6, settling=0))
    open_ended = asyncio.ensure_future(room.record("alice"))
    await asyncio.sleep(1.5)
    other = await send((sine(660, 1.0), RATE), name="tone")
    taken = time.monotonic()
    recordings = await everyone
    assert set(recordings) == {("alice", "tone")}
    whole = [await one, recordings["alice"]]
    await other.close()
    ended = await asyncio.wait_for(open_ended, 6)
    for recording in (*whole, ended):
        start, end = recording.gaps[0].start, recording.gaps[-1].end
        assert {gap.reason for gap in recording.gaps} <= {"unpublished", "left"}
        assert -0.5 < end - (taken - recording.started_monotonic) < 0.8
        assert end - start < 1.5
        first, second = recording[0.1 : start - 0.1], recording[end + 1.2 : 5.9]
        assert tone_fit(first.samples[0], RATE)[0] == pytest.approx(440, abs=1)
        assert tone_fit(second.samples[0], RATE)[0] == pytest.approx(660, abs=2)
    for recording in whole:
        assert recording.samples.shape == (1, 6 * RATE)


async def test_a_track_published_again_goes_on_in_all_recordings(join, send, tmp_path):
    bot = await send()
    await send((sine(660, 1.0), RATE), identity="bob", name="tone")
    room = await join("eve")
    await asyncio.gather(room.record("alice", SETTLED), room.record("bob", SETTLED))
    everyone = asyncio.ensure_future(room.record_all(6, settling=0))
    saved = asyncio.ensure_future(room.record_all(6, settling=0, folder=tmp_path))
    session = await room.start_recording("alice")
    await asyncio.sleep(1.0)
    for _ in range(2):
        await bot.playback.stop()
        await asyncio.sleep(0.7)
        await bot.room.publish((sine(880, 30.0), RATE), name="tone", wait=False)
        await asyncio.sleep(0.5)
        bot.playback = next(iter(bot.room.playing))
    recordings = [await everyone, (await saved).load(), await session.stop()]
    for each in recordings[:2]:
        assert set(each) == {("alice", "tone"), ("bob", "tone")}
        assert each["bob"].gaps == ()
        assert only_made_up(each["bob"])
        assert {recording.samples.shape for recording in each.values()} == {(1, 6 * RATE)}
    for each in recordings:
        alice = each["alice"]
        assert [gap.reason for gap in alice.gaps] == ["unpublished", "unpublished"]
        assert all(0.6 < gap.duration < 2.5 for gap in alice.gaps)
        first = alice[0.1 : alice.gaps[0].start - 0.1]
        assert tone_fit(first.samples[0], RATE)[0] == pytest.approx(440, abs=1)
        assert tone_fit(alice[-0.5:].samples[0], RATE)[0] == pytest.approx(880, abs=5)


async def test_no_seconds_are_an_empty_recording_everywhere(join, send, tmp_path):
    await send()
    room = await join()
    await room.wait_for_track("alice")
    saved = await room.record("alice", 0, path=tmp_path / "none.wav")
    everyone = await room.record_all(0, settling=0)
    folder = await room.record_all(0, settling=0, folder=tmp_path / "all")
    for recording in (saved.load(), everyone["alice"], folder["alice"].load()):
        assert recording.samples.shape == (1, 0)
    assert saved.ended == folder["alice"].ended == "complete"
    assert await room.capture_frames("alice", 0) == []
    for seconds in (-1, float("nan"), float("inf"), "5"):
        with pytest.raises((SoundError, TypeError)):
            await room.record_all(seconds)


async def test_a_track_of_the_wrong_kind(join, send, server, room_name, tmp_path):
    """Pictures are not sound: said at once, with no file made."""
    room = await join("eve")
    async with await play_video(room_name, "test pattern", "cam", **server.where):
        picture = await room.wait_for_track("cam", "video")
        for source in (picture, picture.publication, picture.rtc):
            with pytest.raises(TrackNotFound, match="carries video: give audio"):
                await room.record(source, 1, path=tmp_path / "cam.flac")
            with pytest.raises(TrackNotFound, match="carries video: give audio"):
                await room.capture_frames(source, 1)
        with pytest.raises(TrackNotFound, match=r"'cam' publishes no audio track"):
            await room.record("cam", 1, timeout=0.2, path=tmp_path / "cam.flac")
        assert not list(tmp_path.iterdir())
        await send()
        await room.wait_for_track("alice")
        assert list(await room.record_all(0.2, settling=0)) == [("alice", "tone")]


async def test_leaving_the_room_ends_every_recording(join, send, tmp_path):
    await send()
    room = await join("eve")
    await room.record("alice", SETTLED)
    everyone = asyncio.ensure_future(room.record_all(60, settling=0, folder=tmp_path / "all"))
    session = await room.start_recording()
    saved = asyncio.ensure_future(room.record("alice", path=tmp_path / "alice.flac"))
    await asyncio.sleep(1.2)
    await asyncio.wait_for(room.close(), 10)
    assert await eventually(lambda: everyone.done() and saved.done() and session.done, 5)
    for recording in ((await everyone)["alice"].load(), (await session)["alice"], await saved):
        sound = recording.load() if recording is saved.result() else recording
        assert 0.8 < sound.duration < 2.5
        assert block_snr(sound[0.1:1.0].samples[0], 440).min() > 25
    assert lk.load(tmp_path / "alice.flac").samples.shape == (1, saved.result().load().samples.size)
