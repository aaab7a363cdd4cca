"""Someone who shows pictures."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from sights import SIZE, number_of, numbered
from sync import apart, beeps, flashes

from lkexplore.capture.video import capture_image, record_av, record_video
from lkexplore.errors import LkExploreError, TokenError
from lkexplore.room.video_bots import colour_bars, play_video


async def test_an_array_is_shown_over_and_over(join, show):
    bot = await show(np.stack([numbered(number) for number in range(10)]))
    room = await join()
    video = await record_video("alice", 2.0, room=room)
    steps = np.diff([number_of(image) for image in video.frames]) % 10
    assert len(video) > 40
    assert (steps == 1).mean() > 0.8
    assert bot.shown > 60
    assert "pictures shown, 30 fps" in repr(bot)


async def test_the_test_pattern_moves(join, show):
    await show(fps=15)
    room = await join()
    video = await record_video("alice", 2.0, room=room)
    assert video.size == (640, 360)
    assert video.fps == pytest.approx(15, abs=1.5)
    wanted = colour_bars(0)[100, [40, 200, 360, 520]].astype(int)
    seen = video[1.5][100, [40, 200, 360, 520]].astype(int)
    assert np.abs(seen - wanted).max() < 30
    marks = [image[-20:, :, 1].mean(axis=0).argmax() for image in video.frames]
    assert (np.diff(marks) > 0).mean() > 0.8


@pytest.mark.parametrize("codec", ["h264", "vp9"])
async def test_other_codecs(join, show, codec):
    await show(lambda _number: numbered(9), codec=codec)
    room = await join()
    await record_video("alice", 0.5, room=room)
    assert number_of(await capture_image("alice", room=room)) == 9
    assert room.participants["alice"].tracks[0].codec == codec


async def test_pictures_go_with_their_sound(join, show, tmp_path):
    """The sound lasts a second, beeps in its first fifth, and the pictures flash then."""
    time = np.arange(48_000) / 48_000
    beep = np.where(time < 0.2, 0.3 * np.sin(2 * np.pi * 1000 * time), 0)
    lit = [np.full((240, 320, 3), 235 if number < 5 else 20, np.uint8) for number in range(25)]
    bot = await show(np.stack(lit), sound=(beep, 48_000), fps=25)
    room = await join()
    saved = await record_av("alice", 8.0, path=tmp_path / "a.mp4", room=room)
    off = apart([flash for flash in flashes(saved.path) if 2 < flash < 7.5], beeps(saved.path))
    assert len(off) >= 5
    assert np.median(np.abs(off)) < 0.06
    assert bot.playback is not None
    await bot.stop()
    assert bot.playback.done


async def test_it_stops_and_leaves(join, show):
    bot = await show()
    room = await join()
    await room.wait_for_track("alice", "video")
    await bot.stop()
    for _ in range(50):
        if not room.tracks:
            break
        await asyncio.sleep(0.1)
    assert room.tracks == ()
    await bot.close()
    assert repr(bot).endswith("left>")


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({"pictures": "cats"}, "'cats' is no picture"),
        ({"pictures": np.zeros((4, 4, 3), np.uint8)}, r"pictures of shape \(4, 4, 3\)"),
        ({"pictures": np.zeros((1, 4, 4, 3))}, "dtype float64 cannot be shown"),
        ({"pictures": lambda _number: np.zeros((4, 4), np.uint8)}, "cannot be shown"),
        ({"sound": ([float("nan")], 48_000)}, "NaN"),
        ({"fps": 0}, "fps must be more than 0"),
        ({"fps": float("nan")}, "fps must be more than 0"),
        ({"codec": "mpeg2"}, "codec 'mpeg2' is not known"),
    ],
)
async def test_what_cannot_be_shown_is_refused(show, what, said):
    with pytest.raises(LkExploreError, match=said):
        await show(**what)


async def test_without_the_grant_it_is_said(server, room_name):
    token = server.token("alice", room_name, can_publish=False)
    with pytest.raises(TokenError, match="canPublish grant"):
        await play_video(room_name, identity="alice", url=server.url, token=token)


def test_the_size_of_the_bars_is_free():
    assert colour_bars(3, SIZE).shape == (SIZE[1], SIZE[0], 3)
