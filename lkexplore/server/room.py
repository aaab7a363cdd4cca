"""A room: the participants in it, and what each is told of the others."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable
from typing import Any, Protocol

from livekit.protocol import models as m
from livekit.protocol import rtc

from .config import ServerConfig
from .ids import ROOM, new_sid
from .media.active_speakers import ActiveSpeakers
from .media.forwarding import PublishedTrack
from .network.room_links import Network
from .participant import Participant
from .session import encode
from .shared import Shared

log = logging.getLogger("lkexplore.server")

TICK_SECONDS = 0.25
"""Seconds between two rounds of a room's regular work."""

_SPEAKER_TICKS = 2
"""Rounds between two reports of active speakers: one every 0.5 s."""

_QUALITY_TICKS = 20
"""Rounds between two reports of connection quality: one every 5 s."""


class Room:
    """A room of the server; it ends by itself when it has been empty long enough.

    Parameters
    ----------
    name : str
        The room's name, by which clients join it.
    shared : Shared
        What the room has in common with the other rooms of the server.
    on_ended : callable
        Called once, with the room, when it has ended.
    """

    def __init__(self, name: str, shared: Shared, on_ended: Callable[[Room], None]) -> None:
        config = shared.config
        self.name, self.shared, self._on_ended = name, shared, on_ended
        self._most_participants = config.limits.participants_per_room
        now = time.time()
        self.info = m.Room(
            sid=new_sid(ROOM),
            name=name,
            empty_timeout=config.timeouts.empty_room,
            departure_timeout=config.timeouts.departed_room,
            creation_time=int(now),
            creation_time_ms=int(now * 1000),
        )
        self.participants: dict[str, Participant] = {}
        self.network = Network(config.impairment)
        self._speakers = ActiveSpeakers()
        self._empty_since, self._was_joined = time.monotonic(), False
        self.ended = False
        self._ticker = asyncio.create_task(self._tick())

    def admits(self, identity: str) -> bool:
        """Return whether a participant may come in; it may replace one with the same identity."""
        asked = self.info.max_participants
        limit = self._most_participants
        full = len(self.participants) >= (min(asked, limit) if asked else limit)
        return not full or identity in self.participants

    def others(self, participant: Participant) -> list[Participant]:
        """Return everybody but one."""
        return [p for p in self.participants.values() if p is not participant]

    def by_sid(self, sid: str) -> Participant | None:
        """Return the participant with this session id."""
        return next((p for p in self.participants.values() if p.sid == sid), None)

    def tracks_for(self, participant: Participant) -> list[tuple[Participant, PublishedTrack]]:
        """Return all tracks of the others, each with its owner."""
        return [(o, t) for o in self.others(participant) for t in o.uplink.tracks.values()]

    def visible_to(self, participant: Participant) -> list[m.ParticipantInfo]:
        """Return the descriptions of the others that a participant is given."""
        return [o.snapshot() for o in self.others(participant) if not o.hidden]

    def join(self, participant: Participant) -> None:
        """Let a participant in; a previous one with the same identity has to go."""
        previous = self.participants.get(participant.identity)
        if previous is not None:
            previous.leave(m.DisconnectReason.DUPLICATE_IDENTITY)
        self.participants[participant.identity] = participant
        self.network.admit(participant)
        self._was_joined = True
        self.announce(participant, to_itself=False)
        self._update_counts()

    def broadcast(self, *, skip: Participant | None = None, **message: Any) -> None:
        """Send one signalling message to everybody."""
        payload = encode(**message)
        for participant in list(self.participants.values()):
            if participant is not skip:
                participant.send_encoded(payload)

    def announce(self, participant: Participant, *, to_itself: bool = True) -> None:
        """Tell the room the present state of a participant."""
        update = rtc.ParticipantUpdate(participants=[participant.snapshot()])
        if participant.hidden:
            if to_itself:
                participant.send(update=update)
            return
        self.broadcast(skip=None if to_itself else participant, update=update)

    def announce_room(self) -> None:
        """Tell everybody the present state of the room."""
        self.broadcast(room_update=rtc.RoomUpdate(room=self.info))

    def _update_counts(self) -> None:
        visible = [p for p in self.participants.values() if not p.hidden]
        counts = len(visible), sum(bool(p.uplink.tracks) for p in visible)
        if counts != (self.info.num_participants, self.info.num_publishers):
            self.info.num_participants, self.info.num_publishers = counts
            self.announce_room()

    def on_published(self, owner: Participant, track: PublishedTrack) -> None:
        """Bring a new track to whoever wants it."""
        for other in self.others(owner):
            other.consider(owner, track)
        self._update_counts()

    def on_unpublished(self, owner: Participant, track: PublishedTrack) -> None:
        """Take a track from whoever has it."""
        for other in self.others(owner):
            other.subscriptions.unsubscribe(track.sid)
        self._update_counts()

    def on_removed(self, participant: Participant) -> None:
        """Forget a participant and tell the others."""
        reason = m.DisconnectReason.Name(participant.info.disconnect_reason)
        log.info("%s left (%s)", participant.sid, reason)
        if self.participants.get(participant.identity) is participant:
            del self.participants[participant.identity]
        self._speakers.forget(participant.sid)
        update = rtc.ParticipantUpdate(participants=[participant.snapshot()])
        if not participant.hidden:
            self.broadcast(skip=participant, update=update)
        self._update_counts()
        if not self.participants:
            self._empty_since = time.monotonic()

    async def _tick(self) -> None:
        for count in itertools.count(1):
            await asyncio.sleep(TICK_SECONDS)
            for participant in list(self.participants.values()):
                try:
                    participant.tick()
                except Exception:
                    log.exception("a participant's tick failed")
            if count % _SPEAKER_TICKS == 0:
                self._report_speakers()
            if count % _QUALITY_TICKS == 0:
                self._report_quality()
            if self._is_over():
                self.end(m.DisconnectReason.ROOM_CLOSED)

    def _is_over(self) -> bool:
        info = self.info
        limit = info.departure_timeout if self._was_joined else info.empty_timeout
        return not self.participants and time.monotonic() - self._empty_since >= limit

    def _report_speakers(self) -> None:
        changed = self._speakers.update(list(self.participants.values()))
        if changed:
            self.broadcast(speakers_changed=rtc.SpeakersChanged(speakers=changed))

    def _report_quality(self) -> None:
        updates = [p.quality.look() for p in self.participants.values() if not p.hidden]
        if updates:
            self.broadcast(connection_quality=rtc.ConnectionQualityUpdate(updates=updates))

    def end(self, reason: m.DisconnectReason) -> None:
        """Send everybody away and free the room."""
        if self.ended:
            return
        self.ended = True
        for participant in list(self.participants.values()):
            participant.leave(reason)
        self._ticker.cancel()
        self._on_ended(self)


class RoomHost(Protocol):
    """What those who answer requests ask of the server: its settings and its rooms."""

    config: ServerConfig
    rooms: dict[str, Room]

    def room(self, name: str) -> Room:
        """Return the room called `name`, creating it when there is none."""
