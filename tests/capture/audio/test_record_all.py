"""A recording of everyone, under way: who comes and goes, who stops it, where the files go."""

from __future__ import annotations

import asyncio
import threading
import time
import warnings

import pytest
from faulty import eventually, media_tasks, only_made_up, open_files, read_any, same_tasks
from sounds import RATE, block_snr, silent_blocks, sine, tone_fit

import lkexplore as lk
from lkexplore.capture import RecordingSession
from lkexplore.errors import FileError, RoomClosed
from lkexplore.sound.recording import Recording

SETTLED = 1.5


def tone(hz: float) -> Recording:
    return Recording(sine(hz, 1.0), RATE, name="tone")


async def test_who_comes_later_is_included_and_who_leaves_has_what_they_said(join, send, tmp_path):
    bot = await send(tone(440), "alice")
    await send(tone(660), "bob")
    room = await join("eve")
    await asyncio.gather(room.record("alice", SETTLED), room.record("bob", SETTLED))
    session = await room.start_recording(folder=tmp_path)
    only_bob = await room.start_recording("bob")
    assert isinstance(session, RecordingSession)
    await asyncio.sleep(1.0)
    assert session.elapsed == pytest.approx(1.0, abs=0.3)
    assert session.level == pytest.approx(-6, abs=1.5)
    assert set(session.levels) == {"alice", "bob"}
    came = time.monotonic()
    await send(tone(880), "carol")
    await asyncio.sleep(0.5)
    await bot.close()
    left = time.monotonic()
    assert await eventually(lambda: "alice" not in session.levels, 8)
    await asyncio.sleep(1.0)
    assert not session.done
    recordings = (await session.stop()).load()
    bob = (await only_bob.stop())["bob"]
    stopped = time.monotonic()
    assert session.done
    assert set(recordings) == {("alice", "tone"), ("bob", "tone"), ("carol", "tone")}
    alice, carol = recordings["alice"], recordings["carol"]
    began = alice.started_monotonic
    assert {recording.started_monotonic for recording in recordings.values()} == {began}
    assert alice.duration == pytest.approx(left - began, abs=0.7)
    for recording in (recordings["bob"], carol):
        assert recording.duration == pytest.approx(stopped - began, abs=0.5)
    assert recordings["bob"].gaps == bob.gaps == ()
    for recording in (recordings["bob"], bob):
        assert only_made_up(recording)
    [gap] = carol.gaps
    assert (gap.start, gap.reason) == (0, "not there yet")
    assert -0.1 < gap.end - (came - began) < 1.5
    assert not carol[: gap.end - 0.05].samples.any()
    assert tone_fit(carol[-0.7:].samples[0], RATE)[0] == pytest.approx(880, abs=3)
    assert block_snr(alice[0.1:1.0].samples[0], 440).min() > 35


async def test_it_can_be_stopped_from_another_thread(join, send):
    await send()
    room = await join()
    await room.record("alice", SETTLED)
    session = await room.start_recording()
    waiting = asyncio.ensure_future(session._result())
    threading.Timer(1.0, session.stop).start()
    recordings = await asyncio.wait_for(waiting, 10)
    assert recordings["alice"].duration == pytest.approx(1.0, abs=0.3)
    assert session.elapsed == pytest.approx(recordings["alice"].duration, abs=0.01)
    again = await session.stop()
    assert again["alice"] is recordings["alice"]


async def test_interrupting_the_wait_for_it_stops_it(join, send):
    await send()
    room = await join()
    await room.record("alice", SETTLED)
    before = await media_tasks()
    session = await room.start_recording()

    async def wait() -> object:
        return await session

    job = asyncio.ensure_future(wait())
    await asyncio.sleep(1.0)
    job.cancel()
    recordings = await asyncio.wait_for(asyncio.shield(job), 10)
    assert session.done
    assert recordings["alice"].duration == pytest.approx(1.0, abs=0.3)
    assert silent_blocks(recordings["alice"].samples[0]) == 0
    assert await same_tasks(before)


async def test_one_that_is_never_awaited_ends_with_the_room(join, send, tmp_path):
    await send()
    room = await join()
    await room.record("alice", 0.5)
    session = await room.start_recording(folder=tmp_path)
    del session
    await asyncio.sleep(1.0)
    await room.close()
    assert not open_files(tmp_path)
    samples, _ = read_any(tmp_path / "alice_tone.flac")
    assert 0.6 < samples.shape[1] / RATE < 2
    assert lk.load(tmp_path / "alice_tone.flac").identity == "alice"


async def test_nobody_there_is_nothing_recorded(join):
    room = await join()
    assert len(await room.record_all(0.3, settling=0)) == 0
    session = await room.start_recording()
    assert session.level == -120
    assert len(await session.stop()) == 0
    await room.close()
    with pytest.raises(RoomClosed, match="was left"):
        await room.start_recording()
    with pytest.raises(RoomClosed, match="was left"):
        await room.record_all(1)


ODD = [
    "../../etc",
    "a/b",
    "..",
    ".hidden",
    "\N{WAVING HAND SIGN}\N{PARTY POPPER}",
    "CON",
    "x" * 250,
    "new\nline\ttab",
    "Zoë & Łukasz",
    "\N{CJK UNIFIED IDEOGRAPH-6F22}" * 80,
]


async def test_files_of_odd_identities_stay_in_the_folder(join, send, tmp_path):
    """Whatever they call themselves and their tracks: each has one file, there."""
    for number, identity in enumerate(ODD):
        name = ODD[-1 - number]
        await send(Recording(sine(440, 1.0), RATE), identity, name=name)
    room = await join("eve")
    folder = tmp_path / "inside" / "deeper"
    recordings = await room.record_all(0.5, settling=0.5, folder=folder)
    assert {identity for identity, _ in recordings} == set(ODD)
    paths = [recording.path for recording in recordings.values()]
    assert len({str(path).lower() for path in paths}) == len(ODD)
    for path in paths:
        assert path.parent.resolve() == folder.resolve()
        assert not path.name.startswith((".", "-"))
        assert len(path.name.encode()) < 250
        assert read_any(path)[0].shape == (1, RATE // 2)
    everything = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert everything == {*paths, *(path.with_name(path.name + ".json") for path in paths)}
    assert {lk.load(path).identity for path in paths} == set(ODD)


async def test_those_whose_names_come_to_the_same_have_a_file_each(join, send, tmp_path):
    hz = {"a/b": 440, "a:b": 550, "A/B": 660}
    for identity in hz:
        await send(tone(hz[identity]), identity)
    room = await join("eve")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recordings = await room.record_all(0.5, folder=tmp_path / "streamed")
    assert {identity for identity, _ in recordings} == set(hz)
    saved = recordings.load().save(tmp_path / "saved")
    for paths in ([recording.path for recording in recordings.values()], saved):
        assert len({str(path).lower() for path in paths}) == 3
        for path in paths:
            sound = lk.load(path)
            heard = tone_fit(sound.samples[0], RATE)[0]
            assert heard == pytest.approx(hz[sound.identity], abs=3)


async def test_a_folder_that_cannot_be_is_refused(join, send, tmp_path):
    await send()
    room = await join()
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(FileError, match="cannot be made a folder"):
        await room.record_all(1, folder=tmp_path / "file")
    await room.record_all(0.2, settling=0, folder=tmp_path / "all")
    with pytest.warns(UserWarning, match=r"'tone' of 'alice' is not recorded: .*alice_tone.flac"):
        again = await room.record_all(0.2, settling=0, folder=tmp_path / "all")
    assert len(again) == 0
    fresh = await room.record_all(0.3, settling=0, folder=tmp_path / "all", overwrite=True)
    assert fresh["alice"].duration == 0.3
