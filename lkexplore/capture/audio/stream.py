"""The frames of a live track, from one stream for all who listen to it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeAlias

from livekit import rtc

from ...sound.convert import WEBRTC_RATE
from ..statistics import OnLook, TrackStatistics
from ..stream_clock import StreamClock

__all__ = ["FRAME_MS", "OnFrame", "SharedStream", "listen"]

FRAME_MS = 20
"""Milliseconds in a frame: one Opus packet, twice the SDK's default and so half the events."""

CLOSE_TIMEOUT = 2.0
"""Seconds that closing a stream and its statistics may take."""

OnFrame: TypeAlias = Callable[[rtc.AudioFrame], None]
"""Takes a frame, on the media loop."""

Closing: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
"""Closes something when what it returns is awaited."""


class _Tap(rtc.FrameProcessor[rtc.AudioFrame]):
    """No-drop sink for a stream: the SDK shows it every frame, in order.

    The SDK's own iteration stops as soon as its reader task is done, with frames still queued;
    this hook is called by that very task, so that no frame is left behind.
    """

    def __init__(self) -> None:
        self.clock = StreamClock()
        self.frame_time = 0.0
        self.listeners: tuple[OnFrame, ...] = ()
        self._open = True

    @property
    def enabled(self) -> bool:
        return self._open

    @enabled.setter
    def enabled(self, value: bool) -> None:
        self._open = value

    def _process(self, frame: rtc.AudioFrame) -> rtc.AudioFrame:
        self.frame_time = self.clock.note(frame.samples_per_channel, time.monotonic())
        for on_frame in self.listeners:
            on_frame(frame)
        return frame

    def _close(self) -> None:
        self._open = False


class SharedStream:
    """One open stream of a track, its clock and its statistics.

    Parameters
    ----------
    track : rtc.Track
        An audio track.
    channels : int
        Number of channels of the frames, 1 or 2.
    frame_ms : int
        Length of the frames in milliseconds.

    Attributes
    ----------
    vitals : TrackStatistics or None
        The statistics, once somebody wants them.
    """

    def __init__(self, track: rtc.Track, channels: int, frame_ms: int) -> None:
        self.track = track
        self.vitals: TrackStatistics | None = None
        self._tap = _Tap()
        self._stream = rtc.AudioStream(
            track,
            capacity=1,
            sample_rate=WEBRTC_RATE,
            num_channels=channels,
            frame_size_ms=frame_ms,
            noise_cancellation=self._tap,
        )

    @property
    def clock(self) -> StreamClock:
        """Tells when which sample came out."""
        return self._tap.clock

    @property
    def frame_time(self) -> float:
        """When the first sample of the frame that is being handed out came out, monotonic."""
        return self._tap.frame_time

    @property
    def unheard(self) -> bool:
        """Whether nobody listens."""
        return not self._tap.listeners

    def add(self, on_frame: OnFrame, on_look: OnLook | None) -> None:
        """Let someone listen."""
        self._tap.listeners = (*self._tap.listeners, on_frame)
        if on_look is not None:
            if self.vitals is None:
                self.vitals = TrackStatistics(self.track)
            self.vitals.listeners = (*self.vitals.listeners, on_look)

    def no_more_looks(self, on_look: OnLook) -> None:
        """Let them have the frames only: the track has ended."""
        if self.vitals is not None:
            self.vitals.listeners = tuple(f for f in self.vitals.listeners if f != on_look)

    def remove(self, on_frame: OnFrame, on_look: OnLook | None) -> list[Closing]:
        """Let them go; return how to close what nobody wants any more."""
        closing: list[Closing] = []
        self._tap.listeners = tuple(other for other in self._tap.listeners if other != on_frame)
        if self.vitals is not None:
            self.vitals.listeners = tuple(f for f in self.vitals.listeners if f != on_look)
            if not self.vitals.listeners:
                closing.append(self.vitals.close)
                self.vitals = None
        if not self._tap.listeners:
            closing.append(self._stream.aclose)
        return closing


# Only the media loop touches it.
_feeds: dict[tuple[int, int, int], SharedStream] = {}


@contextlib.asynccontextmanager
async def listen(
    track: rtc.Track,
    channels: int,
    on_frame: OnFrame,
    on_look: OnLook | None = None,
    *,
    frame_ms: int = FRAME_MS,
) -> AsyncIterator[SharedStream]:
    """Call `on_frame` with every frame of a track, on the media loop, until left.

    The stream is opened for the first listener and closed after the last: one more listener costs
    next to nothing, except for what it does with the frames.

    Parameters
    ----------
    track : rtc.Track
        An audio track.
    channels : int
        Number of channels of the frames, 1 or 2.
    on_frame : callable
        Function called with every frame. It must not raise, and must not be in use for the same
        track already.
    on_look : callable, optional
        Function called with every look at the track's statistics.
    frame_ms : int
        Length of the frames in milliseconds; another length takes another stream.

    Yields
    ------
    SharedStream
        The stream, shared by all who listen.
    """
    key = (id(track), channels, frame_ms)
    feed = _feeds.get(key)
    if feed is None:
        feed = _feeds[key] = SharedStream(track, channels, frame_ms)
    feed.add(on_frame, on_look)
    try:
        yield feed
    finally:
        closing = feed.remove(on_frame, on_look)
        if feed.unheard:
            del _feeds[key]
        if closing:
            tasks = [asyncio.ensure_future(close()) for close in closing]
            await asyncio.wait(tasks, timeout=CLOSE_TIMEOUT)
