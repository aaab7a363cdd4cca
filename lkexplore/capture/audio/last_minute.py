"""What was heard lately: the last minute of every audio track that a room is subscribed to."""

from __future__ import annotations

import asyncio
import math
import time
from datetime import UTC, datetime, timedelta

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from ...errors import LkExploreError, ParticipantNotFound, SoundError, TrackNotFound
from ...sdk.joined_room import JoinedRoom
from ...sdk.media_loop import ask_media_loop, media_loop
from ...sdk.participants import Track, kind_of, track_view
from ...sound.convert import WEBRTC_RATE
from ...sound.in_words import shown
from ...sound.reasons import Reason
from ...sound.recording import Recording
from ...sound.timing import clip
from ...sound.validation import as_real
from ..following import GRACE
from ..statistics import Look
from .placement import Placement
from .receiver import AudioReceiver

__all__ = ["Memory", "Ring", "checked_memory"]

MAX_TRACKS = 64
"""Tracks that are kept at most; then the oldest is forgotten."""

MAX_SECONDS = 3600
"""Most seconds of each track that may be kept."""

PATIENCE = 0.4
"""Seconds for which a new track's sound is held back: no longer, since `last` needs it soon."""

FORGET_EVERY = WEBRTC_RATE
"""Samples after which marks older than the ring are dropped."""


def checked_memory(seconds: float) -> float:
    """Return how many seconds of each track to keep, or raise SoundError."""
    if not 0 <= as_real(seconds) <= MAX_SECONDS:
        raise SoundError(f"memory={shown(seconds)}: give seconds from 0 (none) to {MAX_SECONDS}")
    return float(seconds)


class Ring(Placement):
    """The last seconds of one track; newer samples take the place of the oldest.

    Parameters
    ----------
    seconds : float
        Length of the sound to keep, in seconds.
    view : Track
        The track that is kept.
    """

    def __init__(self, seconds: float, view: Track) -> None:
        super().__init__(1, time.monotonic(), lead=False, patience=PATIENCE)
        self.view = view
        self._samples = np.zeros(max(1, round(seconds * WEBRTC_RATE)), np.int16)
        self._written = 0

    def _write_silence(self, count: int) -> None:
        # All of the silence is counted, even if it is longer than the ring.
        size = len(self._samples)
        self._written += max(0, count - size)
        self._write(np.zeros(min(count, size), np.int16))

    def _write(self, interleaved: NDArray[np.int16]) -> None:
        size, samples = len(self._samples), interleaved
        self._written += len(samples)
        samples = samples[-size:]
        begin = (self._written - len(samples)) % size
        first = min(len(samples), size - begin)
        self._samples[begin : begin + first] = samples[:first]
        self._samples[: len(samples) - first] = samples[first:]
        if self._written % FORGET_EVERY < len(interleaved):
            self.forget(self.seconds - size / WEBRTC_RATE)

    def note(self, look: Look) -> None:
        """Learn from a look at the statistics; the latest one counts for the last seconds."""
        super().note(look)
        if not self._held_notes:
            self.started += self.delay - look.delay
            self.delay = look.delay

    def last(self, seconds: float) -> Recording:
        """Return the last seconds, or all there is if that is less."""
        size = len(self._samples)
        length = min(round(seconds * WEBRTC_RATE), size, self.count)
        waiting = self.waiting()[-length:] if length else np.zeros(0, np.int16)
        end = self._written % size
        kept = np.arange(end - (length - len(waiting)), end)
        samples = np.concatenate((np.take(self._samples, kept, mode="wrap"), waiting))
        begin = (self.count - length) / WEBRTC_RATE
        started = self.started + begin
        ago = timedelta(seconds=time.monotonic() - started)
        gaps, concealed = self.known()
        return Recording.from_int16(
            samples,
            WEBRTC_RATE,
            started_at=datetime.now(UTC) - ago,
            started_monotonic=started,
            identity=self.view.identity or None,
            track=self.view.sid,
            name=self.view.name or None,
            gaps=clip(gaps, begin, self.seconds),
            concealed=clip(concealed, begin, self.seconds),
            timing=self.timing(),
        )


class Memory:
    """Keeps a ring for every audio track of a room, from the moment it is subscribed to.

    It listens on the media loop, and may be made and asked from anywhere.

    Parameters
    ----------
    room : Room
        The room to listen to.
    seconds : float
        Seconds of each track to keep, 0 to 3600; 0 keeps nothing.
    """

    def __init__(self, room: JoinedRoom, seconds: float) -> None:
        self.room, self.seconds = room, checked_memory(seconds)
        self._loop = media_loop()
        self._rings: dict[str, Ring] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._listeners: dict[str, AudioReceiver] = {}
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
        if any(listener.would_take(view) for listener in self._listeners.values()):
            return
        ring = self._rings[view.sid] = Ring(self.seconds, view)
        # What was heard before they left is useful only for as long as it is kept.
        patience = {Reason.UNPUBLISHED: math.inf, Reason.LEFT: max(self.seconds, GRACE)}
        listener = AudioReceiver(self.room.rtc, view, ring, self.seconds, patience)
        self._listeners[view.sid] = listener
        self._tasks[view.sid] = self._loop.create_task(self._listen(listener, view.sid, track))

    async def _listen(self, listener: AudioReceiver, sid: str, track: rtc.Track) -> None:
        # A track that never gives a sound leaves an empty ring; last() says so.
        try:
            await listener.run(track)
        except LkExploreError:
            return
        finally:
            self._tasks.pop(sid, None)
            self._listeners.pop(sid, None)

    def last(self, identity: str, seconds: float) -> Recording:
        """Return what was heard of a participant just before now; see `Room.last`."""
        if not 0 < as_real(seconds) <= self.seconds:
            raise SoundError(
                f"the last {shown(seconds)} s cannot be had: this room keeps {self.seconds:g} s of "
                "each track; ask for more than 0 and at most that, or connect(..., memory=seconds)"
            )
        rings = [r for r in list(self._rings.values()) if r.view.identity == identity]
        heard = [ring for ring in rings if not ring.empty]
        if heard:
            return ask_media_loop(lambda: heard[-1].last(seconds))
        known = sorted({r.view.identity for r in list(self._rings.values()) if not r.empty})
        names = ", ".join(map(repr, known)) or "nobody"
        if identity in self.room.rtc.remote_participants:
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
