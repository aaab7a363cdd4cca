"""CPU and memory of recording, beside the loop that one writes with the bare SDK.

`benchmarks/capture.py` runs this with the rest. Everyone who listens has a process, which stays in
the room; they record by turns, again and again, so that whatever else the machine does hits all
alike. CPU is user and system time of the whole process, with the SDK's native threads: decoding,
which goes on while nothing is recorded, is in it on both sides.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import soundfile
from capture_children import RATE, Child, Row, Where, child, joined, orders, says
from livekit import rtc

import lkexplore as lk

SETTLING = 5.0
WARM_UP = 1.0

BARE, BARE_DISK = "bare", "bare-disk"
MEMORY, RING, DISK = "memory", "ring", "disk"
NAMES = {
    BARE: "the SDK's loop, appending to lists",
    BARE_DISK: "the SDK's loop, appending to flac files",
    MEMORY: "record_all()",
    RING: "record_all(), last minute kept",
    DISK: "record_all(folder=)",
}

Record: TypeAlias = Callable[[float], Awaitable[None]]


# The children.


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def resident(what: str = "VmRSS") -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{what}:")[1].split()[0]) * 1024


def forget_peak() -> int:
    """Begin a new peak of memory in use; return what is in use."""
    Path("/proc/self/clear_refs").write_text("5")
    return resident()


def lively(number: int) -> np.ndarray:
    """Return two seconds with as much going on as in a voice: harmonics that come and go."""
    t = np.arange(2 * RATE) / RATE
    loudness = 0.5 + 0.5 * np.sin(2 * np.pi * 3 * t)
    voice = sum(np.sin(2 * np.pi * (100 + 10 * number) * n * t) / n for n in range(1, 12))
    hiss = np.random.default_rng(number).standard_normal(t.size)
    return (32767 * (0.2 * loudness * voice + 0.01 * hiss)).astype(np.int16)


async def play(room: rtc.Room, number: int) -> None:
    source = rtc.AudioSource(RATE, 1, queue_size_ms=200)
    track = rtc.LocalAudioTrack.create_audio_track("sound", source)
    await room.local_participant.publish_track(track, rtc.TrackPublishOptions(dtx=False))
    sound, size = lively(number), RATE // 20
    while True:
        for begin in range(0, len(sound), size):
            block = sound[begin : begin + size].tobytes()
            await source.capture_frame(rtc.AudioFrame(block, RATE, 1, size))


@child
async def players(where: Where, room: str, count: str) -> None:
    """Play in many participants, until told to end."""
    async with contextlib.AsyncExitStack() as stack:
        for number in range(int(count)):
            player = joined(where, room, f"player {number}", subscribe=False)
            task = asyncio.create_task(play(await stack.enter_async_context(player), number))
            stack.callback(task.cancel)
        says("here")
        async for _ in orders():
            pass


def subscribed(room: rtc.Room) -> list[rtc.Track]:
    return [
        publication.track
        for participant in room.remote_participants.values()
        for publication in participant.track_publications.values()
        if publication.track is not None
    ]


async def heard(room: rtc.Room, count: int) -> None:
    """Wait until so many tracks are there, and their jitter buffers have settled."""
    for _ in range(600):
        if len(subscribed(room)) >= count:
            await asyncio.sleep(SETTLING)
            return
        await asyncio.sleep(0.05)
    raise TimeoutError(f"{len(subscribed(room))} of {count} tracks came within 30 s")


async def measure(record: Record) -> None:
    """Record when told to, for as many seconds; say what that cost."""
    await record(WARM_UP)
    says("here")
    async for order in orders():
        before, used, began = forget_peak(), cpu(), time.monotonic()
        await record(float(order))
        share = (cpu() - used) / (time.monotonic() - began)
        says({"cpu": share, "memory": resident("VmHWM") - before})


async def into_list(track: rtc.Track, seconds: float) -> np.ndarray:
    """Record the way that the SDK's examples do."""
    stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1)
    frames, count = [], 0
    async for event in stream:
        frames.append(np.frombuffer(event.frame.data, np.int16))
        count += event.frame.samples_per_channel
        if count >= seconds * RATE:
            break
    await stream.aclose()
    return np.concatenate(frames).astype(np.float32) / 32768


async def into_file(track: rtc.Track, seconds: float, path: Path) -> None:
    stream, count = rtc.AudioStream(track, sample_rate=RATE, num_channels=1), 0
    with soundfile.SoundFile(path, "w", RATE, 1, subtype="PCM_16", format="FLAC") as file:
        async for event in stream:
            file.write(np.frombuffer(event.frame.data, np.int16))
            count += event.frame.samples_per_channel
            if count >= seconds * RATE:
                break
    await stream.aclose()


@child
async def listen_bare(where: Where, name: str, count: str, kind: str) -> None:
    """Record all tracks with the SDK alone."""
    async with joined(where, name, kind) as room:
        await heard(room, int(count))
        with tempfile.TemporaryDirectory() as folder:

            async def record(seconds: float) -> None:
                tracks = subscribed(room)
                if kind == BARE:
                    await asyncio.gather(*(into_list(track, seconds) for track in tracks))
                    return
                files = [(track, Path(folder) / f"{track.sid}.flac") for track in tracks]
                await asyncio.gather(*(into_file(track, seconds, path) for track, path in files))

            await measure(record)


@child
async def listen(where: Where, name: str, count: str, kind: str) -> None:
    """Record all tracks with lkexplore."""
    memory = 60.0 if kind == RING else 0.0
    async with lk.connect(name, identity=kind, memory=memory, **where) as room:
        await heard(room.rtc, int(count))
        with tempfile.TemporaryDirectory() as folder:
            target = {"folder": folder, "overwrite": True} if kind == DISK else {}

            async def record(seconds: float) -> None:
                found = await room.record_all(seconds, settling=0.0, **target)
                lengths = {round(one.duration * RATE) for one in found.values()}
                if len(found) != int(count) or lengths != {round(seconds * RATE)}:
                    raise RuntimeError(f"{len(found)} recordings of {lengths} samples")

            await measure(record)


@child
async def remember(where: Where, name: str, length: str, open_end: str) -> None:
    """Record one track, of a length that is known before or not."""
    async with lk.connect(name, identity="remember", memory=0.0, **where) as room:
        await heard(room.rtc, 1)
        await room.record("player 0", WARM_UP)
        before, seconds = forget_peak(), float(length)
        if open_end == "yes":
            recording = await asyncio.wait_for(room.record("player 0"), seconds)
        else:
            recording = await room.record("player 0", seconds)
        says((resident("VmHWM") - before) / recording.samples.size)


@child
async def fill_disk(where: Where, name: str, count: str, length: str) -> None:
    """Record to disk for long; say how much memory comes to be in use, again and again."""
    async with lk.connect(name, identity="disk", memory=0.0, **where) as room:
        await heard(room.rtc, int(count))
        with tempfile.TemporaryDirectory() as folder:
            session = await room.start_recording(folder=folder)
            says("here")
            end = time.monotonic() + float(length)
            while time.monotonic() < end:
                await asyncio.sleep(5.0)
                says(resident())
            found = await session.stop()
            problems = [one.error for one in found.values() if one.error]
            says({"seconds": [one.duration for one in found.values()], "problems": problems})


# The parent.


def by_turns(
    where: Where, count: int, kinds: list[str], seconds: float, rounds: int
) -> dict[str, list[dict[str, float]]]:
    """Let each kind record in its turn, round after round; return what each time cost."""
    room = f"benchmark-{count}"
    found: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
    with contextlib.ExitStack() as stack:
        stack.enter_context(Child(where, "players", room, str(count)))
        listeners = {}
        for kind in kinds:
            body = "listen_bare" if kind in (BARE, BARE_DISK) else "listen"
            listeners[kind] = Child(where, body, room, str(count), kind)
        for listener in listeners.values():
            stack.enter_context(listener)
        for number in range(rounds):
            for kind in kinds if number % 2 == 0 else reversed(kinds):
                found[kind].append(listeners[kind].ask(str(seconds)))
    return found


def costs(where: Where, count: int, seconds: float, rounds: int, quick: bool) -> list[Row]:
    """Compare recording so many tracks with the bare SDK."""
    plan = [(BARE, [MEMORY, DISK])] if quick else [(BARE, [MEMORY, RING]), (BARE_DISK, [DISK])]
    rows = []
    for bare, ours in plan:
        found = by_turns(where, count, [bare, *ours], seconds, rounds)
        for kind in [bare, *ours]:
            share = statistics.median(one["cpu"] for one in found[kind])
            ratio = statistics.median(
                mine["cpu"] / its["cpu"] for mine, its in zip(found[kind], found[bare], strict=True)
            )
            text = f"{100 * share:.1f} %, {ratio:.2f}"
            row = Row(f"{NAMES[kind]}: CPU, ratio", text, "≤ 1.15", ratio <= 1.15)
            rows.append(row if kind != bare else Row(f"{NAMES[bare]}: CPU", f"{100 * share:.1f} %"))
        if bare == BARE:
            samples = count * seconds * RATE
            each = {kind: found[kind][0]["memory"] / samples for kind in (BARE, MEMORY)}
            rows += [Row(f"{NAMES[k]}: bytes per sample", f"{v:.1f}") for k, v in each.items()]
    return rows


def memory(where: Where, seconds: float) -> list[Row]:
    """Measure what one recording in memory needs, beyond what was there before."""
    rows = []
    with Child(where, "players", "benchmark-memory", "1"):
        for name, open_end in (("length known", "no"), ("open end", "yes")):
            one = Child(where, "remember", "benchmark-memory", str(seconds), open_end)
            found = one.read()
            one.process.communicate()
            rows.append(Row(f"bytes per sample, {name}", f"{found:.2f}", "≤ 4.4", found <= 4.4))
    return rows


def flat(where: Where, count: int, minutes: float) -> list[Row]:
    """Record to disk for long and see what memory does."""
    room, sizes = "benchmark-disk", []
    with (
        Child(where, "players", room, str(count)),
        Child(where, "fill_disk", room, str(count), str(60 * minutes)) as one,
    ):
        while not isinstance(answer := one.read(), dict):
            sizes.append(answer)
    growth = (max(sizes) - sizes[0]) / 1e6
    shortest = min(answer["seconds"])
    whole = not answer["problems"] and len(answer["seconds"]) == count
    return [
        Row("tracks recorded to their end", f"{len(answer['seconds'])}", f"{count}", whole),
        Row("seconds of the shortest", f"{shortest:.1f}", f"≥ {60 * minutes:g}"),
        Row("growth of memory, MB", f"{growth:.1f}", "≤ 20", growth <= 20),
    ]
