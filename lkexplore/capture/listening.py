"""Following a live track: its end, its mutes, a lost connection; the sound goes into a sink."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from livekit import rtc

from ..errors import LkExploreError, TrackNotFound
from ..finding import Changes, everyone, find_track
from ..tracks import Track
from .feed import listen

__all__ = ["Listener", "Sink", "describe"]

TICK = 0.1
QUIET = 1.5
QUIET_LOOKS = 10
"""Seconds, and looks, without a frame after which none is expected any more."""

RECONNECTING = "reconnecting"


class Sink(Protocol):
    """Where a track's sound goes: a `Take` that fills up, or a `Ring` that does not."""

    count: int

    @property
    def channels(self) -> int:
        """1 or 2, of the frames wanted."""

    @property
    def empty(self) -> bool:
        """Whether nothing has come yet."""

    @property
    def full(self) -> bool:
        """Whether nothing more is wanted."""

    @property
    def late(self) -> float:
        """Seconds by which what came falls short of the clock."""

    def add(self, frame: rtc.AudioFrame) -> None:
        """Append a frame."""

    def add_silence(self, seconds: float, reason: str) -> None:
        """Append a gap."""

    def mark_muted(self, muted: bool) -> None:
        """Note whether the track is muted from here on."""


class Listener:
    """Follows one track, over as many streams as it takes, into a sink.

    Parameters
    ----------
    room : rtc.Room or None
        Where the track is; without it only its silence tells that it has ended.
    view : Track
        Which track.
    take : Sink
        Where its sound goes.
    timeout : float
        Seconds to wait for its first frame.
    """

    def __init__(self, room: rtc.Room | None, view: Track, take: Sink, timeout: float) -> None:
        self.room, self.view, self.take, self.timeout = room, view, take, timeout
        self._changes = Changes(room)
        self._reconnections = 0
        self._error: Exception | None = None

    def on_frame(self, frame: rtc.AudioFrame) -> None:
        """Take one frame."""
        if self._error is not None or self.take.full:
            return
        try:
            self.take.add(frame)
        except Exception as error:
            # The SDK logs and ignores what its hooks raise; run() raises it instead.
            self._error = error
        if self._error is not None or self.take.full:
            self._changes.poke()

    async def run(self, track: rtc.Track) -> str:
        """Capture until done; return how the track ended if it did, '' if it need not go on."""
        reason = ""
        try:
            with self._changes:
                while not self.take.full:
                    reason = await self._one_stream(track)
                    if reason != RECONNECTING:
                        break
                    resumed = await self._resume()
                    if resumed is None:
                        reason = "was lost with our connection"
                        break
                    track = resumed
        except asyncio.CancelledError:
            if self.take.empty:
                raise
            return ""
        if self._error is not None:
            raise self._error
        return reason

    async def _one_stream(self, track: rtc.Track) -> str:
        async with listen(track, self.take.channels, self.on_frame):
            return await self._follow(track)

    async def _follow(self, track: rtc.Track) -> str:
        """Wait while the stream fills the take; return why it ended, '' when full."""
        take, opened = self.take, time.monotonic()
        self._reconnections = self._changes.reconnections
        at_opening = seen = take.count
        heard, looks = opened, 0
        while not take.full and self._error is None:
            await self._changes.wait(TICK)
            take.mark_muted(self.view.publication is not None and self.view.publication.muted)
            if reason := self._ended(track):
                await asyncio.sleep(TICK)  # what the native side still holds comes now
                return self._ended(track) or reason
            if take.count != seen:
                seen, heard, looks = take.count, time.monotonic(), 0
                continue
            looks += 1
            # Looks as well as time: a starved interpreter delays both them and the frames.
            if looks < QUIET_LOOKS or time.monotonic() - heard < QUIET:
                continue
            if take.count == at_opening:
                if time.monotonic() - opened > self.timeout:
                    return self._no_sound()
            elif self.room is None:
                return "ended"
            else:
                take.add_silence(take.late, "nothing arrived")
                seen = take.count
        return ""

    def _no_sound(self) -> str:
        if not self.take.empty:
            return "went silent"
        raise TrackNotFound(
            f"no sound arrived from {describe(self.view)} within {self.timeout:g} s: is it still "
            "published?"
        )

    def _ended(self, track: rtc.Track) -> str:
        """Return how the track ended, '' while it has not."""
        room, publication = self.room, self.view.publication
        if room is None or publication is None:
            return ""
        state = room.connection_state
        if state == rtc.ConnectionState.CONN_DISCONNECTED:
            return "was lost with our connection"
        owner = next((p for p in everyone(room) if p.identity == self.view.identity), None)
        published = owner is not None and publication.sid in owner.track_publications
        if published and publication.track is track:
            if state == rtc.ConnectionState.CONN_CONNECTED:
                self._reconnections = self._changes.reconnections
            return ""
        # A quick reconnection may be over before anyone looks.
        reconnected = self._changes.reconnections != self._reconnections
        if reconnected or state == rtc.ConnectionState.CONN_RECONNECTING:
            return RECONNECTING
        if owner is None:
            return "ended, they left"
        return "was unsubscribed" if published else "was unpublished"

    async def _resume(self) -> rtc.Track | None:
        """Wait for our connection to come back and find the track; the time between is silent."""
        room, take = self.room, self.take
        if room is None:
            return None
        while room.connection_state == rtc.ConnectionState.CONN_RECONNECTING:
            await self._changes.wait(TICK)
        try:
            track, self.view = await find_track(
                room, self.view.identity, "audio", self.timeout, name=self.view.name
            )
        except LkExploreError:
            return None
        take.add_silence(take.late, RECONNECTING)
        return track


def describe(view: Track) -> str:
    """Return whose track it is, for a message."""
    return f"track {view.name!r}{f' of {view.identity!r}' if view.identity else ''}"
