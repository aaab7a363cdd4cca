"""The processes of `benchmarks/live.py`: one echoes with the bare SDK, one with a live filter.

Both are in one room with a player, at the same time: whatever else the machine does hits both
alike. Somebody who listens to all three says how much later than the player each is heard.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
from capture_children import RATE, Where, child, joined, orders, says
from capture_cost import cpu, subscribed
from livekit import rtc

import lkexplore as lk
from lkexplore.capture.audio.stream import FRAME_MS, listen
from lkexplore.sdk.media_loop import media_loop, on_loop

PLAYER, BARE, LIVE = "player", "bare", "live"
EVERY = 0.25
CLICK = 480
SETTLING = 4.0


def clicks() -> np.ndarray:
    """Return eight seconds of clicks: 10 ms of noise, no two alike, over a soft hiss."""
    rng = np.random.default_rng(4)
    sound = 0.003 * rng.standard_normal(8 * RATE)
    for begin in range(0, len(sound), round(EVERY * RATE)):
        sound[begin : begin + CLICK] += 0.2 * np.hanning(CLICK) * rng.standard_normal(CLICK)
    return (32767 * sound.clip(-1, 1)).astype(np.int16)


@child
async def player(where: Where, name: str) -> None:
    """Play clicks, until told to end."""
    async with joined(where, name, PLAYER, subscribe=False) as room:
        source = rtc.AudioSource(RATE, 1, queue_size_ms=200)
        track = rtc.LocalAudioTrack.create_audio_track("clicks", source)
        await room.local_participant.publish_track(track, rtc.TrackPublishOptions(dtx=False))

        async def play() -> None:
            sound, size = clicks(), RATE // 20
            while True:
                for begin in range(0, len(sound), size):
                    block = sound[begin : begin + size].tobytes()
                    await source.capture_frame(rtc.AudioFrame(block, RATE, 1, size))

        playing = asyncio.create_task(play())
        says("here")
        async for _ in orders():
            pass
        playing.cancel()


async def found(room: rtc.Room) -> rtc.Track:
    for _ in range(600):
        for track in subscribed(room):
            return track
        await asyncio.sleep(0.05)
    raise TimeoutError("the player's track did not come within 30 s")


async def only_player(room: rtc.Room) -> None:
    """Hear the player, and nobody else who echoes."""
    for _ in range(600):
        for participant in room.remote_participants.values():
            for publication in participant.track_publications.values():
                if participant.identity == PLAYER and not publication.subscribed:
                    publication.set_subscribed(True)
        if subscribed(room):
            return
        await asyncio.sleep(0.05)
    raise TimeoutError("the player's track did not come within 30 s")


async def tell_cpu() -> None:
    """Say, when told for how long, what share of a core that took."""
    async for order in orders():
        used, began = cpu(), time.monotonic()
        await asyncio.sleep(float(order))
        says((cpu() - used) / (time.monotonic() - began))


@child
async def bare(where: Where, name: str, count: str) -> None:
    """Echo with the SDK alone, as often as told."""
    async with joined(where, name, BARE, subscribe=False) as room:
        await only_player(room)
        track = await found(room)

        async def echo(number: int) -> None:
            source = rtc.AudioSource(RATE, 1)
            ours = rtc.LocalAudioTrack.create_audio_track(f"echo {number}", source)
            await room.local_participant.publish_track(ours)
            async for event in rtc.AudioStream(track, sample_rate=RATE, num_channels=1):
                await source.capture_frame(event.frame)

        echoes = [asyncio.create_task(echo(number)) for number in range(int(count))]
        await asyncio.sleep(SETTLING)
        says("here")
        await tell_cpu()
        for task in echoes:
            task.cancel()


@child
async def live(where: Where, name: str, count: str) -> None:
    """Filter with lkexplore, as often as told; the room is where `lk.connect` has it."""
    told = orders()
    await on_loop(media_loop(), live_there(where, name, int(count), told))


async def live_there(where: Where, name: str, count: int, told: AsyncIterator[str]) -> None:
    async with joined(where, name, LIVE, subscribe=False) as plain:
        await only_player(plain)
        room = lk.Room(plain)
        late: list[float] = []
        frame = FRAME_MS / 1000

        def lateness() -> float:
            return time.monotonic() - feed.frame_time - frame

        lives = [
            await room.live(PLAYER, lk.filters.lowpass(12_000), name=f"live {number}")
            for number in range(count)
        ]
        async with listen(await found(plain), 2, lambda _frame: late.append(lateness())) as feed:
            await asyncio.sleep(SETTLING)
            says("here")
            await measured(told, lives, late)
        for one in lives:
            await one.close()


async def measured(told: AsyncIterator[str], lives: list[Any], late: list[float]) -> None:
    """Say, when told for how long, what the live filters do and how late their blocks come."""
    async for order in told:
        late.clear()
        before = sum(one.stats.late for one in lives)
        used, began = cpu(), time.monotonic()
        await asyncio.sleep(float(order))
        share = (cpu() - used) / (time.monotonic() - began)
        after = [one.stats for one in lives]
        says(
            {
                "cpu": share,
                "late": sum(one.late for one in after) - before,
                "dropped": sum(one.dropped for one in after),
                "process_ms": after[0].process_ms,
                "latency_ms": after[0].latency_ms,
                "came_late_ms": np.quantile(1000 * np.array(late), [0.5, 0.99, 1]).tolist(),
            }
        )


def lags(sound: np.ndarray, echo: np.ndarray) -> np.ndarray:
    """Return how many milliseconds later than in the first each click is in the second."""
    from scipy.signal import correlate, find_peaks

    loud = np.convolve(sound**2, np.ones(CLICK), "same")
    places, _ = find_peaks(loud, height=0.2 * loud.max(), distance=round(0.6 * EVERY * RATE))
    most, found = RATE, []
    for place in places:
        begin = place - CLICK
        part, where = sound[begin : place + CLICK], echo[begin : place + CLICK + most]
        if begin < 0 or len(where) < len(part) + most:
            continue
        cross = correlate(where, part, "valid")
        power = np.convolve(where**2, np.ones(len(part)), "valid")
        likeness = cross / np.sqrt(np.maximum(power * (part @ part), 1e-12))
        if likeness.max() > 0.5:
            found.append(1000 * likeness.argmax() / RATE)
    return np.array(found)


@child
async def ear(where: Where, name: str) -> None:
    """Record all and say how late each click of either echo is."""
    async with lk.connect(name, identity="ear", memory=0.0, **where) as room:
        for identity in (PLAYER, BARE, LIVE):
            await room.wait_for_track(identity, timeout=30)
        await asyncio.sleep(SETTLING)
        says("here")
        async for order in orders():
            heard = await room.record_all(float(order))
            sound = heard[PLAYER].samples.mean(0)
            answer = {}
            for identity in (BARE, LIVE):
                echo = heard[identity].samples.mean(0)
                blocks = echo[: echo.size // 480 * 480].reshape(-1, 480)
                quiet = np.abs(blocks).max(1) < 1e-4
                answer[identity] = {
                    "lags": lags(sound, echo).tolist(),
                    "buffer": heard[identity].timing.delay - heard[PLAYER].timing.delay,
                    "silent": int(quiet.sum()),
                    "concealed": sum(c.seconds for c in heard[identity].concealed),
                }
            says(answer)
