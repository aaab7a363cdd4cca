"""Following a live video track: its pictures and their times, its pauses, its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from dataclasses import replace
from typing import cast

import numpy as np
from livekit import rtc

from ..errors import LkExploreError, TrackNotFound
from ..finding import Changes, everyone, find_track
from ..loop import MediaUse
from ..tracks import Track
from .delay import Delay
from .picture import Picture
from .revival import StandStill, given_up, subscribe_again

__all__ = ["Watch", "describe"]

TICK = 0.1
POLL = 0.5
SMALLEST = 16
"""Pixels of height below which a picture is none: LiveKit's server ends tracks with tiny ones."""

QUIET = 1.5
"""Seconds between two pictures that are a gap in any case."""

MARKED_QUIET = 0.15
"""Seconds between two pictures that are a gap when it is known why none came."""

END_OF_BARE_TRACK = 10.0
"""Seconds without a picture after which a track outside a known room is held to have ended."""

CLOSE_TIMEOUT = 2.0
RECONNECTING = "reconnecting"
STANDING = "stood still"
NOTHING = "nothing arrived"

_log = logging.getLogger("lkexplore")


class Watch:
    """Newest-wins source of a track's pictures: of those that wait, at most `keep` are kept.

    Lives on the media loop. A track that stands still is subscribed to anew, see `revival`.

    Parameters
    ----------
    room : rtc.Room or None
        Where the track is; without it only its silence tells that it has ended.
    view : Track
        Which track.
    track : rtc.Track
        The SDK's own.
    timeout : float
        Seconds to wait for the first picture, and for the track after a lost connection.
    keep : int
        How many pictures wait to be taken; older ones are dropped.

    Attributes
    ----------
    dropped : int
        How many were not taken in time.
    reason : str
        How the track ended; '' while it goes on.
    last : float
        The time of the latest picture, less than 0 before there is one.
    """

    def __init__(
        self, room: rtc.Room | None, view: Track, track: rtc.Track, timeout: float, keep: int
    ) -> None:
        self.room, self.view, self.timeout = room, view, timeout
        self.dropped = 0
        self.reason = ""
        self.last = -1.0
        self._pictures: deque[Picture] = deque()
        self._keep = keep
        self._news = asyncio.Event()
        self._changes = Changes(room)
        self._reconnections = 0
        self._cause = ""
        self._stopping = False
        self._track = track
        self._delay = Delay(track)
        self._still = StandStill()
        self._offset: float | None = None
        self._blank: tuple[rtc.VideoFrameEvent, str] | None = None
        self._error: Exception | None = None
        self._task = asyncio.get_running_loop().create_task(self._run(track))

    @property
    def ended(self) -> bool:
        """Whether no more pictures will come, beyond those that wait."""
        return self._task.done()

    @property
    def delay(self) -> float:
        """Seconds that pictures wait before they are handed over."""
        return self._delay.seconds

    async def next(self, timeout: float) -> Picture | None:
        """Return the next picture; None when there is none in time, or none any more.

        Raises
        ------
        TrackNotFound
            If not even a first picture came.
        """
        deadline = time.monotonic() + timeout
        while not self._pictures:
            left = deadline - time.monotonic()
            if self._task.done() or left <= 0:
                break
            self._news.clear()
            # In Python 3.11 wait_for() may swallow a cancellation.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._news.wait()
        if self._pictures:
            return self._pictures.popleft()
        if self._error is not None:
            raise self._error
        return None

    def why_quiet(self, seconds: float) -> str:
        """Return why there was no picture for so long until now, '' if that is no gap."""
        if seconds <= (MARKED_QUIET if self._cause else QUIET):
            return ""
        return self._cause or NOTHING

    def stop(self) -> None:
        """Have it end soon."""
        self._stopping = True
        self._task.cancel()

    async def close(self) -> None:
        """End it."""
        self.stop()
        await asyncio.wait([self._task], timeout=2 * CLOSE_TIMEOUT)

    async def _run(self, track: rtc.Track) -> None:
        try:
            with self._changes, MediaUse():
                self._reconnections = self._changes.reconnections
                while not self.reason:
                    why = await self._one_stream(track)
                    self.reason, track = await self._go_on(why, track)
        except Exception as error:
            self._error = error  # next() raises it
        finally:
            self._news.set()

    async def _go_on(self, why: str, track: rtc.Track) -> tuple[str, rtc.Track]:
        """Return '' and the track to go on with, else how it ended."""
        if why == STANDING:
            renewed = await self._renew(track)
            if renewed is not None:
                return "", renewed
            why = self._ended(track) or STANDING
        if why == RECONNECTING:
            resumed = await self._resume()
            return ("", resumed) if resumed is not None else ("was lost with our connection", track)
        return why, track

    async def _one_stream(self, track: rtc.Track) -> str:
        stream = rtc.VideoStream(track, format=rtc.VideoBufferType.I420)
        self._track, self._delay, self._offset = track, Delay(track), None
        # A track that is torn off ends with one of these, which nobody has sent.
        self._blank = None
        try:
            return await self._follow(stream, track)
        finally:
            closing = asyncio.ensure_future(stream.aclose())
            await asyncio.wait([closing], timeout=CLOSE_TIMEOUT)

    async def _follow(self, stream: rtc.VideoStream, track: rtc.Track) -> str:
        """Take pictures until the track ends; return how it did."""
        opened = heard = time.monotonic()
        looked = polled = 0.0
        over = False
        while not self._stopping:
            now = time.monotonic()
            if now - polled >= POLL:
                polled = now
                await self._delay.poll()
                if self._still.is_one(self._delay.decoded) and self._can_be_renewed():
                    return STANDING
            if now - looked >= TICK:
                looked = now
                if self.view.publication is not None and self.view.publication.muted:
                    self._cause = "muted"
                if reason := self._ended(track):
                    if reason == RECONNECTING:
                        return reason
                    # Of a lost connection, the SDK tells right after the tracks that go with it.
                    await asyncio.sleep(TICK)
                    return self._ended(track) or reason
                if over:
                    return STANDING if given_up(track) else "ended"
                self._check_quiet(now, opened, heard)
                if self.room is None and now - heard > END_OF_BARE_TRACK:
                    return "ended"
            try:
                # The stream never wakes who waits for a picture when it ends: ask again and again.
                async with asyncio.timeout(TICK):
                    event = await anext(stream)
            except TimeoutError:
                continue
            except StopAsyncIteration:
                # Whether unpublished or torn off with our connection the next look will tell.
                over = True
                looked = max(looked, time.monotonic())
                await asyncio.sleep(TICK)
                continue
            heard = time.monotonic()
            self._take(event)
        return "ended"

    def _take(self, event: rtc.VideoFrameEvent) -> None:
        self._still.moved()
        if event.frame.height < SMALLEST:
            return
        if self._blank is not None:
            # What came to pass after it is the cause of a pause after it.
            (waiting, before), since = self._blank, self._cause
            self._blank, self._cause = None, before
            self._hand_over(waiting)
            self._cause = since
        if _is_blank(event.frame):
            self._blank, self._cause = (event, self._cause), ""
        else:
            self._hand_over(event)

    def _hand_over(self, event: rtc.VideoFrameEvent) -> None:
        due = event.timestamp_us / 1e6
        if self._offset is None:
            # Both are the monotonic clock, except where Python's counts from elsewhere.
            ahead = time.monotonic() - due
            self._offset = ahead if abs(ahead) > 1.0 else 0.0
        moment = max(due + self._offset - self._delay.seconds, self.last + 1e-4)
        pause = self.why_quiet(moment - self.last) if self.last >= 0 else ""
        self.last, self._cause = moment, ""
        self._pictures.append(Picture(event.frame, cast(int, event.rotation), moment, pause))
        if len(self._pictures) > self._keep:
            dropped, self.dropped = self._pictures.popleft(), self.dropped + 1
            if dropped.pause:
                self._pictures[0] = replace(self._pictures[0], pause=dropped.pause)
        self._news.set()

    def _check_quiet(self, now: float, opened: float, heard: float) -> None:
        """Give up on a track that never shows anything."""
        if self.last >= 0 or now - opened < self.timeout:
            return
        muted = self.view.publication is not None and self.view.publication.muted
        raise TrackNotFound(
            f"no picture arrived from {describe(self.view)} within {self.timeout:g} s: "
            + ("it is muted" if muted else "is it still published?")
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
            else:
                self._cause = RECONNECTING
            return ""
        # A quick reconnection may be over before anyone looks.
        reconnected = self._changes.reconnections != self._reconnections
        if reconnected or state == rtc.ConnectionState.CONN_RECONNECTING:
            return RECONNECTING
        if owner is None:
            return "ended, they left"
        if not published:
            return "was unpublished"
        return STANDING if given_up(track) else "was unsubscribed"

    def _can_be_renewed(self) -> bool:
        return self.room is not None and isinstance(
            self.view.publication, rtc.RemoteTrackPublication
        )

    async def _renew(self, track: rtc.Track) -> rtc.Track | None:
        """Have a track that stands still subscribed to anew."""
        if self.room is None:
            return None
        self._cause = self._cause or NOTHING
        try:
            renewed, self.view = await subscribe_again(self.room, self.view, track, self.timeout)
        except LkExploreError as error:
            _log.warning("%s was not to be had again: %s", describe(self.view), error)
            return None
        return renewed

    async def _resume(self) -> rtc.Track | None:
        """Wait for our connection to come back, and find the track again."""
        room = self.room
        if room is None:
            return None
        self._cause = RECONNECTING
        while room.connection_state == rtc.ConnectionState.CONN_RECONNECTING and not self._stopping:
            await self._changes.wait(TICK)
        try:
            track, self.view = await find_track(
                room, self.view.identity, "video", self.timeout, name=self.view.name
            )
        except LkExploreError:
            return None
        self._reconnections = self._changes.reconnections
        return track


def _is_blank(frame: rtc.VideoFrame) -> bool:
    """Whether it is what WebRTC makes up: all its luma is 0, where black is 16 (ITU-R BT.601)."""
    luma = np.frombuffer(frame.data, np.uint8, frame.width * frame.height)
    return not luma[0] and not luma.any()


def describe(view: Track) -> str:
    """Return whose track it is, for a message."""
    return f"track {view.name!r}{f' of {view.identity!r}' if view.identity else ''}"
