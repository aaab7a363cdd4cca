"""Bots: someone to record."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from sounds import RATE, block_snr, silent_blocks, sine, speechlike

import lkexplore as lk
from lkexplore.errors import RoomClosed, SoundError, TokenError


async def test_a_loop_has_no_seam(join, send, room_name):
    bot = await send((sine(440, 0.7500), RATE), identity="bob", name="hum")
    assert repr(bot) == f"<Bot 'bob' in room {room_name!r}: <Playback 'hum' 0.75 s, looping>>"
    room = await join()
    await room.record("bob", 1.0)
    voice = await room.record("bob", 2.5)
    assert silent_blocks(voice.samples[0]) == 0
    assert block_snr(voice.samples[0], 440).min() > 35


async def test_a_sound_shorter_than_a_frame_loops_too(join, send):
    await send((sine(1200, 0.005), RATE))
    room = await join()
    await room.record("alice", 1.0)
    voice = await room.record("alice", 0.5)
    assert block_snr(voice.samples[0], 1200).min() > 30


async def test_once_means_once(join, send):
    bot = await send((speechlike(0.5), RATE), loop=False)
    room = await join()
    await bot.playback
    assert not bot.room.closed
    assert not bot.room.me.tracks
    for _ in range(20):
        if not room.tracks:
            break
        await asyncio.sleep(0.1)
    assert list(room.participants) == ["alice"]
    assert not room.tracks


async def test_it_is_muted_and_heard_again(join, send):
    bot = await send()
    room = await join()
    await room.record("alice", 1.0)
    await bot.mute()
    await asyncio.sleep(1.0)
    assert (await room.record("alice", 0.5)).peak_dbfs < -60
    await bot.unmute()
    await asyncio.sleep(1.0)
    assert block_snr((await room.record("alice", 0.5)).samples[0], 440).min() > 25
    await bot.playback.stop()
    with pytest.raises(RoomClosed, match="'alice' plays nothing any more"):
        await bot.mute()


async def test_it_leaves_when_closed(join, send):
    room = await join()
    bot = await send()
    await room.wait_for_track("alice")
    await bot.close()
    assert repr(bot).endswith("left>")
    for _ in range(50):
        if not room.participants:
            break
        await asyncio.sleep(0.1)
    assert not room.participants


async def test_nobody_stays_when_the_sound_is_none(join, send):
    room = await join()
    with pytest.raises(SoundError):
        await send((np.array([np.nan]), RATE))
    await asyncio.sleep(0.3)
    assert not room.participants


async def test_a_token_for_someone_else_is_noticed(server, room_name):
    token = server.token("me", room_name)
    with pytest.raises(TokenError, match="for identity 'me', not 'alice'"):
        await lk.bots.play(room_name, (sine(440, 1), RATE), url=server.url, token=token)
