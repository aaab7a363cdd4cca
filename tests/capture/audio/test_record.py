"""Recording over real WebRTC: all of it, as long as the clock, and true to the sound."""

from __future__ import annotations

import asyncio
import json
import math
import pickle
import signal
import sys
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from livekit import rtc
from livekit.rtc.room import SimulateScenarioKind
from sounds import RATE, block_snr, find, silent_blocks, sine, speechlike, tone_fit

import lkexplore as lk
from lkexplore.errors import ParticipantNotFound, RoomClosed, SoundError, TrackNotFound
from lkexplore.files import read_sidecar
from lkexplore.sdk.media_loop import on_media_loop
from lkexplore.sound.recording import Recording


async def test_a_tone_is_recorded_true_and_whole(join, send):
    await send()
    room = await join()
    await room.record("alice", 0.5)  # the jitter buffer settles
    before = datetime.now(UTC)
    voice = await room.record("alice", 4.0)
    assert voice.samples.shape == (1, 4 * RATE)
    assert voice.samples.dtype == np.float32
    assert voice.sample_rate == RATE
    hz, level = tone_fit(voice.samples[0], RATE)
    assert hz == pytest.approx(440, abs=0.1)
    assert 20 * math.log10(level / 0.5) == pytest.approx(0, abs=0.5)
    assert np.median(block_snr(voice.samples[0], 440)) >= 45
    assert silent_blocks(voice.samples[0]) == 0
    assert voice.gaps == ()
    assert voice.identity == "alice"
    assert voice.name == "tone"
    assert voice.track == room.tracks[0].sid
    assert timedelta(seconds=-0.05) <= voice.started_at - before < timedelta(seconds=0.5)
    assert 4.0 <= time.monotonic() - voice.started_monotonic < 5.0


@pytest.mark.parametrize("rate", [22_050, 16_000])
async def test_other_rates_keep_the_pitch_and_the_length(join, send, rate):
    await send()
    room = await join()
    voice = await room.record("alice", 1.5, sample_rate=rate)
    assert voice.samples.shape == (1, round(1.5 * rate))
    assert voice.sample_rate == rate
    hz, level = tone_fit(voice.samples[0, rate // 2 :], rate)
    assert hz == pytest.approx(440, abs=0.2)
    assert level == pytest.approx(0.5, rel=0.06)


async def test_two_channels_of_a_mono_track_are_the_same(join, send):
    await send()
    room = await join()
    voice = await room.record("alice", 0.7, channels=2)
    assert voice.samples.shape == (2, round(0.7 * RATE))
    np.testing.assert_array_equal(voice.samples[0], voice.samples[1])
    assert silent_blocks(voice.samples[0, RATE // 5 :]) == 0


async def test_every_way_to_name_the_track_records_it(join, send):
    await send()
    room = await join()
    track = await room.wait_for_track("alice")
    await room.record("alice", 0.5)
    sources = ["alice", room.participants["alice"], track, track.publication, track.rtc]
    recordings = await asyncio.gather(*(room.record(source, 0.5) for source in sources))
    bare = await lk.record(track.rtc, 0.5)
    for voice in [*recordings, bare]:
        assert voice.samples.shape == (1, RATE // 2)
        assert voice.track == track.sid
        assert silent_blocks(voice.samples[0]) == 0
    assert {voice.identity for voice in recordings} == {"alice"}
    assert bare.identity is None


async def test_the_track_may_come_later(join, send):
    room = await join()
    job = asyncio.create_task(room.record("alice", 0.5))
    await asyncio.sleep(0.3)
    await send()
    voice = await job
    assert voice.samples.shape == (1, RATE // 2)


async def test_no_seconds_is_an_empty_recording(join, send):
    await send()
    room = await join()
    voice = await room.record("alice", 0)
    assert voice.samples.shape == (1, 0)


async def test_cancelling_returns_what_was_captured(join, send):
    await send()
    room = await join()
    await room.wait_for_track("alice")
    job = asyncio.create_task(room.record("alice"))
    await asyncio.sleep(1.0)
    job.cancel()
    voice = await job
    assert voice.duration == pytest.approx(1.0, abs=0.2)
    assert tone_fit(voice.samples[0], RATE)[0] == pytest.approx(440, abs=0.5)
    assert silent_blocks(voice.samples[0, RATE // 5 :]) == 0
    waited = await asyncio.wait_for(room.record("alice", 30), 0.8)
    assert waited.duration == pytest.approx(0.8, abs=0.2)
    async with asyncio.timeout(0.8):
        timed = await room.record("alice")
    assert timed.duration == pytest.approx(0.8, abs=0.2)


async def test_cancelling_before_there_is_sound_cancels(join):
    room = await join()
    job = asyncio.create_task(room.record("nobody", 1))
    await asyncio.sleep(0.2)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job


async def test_a_blocked_caller_loses_nothing(join, send):
    await send()
    room = await join()
    await room.record("alice", 0.5)
    job = asyncio.create_task(room.record("alice", 4.0))
    await asyncio.sleep(0.3)
    time.sleep(3.0)  # noqa: ASYNC251 (what a long computation in a cell does)
    voice = await job
    assert voice.samples.shape == (1, 4 * RATE)
    assert silent_blocks(voice.samples[0]) == 0
    assert np.median(block_snr(voice.samples[0], 440)) >= 45


async def test_a_busy_interpreter_loses_nothing(join, send):
    await send()
    room = await join()
    await room.record("alice", 0.5)
    job = asyncio.create_task(room.record("alice", 2.5))
    await asyncio.sleep(0.1)
    end = time.monotonic() + 2.0
    while time.monotonic() < end:
        sum(number * number for number in range(2000))
    voice = await job
    assert voice.samples.shape == (1, round(2.5 * RATE))
    assert silent_blocks(voice.samples[0]) == 0


async def test_the_tail_is_not_lost_when_the_track_ends(join):
    """An open-ended recording holds the very last sound before the track was unpublished."""
    ears, mouth = await join("ears"), await join("mouth")
    sound = speechlike(1.2)
    job = asyncio.create_task(ears.record("mouth"))
    await mouth.publish(Recording(sound, RATE), name="words")
    heard = (await job).samples[0]
    place, alike = find(sound[-RATE // 5 :], heard)
    assert alike > 0.9
    assert place + RATE // 5 < len(heard)


async def test_someone_who_leaves_early_leaves_what_there_was_and_a_warning(join, send):
    bot = await send()
    room = await join()
    await room.wait_for_track("alice")
    job = asyncio.create_task(room.record("alice", 30))
    await asyncio.sleep(0.7)
    await bot.close()
    with pytest.warns(
        UserWarning, match=r"track 'tone' of 'alice' ended, they left after 0.* of 30"
    ):
        voice = await job
    assert 0.5 < voice.duration < 2.0


async def test_an_unpublished_track_is_a_gap_until_it_is_published_again(join, send):
    bot = await send()
    room = await join()
    await room.record("alice", 3)  # a new track's sound is still being stretched
    job = asyncio.create_task(room.record("alice", 5))
    await asyncio.sleep(1.0)
    gone = time.monotonic()
    await bot.playback.stop()
    await asyncio.sleep(0.5)
    await bot.room.publish((sine(660, 2.0), RATE), name="tone", wait=False)
    voice = await job
    assert voice.samples.shape == (1, 5 * RATE)
    (gap,) = voice.gaps
    assert gap.reason == "unpublished"
    # A server takes its time to unpublish, and sound comes until then.
    assert -0.1 < gap.start - (gone - voice.started_monotonic) < 0.4
    assert not voice[gap.start + 0.05 : gap.end - 0.05].samples.any()
    before, after = voice[: gap.start - 0.1], voice[gap.end + 1.2 : gap.end + 2.0]
    assert lk.measure.tone_hz(before) == pytest.approx(440, abs=1)
    assert lk.measure.tone_hz(after) == pytest.approx(660, abs=2)


async def test_an_open_ended_recording_ends_with_its_track(join, send):
    bot = await send()
    room = await join()
    await room.wait_for_track("alice")
    job = asyncio.create_task(room.record("alice"))
    await asyncio.sleep(0.7)
    await bot.playback.stop()
    voice = await asyncio.wait_for(job, 6)
    assert 0.5 < voice.duration < 2.0


async def test_someone_who_leaves_ends_the_recording(join, send):
    bot = await send()
    room = await join()
    await room.wait_for_track("alice")
    job = asyncio.create_task(room.record("alice"))
    await asyncio.sleep(0.7)
    await bot.close()
    voice = await asyncio.wait_for(job, 5)
    assert 0.5 < voice.duration < 2.0


async def test_leaving_the_room_ends_the_recording(join, send):
    await send()
    room = await join()
    await room.wait_for_track("alice")
    job = asyncio.create_task(room.record("alice"))
    await asyncio.sleep(0.7)
    await room.close()
    voice = await asyncio.wait_for(job, 5)
    assert 0.5 < voice.duration < 2.0
    with pytest.raises(RoomClosed, match="was left"):
        await room.record("alice", 1)


async def test_a_muted_stretch_is_silent_and_marked(join, send):
    bot = await send()
    room = await join()
    await room.record("alice", 0.5)
    job = asyncio.create_task(room.record("alice", 3.0))
    await asyncio.sleep(1.0)
    bot.playback.publication.track.mute()
    await asyncio.sleep(1.0)
    bot.playback.publication.track.unmute()
    voice = await job
    assert voice.samples.shape == (1, 3 * RATE)
    (gap,) = voice.gaps
    assert gap.reason == "muted"
    assert gap.start == pytest.approx(1.0, abs=0.25)
    assert gap.duration == pytest.approx(1.0, abs=0.25)
    middle = voice[gap.start + 0.3 : gap.end - 0.1].samples[0]
    assert np.abs(middle).max() < 0.01
    assert silent_blocks(voice[: gap.start - 0.1].samples[0]) == 0


async def test_a_lost_connection_is_a_gap_not_the_end(join, send):
    """After a full reconnection (all tracks are new) the recording goes on, by the clock."""
    await send()
    room = await join()
    await room.record("alice", 0.5)
    began = time.monotonic()
    job = asyncio.create_task(room.record("alice", 4.0))
    await asyncio.sleep(1.0)
    scenario = SimulateScenarioKind.SIMULATE_FULL_RECONNECT
    await on_media_loop(room.rtc.simulate_scenario)(scenario)
    voice = await job
    assert time.monotonic() - began == pytest.approx(4.0, abs=0.5)
    assert voice.samples.shape == (1, 4 * RATE)
    (gap,) = voice.gaps
    assert gap.reason == "reconnecting"
    assert gap.start == pytest.approx(1.0, abs=0.3)
    assert not voice[gap.start + 0.03 : gap.end].samples.any()
    assert silent_blocks(voice[gap.end + 0.5 :].samples[0]) == 0
    assert silent_blocks(voice[: gap.start - 0.02].samples[0]) == 0


async def test_a_plain_sdk_room_on_the_callers_loop_is_recorded(server, room_name, send):
    await send()
    plain = rtc.Room()
    await plain.connect(server.url, server.token("plain", room_name))
    try:
        voice = await lk.record("alice", 0.7, room=plain)
        (publication,) = plain.remote_participants["alice"].track_publications.values()
        again = await lk.record(publication.track, 0.5)
        wrapped = await lk.Room(plain).record("alice", 0.5)
    finally:
        await plain.disconnect()
    for recording, seconds in ((voice, 0.7), (again, 0.5), (wrapped, 0.5)):
        assert recording.samples.shape == (1, round(seconds * RATE))
        assert tone_fit(recording.samples[0, RATE // 5 :], RATE)[0] == pytest.approx(440, abs=1)


async def test_a_track_not_subscribed_to_is_subscribed(server, room_name, send):
    await send()
    plain = rtc.Room()
    await plain.connect(
        server.url, server.token("plain", room_name), rtc.RoomOptions(auto_subscribe=False)
    )
    try:
        voice = await lk.record("alice", 0.5, room=plain)
    finally:
        await plain.disconnect()
    assert silent_blocks(voice.samples[0, RATE // 5 :]) == 0


async def test_a_bare_track_that_ends_ends_the_recording(server, room_name, send):
    bot = await send()
    plain = rtc.Room()
    await plain.connect(server.url, server.token("plain", room_name))
    try:
        await lk.record("alice", 0.2, room=plain)
        (publication,) = plain.remote_participants["alice"].track_publications.values()
        job = asyncio.create_task(lk.record(publication.track))
        await asyncio.sleep(0.5)
        await bot.close()
        voice = await asyncio.wait_for(job, 6)
    finally:
        await plain.disconnect()
    assert 0.4 < voice.duration < 2.0


async def test_our_own_track_can_be_recorded(join):
    room = await join("me")
    playback = await room.publish((sine(440, 1.0), RATE), wait=False, name="mine")
    voice = await room.record(playback.publication, 1.6)
    await playback.stop()
    assert voice.identity == "me"
    assert tone_fit(voice.samples[0, -RATE // 2 :], RATE)[0] == pytest.approx(440, abs=1)


async def test_what_is_missing_is_named(join, send):
    await send()
    room = await join()
    await room.wait_for_track("alice")
    with pytest.raises(ParticipantNotFound, match=r"no participant 'bob' .* 0.2 s; here: 'alice'"):
        await room.record("bob", 1, timeout=0.2)
    await join("carol")
    for _ in range(100):  # a server may show someone silent only after seconds
        if "carol" in room.participants:
            break
        await asyncio.sleep(0.1)
    with pytest.raises(TrackNotFound, match=r"'carol' publishes no audio track .*: nothing"):
        await room.record("carol", 1, timeout=0.2)
    with pytest.raises(TrackNotFound, match=r"'alice' publishes no video .*: audio 'tone'"):
        await room.wait_for_track("alice", "video", timeout=0.2)
    with pytest.raises(TrackNotFound, match="which room is 'alice' in"):
        await lk.record("alice", 1)


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf])
async def test_lengths_that_cannot_be_are_refused(join, seconds):
    room = await join()
    with pytest.raises(SoundError, match="cannot record for"):
        await room.record("alice", seconds)


async def test_channels_and_rates_that_cannot_be_are_refused(join):
    room = await join()
    with pytest.raises(SoundError, match="channels must be 1 or 2"):
        await room.record("alice", 1, channels=3)
    with pytest.raises(SoundError, match="sample rate"):
        await room.record("alice", 1, sample_rate=0)


async def test_the_switch_interval_is_short_only_while_media_runs(join, send):
    before = sys.getswitchinterval()
    async with await join() as room:
        assert sys.getswitchinterval() == pytest.approx(0.0005)
        assert not room.closed
    assert sys.getswitchinterval() == pytest.approx(before)


async def test_what_is_cancelled_says_that_it_was_stopped(join, send, tmp_path):
    await send()
    room = await join()
    await room.record("alice", 0.5)
    whole = await room.record("alice", 0.5)
    jobs = [
        asyncio.ensure_future(room.record("alice", 60)),
        asyncio.ensure_future(room.record("alice")),
        asyncio.ensure_future(room.record("alice", 60, path=tmp_path / "x.flac")),
        asyncio.ensure_future(room.record("alice", 60, sample_rate=16_000)),
    ]
    await asyncio.sleep(1.5)
    for job in jobs:
        job.cancel()
    for voice in await asyncio.gather(*jobs):
        assert 1.0 < voice.duration < 2.0
        assert voice.ended is lk.Reason.STOPPED
        assert "ended: stopped" in repr(voice)
    assert read_sidecar(tmp_path / "x.flac").ended is lk.Reason.STOPPED
    assert whole.ended is lk.Reason.COMPLETE
    assert "ended" not in repr(whole)
    assert pickle.loads(pickle.dumps(whole)).ended is lk.Reason.COMPLETE
    # What is made of it has not ended by itself.
    assert whole[0.1:].ended is whole.resample(8000).ended is None


INTERRUPTED = """
import asyncio, json, sys
import lkexplore as lk
where, name, path, how = json.loads(sys.argv[1])
async def main():
    async with lk.connect(name, **where) as room:
        await room.record("alice", 0.5)
        print("go", flush=True)
        job = room.record("alice", 60, path=path)
        return lk.run(job) if how == "nested" else await job
got = lk.run(main()) if how == "run" else asyncio.run(main())
print(got.ended, got.duration)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for another process")
@pytest.mark.parametrize("how", ["run", "asyncio", "nested"])
@pytest.mark.parametrize("file", [None, "x.flac"])
async def test_control_c_stops_a_recording_and_it_says_so(
    server, room_name, send, tmp_path, how, file
):
    await send()
    path = file and str(tmp_path / file)
    arguments = json.dumps([server.where, room_name, path, how])
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", INTERRUPTED, arguments), stdout=asyncio.subprocess.PIPE
    )
    while (await asyncio.wait_for(child.stdout.readline(), 30)).strip() != b"go":
        pass
    await asyncio.sleep(1.5)
    child.send_signal(signal.SIGINT)
    said, _ = await asyncio.wait_for(child.communicate(), 20)
    assert child.returncode == 0
    ended, duration = said.decode().split()
    assert ended == "stopped"
    assert 1.0 < float(duration) < 2.5
    if path:
        assert read_sidecar(path).ended == "stopped"
