"""Publishing over real WebRTC: another participant that records the track has all of it."""

from __future__ import annotations

import asyncio
import re
import warnings

import numpy as np
import pytest
from kernels import Run
from livekit import rtc
from sounds import RATE, find, sine, speechlike, tone_fit

import lkexplore as lk
from lkexplore.errors import FileError, RoomClosed, SoundError, TokenError
from lkexplore.sound.recording import Recording


async def heard_by(ears, mouth_identity: str, channels: int = 1) -> Recording:
    await ears.wait_for_track(mouth_identity)
    return await ears.record(mouth_identity, channels=channels)


async def test_all_of_it_arrives_at_both_ends(join):
    ears, mouth = await join("ears"), await join("mouth")
    sound = speechlike(2.0)
    job = asyncio.create_task(heard_by(ears, "mouth"))
    playback = await mouth.publish(Recording(sound, RATE, name="words"))
    heard = await job
    assert heard.name == "words"
    assert heard.gaps == ()
    assert repr(playback) == "<Playback 'words' 2.00 s, played>"
    assert not mouth.me.tracks
    window = RATE // 10
    start, alike_start = find(sound[:window], heard.samples[0])
    end, alike_end = find(sound[-window:], heard.samples[0])
    assert alike_start > 0.9
    assert alike_end > 0.9
    length = (end + window - start) / RATE
    # Both ends are whole; between them a jitter buffer on a busy machine may stretch the sound.
    assert length == pytest.approx(2.0, abs=0.1)


async def test_the_pitch_of_another_rate_is_right(join):
    ears, mouth = await join("ears"), await join("mouth")
    job = asyncio.create_task(heard_by(ears, "mouth"))
    await mouth.publish((sine(1000, 1.0, rate=22_050), 22_050), name="tone")
    heard = (await job).samples[0]
    loud = np.flatnonzero(np.abs(heard) > 0.25)
    assert (loud[-1] - loud[0]) / RATE == pytest.approx(1.0, abs=0.1)
    hz, level = tone_fit(heard[loud[0] + 4800 : loud[-1] - 4800], RATE)
    assert hz == pytest.approx(1000, abs=0.5)
    assert level == pytest.approx(0.5, rel=0.06)


async def test_stereo_stays_stereo_or_is_warned_of(join):
    """The channels arrive apart, in order, where the server lets this SDK send stereo."""
    ears, mouth = await join("ears"), await join("mouth")
    both = np.stack([sine(400, 1.0), sine(900, 1.0)])
    job = asyncio.create_task(heard_by(ears, "mouth", channels=2))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        playback = await mouth.publish(Recording(both, RATE))
    heard = (await job).samples
    loud = np.flatnonzero(np.abs(heard).max(axis=0) > 0.1)
    middle = heard[:, loud[0] + 4800 : loud[-1] - 4800]
    if playback.stereo:
        for channel, hz in zip(middle, (400, 900), strict=True):
            assert tone_fit(channel, RATE)[0] == pytest.approx(hz, abs=0.5)
            assert tone_fit(channel, RATE)[1] == pytest.approx(0.5, rel=0.1)
    else:
        assert any("no stereo" in str(warning.message) for warning in warned)
        np.testing.assert_allclose(middle[0], middle[1], atol=1e-3)


async def test_a_file_is_published_under_its_name(join, tmp_path):
    ears, mouth = await join("ears"), await join("mouth")
    Recording(sine(440, 0.5), RATE).save(tmp_path / "beep.wav")
    playback = await mouth.publish(tmp_path / "beep.wav", wait=False)
    track = await ears.wait_for_track("mouth")
    assert (playback.name, track.name, playback.duration) == ("beep", "beep", 0.5)
    await playback.stop()
    with pytest.raises(FileError):
        await mouth.publish(tmp_path / "nothing.wav")


async def test_beyond_full_scale_is_clipped_not_wrapped(join):
    ears, mouth = await join("ears"), await join("mouth")
    job = asyncio.create_task(heard_by(ears, "mouth"))
    await mouth.publish((sine(300, 0.6, level=1.3), RATE))
    heard = (await job).samples[0]
    loud = np.flatnonzero(np.abs(heard) > 0.5)
    hz, level = tone_fit(heard[loud[0] + 4800 : loud[-1] - 4800], RATE)
    assert hz == pytest.approx(300, abs=0.5)
    assert 1.0 < level < 1.3


async def test_without_waiting_it_plays_on_and_can_be_awaited(join):
    mouth = await join("mouth")
    playback = await mouth.publish((sine(440, 0.4), RATE), name="beep", wait=False)
    assert not playback.done
    assert repr(playback) == "<Playback 'beep' 0.40 s, playing>"
    assert [track.name for track in mouth.me.tracks] == ["beep"]
    await playback
    await playback
    assert playback.done
    assert not mouth.me.tracks
    assert playback.position == pytest.approx(0.4, abs=0.01)


async def test_stopping_ends_it_at_once(join):
    ears, mouth = await join("ears"), await join("mouth")
    playback = await mouth.publish((sine(440, 30.0), RATE), wait=False)
    await ears.wait_for_track("mouth")
    await asyncio.wait_for(playback.stop(), 2)
    await playback.stop()
    assert playback.done
    assert repr(playback).endswith(f"stopped after {playback.position:.2f} s>")
    assert not mouth.me.tracks


async def test_cancelling_stops_it(join):
    mouth = await join("mouth")
    job = asyncio.create_task(mouth.publish((sine(440, 30.0), RATE)))
    await asyncio.sleep(0.7)
    assert mouth.me.tracks
    job.cancel()
    with pytest.raises(asyncio.CancelledError, match=r"was stopped after \d\.\d\d of 30\.00 s"):
        await job
    assert job.cancelled()
    assert not mouth.me.tracks


async def test_a_wait_for_it_that_is_cancelled_leaves_it_playing(join):
    mouth = await join("mouth")
    playback = await mouth.publish((sine(440, 30.0), RATE), wait=False)

    async def wait() -> None:
        await playback

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(wait(), 0.3)
    assert not playback.done
    assert mouth.me.tracks
    await asyncio.sleep(2.5)
    before = playback.position
    assert 0.5 < before < 3.0
    await playback.stop()
    # The queue that was dropped does not count as played.
    assert before - 0.05 < playback.position < before + 0.35


@pytest.mark.timed
async def test_an_interrupted_cell_is_told_in_one_line_how_far_it_got(kernel: Run):
    await kernel("sound = (np.tile(tone, 60), 48000)")
    job = "room.publish(sound, name='long')"
    for cell in (f"await {job}", f"lk.run({job})"):
        shown = await kernel(f"print('go')\n{cell}\nprint('on')", 3.5, "go")
        last = shown.replace("<IPython.core.display.HTML object>", "").strip().splitlines()[-1]
        assert "Traceback" not in shown
        assert "HTML object" in shown  # the bar
        assert "print('on')" not in shown
        assert "\non\n" not in shown
        found = re.fullmatch(r"\w+: 'long' was stopped after ([0-9.]+) of 60.00 s", last)
        assert found, shown
        assert 0.5 < float(found.group(1)) < 3.5
        assert (await kernel("print(room.me.tracks)")).strip() == "()"


async def test_leaving_ends_what_is_playing(join):
    mouth = await join("mouth")
    playback = await mouth.publish((sine(440, 30.0), RATE), wait=False)
    await asyncio.wait_for(mouth.close(), 5)
    assert playback.done
    with pytest.raises(RoomClosed, match="was left"):
        await mouth.publish((sine(440, 0.1), RATE))


async def test_being_put_out_is_not_silent(server, room_name, join):
    """An error in the background is raised to whoever awaits."""
    mouth = await join("mouth")
    playback = await mouth.publish((sine(440, 30.0), RATE), wait=False)
    async with lk.connect(room_name, identity="mouth", **server.where):
        with pytest.raises(RoomClosed, match="while 'sound' was playing"):
            await asyncio.wait_for(playback, 5)
    assert repr(playback).endswith("failed>")


async def test_a_plain_sdk_room_on_the_callers_loop_can_publish(server, room_name, join):
    ears = await join("ears")
    plain = rtc.Room()
    await plain.connect(server.url, server.token("plain", room_name))
    job = asyncio.create_task(heard_by(ears, "plain"))
    try:
        await lk.publish(plain, (sine(700, 0.8), RATE))
    finally:
        await plain.disconnect()
    heard = (await job).samples[0]
    loud = np.flatnonzero(np.abs(heard) > 0.25)
    assert (loud[-1] - loud[0]) / RATE == pytest.approx(0.8, abs=0.04)
    assert tone_fit(heard[loud[0] + 4800 : loud[-1] - 4800], RATE)[0] == pytest.approx(700, abs=1)


async def test_a_token_without_the_right_to_publish_is_said(server, room_name, join):
    token = server.token("mute", room_name, can_publish=False)
    room = await join(None, token=token, api_key=None, api_secret=None)
    with pytest.raises(TokenError, match=r"does not allow publishing .* canPublish grant"):
        await room.publish((sine(440, 0.1), RATE))


async def test_a_token_without_the_right_to_listen_is_said(server, room_name, join, send):
    await send()
    token = server.token("deaf", room_name, can_subscribe=False)
    room = await join(None, token=token, api_key=None, api_secret=None)
    with pytest.raises(TokenError, match="canSubscribe"):
        await room.record("alice", 1, timeout=3)


@pytest.mark.parametrize(
    ("sound", "problem"),
    [
        ((np.full(100, np.nan), RATE), "NaN|not a number|finite"),
        ((np.zeros(0), RATE), "0 samples"),
        ((np.zeros((3, 100)), RATE), "3 channels"),
        ((np.zeros(100), -1), "sample rate"),
        (np.zeros(100), "no sound by itself"),
    ],
)
async def test_what_is_no_sound_is_refused(join, sound, problem):
    room = await join()
    with pytest.raises(SoundError, match=problem):
        await room.publish(sound)
    assert not room.me.tracks


async def test_what_is_low_is_sent_as_truly_as_what_is_high(join):
    """A mono sound goes in the codec's mode for music: its low end keeps level and phase."""
    room, ear = await join("me"), await join("ear")
    low = Recording(0.3 * sine(60, 2.0) + 0.3 * sine(1000, 2.0), RATE)
    listening = asyncio.create_task(ear.record("me"))
    playback = await room.publish(low)
    heard = await listening
    if not playback.stereo:
        pytest.skip("this server takes one channel of the SDK: WebRTC encodes it as speech")
    lag = lk.measure.lag_seconds(low, heard)
    middle = heard[lag + 0.5 : lag + 1.5]
    levels = [(middle | lk.filters.bandpass(hz * 0.7, hz * 1.4)).rms_dbfs for hz in (60, 1000)]
    assert abs(levels[0] - levels[1]) < 0.5
    assert lk.measure.segmental_snr_db(low, heard) > 20


async def test_a_sound_can_be_announced_as_a_microphone(join):
    room, ear = await join("me"), await join("ear")
    playback = await room.publish(Recording(sine(440, 1.0), RATE), microphone=True, wait=False)
    track = await ear.wait_for_track("me")
    assert track.source == "microphone"
    await playback.stop()
