"""Measure the embedded server: connecting, fidelity, latency, cost of forwarding, CPU, memory.

Run it as ``python benchmarks/server.py`` (about three minutes), with ``--quick`` (one minute) or
with ``--seconds`` for the length of the tone. The server runs in a process of its own, so that its
CPU and memory can be told from those of the load, which is the real SDK and a synthetic one.
Figures depend on the machine and on what else runs on it. Targets are what a first proof reached.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import secrets
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil
from forwarding import Row, forwarding
from livekit import api, rtc

RATE, BLOCK, HZ = 48_000, 480, 440
AUDIBLE = 10 ** (-50 / 20)


# The server, and who joins it.


@dataclass
class Served:
    """The server's process and how to join it."""

    process: subprocess.Popen[bytes]
    url: str
    key: str
    secret: str

    @property
    def inside(self) -> psutil.Process:
        return psutil.Process(self.process.pid)

    def token(self, identity: str, room: str) -> str:
        grants = api.VideoGrants(room_join=True, room=room)
        return (
            api.AccessToken(self.key, self.secret)
            .with_identity(identity)
            .with_grants(grants)
            .to_jwt()
        )

    async def join(
        self, identity: str, room: str, *, subscribe: bool = True, single: bool = True
    ) -> rtc.Room:
        options = rtc.RoomOptions(auto_subscribe=subscribe)
        if hasattr(options, "single_peer_connection"):
            options.single_peer_connection = single
        joined = rtc.Room()
        await joined.connect(self.url, self.token(identity, room), options)
        return joined


@contextlib.contextmanager
def serving() -> Any:
    key, secret = "LKbenchmark", secrets.token_urlsafe(32)
    process = subprocess.Popen(
        [sys.executable, "-m", "lkexplore.server", "--child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    process.stdin.write(json.dumps({"keys": {key: secret}}).encode() + b"\n")
    process.stdin.flush()
    try:
        yield Served(process, json.loads(process.stdout.readline())["url"], key, secret)
    finally:
        process.stdin.close()
        process.wait(10)


@contextlib.asynccontextmanager
async def people(
    served: Served, room: str, *names: str, **options: bool
) -> AsyncIterator[list[rtc.Room]]:
    joined = [await served.join(name, room, **options) for name in names]
    try:
        yield joined
    finally:
        for one in joined:
            await one.disconnect()


def next_track(room: rtc.Room) -> asyncio.Future[rtc.Track]:
    """Return what will be the next track that a room receives."""
    found: asyncio.Future[rtc.Track] = asyncio.get_running_loop().create_future()

    def note(track: rtc.Track, *_: Any) -> None:
        if not found.done():
            found.set_result(track)

    room.on("track_subscribed", note)
    return found


async def publish_audio(room: rtc.Room, queue_ms: int = 200) -> rtc.AudioSource:
    source = rtc.AudioSource(RATE, 1, queue_size_ms=queue_ms)
    track = rtc.LocalAudioTrack.create_audio_track("tone", source)
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    await room.local_participant.publish_track(track, options)
    return source


def audio_frame(samples: np.ndarray) -> rtc.AudioFrame:
    data = np.round(samples * 32767).astype("<i2").tobytes()
    return rtc.AudioFrame(data, RATE, 1, len(samples))


async def play_tone(source: rtc.AudioSource, seconds: float, hz: float = HZ) -> None:
    for start in range(0, int(seconds * RATE), BLOCK):
        t = (start + np.arange(BLOCK)) / RATE
        await source.capture_frame(audio_frame(0.5 * np.sin(2 * np.pi * hz * t)))


# What is measured.


async def connecting(served: Served, cycles: int) -> list[Row]:
    rows = []
    for name, single, target in (
        ("one peer connection", True, "50 ms / 6-8 ms"),
        ("two peer connections", False, "70-120 ms / 6-8 ms"),
    ):
        up, down = [], []
        for _ in range(cycles):
            begin = time.perf_counter()
            room = await served.join("visitor", "connecting", single=single)
            up.append(time.perf_counter() - begin)
            begin = time.perf_counter()
            await room.disconnect()
            down.append(time.perf_counter() - begin)
        measured = (
            f"{1000 * statistics.median(up):.0f} ms / {1000 * statistics.median(down):.1f} ms"
        )
        rows.append((f"connect / disconnect, {name}", measured, target))
    return rows


async def tone(served: Served, seconds: float) -> list[Row]:
    async with people(served, "tone", "ears", "voice") as (ears, voice):
        arriving = next_track(ears)
        source = await publish_audio(voice)
        heard: list[np.ndarray] = []

        async def listen() -> None:
            stream = rtc.AudioStream(await arriving, sample_rate=RATE, num_channels=1)
            async for event in stream:
                heard.append(np.frombuffer(event.frame.data, "<i2").astype(float) / 32768)

        listener = asyncio.create_task(listen())
        await arriving
        await asyncio.sleep(0.5)
        await play_tone(source, seconds)
        await asyncio.sleep(1.0)
        listener.cancel()
    return judge_tone(np.concatenate(heard), seconds)


def judge_tone(sound: np.ndarray, seconds: float) -> list[Row]:
    blocks = sound[: len(sound) // BLOCK * BLOCK].reshape(-1, BLOCK)
    peaks = np.abs(blocks).max(axis=1)
    begin, end = np.flatnonzero(peaks > 0.1)[[0, -1]]
    whole = blocks[begin : end + 1]
    silent = int(np.sum(peaks[begin : end + 1] < AUDIBLE))
    inner = whole[20:-20].reshape(-1)
    carrier = np.exp(-2j * np.pi * HZ * np.arange(len(inner)) / RATE)
    step = RATE // HZ * 11
    mixed = (inner * carrier)[: len(inner) // step * step].reshape(-1, step).sum(axis=1)
    turns = np.abs(np.angle(mixed[1:] / mixed[:-1]))
    jumps = int(np.sum(np.diff(np.flatnonzero(turns > 0.2), prepend=-9) > 2))
    snrs = [snr_db(part) for part in np.array_split(inner, len(inner) // (RATE // 10))]
    return [
        (
            f"tone of {seconds:g} s: received",
            f"{len(whole) * BLOCK / RATE:.2f} s",
            f"{seconds:.2f} s",
        ),
        ("    silent frames of 10 ms", f"{silent}", "0"),
        ("    phase jumps", f"{jumps}", "0"),
        ("    SNR, median of 100 ms", f"{statistics.median(snrs):.1f} dB", "47.6 dB"),
    ]


def snr_db(sound: np.ndarray) -> float:
    t = np.arange(len(sound)) / RATE
    basis = np.stack([np.sin(2 * np.pi * HZ * t), np.cos(2 * np.pi * HZ * t)], axis=1)
    wanted = basis @ np.linalg.lstsq(basis, sound, rcond=None)[0]
    return float(10 * np.log10(np.mean(wanted**2) / (np.mean((sound - wanted) ** 2) + 1e-12)))


async def audio_latency(served: Served, sessions: int) -> list[Row]:
    """The listener's jitter buffer differs from session to session: take the median of some."""
    medians = sorted([statistics.median(await burst_delays(served, 8)) for _ in range(sessions)])
    middle, worst = 1000 * medians[sessions // 2], 1000 * medians[-1]
    return [
        ("audio, one way, median (worst session)", f"{middle:.0f} ms ({worst:.0f})", "40-60 ms")
    ]


async def burst_delays(served: Served, bursts: int) -> list[float]:
    """Time short bursts from the frame given to one SDK to the frame taken from the other."""
    sent: list[float] = []
    received: list[float] = []
    async with people(served, "latency", "ears", "voice") as (ears, voice):
        arriving = next_track(ears)
        source = await publish_audio(voice, queue_ms=0)

        async def listen() -> None:
            quiet = 0
            async for event in rtc.AudioStream(await arriving, sample_rate=RATE, num_channels=1):
                loud = np.abs(np.frombuffer(event.frame.data, "<i2")).max() > 6000
                if loud and quiet > 10:
                    received.append(time.perf_counter())
                quiet = 0 if loud else quiet + 1

        listener = asyncio.create_task(listen())
        begin, t = time.perf_counter(), np.arange(BLOCK) / RATE
        for n in range((bursts + 3) * 50):
            loud = n % 50 in (25, 26, 27)
            await asyncio.sleep(max(0.0, begin + n / 100 - time.perf_counter()))
            if n % 50 == 25:
                sent.append(time.perf_counter())
            await source.capture_frame(audio_frame(0.6 * loud * np.sin(2 * np.pi * 1000 * t)))
        await asyncio.sleep(0.5)
        listener.cancel()
    return [min((r - s for r in received if r > s), default=9.0) for s in sent[3:]]


async def data_latency(served: Served, packets: int) -> list[Row]:
    delays: list[float] = []
    async with people(served, "data", "ears", "voice") as (ears, voice):
        ears.on(
            "data_received",
            lambda packet: delays.append(time.perf_counter() - struct.unpack("d", packet.data)[0]),
        )
        for _ in range(packets):
            payload = struct.pack("d", time.perf_counter())
            await voice.local_participant.publish_data(payload, reliable=True)
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
    delays = delays[5:]
    measured = f"{1000 * statistics.median(delays):.1f} ms ({len(delays) + 5}/{packets})"
    return [("data, one way, median (received)", measured, "1.3 ms")]


async def cpu_of(served: Served, seconds: float) -> float:
    """Return the share of one core that the server uses in the next seconds."""
    inside = served.inside
    before, begin = inside.cpu_times(), time.perf_counter()
    await asyncio.sleep(seconds)
    after, end = inside.cpu_times(), time.perf_counter()
    return (after.user + after.system - before.user - before.system) / (end - begin)


async def audio_cpu(
    served: Served, publishers: int, subscribers: int, seconds: float, target: str
) -> list[Row]:
    room = f"audio-{publishers}x{subscribers}"
    voices = [await served.join(f"voice{n}", room, subscribe=False) for n in range(publishers)]
    sources = [await publish_audio(voice) for voice in voices]
    players = [
        asyncio.create_task(play_tone(source, seconds + 60, HZ + 110 * n))
        for n, source in enumerate(sources)
    ]
    async with people(served, room, *(f"ears{n}" for n in range(subscribers))):
        await asyncio.sleep(2.0)
        used = await cpu_of(served, seconds)
    for player in players:
        player.cancel()
    for voice in voices:
        await voice.disconnect()
    return [(f"CPU, audio {publishers} -> {subscribers}", f"{100 * used:.1f} % of a core", target)]


async def video_cpu(served: Served, seconds: float) -> list[Row]:
    width, height, rate = 1280, 720, 30
    pictures = [moving_picture(width, height, n) for n in range(rate)]
    shown: list[tuple[int, int]] = []
    async with people(served, "video", "eyes", "camera") as (eyes, camera):
        arriving = next_track(eyes)
        source = rtc.VideoSource(width, height)
        track = rtc.LocalVideoTrack.create_video_track("camera", source)
        options = rtc.TrackPublishOptions(
            source=rtc.TrackSource.SOURCE_CAMERA,
            simulcast=False,
            video_encoding=rtc.VideoEncoding(max_framerate=rate, max_bitrate=3_000_000),
        )
        await camera.local_participant.publish_track(track, options)

        async def film() -> None:
            begin = time.perf_counter()
            for n in range(10**9):
                source.capture_frame(pictures[n % len(pictures)])
                await asyncio.sleep(max(0.0, begin + n / rate - time.perf_counter()))

        async def watch() -> None:
            async for event in rtc.VideoStream(await arriving):
                shown.append((event.frame.width, event.frame.height))

        tasks = [asyncio.create_task(film()), asyncio.create_task(watch())]
        await asyncio.sleep(4.0)
        before = len(shown)
        used = await cpu_of(served, seconds)
        frames = (len(shown) - before) / seconds
        for task in tasks:
            task.cancel()
    size = "x".join(str(n) for n in shown[-1]) if shown else "nothing"
    name = f"CPU, video 720p30 1 -> 1 (seen: {size}, {frames:.0f}/s)"
    return [(name, f"{100 * used:.1f} % of a core", "1-2 %")]


def moving_picture(width: int, height: int, number: int) -> rtc.VideoFrame:
    x = (np.arange(width)[None, :] + 8 * number + np.arange(height)[:, None]) & 255
    grey = np.full(width * height // 2, 128, np.uint8)
    data = x.astype(np.uint8).tobytes() + grey.tobytes()
    return rtc.VideoFrame(width, height, rtc.VideoBufferType.I420, data)


async def memory(served: Served) -> list[Row]:
    return [
        (
            "RSS of the server, at the end",
            f"{served.inside.memory_info().rss / 1e6:.0f} MB",
            "90 MB",
        )
    ]


# All of it.


async def measure(seconds: float, quick: bool) -> list[Row]:
    rows = await forwarding(5_000 if quick else 20_000)
    with serving() as served:
        part = 5.0 if quick else 15.0
        steps: list[Callable[[], Awaitable[list[Row]]]] = [
            lambda: connecting(served, 7 if quick else 25),
            lambda: tone(served, seconds),
            lambda: audio_latency(served, 3 if quick else 9),
            lambda: data_latency(served, 100 if quick else 500),
            lambda: audio_cpu(served, 1, 1, part, "1.7 %"),
            lambda: audio_cpu(served, 4, 3, part, "3.6-4 %"),
            lambda: video_cpu(served, part),
            lambda: memory(served),
        ]
        for step in steps:
            rows += await step()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="about one minute, rougher figures")
    parser.add_argument("--seconds", type=float, help="length of the tone (60; quick: 10)")
    given = parser.parse_args()
    seconds = given.seconds or (10.0 if given.quick else 60.0)
    rows = asyncio.run(measure(seconds, given.quick))
    widths = [
        max(len(row[n]) for row in [*rows, ("figure", "measured", "target")]) for n in range(3)
    ]
    for row in [("figure", "measured", "target"), tuple("-" * width for width in widths), *rows]:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )


if __name__ == "__main__":
    main()
