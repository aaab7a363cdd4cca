"""A recording of everyone, under way: who comes and goes, who stops it, where the files go."""

from __future__ import annotations

import asyncio
import re
import threading
import time
import warnings

import pytest
from faulty import eventually, media_tasks, only_made_up, open_files, read_any, same_tasks
from sounds import RATE, block_snr, silent_blocks, sine, tone_fit

import lkexplore as lk
from lkexplore.capture import RecordingSession
from lkexplore.errors import FileError, RoomClosed, TrackNotFound
from lkexplore.files import read_sidecar
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
    with pytest.raises(FileError, match="is no path of a folder"):
        await room.record_all(1, folder=5)


async def test_a_folder_that_has_recordings_gets_more_and_loses_none(join, send, tmp_path):
    """Sessions one after the other and at once, and someone's notes: each has files of its own."""
    await send(tone(440), "alice")
    await send(tone(660), "bob")
    room = await join()
    await asyncio.gather(room.record("alice", SETTLED), room.record("bob", SETTLED))
    (tmp_path / "bob_tone.flac.json").write_text("notes about bob")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first = await room.record_all(0.5, settling=0, folder=tmp_path)
        before = {path: path.read_bytes() for path in tmp_path.iterdir()}
        sessions = [await room.start_recording(folder=tmp_path) for _ in range(2)]
        await asyncio.sleep(1.0)
        second, third = [await session.stop() for session in sessions]
    assert first["alice"].path.name == "alice_tone.flac"
    assert {path: path.read_bytes() for path in before} == before
    everything = [one for each in (first, second, third) for one in each.values()]
    assert len({saved.path for saved in everything}) == 6
    for saved in everything:
        assert re.fullmatch(
            rf"{saved.identity}_tone( \d{{4}}-\d\d-\d\d \d\d\.\d\d\.\d\d( \d)?)?\.flac",
            saved.path.name,
        )
        sound = lk.load(saved.path)
        assert sound.identity == saved.identity
        heard = tone_fit(sound.samples[0], RATE)[0]
        assert heard == pytest.approx({"alice": 440, "bob": 660}[saved.identity], abs=3)
    assert len(list(tmp_path.iterdir())) == 6 + 6 + 1
    fresh = await room.record_all(0.3, settling=0, folder=tmp_path, overwrite=True)
    assert fresh["alice"].path == first["alice"].path
    assert lk.load(first["alice"].path).duration == fresh["alice"].duration == 0.3


async def test_a_name_that_nobody_has_is_told_at_once_and_in_the_end(join, send):
    await send()
    room = await join("eve")
    near = r"nobody called 'alcie' is here \(did you mean 'alice'\?\); here: 'alice'"
    with pytest.warns(UserWarning, match=f"{near}: they are recorded once they come") as told:
        session = await room.start_recording("alcie")
    assert told[0].filename == __file__
    with pytest.warns(UserWarning, match=f"nothing was recorded: {near}"):
        recordings = await session.stop()
    assert len(recordings) == 0
    assert "did you mean 'alice'?" in repr(recordings)
    with pytest.raises(TrackNotFound, match="did you mean 'alice'"):
        recordings["alcie"]
    with pytest.warns(UserWarning, match="'eve' are we ourselves"):
        session = await room.start_recording("eve")
    with pytest.warns(UserWarning, match="nothing was recorded"):
        await session.stop()
    with pytest.warns(UserWarning, match="nobody called 'carol' is here; here: 'alice'"):
        session = await room.start_recording("carol")
    await send(tone(880), "carol")
    await asyncio.sleep(1.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recordings = await session.stop()
    assert set(recordings) == {("carol", "tone")}
    assert recordings.problems == ()


@pytest.mark.parametrize("to_disk", [False, True])
async def test_what_is_stopped_before_its_time_says_so(join, send, tmp_path, to_disk):
    bot = await send(tone(440), "alice")
    await send(tone(660), "bob")
    room = await join()
    await asyncio.gather(room.record("alice", SETTLED), room.record("bob", SETTLED))
    where = {"folder": tmp_path} if to_disk else {}
    whole = await room.record_all(0.5, settling=0, **where)
    assert {one.ended for one in whole.values()} == {lk.Reason.COMPLETE}
    job = asyncio.ensure_future(room.record_all(30, settling=0, **where))
    session = await room.start_recording(**where)
    await asyncio.sleep(1.0)
    await bot.close()
    await asyncio.sleep(4.0)
    job.cancel()
    cut = await job
    stopped = await session.stop()
    for recordings in (cut, stopped):
        assert recordings["bob"].ended == "stopped"
    assert stopped["alice"].ended == "left"
    assert 4.5 < cut["bob"].duration < 6.5
    if to_disk:
        assert read_sidecar(cut["bob"].path).ended == "stopped"
        assert "ended: stopped" in repr(cut["bob"])
