"""A function on a live camera, watched by somebody else in the room."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
from livekit import rtc
from sights import COLOURS, SIZE, colour_error, number_of, numbered

import lkexplore.live.video as live_video_module
from lkexplore.capture.video import VideoFrames, capture_image, record_video
from lkexplore.capture.video import stalled_track as revival
from lkexplore.capture.video.picture import Picture
from lkexplore.errors import (
    FilterError,
    LkExploreError,
    ParticipantNotFound,
    RoomClosed,
    TokenError,
)
from lkexplore.live.picture_worker import PictureWorker
from lkexplore.live.video import _as_it_is
from lkexplore.publishing.outgoing_video import as_frame
from lkexplore.sdk.media_loop import on_media_loop

THREAD = "lkexplore-pictures"


def moving(number):
    return numbered(number % 4096)


def invert(rgb):
    return 255 - rgb


async def until(true, seconds=10.0):
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came to be"
        await asyncio.sleep(0.05)


async def seen_until(room, right, seconds=10.0):
    """Watch the filtered track until a picture is as wanted, and return that."""
    async with asyncio.timeout(seconds), VideoFrames("me", room=room, buffer=1) as frames:
        async for frame in frames:
            if right(frame.rgb):
                return frame.rgb
    raise AssertionError("the track ended")


def is_plain(image):
    return colour_error(image) < 30


def is_inverted(image):
    return colour_error(255 - image) < 30


def threads():
    return [thread for thread in threading.enumerate() if thread.name == THREAD]


@on_media_loop
async def media_tasks():
    names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
    return [name for name in names if name.startswith(("LiveVideo", "VideoReceiver"))]


async def test_others_see_what_the_function_makes(join, show):
    await show(moving)
    room, eye = await join("me"), await join("eye")
    live = await room.live_video("alice", invert)
    await seen_until(eye, is_inverted)
    film = await record_video("me", 2.0, room=eye)
    assert max(colour_error(255 - image) for image in film.frames) < 30
    numbers = [number_of(255 - image) for image in film.frames]
    assert len(numbers) > 20
    assert (np.diff(numbers) > 0).all()
    assert [track.name for track in eye.participants["me"].tracks] == ["alice (filtered)"]
    assert eye.participants["me"].tracks[0].source == "camera"
    stats = live.stats
    assert stats.blocks > 40
    assert stats.bypassed == stats.late == 0
    assert 0 < stats.process_ms[0] <= stats.process_ms[1] <= stats.process_ms[2]
    assert stats.latency_ms >= stats.process_ms[0] > 0
    assert live.error == ""
    assert repr(live) == "<LiveVideo 'alice (filtered)' through invert, running>"


async def test_another_function_and_bypass(join, show):
    await show(moving)
    room, eye = await join("me"), await join("eye")
    async with await room.live_video("alice", invert, name="other") as live:
        assert live.name == "other"
        await seen_until(eye, is_inverted)
        live.filter = lambda rgb: rgb[:, ::-1]
        mirrored = await seen_until(eye, lambda image: is_plain(image[:, ::-1]))
        assert mirrored.shape == (SIZE[1], SIZE[0], 3)
        assert live.stats.bypassed == 0
        live.bypass = True
        await seen_until(eye, is_plain)
        assert live.stats.bypassed > 0
        assert repr(live).endswith("bypassed>")
        live.bypass = False
        await seen_until(eye, lambda image: is_plain(image[:, ::-1]))
    assert live.closed
    assert room.me.tracks == ()


async def test_a_swap_leaves_no_picture_unfiltered(join, show):
    await show(moving)
    room, eye = await join("me"), await join("eye")

    def slow(rgb):
        time.sleep(0.1)
        return 255 - rgb

    live = await room.live_video("alice", slow)
    await seen_until(eye, is_inverted)
    film = asyncio.create_task(record_video("me", 3.0, room=eye))
    for _ in range(5):
        await asyncio.sleep(0.45)
        live.filter = (lambda rgb: invert(rgb)) if live.filter is slow else slow
    assert max(colour_error(255 - image) for image in (await film).frames) < 30
    assert live.stats.bypassed == 0


async def test_the_size_may_be_another(join, show):
    await show(moving)
    room, eye = await join("me"), await join("eye")
    await room.live_video("alice", lambda rgb: np.concatenate([rgb, 255 - rgb], axis=1))
    # On a busy computer WebRTC may send it smaller.
    wide = await seen_until(eye, lambda image: image.shape[1] > 2 * image.shape[0])
    assert wide.shape[1] / wide.shape[0] == pytest.approx(2 * SIZE[0] / SIZE[1], rel=0.05)
    wide = await seen_until(eye, lambda image: is_plain(image[:, : image.shape[1] // 2]))
    assert is_inverted(wide[:, wide.shape[1] // 2 :])


async def test_sizes_need_not_be_even(join, show):
    await show(lambda number: numbered(number % 4096, (322, 242)))
    room, eye = await join("me"), await join("eye")
    live = await room.live_video("alice", lambda rgb: 255 - rgb[:-1, :-1])
    await seen_until(eye, is_inverted)
    assert live.error == ""
    assert live.stats.bypassed == 0


async def test_what_it_gives_may_be_what_it_was_given_and_be_used_again(join, show):
    kept: list[np.ndarray] = []

    def invert_in_place(rgb):
        for old in kept:
            old[:] = 0
        np.subtract(255, rgb, out=rgb)
        kept[:] = [*kept[-2:], rgb]
        return rgb

    await show(moving)
    room, eye = await join("me"), await join("eye")
    await room.live_video("alice", invert_in_place)
    await seen_until(eye, is_inverted)
    film = await record_video("me", 1.0, room=eye)
    assert max(colour_error(255 - image) for image in film.frames) < 30


async def test_a_replaced_function_that_fails_later_gives_up_nothing(join, show, caplog):
    inside, free = threading.Event(), threading.Event()

    def late(rgb):
        inside.set()
        free.wait(10)
        raise ZeroDivisionError("too late")

    await show(moving)
    room, eye = await join("me"), await join("eye")
    live = await room.live_video("alice", late)
    await until(inside.is_set)
    live.filter = invert
    free.set()
    await seen_until(eye, is_inverted)
    assert live.error == ""
    assert live.stats.bypassed == 0
    assert "too late" not in caplog.text
    await until(lambda: len(threads()) == 1)


async def test_many_functions_leave_one_thread(join, show):
    await show(moving)
    room, eye = await join("me"), await join("eye")
    live = await room.live_video("alice", invert)
    for _ in range(30):
        blocks = live.stats.blocks
        live.filter = lambda rgb: 255 - rgb
        await until(lambda blocks=blocks: live.stats.blocks > blocks)
    await seen_until(eye, is_inverted)
    assert live.stats.bypassed == 0
    await until(lambda: len(threads()) == 1)


async def test_a_slow_function_gets_the_newest_and_the_rest_is_counted(join, show):
    shown: dict[int, float] = {}
    ages: list[float] = []

    def draw(number):
        shown[number % 4096] = time.monotonic()
        return moving(number)

    def slow(rgb):
        ages.append(time.monotonic() - shown.get(number_of(rgb), 0.0))
        time.sleep(0.4)
        return 255 - rgb

    await show(draw)
    room, eye = await join("me"), await join("eye")
    live = await room.live_video("alice", slow)
    await seen_until(eye, is_inverted)
    await asyncio.sleep(4.0)
    stats = live.stats
    assert np.median(ages[2:]) < 0.5
    assert stats.dropped > stats.blocks / 2
    assert stats.dropped + len(ages) == pytest.approx(stats.blocks, abs=2)
    assert stats.bypassed == 0
    assert 400 <= stats.process_ms[0] < 800
    assert 400 <= stats.latency_ms < 1500


async def test_the_media_loop_never_waits_for_the_function(join, show):
    names = set()

    def slow(rgb):
        names.add(threading.current_thread().name)
        time.sleep(1.0)
        return rgb

    @on_media_loop
    async def longest_turn():
        turns = []
        for _ in range(60):
            began = time.monotonic()
            await asyncio.sleep(0.02)
            turns.append(time.monotonic() - began)
        return max(turns)

    await show(moving)
    room = await join("me")
    await room.live_video("alice", slow)
    assert await longest_turn() < 0.5
    assert names == {THREAD}


async def test_a_function_that_fails_is_passed_by_and_told_once(join, show, caplog):
    count = 0

    def broken(rgb):
        nonlocal count
        count += 1
        if count > 20:
            rgb[:] = 0
            raise ZeroDivisionError("of its own making")
        return 255 - rgb

    await show(moving)
    room, eye = await join("me"), await join("eye")
    live = await room.live_video("alice", broken)
    await seen_until(eye, is_plain)
    film = await record_video("me", 1.0, room=eye)
    assert max(colour_error(image) for image in film.frames) < 30
    assert (np.diff([number_of(image) for image in film.frames]) > 0).all()
    assert count == 21
    assert live.stats.bypassed > 10
    assert "ZeroDivisionError: of its own making" in live.error
    told = [r.getMessage() for r in caplog.records if "of its own making" in r.getMessage()]
    assert len(told) == 1
    assert "in broken" in told[0]
    live.filter = invert
    assert live.error == ""
    await seen_until(eye, is_inverted)


async def test_a_function_that_hangs_can_be_bypassed_replaced_and_is_given_up(
    join, show, monkeypatch, caplog
):
    monkeypatch.setattr(live_video_module, "PATIENCE", 2.0)
    free = threading.Event()

    def hang(rgb):
        free.wait(30)
        return 255 - rgb

    await show(moving)
    room, eye = await join("me"), await join("eye")
    try:
        live = await room.live_video("alice", hang)
        live.bypass = True
        await seen_until(eye, is_plain)
        assert live.error == ""
        live.filter = invert
        live.bypass = False
        await seen_until(eye, is_inverted)
        live.filter = hang
        await seen_until(eye, is_plain)
        assert "more than 2 s for a picture" in live.error
        assert sum("more than 2 s" in r.getMessage() for r in caplog.records) == 1
        began = time.monotonic()
        await live.close()
        assert time.monotonic() - began < 4
    finally:
        free.set()
    await until(lambda: not threads())


async def test_it_goes_on_while_the_caller_is_busy(join, show):
    await show(moving)
    room, eye = await join("me"), await join("eye")
    await room.live_video("alice", invert)
    await seen_until(eye, is_inverted)
    watching = asyncio.create_task(record_video("me", 3.0, room=eye))
    await asyncio.sleep(0.5)
    time.sleep(2.0)  # noqa: ASYNC251 - the busy caller is what is tested
    film = await watching
    assert len(film) > 30
    assert np.diff(film.timestamps).max() < 0.5
    assert max(colour_error(255 - image) for image in film.frames) < 30


async def test_it_ends_when_asked_and_leaves_nothing(join, show):
    await show(moving)
    room, eye = await join("me"), await join("eye")
    first = await room.live_video("alice", invert, name="first")
    second = await room.live_video("alice", invert, name="second")
    await until(lambda: first.stats.blocks > 5 and second.stats.blocks > 5)
    assert len(threads()) == 2
    await asyncio.gather(first.close(), first.close())
    assert first.closed
    assert repr(first).endswith("closed>")
    await until(lambda: [t.name for t in eye.participants["me"].tracks] == ["second"])
    await second.close()
    await second.close()
    await until(lambda: not eye.participants["me"].tracks and not threads())
    assert room.lives == set()
    assert await media_tasks() == []


@pytest.mark.parametrize("end", ["stop", "close"])
async def test_it_follows_a_person(join, show, end, caplog):
    """On the same track of ours, the pictures go on when they publish again or reload the page."""
    bot = await show(moving)
    room, eye = await join("me"), await join("eye")
    live = await room.live_video("alice", invert)
    assert (live.state, live.ended) == ("running", None)
    await seen_until(eye, is_inverted)
    ours = live.publication.sid
    await getattr(bot, end)()
    await until(lambda: live.state == "waiting")
    await asyncio.sleep(2.5)
    assert (live.state, live.ended, live.closed) == ("waiting", None, False)
    blocks = live.stats.blocks
    if end == "stop":
        await bot.close()
    await show(moving)
    await until(lambda: live.state == "running" and live.stats.blocks > blocks + 20)
    await seen_until(eye, is_inverted)
    assert [track.sid for track in eye.participants["me"].tracks] == [ours]
    assert "has ended" not in caplog.text
    await live.close()
    assert (live.state, live.ended, live.error) == ("ended", "stopped", "")
    assert not threads()
    assert await media_tasks() == []


async def test_an_end_that_nobody_asked_for_is_told_once(join, show, caplog):
    await show(moving)
    room = await join("me")
    live = await room.live_video("alice", invert, name="cut off")
    await on_media_loop(room.rtc.disconnect)()
    await until(lambda: live.closed)
    assert (live.state, live.ended) == ("ended", "disconnected")
    told = [r.getMessage() for r in caplog.records if "has ended" in r.getMessage()]
    assert told == [f"the live filter 'cut off' has ended: {live.error}"]


async def test_leaving_the_room_ends_it(join, show):
    await show(moving)
    room = await join("me")
    live = await room.live_video("alice", invert)
    await room.close()
    assert live.closed
    await until(lambda: not threads())
    assert await media_tasks() == []
    with pytest.raises(RoomClosed):
        await room.live_video("alice", invert)


class Waiting:
    async def __call__(self, rgb):
        return rgb


async def test_what_cannot_be_is_refused(server, room_name, join, show):
    room = await join("me")
    with pytest.raises(ParticipantNotFound):
        await room.live_video("nobody", invert, timeout=0.2)
    for wrong in ("invert", None, until, Waiting()):
        with pytest.raises(FilterError, match="give a plain function"):
            await room.live_video("nobody", wrong)
    for wrong in (-1, float("nan"), float("inf")):
        with pytest.raises(LkExploreError, match="timeout must be 0 or more"):
            await room.live_video("nobody", invert, timeout=wrong)
    await show(moving)
    mute = await join("mute", token=server.token("mute", room_name, can_publish=False))
    with pytest.raises(TokenError, match="canPublish grant"):
        await mute.live_video("alice", invert)
    live = await room.live_video("alice", invert)
    with pytest.raises(FilterError):
        live.filter = "invert"
    assert live.filter is invert
    await live.close()
    assert await media_tasks() == []


async def test_a_muted_camera_is_waited_for(join, show):
    bot = await show(moving)
    room, eye = await join("me"), await join("eye")
    live = await room.live_video("alice", invert)
    await seen_until(eye, is_inverted)
    track = room.participants["alice"].tracks[0].rtc
    await bot.mute()
    await asyncio.sleep(2.0)
    shown, taken = bot.shown % 4096, live.stats.blocks
    await bot.unmute()
    await seen_until(eye, lambda image: is_inverted(image) and number_of(255 - image) > shown)
    assert room.participants["alice"].tracks[0].rtc is track
    assert live.stats.blocks > taken


async def test_a_track_that_stands_still_is_asked_for_again(join, show, monkeypatch):
    """With no picture to be decoded for it, a muted camera passes for one that stands still."""
    monkeypatch.setattr(revival, "DECODED", 0)
    bot = await show(moving)
    room, eye = await join("me"), await join("eye")
    live = await room.live_video("alice", invert)
    await seen_until(eye, is_inverted)
    track, blocks = room.participants["alice"].tracks[0].rtc, live.stats.blocks
    await bot.mute()
    await until(lambda: room.participants["alice"].tracks[0].rtc not in (track, None))
    shown = bot.shown % 4096
    await bot.unmute()
    await seen_until(eye, lambda image: is_inverted(image) and number_of(255 - image) > shown)
    assert live.stats.blocks > blocks
    assert live.stats.bypassed == 0
    await live.close()
    assert await media_tasks() == []


@pytest.mark.parametrize("at", ["close", "exit"])
@pytest.mark.parametrize("hang", ["time.sleep(1000)", "while True: pass"])
async def test_a_function_that_never_returns_keeps_nobody(server, room_name, show, hang, at):
    await show(moving)
    code = f"""
        import json, sys, threading, time
        import lkexplore as lk
        where = json.loads(sys.stdin.readline())
        begun = threading.Event()
        def hang(rgb):
            begun.set()
            {hang}
        room = lk.run(lk.connect({room_name!r}, identity="me", **where))
        live = lk.run(room.live_video("alice", hang))
        assert begun.wait(10)
        began = time.monotonic()
        if {at!r} == "close":
            lk.run(live.close())
            assert live.closed
            assert time.monotonic() - began < 5, time.monotonic() - began
        print("at the end", flush=True)
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        textwrap.dedent(code),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        process.stdin.write(json.dumps(server.where).encode() + b"\n")
        line = await asyncio.wait_for(process.stdout.readline(), 60)
        began = time.monotonic()
        out, err = await asyncio.wait_for(process.communicate(), 30)
    except TimeoutError:
        process.kill()
        raise
    assert (line + out).decode() == "at the end\n", err.decode()
    assert process.returncode == 0
    assert err.decode() == ""
    assert time.monotonic() - began < 15


async def test_a_bare_sdk_publication_will_do(join, show):
    await show(moving)
    room, eye = await join("me"), await join("eye")
    track = await room.wait_for_track("alice", "video")
    await room.live_video(track.publication, invert)
    image = await seen_until(eye, is_inverted)
    assert is_plain(await capture_image("alice", room=eye))
    assert image.shape == (SIZE[1], SIZE[0], 3)


def a_picture(turns=0):
    frame = as_frame(np.rot90(numbered(9), turns)).convert(rtc.VideoBufferType.I420)
    return Picture(frame, turns, 0.0)


def to_leave(_rgb):
    sys.exit()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda rgb: None, "it returned None: return the picture"),
        (lambda rgb: rgb / 255, "dtype float64"),
        (lambda rgb: rgb[..., 0], r"shape \(240, 320\)"),
        (lambda rgb: rgb[:, :, [0, 1, 2, 2]], r"shape \(240, 320, 4\)"),
        (lambda rgb: rgb[:8], "320x8: give at least 16x16"),
        (lambda rgb: rgb[:0], "cannot be shown"),
        (lambda rgb: np.zeros((16, 16384, 3), np.uint8), "16384x16 is too large to send"),
        (lambda rgb: np.zeros((16384, 16, 3), np.uint8), "16x16384 is too large to send"),
        (lambda rgb: until, "cannot be shown"),
        (lambda rgb: "picture", "cannot be shown"),
        (lambda rgb: [rgb, [1]], "no picture"),
        (to_leave, "SystemExit"),
    ],
)
async def test_what_is_no_picture_is_told(wrong, said):
    worker = PictureWorker(wrong)
    made = await worker.begin(a_picture())
    assert made.frame is None
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(made.error)
    assert not worker.busy
    assert (await worker.begin(a_picture())).error
    worker.end()
    await until(lambda: not threads())


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
async def test_pictures_are_upright_filtered_or_not(turns):
    picture = a_picture(turns)
    worker = PictureWorker(lambda rgb: rgb)
    made = await worker.begin(picture)
    worker.end()
    for frame in (made.frame, _as_it_is(picture)):
        rgb = frame.convert(rtc.VideoBufferType.RGB24)
        image = np.frombuffer(rgb.data, np.uint8).reshape(rgb.height, rgb.width, 3)
        assert image.shape == (SIZE[1], SIZE[0], 3)
        assert number_of(image) == 9
        assert np.abs(image[60, 40] - np.array(COLOURS[0], float)).max() < 10
