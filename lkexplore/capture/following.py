"""Following one track of a person: whether it is there, or why it is not, or that it has ended.

It knows nothing of samples or pictures: recordings, films, the memory of a room, live filters,
scopes and panels all ask here, so that a mute, a reload, a reconnection or a departure means the
same to each of them.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from typing import Final, Self

from livekit import rtc

from ..errors import LkExploreError, RoomClosed, TokenError
from ..sdk.encryption import is_readable
from ..sdk.find_track import Changes, everyone, find_track
from ..sdk.participants import Kind, Track, track_view
from ..sound.reasons import Reason

__all__ = ["ALWAYS", "GRACE", "WHILE_THEY_ARE_HERE", "Follower", "describe", "of_anyone"]

TICK = 0.1
"""Seconds between two looks for a track that is not there."""

GRACE = 2.0
"""Seconds to wait by default for a track that is gone: a page takes so long to reload."""

ALIKE_AFTER = 1.0
"""Seconds after which another track of the same name or source is taken for the one that is gone;
until then, one of the same name and source may still come."""

ALWAYS: Final[Mapping[Reason, float]] = {
    Reason.UNPUBLISHED: math.inf,
    Reason.LEFT: math.inf,
    Reason.ENCRYPTED: math.inf,
}
"""Seconds to wait for a track that is gone, by the reason: as long as more is wanted."""

WHILE_THEY_ARE_HERE: Final[Mapping[Reason, float]] = {
    Reason.UNPUBLISHED: math.inf,
    Reason.ENCRYPTED: math.inf,
}
"""The same, but for a person who has left, only `GRACE`."""

_PASSING = (
    Reason.RECONNECTING,
    Reason.UNPUBLISHED,
    Reason.LEFT,
    Reason.NOT_THERE_YET,
    Reason.ENCRYPTED,
)
"""Reasons after which a track may be there again."""


class Follower:
    """Tells of a person's track whether it is there, over as many tracks of the SDK as it takes.

    Lives on the media loop; use it as a context manager.

    Parameters
    ----------
    room : rtc.Room or None
        The room of the track; without it, only silence tells that the track has ended.
    view : Track
        The track to follow; one without a sid, as from `of_anyone`, stands for the first to come.
    timeout : float
        Seconds for which the track may be missing once we have reconnected.
    patience : mapping of Reason to float, optional
        Seconds to wait for a track that is ``unpublished`` or whose owner has ``left``.
    switches : bool
        Whether another track of the same person, which was there beside it, may take its place;
        False where each of their tracks is followed separately.

    Attributes
    ----------
    absence : Reason or None
        The reason why the track is not there at present; None while it is there.
    ended : Reason or None
        The reason why it is not followed any more; None while it is followed.
    """

    def __init__(
        self,
        room: rtc.Room | None,
        view: Track,
        timeout: float,
        patience: Mapping[Reason, float] | None = None,
        *,
        switches: bool = False,
    ) -> None:
        self.room, self.view, self.timeout = room, view, timeout
        self.absence: Reason | None = None if view.sid else Reason.NOT_THERE_YET
        self.ended: Reason | None = None
        self._patience, self._switches = patience or {}, switches
        self._changes = Changes(room)
        self._reconnections = 0
        self._track: rtc.Track | None = None
        self._beside: frozenset[str] = frozenset()

    def __enter__(self) -> Self:
        self._changes.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._changes.__exit__(*exc)

    @property
    def muted(self) -> bool:
        """Whether the track is muted."""
        publication = self.view.publication
        return publication is not None and publication.muted

    @property
    def reconnecting(self) -> bool:
        """Whether our own connection is being made again."""
        room = self.room
        state = None if room is None else room.connection_state
        return state == rtc.ConnectionState.CONN_RECONNECTING

    def poke(self) -> None:
        """Make `wait` return now (to be called on the media loop)."""
        self._changes.poke()

    async def wait(self, seconds: float) -> None:
        """Return at the next change in the room, or after some seconds."""
        await self._changes.wait(seconds)

    def endures(self, reason: Reason) -> bool:
        """Whether to wait without an end for a track that is missing for this reason."""
        return math.isinf(self._patience.get(reason, GRACE))

    def begin(self, track: rtc.Track) -> None:
        """Take note of the track of the SDK that is followed from now on."""
        self._track, self.absence = track, None
        self._reconnections = self._changes.reconnections
        if self.room is not None:
            self._note_others(self._owner(self.room))

    def gone(self) -> Reason | None:
        """Return why the track is not there any more, None while it is there."""
        room, publication = self.room, self.view.publication
        if room is None or publication is None:
            return None
        if room.connection_state == rtc.ConnectionState.CONN_DISCONNECTED:
            return Reason.DISCONNECTED
        owner = self._owner(room)
        published = owner is not None and publication.sid in owner.track_publications
        if owner is not None and published and publication.track is self._track:
            if owner is not room.local_participant and not _may_subscribe(room):
                return Reason.FORBIDDEN
            if not self.reconnecting:
                self._reconnections = self._changes.reconnections
            self._note_others(owner)
            return None if is_readable(room, owner, publication) else Reason.ENCRYPTED
        # A quick reconnection may be over before anyone looks.
        if self._changes.reconnections != self._reconnections or self.reconnecting:
            return Reason.RECONNECTING
        if owner is None:
            return Reason.LEFT
        if not published:
            return Reason.UNPUBLISHED
        return Reason.UNSUBSCRIBED if _may_subscribe(room) else Reason.FORBIDDEN

    async def confirmed(self, gone: Reason) -> Reason:
        """Return why the track is gone, asked again after a moment.

        When a connection is lost or left, the SDK tells so right after it has told of its tracks.
        """
        await asyncio.sleep(TICK)
        return self.gone() or gone

    async def again(self, reason: Reason, wanted: Callable[[Reason], bool]) -> rtc.Track | None:
        """Wait for the track to be there again.

        Parameters
        ----------
        reason : Reason
            The reason why it is not there, from `gone`.
        wanted : callable
            Function called with the present reason every tenth of a second, and when the reason
            changes; the wait ends when it returns False.

        Returns
        -------
        rtc.Track or None
            The track that is followed now; None if none came: `ended` says why, unless none was
            wanted any more.
        """
        self.absence = absence = reason
        room = self.room
        if room is None or not self.view.identity or reason not in _PASSING:
            self.ended = reason
            return None
        since = lost = time.monotonic()
        while wanted(absence):
            if self.reconnecting:
                since = time.monotonic()
                await self.wait(TICK)
                continue
            track = await self._look(room, time.monotonic() - lost)
            if track is not None or self.ended is not None:
                return track
            now = time.monotonic()
            if absence is Reason.RECONNECTING and now - since <= self.timeout:
                continue
            present = self._absence(room)
            if present is not absence:
                # After our own reconnection, the time waited so far counts, too.
                since = since if absence is Reason.RECONNECTING else now
                self.absence = absence = present
            if now - since > self._patience.get(absence, GRACE):
                self.ended = absence
                return None
        return None

    def would_take(self, view: Track) -> bool:
        """Whether it has lost its track, and would go on with this one."""
        if self.ended is not None or not self._alike(view):
            return False
        if self.view.sid == view.sid:
            return True
        if view.sid in self._beside:
            return False
        # It may not have noticed yet that its own track is gone.
        return self.absence is not None or (self._track is not None and self.gone() in _PASSING)

    def _absence(self, room: rtc.Room) -> Reason:
        if not self.view.sid:
            return Reason.NOT_THERE_YET
        owner, publication = self._owner(room), self.view.publication
        if owner is None:
            return Reason.LEFT
        if publication is not None and publication.sid in owner.track_publications:
            return Reason.UNPUBLISHED if is_readable(room, owner, publication) else Reason.ENCRYPTED
        return Reason.UNPUBLISHED

    def _owner(self, room: rtc.Room) -> rtc.Participant | None:
        return next((p for p in everyone(room) if p.identity == self.view.identity), None)

    def _note_others(self, owner: rtc.Participant | None) -> None:
        """Remember which tracks there are beside the one that is followed."""
        there = [] if owner is None else list(owner.track_publications)
        self._beside = frozenset(sid for sid in there if sid != self.view.sid)

    def _alike(self, view: Track, *, exactly: bool = False) -> bool:
        mine = self.view
        if (mine.identity, mine.kind) != (view.identity, view.kind):
            return False
        if not mine.sid:
            return True
        same_source = mine.source == view.source
        if exactly:
            return mine.name == view.name and same_source
        return mine.name == view.name or (same_source and mine.source != "unknown")

    def _candidate(self, room: rtc.Room, missing: float) -> rtc.TrackPublication | None:
        """Return the publication to go on with, if there is one yet."""
        owner = self._owner(room)
        there = [] if owner is None else list(owner.track_publications.values())
        there = [each for each in there if owner and is_readable(room, owner, each)]
        found = [(each, track_view(each, self.view.identity)) for each in there]
        new = [(one, view) for one, view in found if one.sid not in self._beside]
        for one, view in new:
            if self._alike(view, exactly=True):
                return one
        if missing < ALIKE_AFTER:
            return None
        others = [one for one, view in (found if self._switches else new) if self._alike(view)]
        return others[0] if others else None

    async def _look(self, room: rtc.Room, missing: float) -> rtc.Track | None:
        """Look for the track for a moment."""
        source: rtc.TrackPublication | str | None = self.view.identity
        if self.view.sid:
            source = self._candidate(room, missing)
        try:
            if source is None:
                if not room.isconnected():
                    raise RoomClosed("the room was left")
                await self.wait(TICK)
                return None
            track, view = await find_track(room, source, self.view.kind, TICK)
        except RoomClosed:
            self.ended = Reason.DISCONNECTED
        except TokenError:
            self.ended = Reason.FORBIDDEN
        except LkExploreError:
            pass
        else:
            self.view = view
            self.begin(track)
            return track
        return None


def of_anyone(identity: str, kind: Kind) -> Track:
    """Return a placeholder for the first track of a kind that a participant publishes."""
    return Track("", "", kind, "unknown", False, "", identity)


def describe(view: Track) -> str:
    """Return whose track it is, for a message."""
    return f"track {view.name!r}{f' of {view.identity!r}' if view.identity else ''}"


def _may_subscribe(room: rtc.Room) -> bool:
    # Without the permission, the SDK does not tell of tracks that we no longer get.
    return bool(room.local_participant.permissions.can_subscribe)
