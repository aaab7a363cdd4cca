"""A gap is silence, and sound that came is not in a gap: whoever mutes, and however long."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from faulty import voices
from livekit import api
from sounds import RATE, silent_blocks, sine

from lkexplore.sdk.media_loop import on_media_loop
from lkexplore.sound.recording import Recording

pytestmark = pytest.mark.timed

SETTLED = 3.0
"""Seconds until a new track's sound is no longer stretched."""

PAUSES = (0.1, 0.15, 0.3, 0.6, 1.0, 2.0)
"""Seconds for which to mute."""


def loudest(recording: Recording, start: float, end: float) -> float:
    """Return the peak of the loudest 10 ms that lie within a stretch, in dBFS."""
    samples = np.abs(recording[start:end].samples[0])
    blocks = samples[: samples.size // 480 * 480].reshape(-1, 480)
    return 20 * np.log10(max(float(blocks.max(initial=0.0)), 1e-9))


def assert_silent(recording: Recording) -> None:
    """No 10 ms within a gap hold sound."""
    for gap in recording.gaps:
        assert loudest(recording, gap.start, gap.end) <= -60, gap


class Bot:
    """Mutes as bots do."""

    def __init__(self, bot, _server, _room) -> None:
        self.bot = bot

    async def mute(self, value: bool) -> None:
        await (self.bot.mute() if value else self.bot.unmute())


class Server:
    """Mutes as a server's administrator does; the bot unmutes itself."""

    def __init__(self, bot, server, room_name) -> None:
        self.bot, self.server, self.room_name = bot, server, room_name

    async def mute(self, value: bool) -> None:
        if not value:
            await self.bot.unmute()
            return
        request = api.MuteRoomTrackRequest(
            room=self.room_name,
            identity="alice",
            track_sid=self.bot.playback.publication.sid,
            muted=True,
        )
        address = self.server.url.replace("ws", "http", 1)
        async with api.LiveKitAPI(address, self.server.api_key, self.server.api_secret) as admin:
            await admin.room.mute_published_track(request)


class Plain:
    """Mutes as a participant of the SDK does, in a process of its own."""

    def __init__(self, publisher, _server, _room) -> None:
        self.publisher = publisher

    async def mute(self, value: bool) -> None:
        await self.publisher.ask("mute" if value else "unmute")


async def mutes(room, who, folder) -> list[Recording]:
    """Mute for each of the pauses; return what was recorded, in memory and on disk."""
    await room.record("alice", SETTLED)
    jobs = [
        asyncio.ensure_future(room.record("alice", 13)),
        asyncio.ensure_future(room.record("alice", 13, path=folder / "alice.flac")),
        asyncio.ensure_future(room.record("alice", 13, path=folder / "a.wav", sample_rate=16_000)),
    ]
    session = await room.start_recording()
    await asyncio.sleep(1.0)
    for pause in PAUSES:
        await who.mute(True)
        await asyncio.sleep(pause)
        await who.mute(False)
        await asyncio.sleep(1.2)
    remembered = room.last("alice", 11)
    whole, flac, wav = await asyncio.gather(*jobs)
    return [whole, flac.load(), wav.load(), (await session.stop())["alice"], remembered]


@pytest.mark.parametrize("how", [Bot, Server, Plain])
async def test_no_gap_holds_sound_and_no_sound_is_taken_away(
    join, send, server, room_name, tmp_path, how
):
    room = await join("ears")
    if how is Plain:
        async with voices(server, room_name, "alice") as publisher:
            recordings = await mutes(room, Plain(publisher, None, None), tmp_path)
    else:
        bot = await send(Recording(0.4 * sine(440, 1.0), RATE))
        recordings = await mutes(room, how(bot, server, room_name), tmp_path)
    for recording in recordings:
        assert_silent(recording)
        muted = [gap for gap in recording.gaps if gap.reason == "muted"]
        # A mute of 0.1 s may be over before the sender has fallen silent.
        assert len(PAUSES) - 1 <= len(muted) <= len(PAUSES) + 1
        for pause, gap in zip(reversed(PAUSES), reversed(muted), strict=False):
            assert gap.duration == pytest.approx(pause, abs=0.2), (pause, gap)
        steady = recording[: muted[0].start - 0.1]
        if recording.sample_rate == RATE:
            assert silent_blocks(steady.samples[0]) == 0


async def test_what_an_unpublished_track_leaves_is_silent(join, send, tmp_path):
    bot = await send(Recording(0.4 * sine(440, 1.0), RATE))
    room = await join("ears")
    await room.record("alice", SETTLED)
    jobs = [
        asyncio.ensure_future(room.record("alice", 4)),
        asyncio.ensure_future(room.record("alice", 4, path=tmp_path / "alice.wav")),
    ]
    await asyncio.sleep(1.0)
    await bot.playback.stop()
    await asyncio.sleep(0.6)
    await bot.room.publish((sine(660, 10.0), RATE), name=bot.playback.name, wait=False)
    whole, saved = await asyncio.gather(*jobs)
    for recording in (whole, saved.load()):
        assert_silent(recording)
        assert [gap.reason for gap in recording.gaps] == ["unpublished"]
        assert 0.4 < recording.gaps[0].duration < 2.0


async def test_what_a_lost_connection_leaves_is_silent(join, send, tmp_path):
    from livekit.rtc.room import SimulateScenarioKind

    await send(Recording(0.4 * sine(440, 1.0), RATE))
    room = await join("ears")
    await room.record("alice", SETTLED)
    jobs = [
        asyncio.ensure_future(room.record("alice", 5)),
        asyncio.ensure_future(room.record("alice", 5, path=tmp_path / "alice.flac")),
    ]
    await asyncio.sleep(1.0)
    scenario = SimulateScenarioKind.SIMULATE_FULL_RECONNECT
    await on_media_loop(room.rtc.simulate_scenario)(scenario)
    whole, saved = await asyncio.gather(*jobs)
    for recording in (whole, saved.load()):
        assert_silent(recording)
        assert {gap.reason for gap in recording.gaps} == {"reconnecting"}
