"""The frames of a live track, from one stream for all who listen to it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TypeAlias

from livekit import rtc

from .take import STREAM_RATE

__all__ = ["FRAME_MS", "OnFrame", "listen"]

FRAME_MS = 20
"""Length of the SDK's frames: half the events of its default, and one Opus packet."""

CLOSE_TIMEOUT = 2.0

OnFrame: TypeAlias = Callable[[rtc.AudioFrame], None]


class _Tap(rtc.FrameProcessor[rtc.AudioFrame]):
    """No-drop sink for a stream: the SDK shows it every frame, in order.

    The SDK's own iteration stops as soon as its reader task is done, with frames still queued;
    this hook is called by that very task, so that there is nothing to be left behind.
    """

    def __init__(self) -> None:
        self.listeners: tuple[OnFrame, ...] = ()
        self._open = True

    @property
    def enabled(self) -> bool:
        return self._open

    @enabled.setter
    def enabled(self, value: bool) -> None:
        self._open = value

    def _process(self, frame: rtc.AudioFrame) -> rtc.AudioFrame:
        for on_frame in self.listeners:
            on_frame(frame)
        return frame

    def _close(self) -> None:
        self._open = False


class _Feed:
    """One open stream of a track."""

    def __init__(self, track: rtc.Track, channels: int) -> None:
        self.tap = _Tap()
        self.track = track
        self._stream = rtc.AudioStream(
            track,
            capacity=1,
            sample_rate=STREAM_RATE,
            num_channels=channels,
            frame_size_ms=FRAME_MS,
            noise_cancellation=self.tap,
        )

    async def close(self) -> None:
        closing = asyncio.ensure_future(self._stream.aclose())
        await asyncio.wait([closing], timeout=CLOSE_TIMEOUT)


# Only the media loop touches it.
_feeds: dict[tuple[int, int], _Feed] = {}


@contextlib.asynccontextmanager
async def listen(track: rtc.Track, channels: int, on_frame: OnFrame) -> AsyncIterator[None]:
    """Call `on_frame` with every frame of a track, on the media loop, until left.

    The stream is opened for the first and closed after the last who listens: each costs, what
    is done with its frames apart, next to nothing.

    Parameters
    ----------
    track : rtc.Track
        An audio track.
    channels : int
        1 or 2.
    on_frame : callable
        Must not raise, and must not be in use for the same track already.
    """
    key = (id(track), channels)
    feed = _feeds.get(key)
    if feed is None:
        feed = _feeds[key] = _Feed(track, channels)
    feed.tap.listeners = (*feed.tap.listeners, on_frame)
    try:
        yield
    finally:
        feed.tap.listeners = tuple(other for other in feed.tap.listeners if other != on_frame)
        if not feed.tap.listeners:
            del _feeds[key]
            await feed.close()
