"""A filter on a live track: what somebody says goes through it and back into the room."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from livekit import rtc
from livekit.protocol.models import AudioTrackFeature
from numpy.typing import NDArray

from .capture.feed import listen
from .filters import Filter, as_filter
from .filters.swap import Swap
from .finding import Changes, everyone, find_track
from .loop import MediaUse, on_media_loop
from .outgoing import RATE, Outlet, open_outlet
from .tracks import Source

if TYPE_CHECKING:
    from .room import Room

__all__ = ["Live", "LiveStats", "live"]

CUSHION_SECONDS = 0.06
"""Sound kept queued, for blocks that come late; it is part of the added latency."""

QUEUE_FRAMES = 50
QUEUE_MS = 1000
LOOK_SECONDS = 0.25
CLOSE_SECONDS = 5.0

_INT16_STEP = np.float32(1 / 32768)
_log = logging.getLogger("lkexplore")


@dataclass(frozen=True)
class LiveStats:
    """What a live filter has done so far.

    Attributes
    ----------
    blocks : int
        Blocks that came in, of 20 ms each.
    bypassed : int
        Of those, passed on as they were: the filter failed on them, or is switched off.
    dropped : int
        Of those, lost because the room took no more.
    slowest_ms : float
        The longest time that the filter took for one block.
    queued_ms : float
        Sound waiting to be sent: the latency added besides the filter's own.
    """

    blocks: int
    bypassed: int
    dropped: int
    slowest_ms: float
    queued_ms: float


@on_media_loop
async def live(
    room: Room,
    source: Source,
    filter: Filter,
    *,
    name: str | None = None,
    timeout: float = 10.0,
) -> Live:
    """Send a live track through a filter and publish what comes out; see `Room.live`."""
    chosen = Swap(as_filter(filter))
    track, view = await find_track(room.rtc, source, "audio", timeout)
    features = view.publication.audio_features if view.publication else ()
    channels = 2 if int(AudioTrackFeature.TF_STEREO) in map(int, features) else 1
    title = name or f"{view.identity or view.name} (filtered)"
    outlet = await open_outlet(room, title, channels=channels, queue_ms=QUEUE_MS, timeout=timeout)
    made = Live(room, outlet, chosen, channels)
    made.follow(track, view.identity)
    return made


class Live:
    """A live filter; made by `Room.live`.

    Attributes
    ----------
    name : str
        Name of the track that comes out.
    channels : int
        1 or 2, as the track that goes in.
    bypass : bool
        Set it to hear the track as it is.
    publication : rtc.LocalTrackPublication
        The SDK's own object.

    Notes
    -----
    Also an async context manager. A filter that raises, or puts out what is no sound, is
    passed by for that block; its traceback is logged once.

    Examples
    --------
    >>> live = await room.live("alice", lk.filters.lowpass(1000))     # doctest: +SKIP
    >>> live.filter = lk.filters.notch(50)                            # doctest: +SKIP
    >>> await live.close()                                            # doctest: +SKIP
    """

    def __init__(self, room: Room, outlet: Outlet, filter: Swap, channels: int) -> None:
        self.publication = outlet.publication
        self.name, self.channels = self.publication.name, channels
        self.bypass = False
        self._room, self._outlet, self._filter = room, outlet, filter
        self._queue: asyncio.Queue[NDArray[np.int16]] = asyncio.Queue(QUEUE_FRAMES)
        self._blocks = self._bypassed = self._dropped = 0
        self._slowest = 0.0
        self._explained = False
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def filter(self) -> Filter:
        """The filter; put another in its place at any time, the change is crossfaded."""
        return self._filter.filter

    @filter.setter
    def filter(self, filter: Filter) -> None:
        self._filter.put(filter)
        self._explained = False

    @property
    def closed(self) -> bool:
        """Whether it has ended, by `close` or because the track that goes in did."""
        return bool(self._tasks) and all(task.done() for task in self._tasks)

    @property
    def stats(self) -> LiveStats:
        """What it has done so far."""
        return LiveStats(
            self._blocks,
            self._bypassed,
            self._dropped,
            1000 * self._slowest,
            1000 * self._outlet.queued_seconds,
        )

    def follow(self, track: rtc.Track, identity: str) -> None:
        """Begin; called once, on the media loop."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._run(track, identity))]
        self._room.lives.add(self)

    async def _run(self, track: rtc.Track, identity: str) -> None:
        sending = asyncio.create_task(self._send())
        try:
            with MediaUse(), Changes(self._room.rtc) as changes:
                async with listen(track, self.channels, self._on_frame):
                    while not sending.done() and self._still_there(track, identity):
                        await changes.wait(LOOK_SECONDS)
        finally:
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sending
            await self._outlet.close()
            self._room.lives.discard(self)

    def _still_there(self, track: rtc.Track, identity: str) -> bool:
        if self._room.closed:
            return False
        owners = [p for p in everyone(self._room.rtc) if p.identity == identity]
        return not identity or any(
            publication.track is track
            for owner in owners
            for publication in owner.track_publications.values()
        )

    def _on_frame(self, frame: rtc.AudioFrame) -> None:
        """Filter one block, on the media thread, and queue what comes out."""
        raw = np.frombuffer(frame.data, np.int16).reshape(-1, self.channels)
        block = np.ascontiguousarray(raw.T, dtype=np.float32) * _INT16_STEP
        started = time.perf_counter()
        out = self._filtered(block)
        self._slowest = max(self._slowest, time.perf_counter() - started)
        self._blocks += 1
        samples = np.rint(out.T * np.float32(32768)).clip(-32768, 32767).astype(np.int16)
        try:
            self._queue.put_nowait(samples)
        except asyncio.QueueFull:
            self._dropped += 1

    def _filtered(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        try:
            out = np.asarray(self._filter.process(block))
            good = out.shape == block.shape and bool(np.isfinite(out).all())
            problem = "" if good else f"put out {out.shape} with NaN or of another shape"
        except Exception:
            out, problem = block, traceback.format_exc()
        if problem and not self._explained:
            self._explained = True
            _log.error("the filter %r is passed by: %s", self._filter.filter, problem)
        if problem or self.bypass:
            self._bypassed += 1
            return block
        return out

    async def _send(self) -> None:
        """Keep the track fed; a little silence first is the cushion for late blocks."""
        cushion = np.zeros((round(CUSHION_SECONDS * RATE), self.channels), np.int16)
        while True:
            block = await self._queue.get()
            if self._outlet.queued_seconds == 0.0:
                await self._outlet.send(cushion)
            await self._outlet.send(block)

    @on_media_loop
    async def close(self) -> None:
        """End it: the filtered track is unpublished. Closing again does nothing."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_SECONDS)

    async def __aenter__(self) -> Live:
        return self

    async def __aexit__(self, *_exc: Any) -> None:
        await self.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else "bypassed" if self.bypass else "running"
        return f"<Live {self.name!r} through {self.filter!r}, {state}>"
