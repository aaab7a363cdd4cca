"""Listening to a person: the sound of the track that is followed goes into a sink."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping

from livekit import rtc

from ...errors import TrackNotFound
from ...sdk.encryption import is_encrypted
from ...sdk.participants import Track
from ...sound.reasons import Reason
from ..following import Follower, describe
from ..statistics import Look
from .marks import LONGEST_PAUSE
from .placement import Placement
from .stream import SharedStream, listen

__all__ = ["AudioReceiver"]

CALM = 0.5
"""Seconds between two looks while nothing changes."""

CLOSE = 0.04
"""Seconds between two looks while a mute is new or our connection is in trouble: the time of the
last packet must be read before the statistics are gone.
"""

NEW_MUTE = 1.0
"""Seconds after a mute, or after its end, in which packets may still stop or begin to come."""

QUIET = 1.5
"""Seconds without a frame after which none is expected any more."""

QUIET_LOOKS = 3
"""Looks without a frame that it takes, too, until none is expected any more."""

BEHIND = 0.2
"""Seconds by which silence stays behind the clock, so that sound that comes again can follow it."""

_TOLD_LATE = (Reason.UNPUBLISHED, Reason.UNSUBSCRIBED, Reason.LEFT)
"""Reasons for an end that the server may tell some time after the last packet."""


class AudioReceiver:
    """Puts a person's sound into a sink, over as many tracks as it takes.

    Parameters
    ----------
    room : rtc.Room or None
        The room of the track; without it, only silence tells that the track has ended.
    view : Track
        The track to begin with.
    sink : Placement
        The recording, or other sink, that takes the sound.
    timeout : float
        Seconds to wait for the first frame, and for the track after our connection was lost.
    patience : mapping of Reason to float, optional
        Seconds to wait for a track that is gone, by the reason why, see `Follower`. Where they are
        infinite, the sink is given silence meanwhile.
    switches : bool
        Whether another track of the same person may take its place, see `Follower`.
    """

    def __init__(
        self,
        room: rtc.Room | None,
        view: Track,
        sink: Placement,
        timeout: float,
        patience: Mapping[Reason, float] | None = None,
        *,
        switches: bool = False,
    ) -> None:
        self.sink, self.timeout = sink, timeout
        self._follower = Follower(room, view, timeout, patience, switches=switches)
        self._error: Exception | None = None
        self._feed: SharedStream | None = None
        self._muted, self._muted_at = False, -math.inf

    @property
    def view(self) -> Track:
        """The track that is heard now, or was heard last."""
        return self._follower.view

    @property
    def absence(self) -> Reason | None:
        """Why there is no track at present; None while there is one."""
        return self._follower.absence

    def place_now(self) -> None:
        """Have the sink take what it holds back, even if its time is not well known yet."""
        if self._feed is not None:
            self.sink.place(self._feed)

    def poke(self) -> None:
        """Look again now whether more sound is wanted (to be called on the media loop)."""
        self._follower.poke()

    def would_take(self, view: Track) -> bool:
        """Whether it has lost its track, and would go on with this one."""
        return self._follower.would_take(view)

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
            self.poke()

    def on_look(self, look: Look) -> None:
        """Take a look at the statistics."""
        try:
            self.sink.note(look)
        except Exception as error:
            # Others share the reader of the statistics, so it must go on.
            self._error = error
            self.poke()

    async def run(self, track: rtc.Track | None) -> Reason | None:
        """Put its sound into the sink until that is full or the track has ended.

        Parameters
        ----------
        track : rtc.Track or None
            The SDK's track to begin with; None if it is not there yet.

        Returns
        -------
        Reason or None
            The reason why the track ended, or that this was cancelled; None if the sink is full.
        """
        ended: Reason | None = Reason.NOT_THERE_YET
        try:
            with self._follower as follower:
                while not self.sink.full:
                    if track is not None:
                        ended = await self._one_stream(track)
                    if ended is None or self.sink.full:
                        break
                    track = await follower.again(ended, self._in_between)
                    if track is None:
                        ended = follower.ended
                        break
        except asyncio.CancelledError:
            if self.sink.empty:
                raise
            return Reason.STOPPED
        if self._error is not None:
            raise self._error
        return None if self.sink.full else ended

    def _in_between(self, absence: Reason) -> bool:
        """Keep the sink going while there is no track; return whether more is wanted."""
        if self.sink.full:
            return False
        self.sink.lapse(absence, time.monotonic())
        held_up = absence is Reason.RECONNECTING and math.isfinite(self.sink.end)
        if held_up or self._follower.endures(absence):
            self.sink.fill(time.monotonic() - BEHIND)
        return not self.sink.full

    async def _one_stream(self, track: rtc.Track) -> Reason | None:
        follower, sink = self._follower, self.sink
        follower.begin(track)
        if follower.gone() is Reason.ENCRYPTED:
            # Nothing of it is decoded: it would be noise at full scale.
            sink.lapse(Reason.ENCRYPTED, time.monotonic())
            return Reason.ENCRYPTED
        async with listen(track, sink.channels, self.on_frame, self.on_look) as feed:
            self._feed = feed
            if feed.vitals is not None:
                feed.vitals.encrypted = is_encrypted(self.view.publication)
            last = math.inf
            try:
                ended, at = await self._follow(), time.monotonic()
                if ended is Reason.RECONNECTING and feed.vitals:
                    at = min(at, feed.vitals.stalled_since)
                elif ended in _TOLD_LATE and feed.vitals:
                    last = await feed.vitals.last_packet()
                if ended is not None:
                    feed.no_more_looks(self.on_look)
                    # What the native side still holds comes meanwhile.
                    ended = await follower.confirmed(ended)
            finally:
                self._feed = None
                sink.place(feed)
                sink.note_clock(feed.clock)
        if ended in (Reason.RECONNECTING, Reason.UNPUBLISHED, Reason.LEFT, Reason.ENCRYPTED):
            self._lapse(ended, at, last)
        return ended

    def _lapse(self, ended: Reason, at: float, last_packet: float) -> None:
        """Begin the gap of a track that ended: the server's word may come after its sound."""
        if at - last_packet > LONGEST_PAUSE:
            # This is too late to be what ended the sound: a crash is noticed after seconds.
            self.sink.lapse(Reason.NOTHING_ARRIVED, last_packet)
            self.sink.lapse(ended, at)
        else:
            self.sink.lapse(ended, min(at, last_packet))

    async def _follow(self) -> Reason | None:
        """Wait while the stream fills the sink; return why it ended, None when full."""
        sink, follower, opened = self.sink, self._follower, time.monotonic()
        at_opening = seen = sink.held
        heard, looks = opened, 0
        while not sink.full and self._error is None:
            self._note_mute()
            if ended := follower.gone():
                return ended
            watchful = follower.reconnecting or time.monotonic() - self._muted_at < NEW_MUTE
            if watchful and self._feed is not None and self._feed.vitals is not None:
                self._feed.vitals.look_now()
            await follower.wait(CLOSE if watchful else CALM)
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
            elif follower.room is None:
                return Reason.SILENT
            else:
                sink.fill(time.monotonic() - BEHIND, Reason.NOTHING_ARRIVED)
                seen = sink.held
        return None

    def _note_mute(self) -> None:
        muted, now = self._follower.muted, time.monotonic()
        if muted != self._muted:
            self._muted, self._muted_at = muted, now
        self.sink.mark_muted(muted, now)

    def _no_sound(self) -> Reason:
        if not self.sink.empty:
            return Reason.SILENT
        raise TrackNotFound(
            f"no sound arrived from {describe(self.view)} within {self.timeout:g} s: is it still "
            "published?"
        )
