"""A process that publishes sounds which tell the monotonic clock's time; it shares no code.

The first line of its standard input is a JSON object: ``url``, ``tokens`` by identity, ``sound``
("clicks" or "tone"). Each further line is a command; the answer is a line with the monotonic time.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import numpy as np
from livekit import rtc

RATE, FRAME = 48_000, 480
PERIOD = 0.5
CLICK = RATE // 200
EVERY = round(PERIOD * RATE)

_NOISE = np.random.default_rng(7).standard_normal(CLICK)
_CLICK = (0.5 * _NOISE / np.abs(_NOISE).max()).astype(np.float32)


def clicks(number: int) -> np.ndarray:
    """Return frame `number` of the monotonic clock: 5 ms of noise at each half second."""
    frame = np.zeros(FRAME, np.float32)
    if number * FRAME % EVERY == 0:
        frame[:CLICK] = _CLICK
    return frame


def tone(number: int) -> np.ndarray:
    """Return frame `number` of a tone of 440 Hz."""
    t = (number % 100 * FRAME + np.arange(FRAME)) / RATE
    return (0.4 * np.sin(2 * np.pi * 440 * t)).astype(np.float32)


class Voice:
    """One participant with one track."""

    def __init__(self, room: rtc.Room) -> None:
        self.room = room
        self.source = rtc.AudioSource(RATE, 1, queue_size_ms=0)
        self.publication: rtc.LocalTrackPublication | None = None

    async def publish(self) -> None:
        track = rtc.LocalAudioTrack.create_audio_track("voice", self.source)
        options = rtc.TrackPublishOptions(dtx=False, red=False)
        me = self.room.local_participant
        self.publication = await me.publish_track(track, options)

    async def unpublish(self) -> None:
        await self.room.local_participant.unpublish_track(self.publication.sid)

    async def first_packet(self) -> float:
        """Wait until a packet has been sent; return when that was seen."""
        while True:
            for entry in await self.publication.track.get_stats():
                if entry.HasField("outbound_rtp") and entry.outbound_rtp.sent.packets_sent:
                    return time.monotonic()
            await asyncio.sleep(0.002)


async def feed(voices: list[Voice], sound) -> None:
    """Send each frame when its time is over, as a microphone does."""
    number = int(time.monotonic() / 0.01)
    while True:
        wait = (number + 1) * 0.01 - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        data = np.rint(sound(number) * 32767).astype(np.int16).tobytes()
        frames = [rtc.AudioFrame(data, RATE, 1, FRAME) for _ in voices]
        await asyncio.gather(
            *(v.source.capture_frame(f) for v, f in zip(voices, frames, strict=True))
        )
        number += 1


async def obey(command: str, voices: list[Voice]) -> float:
    """Do what is asked, by all voices; return when it took effect."""
    now = time.monotonic()
    for voice in voices:
        if command == "publish":
            await voice.publish()
            now = await asyncio.wait_for(voice.first_packet(), 10)
        elif command == "unpublish":
            await voice.unpublish()
        elif command == "mute":
            voice.publication.track.mute()
        elif command == "unmute":
            voice.publication.track.unmute()
    return now


async def main() -> None:
    """Join, publish, and obey until the standard input ends."""
    asked = json.loads(sys.stdin.readline())
    voices = []
    for token in asked["tokens"].values():
        room = rtc.Room()
        await room.connect(asked["url"], token)
        voices.append(Voice(room))
    feeding = asyncio.ensure_future(feed(voices, globals()[asked["sound"]]))
    if not asked.get("later"):
        await obey("publish", voices)
    print(json.dumps(time.monotonic()), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(await obey(line.strip(), voices)), flush=True)
    feeding.cancel()
    for voice in voices:
        await voice.room.disconnect()


if __name__ == "__main__":
    asyncio.run(main())
