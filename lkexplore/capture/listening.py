"""Following a live track: its end, its mutes, a lost connection; the sound goes into a sink."""

from __future__ import annotations

import asyncio
import math
import time

from livekit import rtc

from ..errors import LkExploreError, RoomClosed, TokenError, TrackNotFound
from ..finding import Changes, everyone, find_track
from ..tracks import Track
from .feed import Feed, listen
from .marks import LONGEST_PAUSE, NOTHING
from .sink import Sink

__all__ = ["LEFT", "UNPUBLISHED", "Listener", "describe"]

TICK = 0.1
CALM = 0.5
CLOSE = 0.04
"""Seconds between two looks: while waiting for a track, while nothing changes, and while our
connection is in trouble: nobody can be asked for the last packet once the track has gone with it.
"""

QUIET = 1.5
QUIET_LOOKS = 3
"""Seconds, and looks, without a frame after which none is expected any more."""

BEHIND = 0.2
"""Seconds by which silence stays behind the clock, for sound that comes again to join on to."""

GRACE = 2.0
"""Seconds in which a track may come back that is given up for gone after them."""

RECONNECTING, UNPUBLISHED, LEFT = "reconnecting", "unpublished", "left"
LOST = "was lost with our connection"
UNSUBSCRIBED = "was unsubscribed"
FORBIDDEN = "may not be heard by us any more (canSubscribe was taken away)"

_ENDED = {RECONNECTING: LOST, UNPUBLISHED: "was unpublished", LEFT: "ended, they left"}


class Listener:
    """Follows one track, over as many streams as it takes, into a sink.

    Parameters
    ----------
    room : rtc.Room or None
        Where the track is; without it only its silence tells that it has ended.
    view : Track
        Which track.
    sink : Sink
        Where its sound goes.
    timeout : float
        Seconds to wait for its first frame, and for it to be there again once we are.
    waits : set of str
        For what to wait as long as more sound is wanted, with silence in its place:
        ``"unpublished"``, ``"left"``. Else the track is given up after two seconds.
    """

    def __init__(
        self,
        room: rtc.Room | None,
        view: Track,
        sink: Sink,
        timeout: float,
        waits: frozenset[str] = frozenset(),
    ) -> None:
        self.room, self.view, self.sink, self.timeout = room, view, sink, timeout
        self._waits = waits
        self._changes = Changes(room)
        self._reconnections = 0
        self._error: Exception | None = None
        self._why = ""
        self._hopeless = False
        self._resuming = False
        self._track: rtc.Track | None = None
        self._feed: Feed | None = None

    def poke(self) -> None:
        """Look again now whether more sound is wanted (to be called on the media loop)."""
        self._changes.poke()

    def awaits(self, view: Track) -> bool:
        """Whether it has lost its track, and would go on with this one."""
        if (self.view.identity, self.view.name) != (view.identity, view.name):
            return False
        if self.view.sid == view.sid:
            return True
        # That its own is gone may not have come round to it yet.
        return self._resuming or (self._track is not None and self._ended(self._track) in _ENDED)

    def on_frame(self, frame: rtc.AudioFrame) -> None:
        """Take one frame."""
        if self._error is not None or self.sink.full or self._feed is None:
            return
        try:
            self.sink.add(frame, self._feed)
        except Exception as error:
            # The SDK logs and ignores what its hooks raise; run() raises it instead.
            self._error = error
        if self._error is not None or self.sink.full:
            self._changes.poke()

    async def run(self, track: rtc.Track) -> str:
        """Capture until done; return how the track ended if it did, '' if it need not go on."""
        current: rtc.Track | None = track
        try:
            with self._changes:
                while current is not None and not self.sink.full:
                    ended = await self._one_stream(current)
                    self._why = _ENDED.get(ended, ended)
                    self._resuming = ended in _ENDED
                    current = await self._resume(ended) if self._resuming else None
                    self._resuming = False
        except asyncio.CancelledError:
            if self.sink.empty:
                raise
            return ""
        if self._error is not None:
            raise self._error
        return "" if self.sink.full else self._why

    async def _one_stream(self, track: rtc.Track) -> str:
        channels = self.sink.channels
        self._reconnections = self._changes.reconnections
        self._track = track
        async with listen(track, channels, self.on_frame, self.sink.note) as feed:
            self._feed = feed
            last = math.inf
            try:
                ended, at = await self._follow(track), time.monotonic()
                if ended == RECONNECTING and feed.vitals:
                    at = min(at, feed.vitals.stalled_since)
                elif ended in (UNPUBLISHED, UNSUBSCRIBED, LEFT) and feed.vitals:
                    last = await feed.vitals.last_packet()
                if ended:
                    feed.no_more_looks(self.sink.note)
                    await asyncio.sleep(TICK)  # what the native side still holds comes now
                    ended = self._ended(track) or ended
            finally:
                self._feed = None
                self.sink.place(feed)
                self.sink.note_clock(feed.clock)
        if ended in _ENDED:
            self._lapse(ended, at, last)
        return ended

    def _lapse(self, ended: str, at: float, last_packet: float) -> None:
        """Begin the gap of a track that ended: the server's word may come after its sound."""
        if at - last_packet > LONGEST_PAUSE:
            # So late, it is not what ended the sound: a crash is noticed after seconds.
            self.sink.lapse(NOTHING, last_packet)
            self.sink.lapse(ended, at)
        else:
            self.sink.lapse(ended, min(at, last_packet))

    async def _follow(self, track: rtc.Track) -> str:
        """Wait while the stream fills the sink; return why it ended, '' when full."""
        sink, opened = self.sink, time.monotonic()
        at_opening = seen = sink.held
        heard, looks = opened, 0
        while not sink.full and self._error is None:
            publication = self.view.publication
            sink.mark_muted(publication is not None and publication.muted, time.monotonic())
            if ended := self._ended(track):
                return ended
            in_trouble = self._reconnecting()
            if in_trouble:
                self._look_now()
            await self._changes.wait(CLOSE if in_trouble else CALM)
            if sink.held != seen:
                seen, heard, looks = sink.held, time.monotonic(), 0
                continue
            looks += 1
            # Looks as well as time: a starved interpreter delays both them and the frames.
            if looks < QUIET_LOOKS or time.monotonic() - heard < QUIET:
                continue
            if sink.held == at_opening and math.isfinite(self.timeout):
                if time.monotonic() - opened > self.timeout:
                    return self._no_sound()
            elif self.room is None:
                return "ended"
            else:
                sink.fill(time.monotonic() - BEHIND, NOTHING)
                seen = sink.held
        return ""

    def _no_sound(self) -> str:
        if not self.sink.empty:
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
            return LOST
        owner = self._owner(room)
        published = owner is not None and publication.sid in owner.track_publications
        if published and publication.track is track:
            if owner is not room.local_participant and not _may_hear(room):
                return FORBIDDEN
            if state == rtc.ConnectionState.CONN_CONNECTED:
                self._reconnections = self._changes.reconnections
            return ""
        # A quick reconnection may be over before anyone looks.
        reconnected = self._changes.reconnections != self._reconnections
        if reconnected or self._reconnecting():
            return RECONNECTING
        if owner is None:
            return LEFT
        return UNSUBSCRIBED if published else UNPUBLISHED

    def _reconnecting(self) -> bool:
        state = None if self.room is None else self.room.connection_state
        return state == rtc.ConnectionState.CONN_RECONNECTING

    def _look_now(self) -> None:
        """Learn when the last packet came, while the statistics can still be had."""
        if self._feed is not None and self._feed.vitals is not None:
            self._feed.vitals.look_now()

    def _owner(self, room: rtc.Room) -> rtc.Participant | None:
        return next((p for p in everyone(room) if p.identity == self.view.identity), None)

    async def _resume(self, reason: str) -> rtc.Track | None:
        """Wait for the track to be there again; in the sink, the time between is silent."""
        room, sink = self.room, self.sink
        if room is None or not self.view.identity:
            return None
        since = time.monotonic()
        while not sink.full:
            if self._reconnecting():
                since = time.monotonic()
                await self._changes.wait(TICK)
            else:
                track = await self._look(room)
                if track is not None or self._hopeless:
                    return track
                now = time.monotonic()
                if reason != RECONNECTING or now - since > self.timeout:
                    absence = UNPUBLISHED if self._owner(room) else LEFT
                    if absence != reason:
                        since = now if reason != RECONNECTING else since
                        sink.lapse(absence, now)
                        reason, self._why = absence, _ENDED[absence]
                    if reason not in self._waits and now - since > GRACE:
                        return None
            if reason in self._waits or (reason == RECONNECTING and math.isfinite(sink.end)):
                sink.fill(time.monotonic() - BEHIND)
        return None

    async def _look(self, room: rtc.Room) -> rtc.Track | None:
        """Look for the track for a moment."""
        try:
            track, self.view = await find_track(
                room, self.view.identity, "audio", TICK, name=self.view.name
            )
        except RoomClosed:
            self._why, self._hopeless = LOST, True
        except TokenError:
            self._why, self._hopeless = UNSUBSCRIBED, True
        except LkExploreError:
            return None
        else:
            return track
        return None


def _may_hear(room: rtc.Room) -> bool:
    # The SDK does not tell of the tracks that we then no longer get.
    return bool(room.local_participant.permissions.can_subscribe)


def describe(view: Track) -> str:
    """Return whose track it is, for a message."""
    return f"track {view.name!r}{f' of {view.identity!r}' if view.identity else ''}"
