"""How true a recording is: completeness, fidelity, places on the clock, gaps, what a kill costs.

`benchmarks/capture.py` runs this with the rest. The voices are in a process of their own, which
uses the bare SDK and tells, by the monotonic clock of the computer, when it did what.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from capture_children import RATE, Child, Row, Where, child, joined, orders, says
from livekit import rtc
from scipy.signal import correlate, find_peaks

import lkexplore as lk
from lkexplore.errors import LkExploreError

HZ = 440
FRAME = RATE // 100
BITRATE = 256_000
HALF = RATE // 2
SETTLING = 6.0

_NOISE = np.random.default_rng(7).standard_normal(RATE // 200)
CLICK = (0.5 * _NOISE / np.abs(_NOISE).max()).astype(np.float32)


# The voices.


def clicks(number: int) -> np.ndarray:
    """Return frame `number` of the monotonic clock: 5 ms of noise at each half second."""
    frame = np.zeros(FRAME, np.float32)
    if number * FRAME % HALF == 0:
        frame[: len(CLICK)] = CLICK
    return frame


def tone(number: int) -> np.ndarray:
    t = (number % 100 * FRAME + np.arange(FRAME)) / RATE
    return (0.5 * np.sin(2 * np.pi * HZ * t)).astype(np.float32)


class Voice:
    """A participant with one track."""

    def __init__(self, room: rtc.Room) -> None:
        self.room = room
        self.source = rtc.AudioSource(RATE, 1, queue_size_ms=0)
        self.publication: rtc.LocalTrackPublication | None = None

    async def publish(self) -> float:
        """Publish; return when the first packet was on its way."""
        track = rtc.LocalAudioTrack.create_audio_track("voice", self.source)
        options = rtc.TrackPublishOptions(dtx=False, red=False)
        options.audio_encoding.max_bitrate = BITRATE
        self.publication = await self.room.local_participant.publish_track(track, options)
        for _ in range(2000):
            if any(
                entry.HasField("outbound_rtp") and entry.outbound_rtp.sent.packets_sent
                for entry in await track.get_stats()
            ):
                return time.monotonic()
            await asyncio.sleep(0.002)
        raise TimeoutError("no packet was sent")

    async def unpublish(self) -> float:
        now = time.monotonic()
        await self.room.local_participant.unpublish_track(self.publication.sid)
        return now

    async def mute(self) -> float:
        self.publication.track.mute()
        return time.monotonic()

    async def unmute(self) -> float:
        self.publication.track.unmute()
        return time.monotonic()


async def feed(voices: list[Voice], sound: Callable[[int], np.ndarray]) -> None:
    """Send each frame when its time is over, as a microphone does."""
    for number in itertools.count(int(time.monotonic() / 0.01)):
        await asyncio.sleep(max(0.0, (number + 1) * 0.01 - time.monotonic()))
        data = np.rint(sound(number) * 32767).astype(np.int16).tobytes()
        for voice in voices:
            await voice.source.capture_frame(rtc.AudioFrame(data, RATE, 1, FRAME))


@child
async def speak(where: Where, room: str, sound: str, *identities: str) -> None:
    """Publish a sound as each of some participants; then do what is asked, all of them."""
    async with contextlib.AsyncExitStack() as stack:
        voices = [
            Voice(await stack.enter_async_context(joined(where, room, who, subscribe=False)))
            for who in identities
        ]
        feeding = asyncio.create_task(feed(voices, {"clicks": clicks, "tone": tone}[sound]))
        stack.callback(feeding.cancel)
        for voice in voices:
            await voice.publish()
        says("here")
        async for order in orders():
            says([await getattr(voice, order)() for voice in voices][-1])


# Fidelity.


@child
async def play_tone(where: Where, room: str) -> None:
    """Play a tone with a queue, which a busy machine does not run dry."""
    sine = 0.5 * np.sin(2 * np.pi * HZ * np.arange(RATE) / RATE)
    async with await lk.bots.play(room, (sine, RATE), "alice", **where):
        says("here")
        async for _ in orders():
            pass


async def fidelity(where: Where, seconds: float) -> list[Row]:
    """Record a tone through the room, and take it out of the recording again."""
    with Child(where, "play_tone", "benchmark-tone"):
        async with lk.connect("benchmark-tone", identity="ears", **where) as room:
            await asyncio.sleep(SETTLING)
            samples = (await room.record("alice", seconds)).samples[0]
    size = RATE // 10
    blocks = samples[: samples.size // size * size].reshape(-1, size).astype(np.float64)
    angle = 2 * np.pi * HZ * np.arange(size) / RATE
    basis = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    found = (basis @ np.linalg.lstsq(basis, blocks.T, rcond=None)[0]).T
    snr = 10 * np.log10((found**2).sum(1) / ((blocks - found) ** 2).sum(1).clip(1e-20))
    short = samples[: samples.size // FRAME * FRAME].reshape(-1, FRAME)
    silent = int((np.sqrt((short**2).mean(1)) < 0.01).sum())
    median = float(np.median(snr))
    off = abs(samples.size - round(seconds * RATE))
    return [
        Row("samples too many or too few", f"{off}", "0", off == 0),
        Row("silent blocks of 10 ms", f"{silent}", "0", silent == 0),
        Row("median SNR of 100 ms, dB", f"{median:.1f}", "≥ 45", median >= 45),
        Row("lowest SNR of 100 ms, dB", f"{snr.min():.1f}"),
    ]


# One clock.


async def alignment(where: Where, seconds: float) -> list[Row]:
    """Record three who click at the same instants; find the clicks."""
    people = "alice", "bob", "carol"
    with Child(where, "speak", "benchmark-clicks", "clicks", *people):
        async with lk.connect("benchmark-clicks", identity="ears", **where) as room:
            recordings = await room.record_all(seconds)
            residual = max(recordings[who].timing.residual for who in people)
            places = np.array([click_times(recordings[who]) for who in people])
    heard = places[:, ~np.isnan(places).any(axis=0)]
    apart = 1000 * (heard.max(axis=0) - heard.min(axis=0))
    late = 1000 * (heard - np.round(heard * 2) / 2)
    middle, worst = float(np.median(apart)), float(apart.max())
    return [
        Row("clicks found of each of three", f"{heard.shape[1]} of {places.shape[1]}"),
        Row("one instant in three tracks, median ms", f"{middle:.1f}", "≤ 10", middle <= 10),
        Row("one instant in three tracks, worst ms", f"{worst:.1f}", "≤ 20", worst <= 20),
        Row("place on the computer's clock, median ms", f"{np.median(late):+.1f}"),
        Row("timing.residual says at most, ms", f"{1000 * residual:.1f}"),
    ]


def click_times(recording: lk.Recording) -> np.ndarray:
    """Return the monotonic time of the click at each half second, NaN where there is none."""
    match = np.abs(correlate(recording.samples[0], CLICK, "valid"))
    start = recording.started_monotonic
    times = []
    for instant in np.arange(np.ceil(2 * start + 1), 2 * (start + recording.duration) - 1) / 2:
        first = round((instant - start) * RATE) - RATE // 5
        window = match[max(first, 0) : first + 2 * RATE // 5]
        clear = window.max() > 8 * np.median(match) and window.max() > 0.5 * np.sum(CLICK**2) / 2
        times.append(start + (max(first, 0) + window.argmax()) / RATE if clear else np.nan)
    return np.array(times)


# One clock for everything that records.


@child
async def show_and_click(where: Where, room: str) -> None:
    """Show pictures and click twice a second, in one participant."""
    sound = np.zeros(RATE, np.float32)
    sound[: len(CLICK)] = CLICK
    sound[HALF : HALF + len(CLICK)] = -CLICK
    async with await lk.bots.play_video(
        room, "test pattern", "alice", sound=(sound, RATE), **where
    ):
        says("here")
        async for _ in orders():
            pass


async def agreement(where: Where, rounds: int, seconds: float = 12.0) -> list[Row]:
    """Record the same clicks by `record`, `record_all` and `record_av`; compare their times."""
    apart: list[float] = []
    room_name = "benchmark-agreement"
    with Child(where, "show_and_click", room_name), tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            async with lk.connect(room_name, identity=f"ears-{number}", **where) as room:
                await asyncio.sleep(SETTLING)
                path = Path(folder) / f"{number}.mp4"
                one, everyone, film = await asyncio.gather(
                    room.record("alice", seconds),
                    room.record_all(seconds),
                    room.record_av("alice", seconds, path=path),
                )
            sound = film.load_sound()
            sounds = [
                (one.samples[0], one.started_monotonic),
                (everyone["alice"].samples[0], everyone["alice"].started_monotonic),
                (sound.samples.mean(0), film.started_monotonic),
            ]
            apart += differences([peaks(*each) for each in sounds])
    middle, worst = float(np.median(apart)), float(np.max(apart))
    return [
        Row("clicks found by all three", f"{len(apart)}"),
        Row("one click in three recordings, median ms", f"{middle:.1f}", "≤ 5", middle <= 5),
        Row("one click in three recordings, worst ms", f"{worst:.1f}"),
    ]


def peaks(samples: np.ndarray, started: float) -> np.ndarray:
    """Return the monotonic times of all clicks."""
    match = np.abs(correlate(samples, CLICK, "valid"))
    places, _ = find_peaks(match, height=0.4 * match.max(), distance=RATE // 4)
    return started + places / RATE


def differences(times: list[np.ndarray]) -> list[float]:
    """Return by how many milliseconds each click lies apart in several recordings."""
    found = []
    for moment in times[0]:
        near = [each[np.argmin(np.abs(each - moment))] for each in times]
        if np.ptp(near) < HALF / RATE / 2:
            found.append(1000 * float(np.ptp(near)))
    return found


# Gaps.


async def gaps(where: Where, rounds: int) -> list[Row]:
    """Mute, unpublish and lose a track, and compare the gaps with when that was."""
    off: dict[str, list[float]] = {"muted": [], "unpublished": [], "nothing arrived": []}
    with Child(where, "speak", "benchmark-gaps", "tone", "alice") as voice:
        async with lk.connect("benchmark-gaps", identity="ears", **where) as room:
            for _ in range(rounds):
                await asyncio.sleep(SETTLING)
                session = await room.start_recording()
                done = await events(room, voice)
                recording = (await session.stop())["alice"]
                for reason, (begin, end) in done.items():
                    found = [gap for gap in recording.gaps if gap.reason == reason]
                    start = recording.started_monotonic
                    edges = [(gap.start + start, gap.end + start) for gap in found]
                    if len(edges) != 1:
                        off[reason].append(float("inf"))
                        continue
                    off[reason] += [abs(edges[0][0] - begin), abs(edges[0][1] - end)]
    worst = {reason: 1000 * max(errors) for reason, errors in off.items() if errors}
    return [
        Row(f"edges of {reason!r}, worst ms", f"{late:.1f}", "≤ 50", late <= 50)
        for reason, late in worst.items()
    ]


async def events(room: lk.Room, voice: Child) -> dict[str, tuple[float, float]]:
    """Let it happen; return when each began and ended."""
    done = {}
    await asyncio.sleep(2.0)
    begin = await asyncio.to_thread(voice.ask, "mute")
    await asyncio.sleep(1.3)
    done["muted"] = begin, await asyncio.to_thread(voice.ask, "unmute")
    await asyncio.sleep(2.0)
    begin = await asyncio.to_thread(voice.ask, "unpublish")
    await asyncio.sleep(1.3)
    done["unpublished"] = begin, await asyncio.to_thread(voice.ask, "publish")
    await asyncio.sleep(5.0)
    with contextlib.suppress(LkExploreError):  # a server that is not lkexplore's
        await room.impair(loss=1.0, identity="alice")
        begin = time.monotonic()
        await asyncio.sleep(2.0)
        await room.impair()
        done["nothing arrived"] = begin, time.monotonic()
        await asyncio.sleep(2.0)
    return done


async def bad_network(where: Where, seconds: float) -> list[Row]:
    """Record under 5 % loss and 40 ms jitter."""
    with Child(where, "speak", "benchmark-loss", "tone", "alice"):
        async with lk.connect("benchmark-loss", identity="ears", **where) as room:
            await asyncio.sleep(SETTLING)
            try:
                await room.impair(loss=0.05, jitter_ms=40, direction="down", identity="ears")
            except LkExploreError:
                return []
            await asyncio.sleep(2.0)
            recording = await room.record("alice", seconds)
    wrong = recording.samples.shape[1] - round(seconds * RATE)
    hidden = 100 * sum(piece.seconds for piece in recording.concealed) / seconds
    return [
        Row("5 % loss, 40 ms jitter: samples off", f"{wrong}", "0", wrong == 0),
        Row("    reported as concealed, %", f"{hidden:.1f}", "> 0", hidden > 0),
    ]


# Killed.


@child
async def record_until_killed(where: Where, room: str, folder: str) -> None:
    """Record everyone to disk."""
    async with lk.connect(room, identity="ears", **where) as here:
        await asyncio.sleep(3.0)
        session = await here.start_recording(folder=folder)
        says(session.started)
        await session


async def kills(where: Where, times: int) -> list[Row]:
    """Kill who records three to disk; see what of the time until then is not in the files."""
    missing, chance = [], random.Random(1)
    with Child(where, "speak", "benchmark-kill", "tone", "alice", "bob", "carol"):
        for _ in range(times):
            with tempfile.TemporaryDirectory() as folder:
                victim = Child(where, "record_until_killed", "benchmark-kill", folder)
                victim.read()
                await asyncio.sleep(3.0 + 2.0 * chance.random())
                victim.process.kill()
                killed = time.monotonic()
                victim.process.wait()
                missing += [killed - end for end in ends_of(Path(folder))]
    whole = len(missing) == 3 * times
    worst = max(missing, default=float("inf"))
    return [
        Row("files of three tracks left by kill -9", f"{len(missing)}", f"{3 * times}", whole),
        Row("    their end before the kill, worst s", f"{worst:.2f}", "≤ 1", worst <= 1.0),
    ]


def ends_of(folder: Path) -> list[float]:
    """Return the monotonic time of each file's last sample, read with libsndfile alone."""
    ends = []
    for path in folder.glob("*.flac"):
        about = json.loads(path.with_name(f"{path.name}.json").read_text())
        samples, rate = soundfile.read(path)
        ends.append(float(about["started_monotonic"]) + len(samples) / rate)
    return ends
