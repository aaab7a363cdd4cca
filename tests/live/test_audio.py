"""A filter on a live track, heard by somebody else in the room."""

import asyncio
import time

import numpy as np
import pytest
from faulty import eventually, media_tasks, same_tasks
from idle import Waiting
from livekit import rtc
from sounds import RATE, beside, sine, tone_fit

import lkexplore as lk
from lkexplore.errors import FilterError, ParticipantNotFound
from lkexplore.sdk.media_loop import on_media_loop
from lkexplore.sound.recording import Recording


def two_tones():
    return Recording(0.5 * sine(440, 1.0) + 0.5 * sine(3000, 1.0), RATE)


def level(sound, hz):
    return (sound | lk.filters.bandpass(hz * 0.9, hz * 1.1)).rms_dbfs


def silent_blocks(sound, but=(), length=480):
    """Count the 10 ms in which next to nothing is heard, but for what the network lost."""
    samples = sound.samples[0]
    blocks = samples[: len(samples) // length * length].reshape(-1, length)
    quiet = np.flatnonzero(np.abs(blocks).max(axis=1) < 0.01) / 100
    return sum(not any(lost.start - 0.1 < n < lost.end + 0.3 for lost in but) for n in quiet)


async def without_holes(ear, seconds=1.0):
    """Record, and find no hole but for the time in which the machine ran nobody of us."""
    with Waiting() as waiting:
        heard = await ear.record("me", seconds)
    holes = silent_blocks(heard, heard.concealed)
    assert holes <= waiting.total / 0.01, (holes, waiting.total)
    return heard


async def test_listeners_hear_the_filtered_track(join, send):
    await send(two_tones())
    room, ear = await join("me"), await join("ear")
    live = await room.live("alice", lk.filters.lowpass(1000, order=6), name="low")
    await asyncio.sleep(1.5)
    heard = await without_holes(ear, 2)
    assert heard.name == "low"
    assert level(heard, 440) - level(heard, 3000) > 40
    assert lk.measure.tone_hz(heard) == pytest.approx(440, abs=2)
    assert live.stats.blocks > 100
    assert live.stats.bypassed == live.stats.dropped == 0


async def test_another_filter_and_bypass_act_at_once(join, send):
    await send(two_tones())
    room, ear = await join("me"), await join("ear")
    live = await room.live("alice", lk.filters.lowpass(1000, order=6))
    await asyncio.sleep(1.5)
    live.filter = lk.filters.highpass(1500, order=6)
    assert isinstance(live.filter, lk.filters.Highpass)
    await asyncio.sleep(1)
    high = await ear.record("me", 1)
    assert level(high, 3000) - level(high, 440) > 40
    live.bypass = True
    await asyncio.sleep(1)
    both = await ear.record("me", 1)
    assert abs(level(both, 3000) - level(both, 440)) < 2
    live.bypass = False
    live.filter.cutoff = 6000
    await asyncio.sleep(1)
    none = await ear.record("me", 1)
    assert level(none, 3000) < level(both, 3000) - 20


async def test_a_filter_that_fails_is_passed_by_and_told_once(join, send, caplog):
    class Broken:
        def process(self, block):
            raise ZeroDivisionError("of its own making")

    await send(two_tones())
    room, ear = await join("me"), await join("ear")
    live = await room.live("alice", Broken())
    await asyncio.sleep(1.5)
    heard = await ear.record("me", 1)
    assert abs(level(heard, 3000) - level(heard, 440)) < 2
    assert live.stats.bypassed == live.stats.blocks > 0
    told = [r for r in caplog.records if "of its own making" in r.getMessage()]
    assert len(told) == 1


async def test_a_slow_filter_is_passed_by_and_the_sound_goes_on(join, send):
    class Slow:
        def process(self, block):
            time.sleep(0.03)
            return np.zeros_like(block)

    await send(two_tones())
    room, ear = await join("me"), await join("ear")
    live = await room.live("alice", Slow())
    assert await eventually(lambda: "of the time that the sound lasts" in live.error)
    await asyncio.sleep(2.0)
    heard = await without_holes(ear)
    assert abs(level(heard, 3000) - level(heard, 440)) < 2
    assert live.stats.process_ms[0] >= 15
    assert live.stats.bypassed > 100
    live.filter = lk.filters.lowpass(1000, order=6)
    await asyncio.sleep(1)
    assert live.error == ""
    low = await ear.record("me", 1)
    assert level(low, 440) - level(low, 3000) > 40


def _needs_stereo(live):
    if not live._outlet.stereo:
        pytest.skip("this server lets the SDK send one channel only")


async def test_stereo_stays_stereo(join, send):
    await send(Recording(np.stack([sine(400, 1.0), sine(900, 1.0)]), RATE))
    room, ear = await join("me"), await join("ear")
    live = await room.live("alice", lk.filters.gain(-6))
    _needs_stereo(live)
    await asyncio.sleep(1.5)
    assert await eventually(lambda: live.channels == 2)
    heard = await ear.record("me", 1, channels=2)
    for channel, hz in zip(heard.samples, (400, 900), strict=True):
        assert tone_fit(channel, RATE)[0] == pytest.approx(hz, abs=5)
        # Whole periods of both; the median, for the jitter buffer of a busy machine is at work.
        blocks = channel[: channel.size // 480 * 480].reshape(-1, 480)
        assert np.median(np.sqrt(2 * (blocks**2).mean(axis=1))) == pytest.approx(0.25, rel=0.1)
        assert np.median([beside(part, hz) for part in channel.reshape(10, -1)]) < -20


async def test_mono_is_filtered_once(join, send):
    """It is sent as two equal channels, and still counts as one."""
    await send(two_tones())
    room = await join("me")
    live = await room.live("alice", lk.filters.gain(0))
    await asyncio.sleep(1.5)
    assert live.channels == 1


async def test_it_goes_on_while_the_caller_is_busy(join, send):
    """No hole but for the time in which the machine ran nobody of us."""
    await send(two_tones())
    room, ear = await join("me"), await join("ear")
    await room.live("alice", lk.filters.lowpass(1000))
    await asyncio.sleep(1.5)
    with Waiting() as waiting:
        listening = asyncio.create_task(ear.record("me", 3))
        await asyncio.sleep(0.2)
        time.sleep(2.5)  # noqa: ASYNC251 - the busy caller is what is tested
        heard = await listening
    assert not heard.gaps
    assert silent_blocks(heard, heard.concealed) <= waiting.total / 0.01
    assert sum(lost.seconds for lost in heard.concealed) < 0.5 + waiting.total


async def test_it_ends_when_asked_and_not_when_its_source_does(join, send, caplog):
    bot = await send(two_tones())
    room = await join("me")
    first = await room.live("alice", lk.filters.gain(0), name="first")
    second = await room.live("alice", lk.filters.gain(0), name="second")
    assert (second.state, second.ended) == ("running", None)
    await first.close()
    assert first.closed
    assert (first.state, first.ended, first.error) == ("ended", lk.Reason.STOPPED, "")
    assert [track.name for track in room.me.tracks] == ["second"]
    await bot.close()
    assert await eventually(lambda: second.state == "waiting")
    await asyncio.sleep(3.0)
    assert (second.state, second.ended, second.closed) == ("waiting", None, False)
    assert "waiting" in repr(second)
    assert [track.name for track in room.me.tracks] == ["second"]
    assert "has ended" not in caplog.text


@pytest.mark.parametrize("how", ["reload", "unpublish", "another name"])
async def test_it_follows_a_person(join, send, how):
    """Silence while they are away, then the new track, on the same track of ours."""
    bot = await send(Recording(0.5 * sine(440, 1.0), RATE, name="tone"), microphone=True)
    room, ear = await join("me"), await join("ear")
    live = await room.live("alice", lk.filters.gain(0))
    ours = live.publication.sid
    assert await eventually(lambda: live.stats.blocks > 100)
    listening = asyncio.create_task(ear.record("me", 8))
    await asyncio.sleep(1.5)
    again = Recording(0.5 * sine(660, 20.0), RATE, name="tone")
    if how == "reload":
        await bot.close()
    else:
        await bot.playback.stop()
    assert await eventually(lambda: live.state == "waiting", 3)
    await asyncio.sleep(1.0)
    if how == "reload":
        await send(again, microphone=True)
    else:
        name = "tone" if how == "unpublish" else "other"
        await bot.room.publish(again, name=name, microphone=True, wait=False)
    assert await eventually(lambda: live.state == "running", 5)
    heard = await listening
    assert live.publication.sid == ours
    assert live.error == ""
    assert not heard.gaps
    away = quiet_stretch(heard)
    assert 0.8 < away[1] - away[0] < 4
    assert not heard[away[0] + 0.2 : away[1] - 0.05].rms_dbfs > -60
    assert lk.measure.tone_hz(heard[: away[0] - 0.1]) == pytest.approx(440, abs=1)
    assert lk.measure.tone_hz(heard[away[1] + 0.5 :]) == pytest.approx(660, abs=2)


def quiet_stretch(sound):
    """Return where the longest silence is, in seconds."""
    samples = np.abs(sound.samples[0])
    loud = np.flatnonzero(samples[: samples.size // 480 * 480].reshape(-1, 480).max(axis=1) > 0.01)
    longest = int(np.argmax(np.diff(loud)))
    return (loud[longest] + 1) / 100, loud[longest + 1] / 100


async def test_an_end_that_nobody_asked_for_is_told_once(join, send, caplog):
    await send(two_tones())
    room = await join("me")
    live = await room.live("alice", lk.filters.gain(0), name="cut off")
    assert await eventually(lambda: live.stats.blocks > 20)
    await on_media_loop(room.rtc.disconnect)()
    assert await eventually(lambda: live.closed)
    assert (live.state, live.ended) == ("ended", "disconnected")
    told = [r.getMessage() for r in caplog.records if "has ended" in r.getMessage()]
    assert told == [f"the live filter 'cut off' has ended: {live.error}"]
    assert "was lost with our connection" in live.error


async def test_a_source_that_comes_back_is_filtered_again(join, send):
    bot = await send(two_tones())
    room, ear = await join("me"), await join("ear")
    first = await room.live("alice", lk.filters.lowpass(1000, order=6))
    await bot.playback.stop()
    assert await eventually(lambda: first.state == "waiting")
    first.filter = lk.filters.highpass(1500, order=6)
    again = Recording(np.tile(two_tones().samples, 20), RATE)
    await bot.room.publish(again, name=bot.playback.name, wait=False)
    blocks = first.stats.blocks
    assert await eventually(lambda: first.stats.blocks > blocks + 100)
    heard = await ear.record("me", 1)
    assert level(heard, 3000) - level(heard, 440) > 40


async def test_close_leaves_nothing_behind(join, send):
    await send(two_tones())
    room = await join("me", memory=0.0)
    before = await media_tasks()
    live = await room.live("alice", lk.filters.gain(0))
    assert await eventually(lambda: live.stats.blocks > 20)
    assert await media_tasks() != before
    await live.close()
    await live.close()
    assert await same_tasks(before)
    assert not room.me.tracks
    assert not room.lives
    blocks = live.stats.blocks
    await asyncio.sleep(0.3)
    assert live.stats.blocks == blocks


async def test_the_figures_tell_what_happened(join, send):
    await send(two_tones())
    room = await join("me")
    async with await room.live("alice", lk.filters.fir_lowpass(1000, taps=961)) as live:
        await asyncio.sleep(1.5)
        stats = live.stats
        assert 50 < stats.blocks < 400
        assert stats.bypassed == 0
        median, most, longest = stats.process_ms
        assert 0 < median <= most <= longest
        # Ten of them are the filter's own.
        assert 10 < stats.latency_ms < 300
        live.bypass = True
        await asyncio.sleep(0.5)
        assert 10 < live.stats.bypassed < live.stats.blocks
    assert live.closed


async def test_leaving_the_room_ends_it(join, send):
    await send(two_tones())
    room = await join("me")
    live = await room.live("alice", lk.filters.gain(0))
    await room.close()
    assert live.closed


async def test_what_cannot_be_is_refused(join, send):
    room = await join("me")
    with pytest.raises(ParticipantNotFound):
        await room.live("nobody", lk.filters.gain(0), timeout=0.2)
    with pytest.raises(FilterError):
        await room.live("nobody", "lowpass", timeout=0.2)


async def test_one_channel_can_be_placed_between_left_and_right(join, send):
    """The track is sent in two channels; a filter that makes two of one is heard in both."""
    await send(two_tones())
    room, ear = await join("me"), await join("ear")
    live = await room.live("alice", lk.filters.pan(-1))
    _needs_stereo(live)
    assert await eventually(lambda: live.stats.blocks > 100)
    left = await ear.record("me", 1, channels=2)
    live.filter.position = 1
    await asyncio.sleep(1)
    right = await ear.record("me", 1, channels=2)
    live.filter = lk.filters.lowpass(1000, order=6)
    await asyncio.sleep(1)
    both = await ear.record("me", 1, channels=2)
    assert (live.error, live.stats.bypassed, live.channels) == ("", 0, 1)
    for heard, loud in ((left, 0), (right, 1)):
        levels = [Recording(channel, RATE).rms_dbfs for channel in heard.samples]
        assert levels[loud] > -10
        assert levels[loud] - levels[1 - loud] > 30, levels
    for channel in both.samples:
        one = Recording(channel, RATE)
        assert level(one, 440) - level(one, 3000) > 40


async def test_it_tells_once_why_nothing_more_can_be_sent(join, send, caplog):
    await send(two_tones())
    room = await join("me", memory=0.0)
    before = await media_tasks()
    live = await room.live("alice", lk.filters.gain(0), name="cut off")
    assert await eventually(lambda: live.stats.blocks > 20)
    assert live.error == ""
    # A source for another rate takes none of our frames.
    source, live._outlet._source = live._outlet._source, rtc.AudioSource(RATE // 2, 2)
    assert await eventually(lambda: live.closed)
    await source.aclose()
    assert "nothing more can be sent" in live.error
    assert "sample_rate and num_channels don't match" in live.error
    told = [r.getMessage() for r in caplog.records if "has ended" in r.getMessage()]
    assert told == [f"the live filter 'cut off' has ended: {live.error}"]
    assert await same_tasks(before)
    assert not room.me.tracks
    assert not room.lives
