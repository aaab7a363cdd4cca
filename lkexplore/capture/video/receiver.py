"""Following a live video track: its pictures and their times, its pauses, its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import numpy as np
from livekit import rtc

from ...errors import LkExploreError, TrackNotFound
from ...sdk.encryption import is_encrypted
from ...sdk.media_loop import MediaUse
from ...sdk.participants import Track
from ...sound.reasons import Reason
from ..following import TICK, Follower, describe
from ..statistics import TrackStatistics, watch
from .picture import Picture
from .stalled_track import StalledTrack, given_up, subscribe_again

__all__ = ["SMALLEST", "VideoReceiver"]

POLL = 0.5
"""Seconds between two looks whether the track stands still."""

SMALLEST = 16
"""Pixels of height below which pictures are ignored: LiveKit's server ends tracks with such."""

QUIET = 1.5
"""Seconds between two pictures above which there is a gap in any case."""

MARKED_QUIET = 0.15
"""Seconds between two pictures above which there is a gap when it is known why none came."""

END_OF_BARE_TRACK = 10.0
"""Seconds without a picture after which a track outside a known room counts as ended."""

ARRIVING = 1.0
"""Seconds after a packet for which the track counts as one whose packets arrive."""

CLOSE_TIMEOUT = 2.0
"""Seconds that the SDK may take to close a stream."""

_log = logging.getLogger("lkexplore")


class VideoReceiver:
    """A person's pictures; the newest `keep` of them wait to be taken.

    Lives on the media loop. It goes on over as many tracks as it takes, see `Follower`; a track
    that stands still is subscribed to again, see `stalled_track`.

    Parameters
    ----------
    room : rtc.Room or None
        The room of the track; without it, only a pause tells that the track has ended.
    view : Track
        The track to begin with.
    track : rtc.Track
        The SDK's own object of that track.
    timeout : float
        Seconds to wait for the first picture, and for the track after a lost connection.
    keep : int
        Most pictures that wait to be taken; older ones are dropped.
    patience : mapping of Reason to float, optional
        Seconds to wait for a track that is gone, by the reason why, see `Follower`.

    Attributes
    ----------
    dropped : int
        Number of pictures that were not taken in time.
    last : float
        Monotonic time of the latest picture in seconds, less than 0 before there is one.
    """

    def __init__(
        self,
        room: rtc.Room | None,
        view: Track,
        track: rtc.Track,
        timeout: float,
        keep: int,
        patience: Mapping[Reason, float] | None = None,
    ) -> None:
        self.room, self.timeout = room, timeout
        self.dropped = 0
        self.last = -1.0
        self._pictures: deque[Picture] = deque()
        self._keep = keep
        self._news = asyncio.Event()
        self._follower = Follower(room, view, timeout, patience, switches=True)
        self._cause: Reason | None = None
        self._stopping = False
        self._vitals: TrackStatistics | None = None
        self._still = StalledTrack()
        self._offset: float | None = None
        self._blank: tuple[rtc.VideoFrameEvent, Reason | None] | None = None
        self._error: Exception | None = None
        self._task = asyncio.get_running_loop().create_task(self._run(track))

    @property
    def view(self) -> Track:
        """The track that is watched now, or was watched last."""
        return self._follower.view

    @property
    def ended(self) -> bool:
        """Whether no more pictures will come, beyond those that wait."""
        return self._task.done()

    @property
    def waiting(self) -> bool:
        """Whether there is no track at present, and one is waited for."""
        return not self.ended and self._follower.absence is not None

    @property
    def reason(self) -> Reason | None:
        """How the track ended; None while it goes on."""
        return self._follower.ended

    @property
    def why(self) -> Reason:
        """How the track ended, or that it just shows nothing more."""
        return self.reason or Reason.SILENT

    @property
    def delay(self) -> float:
        """Seconds that pictures wait before they are handed over."""
        return 0.0 if self._vitals is None else self._vitals.delay

    async def next(self, timeout: float) -> Picture | None:
        """Return the next picture; None if none comes in time, or the track has ended.

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

    def why_quiet(self, seconds: float) -> Reason | None:
        """Return why no picture came for some seconds until now, None if that is no gap."""
        if seconds <= (QUIET if self._cause is None else MARKED_QUIET):
            return None
        return self._cause or self._why_nothing()

    def _why_nothing(self) -> Reason:
        look = None if self._vitals is None else self._vitals.latest
        arrives = look is not None and look.time - look.last_packet < ARRIVING
        if arrives and is_encrypted(self.view.publication):
            # What comes cannot be decoded: that is how a key that does not fit shows.
            return Reason.ENCRYPTED
        return Reason.NOTHING_ARRIVED

    def stop(self) -> None:
        """Have it end soon."""
        self._stopping = True
        self._task.cancel()

    async def close(self) -> None:
        """End it."""
        self.stop()
        await asyncio.wait([self._task], timeout=2 * CLOSE_TIMEOUT)

    async def _run(self, track: rtc.Track | None) -> None:
        try:
            with self._follower, MediaUse():
                while track is not None:
                    track = await self._go_on(await self._one_stream(track), track)
        except Exception as error:
            self._error = error  # next() raises it
        finally:
            self._news.set()

    async def _go_on(self, why: Reason | None, track: rtc.Track) -> rtc.Track | None:
        """Return the track to go on with, None if there is none any more."""
        if why is None:
            renewed = await self._renew(track)
            if renewed is not None or self._stopping:
                return renewed
            why = self._follower.gone() or Reason.SILENT
        return await self._follower.again(why, self._in_between)

    def _in_between(self, absence: Reason) -> bool:
        """Note why there is no track; return whether one is still wanted."""
        # A participant who is back after a reload, and has not published yet, had still left.
        if self._cause is not Reason.LEFT:
            self._cause = absence
        return not self._stopping

    async def _one_stream(self, track: rtc.Track) -> Reason | None:
        """Take a track's pictures; return how it ended, None if it stands still."""
        self._follower.begin(track)
        stream = rtc.VideoStream(track, format=rtc.VideoBufferType.I420)
        self._offset = None
        # A track that ends abruptly ends with a blank picture, which nobody has sent.
        self._blank = None
        try:
            async with watch(track) as self._vitals:
                return await self._follow(stream, track)
        finally:
            closing = asyncio.ensure_future(stream.aclose())
            await asyncio.wait([closing], timeout=CLOSE_TIMEOUT)

    async def _follow(self, stream: rtc.VideoStream, track: rtc.Track) -> Reason | None:
        """Take pictures until the track ends; return how it did, None if it stands still."""
        opened = heard = time.monotonic()
        looked = polled = 0.0
        over = False
        while not self._stopping:
            now = time.monotonic()
            if now - polled >= POLL:
                polled = now
                if self._stands_still():
                    return None
            if now - looked >= TICK:
                looked = now
                if self._follower.muted:
                    self._cause = Reason.MUTED
                elif self._follower.reconnecting:
                    self._cause = Reason.RECONNECTING
                if (gone := self._follower.gone()) is not None:
                    reason = await self._follower.confirmed(gone)
                    renewed = reason is Reason.UNSUBSCRIBED and given_up(track)
                    return None if renewed else reason
                if over:
                    return None if given_up(track) else Reason.SILENT
                self._check_quiet(now, opened)
                if self.room is None and now - heard > END_OF_BARE_TRACK:
                    return Reason.SILENT
            try:
                # At its end, the stream does not wake the caller who waits: ask again and again.
                async with asyncio.timeout(TICK):
                    event = await anext(stream)
            except TimeoutError:
                continue
            except StopAsyncIteration:
                # The next look tells whether it was unpublished or ended with our connection.
                over = True
                looked = max(looked, time.monotonic())
                await asyncio.sleep(TICK)
                continue
            heard = time.monotonic()
            self._take(event)
        return Reason.STOPPED

    def _stands_still(self) -> bool:
        look = None if self._vitals is None else self._vitals.latest
        still = look is not None and self._still.is_one(look.decoded)
        remote = isinstance(self.view.publication, rtc.RemoteTrackPublication)
        return still and self.room is not None and remote

    def _take(self, event: rtc.VideoFrameEvent) -> None:
        self._still.moved()
        if event.frame.height < SMALLEST:
            return
        if self._blank is not None:
            # A cause that was found after this picture came explains the pause after it.
            (waiting, before), since = self._blank, self._cause
            self._blank, self._cause = None, before
            self._hand_over(waiting)
            self._cause = since
        if _is_blank(event.frame):
            self._blank, self._cause = (event, self._cause), None
        else:
            self._hand_over(event)

    def _hand_over(self, event: rtc.VideoFrameEvent) -> None:
        due = event.timestamp_us / 1e6
        if self._offset is None:
            # Both are monotonic clocks; on some systems Python's begins at another time.
            ahead = time.monotonic() - due
            self._offset = ahead if abs(ahead) > 1.0 else 0.0
        moment = max(due + self._offset - self.delay, self.last + 1e-4)
        pause = self.why_quiet(moment - self.last) if self.last >= 0 else None
        self.last, self._cause = moment, None
        self._pictures.append(Picture(event.frame, cast(int, event.rotation), moment, pause))
        if len(self._pictures) > self._keep:
            dropped, self.dropped = self._pictures.popleft(), self.dropped + 1
            if dropped.pause:
                self._pictures[0] = replace(self._pictures[0], pause=dropped.pause)
        self._news.set()

    def _check_quiet(self, now: float, opened: float) -> None:
        """Give up on a track that never shows anything."""
        if self.last >= 0 or now - opened < self.timeout:
            return
        raise TrackNotFound(
            f"no picture arrived from {describe(self.view)} within {self.timeout:g} s: "
            + self._why_never()
        )

    def _why_never(self) -> str:
        if self._follower.muted:
            return "it is muted"
        if self._why_nothing() is Reason.ENCRYPTED:
            return "it is encrypted, and our key does not fit"
        return "is it still published?"

    async def _renew(self, track: rtc.Track) -> rtc.Track | None:
        """Subscribe again to a track that stands still."""
        if self.room is None:
            return None
        self._cause = self._cause or Reason.NOTHING_ARRIVED
        try:
            renewed, self._follower.view = await subscribe_again(
                self.room, self.view, track, self.timeout
            )
        except LkExploreError as error:
            _log.warning("%s was not to be had again: %s", describe(self.view), error)
            return None
        return renewed


def _is_blank(frame: rtc.VideoFrame) -> bool:
    """Whether WebRTC made the picture up: all its luma is 0, while black is 16 (ITU-R BT.601)."""
    luma = np.frombuffer(frame.data, np.uint8, frame.width * frame.height)
    return not luma[0] and not luma.any()
