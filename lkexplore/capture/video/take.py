"""Filming: a track's pictures, and perhaps the sound, go into a store for some time."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...errors import TrackNotFound
from ...sound.convert import WEBRTC_RATE
from ...sound.reasons import Reason
from ...sound.timing import Gap
from ..following import describe
from .film_sound import FilmSound
from .picture import Picture
from .receiver import VideoReceiver

__all__ = ["VideoStore", "VideoTake", "film"]

TICK = 0.1
"""Seconds to wait for a picture before looking whether to go on."""

SLACK = 0.2
"""Seconds for which pictures of a moment may still come after it."""

FRAME = 1 / 60
"""Least seconds for which the last picture stands."""

HOLD = 0.5
"""Seconds without a picture after which the last one is written again."""

LAST_SOUND = 1.0
"""Seconds for which the sound of the end may still come after it."""

WARM_UP = 3.0
"""Seconds that sound may take until it has its place in time."""


class VideoStore(Protocol):
    """Where pictures go."""

    @property
    def problem(self) -> str:
        """The error after which nothing more is taken; '' while there is none."""

    @property
    def why(self) -> Reason:
        """The reason for the end that this error is."""

    async def open(self, first: Picture, seconds: float | None) -> None:
        """Prepare for pictures of the size of the first."""

    async def add(self, picture: Picture, seconds: float) -> None:
        """Take a picture that begins at that time."""

    def hold(self, seconds: float) -> None:
        """Note that the last picture stands until then at least."""

    def add_sound(self, samples: NDArray[np.int16]) -> None:
        """Take the sound that follows, of shape (n, channels)."""

    async def close(self, seconds: float) -> None:
        """Finish: it ends there."""


@dataclass(slots=True)
class VideoTake:
    """What came of filming: its times, its gaps and its end.

    Attributes
    ----------
    started : float
        Time of the first picture, in seconds of ``time.monotonic()``.
    started_at : datetime
        The same time in UTC.
    duration : float
        Length in seconds.
    ended : Reason
        The reason for the end.
    gaps : list of Gap
        Intervals in which no pictures came.
    """

    started: float
    started_at: datetime
    duration: float = 0.0
    ended: Reason = Reason.COMPLETE
    gaps: list[Gap] = field(default_factory=list)


async def film(
    watch: VideoReceiver, sink: VideoStore, seconds: float | None, sound: FilmSound | None
) -> VideoTake:
    """Film until the time is over, the track has ended, or the task is cancelled.

    Raises
    ------
    TrackNotFound
        No picture came.
    FileError, LkExploreError
        The sink could not be opened.
    """
    first = await _first(watch, sound)
    await sink.open(first, seconds)
    start = time.monotonic() - watch.delay if sound is not None else first.time
    started_at = datetime.now(UTC) - timedelta(seconds=time.monotonic() - start)
    filmed = VideoTake(start, started_at)
    end = math.inf if seconds is None else start + seconds
    if sound is not None and seconds is not None:
        sound.limit = round(seconds * WEBRTC_RATE)
    reel = _Reel(watch, sink, sound, start, end)
    try:
        if end > start:
            await sink.add(first, 0.0)
            filmed.ended = await reel.run()
    except asyncio.CancelledError:
        filmed.ended = Reason.STOPPED
    filmed.duration = seconds or 0.0
    if filmed.ended is not Reason.COMPLETE:
        now = time.monotonic() - watch.delay if filmed.ended is Reason.STOPPED else watch.last
        filmed.duration = max(min(now, end) - start, reel.latest + FRAME)
        if sound is not None:
            filmed.duration = max(filmed.duration, sound.reached)
    if pause := watch.why_quiet(filmed.duration - reel.latest):
        reel.gaps.append(Gap(reel.latest, filmed.duration, pause))
    filmed.gaps = reel.gaps
    if sound is not None:
        for samples in sound.finish(start, start + filmed.duration):
            sink.add_sound(samples)
    await sink.close(filmed.duration)
    return filmed


async def _first(watch: VideoReceiver, sound: FilmSound | None) -> Picture:
    """Wait for a picture, and until the sound, if any, is placed; return the newest picture."""
    first = await watch.next(watch.timeout + 2.0)
    if first is None:
        raise TrackNotFound(f"{describe(watch.view)} {watch.why.words} before it showed a picture")
    deadline = time.monotonic() + WARM_UP
    while sound is not None and time.monotonic() < deadline:
        picture = await watch.next(TICK)
        first = picture or first
        if sound.settled or watch.ended:
            break
    return first


class _Reel:
    """The loop of one film."""

    def __init__(
        self,
        watch: VideoReceiver,
        sink: VideoStore,
        sound: FilmSound | None,
        start: float,
        end: float,
    ) -> None:
        self._watch, self._sink, self._sound = watch, sink, sound
        self._start, self._end = start, end
        self.latest = 0.0
        self.gaps: list[Gap] = []

    async def run(self) -> Reason:
        """Film until there is a reason not to go on; return it."""
        watch, sink, sound = self._watch, self._sink, self._sound
        held = 0.0
        while True:
            picture = await watch.next(TICK)
            now = time.monotonic() - watch.delay
            shift = 0.0 if sound is None else sound.shift
            self._collect()
            if sink.problem:
                return sink.why
            if picture is not None:
                at = picture.time - self._start + shift
                if at >= self._end - self._start:
                    return await self._end_of_sound()
                if at > self.latest:
                    if picture.pause:
                        self.gaps.append(Gap(self.latest, at, picture.pause))
                    self.latest = held = at
                    await sink.add(picture, at)
                continue
            if watch.ended:
                return watch.why
            if now - self._end > SLACK + shift:
                return await self._end_of_sound()
            if now - SLACK - self._start - held > HOLD:
                held = min(now - SLACK, self._end) - self._start
                sink.hold(held)

    async def _end_of_sound(self) -> Reason:
        """Wait for the sound of the last moment, which comes later than its picture."""
        deadline = time.monotonic() + LAST_SOUND
        while self._sound is not None and time.monotonic() < deadline:
            self._collect()
            if self._sound.complete:
                break
            await asyncio.sleep(TICK / 5)
        return self._sink.why if self._sink.problem else Reason.COMPLETE

    def _collect(self) -> None:
        if self._sound is not None:
            for samples in self._sound.collect(self._start):
                self._sink.add_sound(samples)
