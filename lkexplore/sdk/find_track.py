"""Waiting for the track that a caller means: by identity, publication or track."""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import logging
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, cast

from livekit import rtc

from ..errors import (
    LkExploreError,
    ParticipantNotFound,
    RoomClosed,
    TokenError,
    TrackNotFound,
)
from .participants import Kind, Participant, Source, Track, kind_of, track_view

if TYPE_CHECKING:
    from livekit.rtc.room import EventTypes

__all__ = ["Changes", "everyone", "find_track"]

LOOK_AGAIN = 0.02
"""Seconds after which a search without a room looks again, since no event can tell it to."""

WORTH_SAYING = 1.0
"""Seconds of waiting from which on it is said that an identity may be misspelt."""

_log = logging.getLogger("lkexplore")

_EVENTS: tuple[EventTypes, ...] = (
    "participant_connected",
    "participant_disconnected",
    "track_published",
    "track_unpublished",
    "track_subscribed",
    "track_unsubscribed",
    "track_subscription_failed",
    "track_muted",
    "track_unmuted",
    "local_track_published",
    "local_track_unpublished",
    "connection_state_changed",
    "e2ee_state_changed",
    "disconnected",
)
"""The SDK's room events after which a search looks again."""


class Changes:
    """Tells one waiter on the media loop that something in a room has changed.

    The room may live on any loop: its events are carried over. Use it as a context manager.

    Parameters
    ----------
    room : rtc.Room or None
        The room to listen to; without one there are no changes, and `wait` takes its full time.

    Attributes
    ----------
    reconnections : int
        How often the room has begun to reconnect since this was entered.
    """

    def __init__(self, room: rtc.Room | None) -> None:
        self._room = room
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._callback: Callable[..., None] = self._on_event
        self._on_reconnecting: Callable[..., None] = self._count_reconnection
        self.reconnections = 0

    def _count_reconnection(self, *_args: object) -> None:
        self.reconnections += 1

    def _on_event(self, *_args: object) -> None:
        with contextlib.suppress(RuntimeError):  # the media loop has stopped: nobody waits
            self._loop.call_soon_threadsafe(self._changed.set)

    def __enter__(self) -> Changes:
        if self._room is not None:
            for event in _EVENTS:
                self._room.on(event, self._callback)
            self._room.on("reconnecting", self._on_reconnecting)
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._room is not None:
            for event in _EVENTS:
                self._room.off(event, self._callback)
            self._room.off("reconnecting", self._on_reconnecting)

    def poke(self) -> None:
        """Make `wait` return now (to be called on the media loop)."""
        self._changed.set()

    async def wait(self, seconds: float) -> None:
        """Return at the next change (at once if one came since the last call), or in `seconds`."""
        # In Python 3.11 wait_for() may swallow a cancellation.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(seconds, 0.0)):
                await self._changed.wait()
        self._changed.clear()


def everyone(room: rtc.Room) -> list[rtc.Participant]:
    """Return all participants of an SDK room, ourselves first."""
    return [room.local_participant, *list(room.remote_participants.values())]


def nearest(identity: str, others: Iterable[str]) -> str:
    """Return a question for a misspelt identity, such as ``"; did you mean 'alice'?"``, or ''."""
    found = difflib.get_close_matches(identity, list(others), n=1)
    return f"; did you mean {found[0]!r}?" if found and found[0] != identity else ""


async def find_track(
    room: rtc.Room | None,
    source: Source,
    kind: Kind = "audio",
    timeout: float = 10.0,
) -> tuple[rtc.Track, Track]:
    """Wait until the track that `source` means is there and subscribed to.

    Must run on the media loop.

    Parameters
    ----------
    room : rtc.Room or None
        The room to look in; needed when `source` is an identity or a participant.
    source : str, Participant, Track, rtc.TrackPublication or rtc.Track
        The participant or track to look for. Of a participant's several tracks, the microphone
        (or camera) is taken, else the oldest.
    kind : {"audio", "video"}
        The kind of media that the track must carry.
    timeout : float
        Seconds to wait; 0 looks once.

    Returns
    -------
    tuple of rtc.Track and Track
        The SDK's track, and our view of it.

    Raises
    ------
    ParticipantNotFound, TrackNotFound
        What was missing when the time was over; the message names who and what is there.
    TokenError
        Our token does not allow subscribing.
    RoomClosed
        The room was left meanwhile.
    """
    search = _Search(room, source, kind)
    deadline = time.monotonic() + timeout
    with Changes(room) as changes:
        while True:
            found = search.look()
            if found is not None:
                return found
            left = deadline - time.monotonic()
            if left <= 0:
                raise search.missing(timeout)
            search.ask_for_name(left)
            await changes.wait(left if room is not None else min(left, LOOK_AGAIN))


class _Search:
    """One search for a track: looks when told to, and knows what to say when it is missing."""

    def __init__(self, room: rtc.Room | None, source: Source, kind: Kind) -> None:
        self.room, self.kind = room, kind
        self.identity = ""
        self.publication: rtc.TrackPublication | None = None
        self.track: rtc.Track | None = None
        self._asked: set[str] = set()
        self._said = False
        if isinstance(source, str):
            self.identity = source
        elif isinstance(source, Participant | Track):
            self.identity = source.identity
            self.publication = source.publication if isinstance(source, Track) else None
        elif isinstance(source, rtc.TrackPublication):
            self.publication = source
        elif isinstance(source, rtc.Track):
            self.track = source
        else:
            raise TrackNotFound(
                f"cannot find a track by a {type(source).__name__}: give an identity, a "
                "participant, a publication or a track"
            )
        thing = self.track or self.publication
        if thing is not None and kind_of(thing) != kind:
            raise TrackNotFound(f"track {thing.name!r} carries {kind_of(thing)}: give {kind}")

    def look(self) -> tuple[rtc.Track, Track] | None:
        if self.room is not None and not self.room.isconnected():
            raise RoomClosed(f"room {self.room.name!r} was left: connect again")
        if self.track is not None:
            return self.track, self._view(self.track)
        publication = self.publication or self._pick()
        if publication is None:
            return None
        if publication.track is None:
            self._subscribe(publication)
            return None
        return publication.track, track_view(publication, self._owner(publication.sid))

    def _participant(self) -> rtc.Participant | None:
        if self.room is None:
            raise TrackNotFound(
                f"which room is {self.identity!r} in? Use room.record(), or give a track"
            )
        return next((p for p in everyone(self.room) if p.identity == self.identity), None)

    def _pick(self) -> rtc.TrackPublication | None:
        participant = self._participant()
        if participant is None:
            return None
        sources = rtc.TrackSource
        first = sources.SOURCE_MICROPHONE if self.kind == "audio" else sources.SOURCE_CAMERA
        publications = [
            p for p in list(participant.track_publications.values()) if kind_of(p) == self.kind
        ]
        return min(publications, key=lambda p: p.source != first, default=None)

    def _subscribe(self, publication: rtc.TrackPublication) -> None:
        if self.room is not None and not self.room.local_participant.permissions.can_subscribe:
            raise TokenError(
                f"our token does not allow hearing track {publication.name!r}: it needs the "
                "canSubscribe grant"
            )
        # Asked for only once. A room joined without auto_subscribe hands over no track by itself.
        if isinstance(publication, rtc.RemoteTrackPublication) and (
            publication.sid not in self._asked
        ):
            self._asked.add(publication.sid)
            publication.set_subscribed(True)

    def _owner(self, sid: str) -> str:
        if self.room is None or self.identity:
            return self.identity
        owners = (p.identity for p in everyone(self.room) if sid in p.track_publications)
        return next(owners, "")

    def _view(self, track: rtc.Track) -> Track:
        for participant in everyone(self.room) if self.room is not None else ():
            publication = participant.track_publications.get(track.sid)
            if publication is not None:
                return track_view(publication, participant.identity)
        return Track(track.sid, track.name, self.kind, "unknown", track.muted, "", "")

    def ask_for_name(self, left: float) -> None:
        """Say at once, and once, that an identity may be misspelt."""
        if self._said or not self.identity or self.room is None or left < WORTH_SAYING:
            return
        others = list(self.room.remote_participants)
        if self.identity not in others and (question := nearest(self.identity, others)):
            self._said = True
            _log.warning("waiting for %r, who is not in the room%s", self.identity, question)

    def missing(self, timeout: float) -> LkExploreError:
        waited = f" after {timeout:g} s" if timeout > 0 else ""
        publication = self.publication or self._pick()
        if publication is not None:
            return TrackNotFound(
                f"the server has not handed over track {publication.name!r}{waited}: was it "
                "unpublished?"
            )
        room = cast(rtc.Room, self.room)
        participant = self._participant()
        if participant is None:
            others = sorted(room.remote_participants)
            here = ", ".join(map(repr, others)) if others else "nobody else"
            return ParticipantNotFound(
                f"no participant {self.identity!r} in room {room.name!r}{waited}; here: {here}"
                f"{nearest(self.identity, others)}"
            )
        has = [f"{kind_of(p)} {p.name!r}" for p in list(participant.track_publications.values())]
        return TrackNotFound(
            f"{self.identity!r} publishes no {self.kind} track{waited}; published: "
            f"{', '.join(has) if has else 'nothing'}"
        )
