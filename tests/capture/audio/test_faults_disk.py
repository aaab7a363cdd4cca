"""Recordings to disk when the disk is full, and when the process is killed."""

from __future__ import annotations

import asyncio
import random
import time

import numpy as np
import pytest
from faulty import child, read_any
from sounds import RATE, silent_blocks, sine, tone_fit

import lkexplore as lk
from lkexplore.sound.recording import Recording

JOINED = """
import asyncio, json, os, resource, signal, sys, time, warnings
import lkexplore as lk

asked = json.loads(sys.stdin.readline())

def say(**what):
    print(json.dumps(what), flush=True)

async def joined():
    room = await lk.connect(asked["room"], identity="kernel", **asked["where"])
    await asyncio.gather(*(room.record(who, 0.5) for who in asked["who"]))
    return room
"""

FULL = (
    JOINED
    + """
async def main():
    room = await joined()
    # Files of this process may not grow beyond this: the system refuses as for a full disk.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (asked["limit"], asked["limit"]))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        if asked["all"]:
            got = await room.record_all(asked["seconds"], settling=0, folder=asked["to"])
            parts = {who: recording for (who, _), recording in got.items()}
        else:
            other = asyncio.ensure_future(room.record("bob", asked["seconds"]))
            try:
                parts = {"alice": await room.record("alice", asked["seconds"], path=asked["to"])}
                raised = ""
            except lk.errors.FileError as error:
                parts, raised = {}, str(error)
            parts["bob"] = await other
            say(raised=raised)
    say(
        warned=[str(warning.message) for warning in caught],
        parts={
            who: [str(getattr(p, "path", "")), p.duration, getattr(p, "error", None)]
            for who, p in parts.items()
        },
        open=[os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")
              if os.path.exists(f"/proc/self/fd/{fd}")],
    )
    await room.close()

asyncio.run(main())
"""
)

KILLED = (
    JOINED
    + """
async def main():
    room = await joined()
    jobs = [
        asyncio.ensure_future(room.record("alice", path=asked["to"] + "/one.flac")),
        asyncio.ensure_future(room.record("alice", path=asked["to"] + "/one.wav")),
        asyncio.ensure_future(
            room.record("alice", path=asked["to"] + "/low.wav", sample_rate=16000)
        ),
        asyncio.ensure_future(room.record_all(600, settling=0, folder=asked["to"] + "/all")),
    ]
    await asyncio.sleep(0.2)
    say(begun=time.monotonic())
    await asyncio.gather(*jobs)

asyncio.run(main())
"""
)


@pytest.fixture
async def people(send):
    """Send two people who play tones of 440 and 660 Hz."""
    for identity, hz in (("alice", 440), ("bob", 660)):
        await send(Recording(sine(hz, 1.0), RATE, name="tone"), identity)


def asked(server, room_name, to, **more):
    return {
        "where": server.where,
        "room": room_name,
        "who": ["alice", "bob"],
        "to": str(to),
        **more,
    }


@pytest.mark.parametrize(("suffix", "limit"), [(".wav", 150_000), (".flac", 60_000)])
async def test_a_full_disk_ends_that_recording(people, server, room_name, tmp_path, suffix, limit):
    """One error, what came before is in the file, and another recording goes on."""
    path = tmp_path / f"alice{suffix}"
    request = asked(server, room_name, path, limit=limit, seconds=4, all=False)
    async with child(FULL, request) as kernel:
        raised = (await kernel.answer())["raised"]
        outcome = await kernel.answer()
    assert str(path) in raised
    assert "\n" not in raised
    assert outcome["parts"]["bob"][1] == 4
    assert not [name for name in outcome["open"] if name.startswith(str(tmp_path))]
    samples, rate = read_any(path)
    assert 0.5 * RATE < samples.shape[1] < 3.8 * RATE
    assert path.stat().st_size <= limit
    assert tone_fit(samples[0, RATE // 10 :], rate)[0] == pytest.approx(440, abs=2)
    assert silent_blocks(samples[0, RATE // 10 :]) == 0
    assert lk.load(path).identity == "alice"


async def test_a_full_disk_ends_one_of_many(server, room_name, send, tmp_path):
    """Sound does not pack, silence does: bob's file stays small, and goes on."""
    noise = np.random.default_rng(3).standard_normal(RATE) * 0.1
    await send(Recording(noise.astype(np.float32), RATE, name="tone"), "alice")
    await send(Recording(sine(660, 1.0, 0.002), RATE, name="tone"), "bob")
    request = asked(server, room_name, tmp_path / "all", limit=200_000, seconds=5, all=True)
    async with child(FULL, request) as kernel:
        outcome = await kernel.answer()
    [warned] = outcome["warned"]
    assert warned.startswith("track 'tone' of 'alice': ")
    assert "alice_tone.flac" in warned
    path, duration, error = outcome["parts"]["alice"]
    assert error is not None
    assert error in warned
    samples, _ = read_any(path)
    assert samples.shape[1] == round(duration * RATE)
    assert 1 < duration < 4.5
    path, duration, error = outcome["parts"]["bob"]
    assert (duration, error) == (5, None)
    samples, rate = read_any(path)
    assert tone_fit(samples[0, -2 * RATE :], rate)[0] == pytest.approx(660, abs=1)


async def test_a_killed_kernel_leaves_all_but_the_last_second(people, server, room_name, tmp_path):
    lasts = 2.5 + random.random()
    async with child(KILLED, asked(server, room_name, tmp_path)) as kernel:
        begun = (await kernel.answer())["begun"]
        await asyncio.sleep(lasts)
        await kernel.kill()
        lasted = time.monotonic() - begun
    names = ["one.flac", "one.wav", "low.wav", "all/alice_tone.flac", "all/bob_tone.flac"]
    for name in names:
        samples, rate = read_any(tmp_path / name)
        assert lasted - 1.0 < samples.shape[1] / rate < lasted + 0.6, name
        hz = 660 if "bob" in name else 440
        heard = samples[0, rate // 2 :]
        assert tone_fit(heard, rate)[0] == pytest.approx(hz, abs=2)
        assert silent_blocks(heard, rate) == 0
        loaded = lk.load(tmp_path / name)
        assert loaded.samples.shape[1] >= samples.shape[1]
        assert loaded.identity == ("bob" if "bob" in name else "alice")
        assert loaded.started_monotonic == pytest.approx(begun - 0.15, abs=0.3)
