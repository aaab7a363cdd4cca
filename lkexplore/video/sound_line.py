"""The sound that goes with pictures: one unbroken line, whatever becomes of its track."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from ..capture.clock import StreamClock
from ..capture.feed import listen
from ..errors import LkExploreError
from ..finding import Changes, everyone, find_track
from ..timeline import Gap
from ..tracks import Track
from .delay import Delay
from .mp4 import SOUND_RATE

__all__ = ["SoundLine"]

TICK = 0.1

SENDING = 0.008
"""Seconds by which sound is longer on its way than pictures before it arrives: Opus looks ahead
by 6.5 ms (RFC 7845, section 4.2), and blocks of 10 ms wait for each other at both ends."""

POLL = 0.5
SETTLING = 0.5
"""Seconds of a stream that are heard before it is placed in time."""

LATE = 1.0
"""Seconds after which sound that has not come is silence."""

LONGEST_WAIT = 30 * SOUND_RATE
"""Samples that may wait to be collected."""


class _Stream:
    """One stream of a track: its sound in 16 bits, and when its first sample was due.

    Parameters
    ----------
    track : rtc.Track
        Of whom.
    channels : int
        1 or 2.
    """

    def __init__(self, track: rtc.Track, channels: int) -> None:
        self.track, self.delay = track, Delay(track)
        self.channels = channels
        self.taken = self.waiting = 0
        self.reference = 0.0
        self._clock = StreamClock()
        self.settled = self.over = False
        self.origin: int | None = None
        self.frames: deque[NDArray[np.int16]] = deque()

    def on_frame(self, frame: rtc.AudioFrame) -> None:
        """Take a frame."""
        self._clock.note(frame.samples_per_channel, time.monotonic())
        if self.waiting > LONGEST_WAIT:
            self.waiting -= len(self.frames[0])
            self.taken += len(self.frames.popleft())
        samples = np.frombuffer(frame.data, np.int16).reshape(-1, self.channels)
        self.frames.append(samples.copy())
        self.waiting += len(samples)

    async def settle(self) -> None:
        """Poll the delay; once there is enough, the stream has its place."""
        await self.delay.poll()
        if not self.settled and self._clock.seconds >= SETTLING:
            self.settled, self.reference = True, self.offset

    @property
    def offset(self) -> float:
        """When the first sample would have been at its sender, by what is known now."""
        return self._clock.time_of(0) - self.delay.seconds - SENDING

    def place(self, start: float) -> int:
        """Return the place of the first waiting sample, counted from the time `start`."""
        if self.origin is None:
            self.origin = round((self.reference - start) * SOUND_RATE)
        return self.origin + self.taken

    def pop(self) -> NDArray[np.int16]:
        """Take a waiting frame."""
        samples = self.frames.popleft()
        self.taken += len(samples)
        self.waiting -= len(samples)
        return samples


class SoundLine:
    """Follows a participant's audio track, whenever there is one; lives on the media loop.

    Parameters
    ----------
    room : rtc.Room
        Where they are.
    identity : str
        Who.
    channels : int
        1 or 2.

    Attributes
    ----------
    limit : int
        Samples to collect at most.
    silences : list of Gap
        Where there was none, or it was muted; filled by `collect`.
    """

    def __init__(self, room: rtc.Room, identity: str, channels: int) -> None:
        self.channels = channels
        self.silences: list[Gap] = []
        self._room, self._identity = room, identity
        self._streams: deque[_Stream] = deque()
        self._written = 0
        self.limit = sys.maxsize
        self._view: Track | None = None
        self._muted_since: int | None = None
        self._stopping = False
        self._task = asyncio.get_running_loop().create_task(self._run())

    @property
    def complete(self) -> bool:
        """Whether all that was wanted is collected."""
        return self._written >= self.limit

    @property
    def reached(self) -> float:
        """Seconds that were collected."""
        return self._written / SOUND_RATE

    @property
    def settled(self) -> bool:
        """Whether the sound has its place in time, so far as there is any."""
        return all(stream.settled for stream in self._streams)

    @property
    def shift(self) -> float:
        """Seconds by which the sound now comes later than when it was placed."""
        if not self._streams or not self._streams[-1].settled:
            return 0.0
        return self._streams[-1].reference - self._streams[-1].offset

    def collect(self, start: float, until: float) -> list[NDArray[np.int16]]:
        """Return what follows on what was returned before, of shape (n, channels) each.

        Parameters
        ----------
        start : float
            The time of the first sample, in seconds of ``time.monotonic()``.
        until : float
            The time up to which all sound has come, if there is any.
        """
        before, out = self._written, []
        while self._streams:
            stream = self._streams[0]
            if stream.settled or stream.over:
                out += self._drain(stream, start)
            if not stream.over:
                break
            self._streams.popleft()
        missing = round((until - start) * SOUND_RATE) - self._written
        if missing > LATE * SOUND_RATE:
            out += self._silence(min(missing, self.limit - self._written))
        self._mark_muted(before)
        return out

    def finish(self, start: float, end: float) -> list[NDArray[np.int16]]:
        """Return the rest, so that it reaches to the time `end` at least."""
        out = self.collect(start, start)
        missing = round((end - start) * SOUND_RATE) - self._written
        if missing > 0:
            out += self._silence(missing)
        if self._muted_since is not None:
            self._note(self._muted_since, self._written, "muted")
        return out

    async def close(self) -> None:
        """End it."""
        self._stopping = True
        self._task.cancel()
        await asyncio.wait([self._task], timeout=5.0)

    def _drain(self, stream: _Stream, start: float) -> list[NDArray[np.int16]]:
        out: list[NDArray[np.int16]] = []
        while stream.frames:
            place = stream.place(start)
            samples = stream.pop()
            missing = min(place, self.limit) - self._written
            if missing > 0:
                out += self._silence(missing)
            samples = samples[max(self._written - place, 0) : max(self.limit - place, 0)]
            if len(samples):
                out.append(samples)
                self._written += len(samples)
        return out

    def _silence(self, count: int) -> list[NDArray[np.int16]]:
        self._note(self._written, self._written + count, "no sound")
        self._written += count
        pieces = [SOUND_RATE] * (count // SOUND_RATE) + [count % SOUND_RATE]
        return [np.zeros((piece, self.channels), np.int16) for piece in pieces if piece]

    def _mark_muted(self, before: int) -> None:
        view = self._view
        muted = view is not None and view.publication is not None and view.publication.muted
        if muted and self._muted_since is None:
            self._muted_since = before
        elif not muted and self._muted_since is not None:
            self._note(self._muted_since, self._written, "muted")
            self._muted_since = None

    def _note(self, first: int, end: int, reason: str) -> None:
        start = first / SOUND_RATE
        last = self.silences[-1] if self.silences else None
        if last is not None and last.reason == reason and last.end == start:
            start = self.silences.pop().start
        if end > first:
            self.silences.append(Gap(start, end / SOUND_RATE, reason))

    async def _run(self) -> None:
        with Changes(self._room) as changes:
            while not self._stopping:
                try:
                    track, view = await find_track(self._room, self._identity, "audio", 0)
                except LkExploreError:
                    await changes.wait(TICK)
                    continue
                await self._listen(track, view, changes)

    async def _listen(self, track: rtc.Track, view: Track, changes: Changes) -> None:
        stream = _Stream(track, self.channels)
        self._streams.append(stream)
        self._view = view
        polled = 0.0
        try:
            async with listen(track, self.channels, stream.on_frame):
                while self._is_there(track, view) and not self._stopping:
                    now = time.monotonic()
                    if now - polled >= POLL or not stream.settled:
                        polled = now
                        await stream.settle()
                    await changes.wait(TICK)
        finally:
            stream.over = True
            self._view = None

    def _is_there(self, track: rtc.Track, view: Track) -> bool:
        owner = next((p for p in everyone(self._room) if p.identity == self._identity), None)
        if owner is None or view.publication is None:
            return False
        published = view.publication.sid in owner.track_publications
        return published and view.publication.track is track
