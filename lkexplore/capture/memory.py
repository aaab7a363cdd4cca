"""What was heard lately: the last minute of every audio track that a room is subscribed to."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from livekit import rtc

from ..errors import LkExploreError, ParticipantNotFound, SoundError, TrackNotFound
from ..loop import media_loop
from ..recording import Gap, Recording
from ..tracks import Track, kind_of, track_view
from .listening import Listener
from .take import STREAM_RATE

if TYPE_CHECKING:
    from ..room import Room

__all__ = ["Memory", "Ring", "checked_memory"]

MAX_TRACKS = 64
MAX_SECONDS = 3600


def checked_memory(seconds: float) -> float:
    """Return how many seconds of each track to keep, or raise SoundError."""
    if not 0 <= seconds <= MAX_SECONDS:
        raise SoundError(f"memory={seconds!r}: give seconds from 0 (none) to {MAX_SECONDS}")
    return float(seconds)


class Ring:
    """The last seconds of one track: bounded, the oldest samples give way.

    Takes frames and silence as a `Take` does, and never fills up.

    Parameters
    ----------
    seconds : float
        How much to keep.
    view : Track
        Whose.
    """

    rate, channels, full = STREAM_RATE, 1, False

    def __init__(self, seconds: float, view: Track) -> None:
        self.view = view
        self.count = 0
        self._samples = np.zeros(max(1, round(seconds * STREAM_RATE)), np.int16)
        self._started = time.monotonic()
        self._gaps: list[Gap] = []
        self._muted_since: float | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing has come yet."""
        return self.count == 0

    @property
    def seconds(self) -> float:
        """How much has come in all."""
        return self.count / STREAM_RATE

    @property
    def late(self) -> float:
        """Seconds by which what came falls short of the clock."""
        return time.monotonic() - self._started - self.seconds

    def add(self, frame: rtc.AudioFrame) -> None:
        """Append a frame of 48000 Hz."""
        if self.count == 0:
            self._started = time.monotonic() - frame.duration
        self._append(np.frombuffer(frame.data, np.int16))

    def add_silence(self, seconds: float, reason: str) -> None:
        """Append silence, and mark it as a gap."""
        start = self.seconds
        length = min(max(0, round(seconds * STREAM_RATE)), len(self._samples))
        self._append(np.zeros(length, np.int16))
        self._note(Gap(start, self.seconds, reason))

    def mark_muted(self, muted: bool) -> None:
        """Note whether the track is muted from here on."""
        if muted and self._muted_since is None:
            self._muted_since = self.seconds
        elif not muted and self._muted_since is not None:
            self._note(Gap(self._muted_since, self.seconds, "muted"))
            self._muted_since = None

    def _note(self, gap: Gap) -> None:
        oldest = self.seconds - len(self._samples) / STREAM_RATE
        self._gaps = [g for g in self._gaps if g.end > oldest]
        if gap.end > gap.start:
            self._gaps.append(gap)

    def _append(self, samples: np.ndarray[tuple[int], np.dtype[np.int16]]) -> None:
        size = len(self._samples)
        self.count += len(samples)
        samples = samples[-size:]
        begin = (self.count - len(samples)) % size
        first = min(len(samples), size - begin)
        self._samples[begin : begin + first] = samples[:first]
        self._samples[: len(samples) - first] = samples[first:]

    def last(self, seconds: float) -> Recording:
        """Return the last seconds, or all there is when it is less."""
        size = len(self._samples)
        length = min(round(seconds * STREAM_RATE), size, self.count)
        end = self.count % size
        samples = np.take(self._samples, np.arange(end - length, end), mode="wrap")
        begin = (self.count - length) / STREAM_RATE
        muted = self._muted_since
        now = [] if muted is None else [Gap(max(muted, begin), self.seconds, "muted")]
        inside = [g for g in [*self._gaps, *now] if g.end > begin]
        started = self._started + begin
        ago = timedelta(seconds=time.monotonic() - started)
        return Recording.from_int16(
            samples,
            STREAM_RATE,
            started_at=datetime.now(UTC) - ago,
            started_monotonic=started,
            identity=self.view.identity or None,
            track=self.view.sid,
            name=self.view.name or None,
            gaps=[Gap(max(0.0, g.start - begin), g.end - begin, g.reason) for g in inside],
        )


class Memory:
    """Keeps a ring for every audio track of a room, from the moment it is subscribed to.

    It listens on the media loop, and may be made and asked from anywhere.

    Parameters
    ----------
    room : Room
        The room to listen to.
    seconds : float
        How much of each track to keep; 0 keeps nothing.
    """

    def __init__(self, room: Room, seconds: float) -> None:
        self.room, self.seconds = room, checked_memory(seconds)
        self._loop = media_loop()
        self._rings: dict[str, Ring] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        if seconds > 0:
            room.rtc.on("track_subscribed", self._on_subscribed)
            for participant in room.rtc.remote_participants.values():
                for publication in participant.track_publications.values():
                    if publication.track is not None:
                        self._on_subscribed(publication.track, publication, participant)

    def _on_subscribed(
        self,
        track: rtc.Track,
        publication: rtc.RemoteTrackPublication,
        participant: rtc.RemoteParticipant,
    ) -> None:
        self._loop.call_soon_threadsafe(self._begin, track, publication, participant)

    def _begin(
        self,
        track: rtc.Track,
        publication: rtc.RemoteTrackPublication,
        participant: rtc.RemoteParticipant,
    ) -> None:
        if kind_of(track) != "audio" or publication.sid in self._tasks:
            return
        while len(self._rings) >= MAX_TRACKS:
            self._rings.pop(next(iter(self._rings)))
        view = track_view(publication, participant.identity)
        ring = self._rings[publication.sid] = Ring(self.seconds, view)
        task = self._loop.create_task(self._listen(ring, track))
        self._tasks[publication.sid] = task
        task.add_done_callback(lambda _: self._tasks.pop(publication.sid, None))

    async def _listen(self, ring: Ring, track: rtc.Track) -> None:
        # A track that never gives a sound leaves an empty ring, of which last() speaks.
        try:
            await Listener(self.room.rtc, ring.view, ring, timeout=self.seconds).run(track)
        except LkExploreError:
            return

    def last(self, identity: str, seconds: float) -> Recording:
        """Return what was heard last of a participant; see `Room.last`."""
        if not 0 < seconds <= self.seconds:
            raise SoundError(
                f"the last {seconds!r} s cannot be had: this room keeps {self.seconds:g} s of each "
                "track; ask for more than 0 and at most that, or connect(..., memory=seconds)"
            )
        rings = [r for r in list(self._rings.values()) if r.view.identity == identity]
        heard = [ring for ring in rings if not ring.empty]
        if heard:
            return heard[-1].last(seconds)
        known = sorted({r.view.identity for r in list(self._rings.values()) if not r.empty})
        names = ", ".join(map(repr, known)) or "nobody"
        if identity in self.room.participants:
            raise TrackNotFound(f"{identity!r} is here but was not heard; heard so far: {names}")
        raise ParticipantNotFound(f"{identity!r} was not heard in this room; heard so far: {names}")

    async def close(self) -> None:
        """Stop listening; what was heard can still be asked for."""
        self.room.rtc.off("track_subscribed", self._on_subscribed)
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=2.0)
