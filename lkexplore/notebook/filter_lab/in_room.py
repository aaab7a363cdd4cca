"""What a filter lab does in a room: on whose sound, live, and as a track of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import numpy as np
from livekit import rtc

from ...errors import LkExploreError, TrackNotFound
from ...filters import Filter
from ...sound.convert import WEBRTC_RATE
from ...sound.recording import Recording
from ..shared.background import in_background

if TYPE_CHECKING:
    from concurrent.futures import Future

    from ...live import Live
    from ...publishing.publish import Playback
    from ...room.room import Room

__all__ = ["LabRoom", "as_room", "not_yet"]

_SHORTEST = 0.5
"""Least seconds that the room must have kept of a voice, or it is recorded now."""

Told = Callable[[str], None]
"""Takes one line of text for the person."""


def as_room(thing: Any) -> Room | None:
    """Return the room that something is, ours around one of the SDK's; None for anything else."""
    from ...room.room import Room

    if isinstance(thing, rtc.Room):
        return Room(thing)
    return thing if isinstance(thing, Room) else None


def not_yet() -> Recording:
    """Return half a second of silence, which stands for a room's sound until it has come."""
    return Recording(np.zeros((1, WEBRTC_RATE // 2), np.float32), WEBRTC_RATE)


class LabRoom:
    """A room as a lab uses it.

    Parameters
    ----------
    room : Room
        A joined room.
    told : callable
        Function called with one line when something is done.
    failed : callable
        Function called with one line when something cannot be done.
    """

    def __init__(self, room: Room, told: Told, failed: Told) -> None:
        self.room, self._told, self._failed = room, told, failed
        self._turn, self._ended = asyncio.Lock(), False
        self.live: Live | None = None
        self.playback: Playback | None = None

    def people(self) -> list[str]:
        """Return the identities of those who can be heard."""
        return [
            identity
            for identity, one in self.room.participants.items()
            if any(track.kind == "audio" for track in one.tracks)
        ]

    def state(self) -> dict[str, Any]:
        """Return who is there, the name of what is live, and whether something plays."""
        live = self.live
        name = None if live is None or live.closed else live.name
        return {"people": self.people(), "live": name, "playing": self.playback is not None}

    def begin(self, work: Coroutine[Any, Any, None]) -> Future[None]:
        """Start something on the media loop; what goes wrong is told."""
        return in_background(self._guarded(work))

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except LkExploreError as error:
            self._failed(str(error))

    async def sound(self, identity: str | None, seconds: float) -> Recording:
        """Return the last seconds of a participant, from memory or else recorded now."""
        who = identity or next(iter(self.people()), None)
        if who is None:
            raise TrackNotFound(
                "nobody in the room is heard: have someone speak, or give the lab a recording"
            )
        with contextlib.suppress(LkExploreError):
            found = self.room.last(who, seconds)
            if found.duration >= _SHORTEST:
                return found
        self._told(f"recording {seconds:g} s of {who}…")
        return await self.room.record(who, seconds)

    async def run_live(self, identity: str, filter: Filter) -> None:
        """Run the filter on a participant's track, instead of the track that it ran on before."""
        # One after the other: what an impatient person began twice must be ended twice.
        async with self._turn:
            await self._end_live()
            if self._ended:
                return
            self.live = await self.room.live(identity, filter)
        self._told(f"live on {identity}: the room hears {self.live.name!r}")

    async def end_live(self) -> None:
        """End what is live."""
        async with self._turn:
            await self._end_live()

    async def _end_live(self) -> None:
        live, self.live = self.live, None
        if live is not None:
            await live.close()
            self._told("not live any more")

    async def publish(self, recording: Recording) -> None:
        """Play the filtered sound into the room."""
        async with self._turn:
            await self._end_playback()
            if self._ended:
                return
            playback = await self.room.publish(recording, name="filtered", wait=False)
            self.playback = playback
        self._told(f"published {playback.name!r}, {recording.duration:.1f} s")
        await playback
        if self.playback is playback:
            self.playback = None
            self._told("all of it has been played")

    async def end_playback(self) -> None:
        """Stop what plays."""
        async with self._turn:
            await self._end_playback()

    async def _end_playback(self) -> None:
        playback, self.playback = self.playback, None
        if playback is not None:
            await playback.stop()

    async def end(self) -> None:
        """End everything that the lab does in the room; the room itself stays."""
        self._ended = True
        try:
            await self.end_playback()
        finally:
            await self.end_live()
