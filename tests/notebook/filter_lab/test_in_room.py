"""The filter lab on a room: its sound, live, and published."""

import asyncio
import uuid

import numpy as np
import pytest
import pytest_asyncio

import lkexplore as lk
from lkexplore.errors import TrackNotFound

RATE = 48_000


@pytest_asyncio.fixture
async def lesson(server):
    """A room with alice in it, who hums at 400 and 4000 Hz."""
    name = f"test-{uuid.uuid4().hex[:10]}"
    time = np.arange(RATE) / RATE
    hum = 0.2 * (np.sin(2 * np.pi * 400 * time) + np.sin(2 * np.pi * 4000 * time))
    async with lk.connect(name, **server.where) as room:
        bot = await lk.bots.play(name, (hum.astype("f4"), RATE), "alice", **server.where)
        try:
            yield room
        finally:
            await bot.close()


def level_at(recording, hz):
    return (recording | lk.filters.bandpass(0.9 * hz, 1.1 * hz)).rms_dbfs


async def until(true, seconds=20.0):
    for _ in range(round(20 * seconds)):
        if true():
            return
        await asyncio.sleep(0.05)
    raise TimeoutError(f"it did not happen within {seconds} s")


async def test_the_sliders_act_on_what_the_room_hears(lesson, server):
    lab = lk.FilterLab(lesson, lk.filters.lowpass(1500, order=6), seconds=1.0)
    told = []
    lab.send = lambda message, buffers=None: told.append(message)
    await lab.ready()
    assert lab.before.identity == "alice"
    assert level_at(lab.before, 4000) > -25
    assert level_at(lab.after, 4000) < -45

    lab._asked(lab, {"do": "people"}, [])
    assert told[-1]["people"] == ["alice"]
    lab._asked(lab, {"do": "live", "identity": "alice"}, [])
    await until(lambda: lab.live is not None)
    async with lk.connect(lesson.name, identity="carol", **server.where) as other:
        track = await other.wait_for_track(lesson.identity)
        await asyncio.sleep(1.0)
        heard = await other.record(track, 1.5)
        assert level_at(heard, 4000) < level_at(heard, 400) - 20
        lab._asked(lab, {"do": "set", "values": {"cutoff": 12000.0}, "number": 1}, [])
        await asyncio.sleep(0.5)
        heard = await other.record(track, 1.5)
        assert abs(level_at(heard, 4000) - level_at(heard, 400)) < 6
    live = lab.live
    lab.close()
    await until(lambda: live.closed)


async def test_publish_plays_the_filtered_sound(lesson, server):
    lab = lk.FilterLab(lesson, lk.filters.lowpass(1500, order=6), seconds=2.0)
    await lab.ready()
    lab._asked(lab, {"do": "publish"}, [])
    async with lk.connect(lesson.name, identity="carol", **server.where) as other:
        heard = await other.record(await other.wait_for_track(lesson.identity), 2.0)
    assert level_at(heard, 400) > -35
    assert level_at(heard, 4000) < level_at(heard, 400) - 20
    lab.close()


async def test_a_room_in_which_nobody_speaks_says_so(server):
    async with lk.connect(f"test-{uuid.uuid4().hex[:10]}", **server.where) as room:
        lab = lk.FilterLab(room)
        with pytest.raises(TrackNotFound, match="nobody in the room is heard"):
            await lab.ready()
        told = []
        lab.send = lambda message, buffers=None: told.append(message)
        lab._asked(lab, {"do": "look"}, [])
        assert any("nobody" in message.get("text", "") for message in told)
        lab.close()


async def test_an_impatient_person_starts_one_live_filter(lesson):
    lab = lk.FilterLab(lesson, lk.filters.lowpass(1500), seconds=1.0)
    await lab.ready()
    for _ in range(3):
        lab._asked(lab, {"do": "live", "identity": "alice"}, [])
    await until(lambda: lab.live is not None)
    await until(lambda: len([one for one in lesson.lives if not one.closed]) == 1)
    # What is under way when the lab is closed does not stay.
    lab._asked(lab, {"do": "live", "identity": "alice"}, [])
    lab._asked(lab, {"do": "publish"}, [])
    lab.close()
    await until(lambda: lab.live is None and not any(not one.closed for one in lesson.lives))
    await until(lambda: not lesson.rtc.local_participant.track_publications)
