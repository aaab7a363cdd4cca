"""Following the audio tracks of a room as they come and go, for widgets that show them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from livekit import rtc

from ...capture.audio.stream import listen
from ...capture.following import GRACE, Follower
from ...errors import TrackNotFound
from ...sdk.find_track import Changes
from ...sdk.participants import Track, kind_of, track_view
from ...sound.reasons import Reason

__all__ = ["Hearing", "RoomTracks"]

_log = logging.getLogger("lkexplore")

LOOK_SECONDS = 0.5
"""Seconds between two looks for tracks, when nothing changes in the room."""

END_SECONDS = 2.0
"""Seconds that letting go of the tracks may take."""

QUIET_LOOKS = 20
"""Looks without a frame after which a track outside a room has ended; a muted one gives silence."""


class Hearing(Protocol):
    """Something that hears one track."""

    def on_frame(self, frame: rtc.AudioFrame) -> None:
        """Take note of a frame, on the media loop."""

    def missing(self, seconds: float) -> None:
        """Take note that there was no track for some seconds."""


H = TypeVar("H", bound=Hearing)


class RoomTracks(Generic[H]):
    """Gives each audio track that is there something that hears it.

    A person is followed: the same object hears them again if they reload the page, or publish
    again, within two seconds.

    Parameters
    ----------
    source : Room, rtc.Room, Track or rtc.Track
        A room, or one audio track that is subscribed to.
    identity : str or None
        The only participant to hear; None for everybody.
    make : callable
        Function from our view of a track to an object that hears it.
    most : int
        Most tracks that are heard at the same time.

    Attributes
    ----------
    hearing : dict of str
        The objects that hear the tracks, by the first sid of each track.
    ended : Reason or None
        The reason why nothing more is heard, once `follow` has ended.

    Raises
    ------
    TrackNotFound
        If `source` is neither a room nor an audio track.
    """

    def __init__(
        self, source: Any, identity: str | None, make: Callable[[Track], H], *, most: int = 12
    ) -> None:
        self._room, self._only = _taken_apart(source)
        self._identity, self._make, self._most = identity, make, most
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._followers: dict[str, Follower] = {}
        self.hearing: dict[str, H] = {}
        self.ended: Reason | None = None
        # A room of the SDK may not have been joined yet.
        self._joined = not isinstance(source, rtc.Room)
        self._frames = self._frames_seen = self._quiet_looks = 0

    async def follow(self) -> None:
        """Follow until cancelled, the room is left or the one track ends; on the media loop.

        The objects in `hearing` stay.
        """
        with Changes(self._room) as changes:
            try:
                while (ended := self._ended()) is None:
                    self._compare()
                    await changes.wait(LOOK_SECONDS)
            finally:
                tasks = list(self._tasks.values())
                self._tasks.clear()
                for task in tasks:
                    task.cancel()
                if tasks:
                    await asyncio.wait(tasks, timeout=END_SECONDS)
        self.ended = ended

    def _ended(self) -> Reason | None:
        """Return why there is nothing more to follow, None while there is."""
        if self._room is not None:
            connected = self._room.isconnected()
            self._joined = self._joined or connected
            return Reason.DISCONNECTED if self._joined and not connected else None
        view = None if self._only is None else self._only[1]
        if view is not None and view.publication is not None and view.rtc is None:
            return Reason.UNPUBLISHED
        # For a room that was left, or a track without a publication, only this tells.
        came, self._frames_seen = self._frames != self._frames_seen, self._frames
        self._quiet_looks = 0 if came or not self._frames else self._quiet_looks + 1
        return Reason.SILENT if self._quiet_looks >= QUIET_LOOKS else None

    def _compare(self) -> None:
        for track, view in self._tracks():
            followers = list(self._followers.values())
            if any(one.view.sid == view.sid or one.would_take(view) for one in followers):
                continue
            if view.sid not in self.hearing:
                if len(self.hearing) >= self._most:
                    continue
                self.hearing[view.sid] = self._make(view)
            self._followers[view.sid] = Follower(self._room, view, GRACE)
            self._tasks[view.sid] = asyncio.create_task(self._follow(view.sid, track))
            self._tasks[view.sid].add_done_callback(_tell)

    async def _follow(self, sid: str, track: rtc.Track | None) -> None:
        """Have one track heard until it is gone for good; what heard it stays."""
        hearing = self.hearing[sid]
        with self._followers[sid] as follower:
            while track is not None:
                follower.begin(track)
                gone = await self._listen(track, hearing, follower)
                since = time.monotonic()

                def missing(_absence: Reason) -> bool:
                    nonlocal since
                    now = time.monotonic()
                    hearing.missing(now - since)
                    since = now
                    return True

                track = await follower.again(gone, missing)
        del self._followers[sid], self._tasks[sid]
        if self._room is not None and follower.ended is not Reason.DISCONNECTED:
            del self.hearing[sid]

    def _tracks(self) -> list[tuple[rtc.Track, Track]]:
        if self._room is None:
            if self._only is None:
                return []
            track, view = self._only
            return [(view.rtc or track, view)]
        return [
            (publication.track, track_view(publication, participant.identity))
            for participant in list(self._room.remote_participants.values())
            if self._identity in (None, participant.identity)
            for publication in list(participant.track_publications.values())
            if publication.track is not None and kind_of(publication) == "audio"
        ]

    async def _listen(self, track: rtc.Track, hearing: Hearing, follower: Follower) -> Reason:
        def on_frame(frame: rtc.AudioFrame) -> None:
            self._frames += 1
            hearing.on_frame(frame)

        async with listen(track, 2, on_frame):
            while (gone := follower.gone()) is None:
                if self._room is None and follower.view.rtc not in (None, track):
                    # After a reconnection the same track is another object.
                    return Reason.RECONNECTING
                await follower.wait(LOOK_SECONDS)
        return await follower.confirmed(gone)


def _tell(done: asyncio.Task[None]) -> None:
    if not done.cancelled() and (error := done.exception()) is not None:
        _log.error("a track is not heard any more", exc_info=error)


def _taken_apart(source: Any) -> tuple[rtc.Room | None, tuple[rtc.Track, Track] | None]:
    """Return the SDK's room, or one track of the SDK."""
    if isinstance(source, rtc.Room):
        return source, None
    if isinstance(source, Track) and source.rtc is not None and source.kind == "audio":
        return None, (source.rtc, source)
    if isinstance(source, rtc.Track) and kind_of(source) == "audio":
        return None, (source, Track(source.sid, source.name, "audio", "unknown", False, "", ""))
    room = getattr(source, "rtc", None)
    if isinstance(room, rtc.Room):
        return room, None
    raise TrackNotFound(
        f"{source!r} cannot be listened to: give a room, or an audio track that is subscribed to"
    )
