"""A filter on a live track: what somebody says goes through it and back into the room."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np
from livekit import rtc
from livekit.protocol.models import AudioTrackFeature
from numpy.typing import NDArray

from ..capture.feed import FRAME_MS, listen
from ..filters import Filter, as_filter
from ..filters.swap import Swap
from ..finding import Changes, everyone, find_track
from ..loop import MediaUse, media_loop, on_media_loop
from ..outgoing import RATE, Outlet, open_outlet
from ..tracks import Source
from .busy import kernel
from .cushion import Cushion
from .guard import Guard
from .stats import LiveStats
from .stretch import Stretch

if TYPE_CHECKING:
    from ..room import Room

__all__ = ["Live", "live"]

FIRST_CUSHION = 0.010
"""Seconds of silence before the first block; from then on, the cushion finds its own size."""

QUEUE_FRAMES = 100
QUEUE_MS = 1000
LOOK_SECONDS = 0.25
CLOSE_SECONDS = 5.0
AVERAGED_BLOCKS = 50

AT_ONCE, BETWEEN = 0.005, 0.010
"""Seconds of work on the past that a filter put in is given at once, and then after each block."""

ALIKE_STEPS = 8
"""Steps of 16 bits by which the channels of what is mono may differ, by rounding."""

APART_BLOCKS = 3
"""Blocks in a row after which it is stereo: what the decoder makes up for a lost packet of mono
may differ once."""

_INT16_STEP = np.float32(1 / 32768)
_log = logging.getLogger("lkexplore")


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
    chosen = Swap(as_filter(filter), patient=True)
    track, view = await find_track(room.rtc, source, "audio", timeout)
    features = view.publication.audio_features if view.publication else ()
    # It tells of browsers only: for all others it is heard, see Live.
    channels = 2 if int(AudioTrackFeature.TF_STEREO) in map(int, features) else 1
    title = name or f"{view.identity or view.name} (filtered)"
    outlet = await open_outlet(room, title, channels=channels, queue_ms=QUEUE_MS, timeout=timeout)
    made = Live(room, outlet, chosen, channels)
    kernel.watch()
    made.follow(track, view.identity)
    return made


class Live:
    """A live filter; made by `Room.live`.

    Attributes
    ----------
    name : str
        Name of the track that comes out.
    channels : int
        1 or 2, as the track that goes in: 2 once the channels of three blocks differ. A
        filter that makes two channels of one, such as `pan`, is heard in two.
    publication : rtc.LocalTrackPublication
        The SDK's own object.

    Notes
    -----
    Also an async context manager. A filter that raises, puts out what is no sound, or takes
    longer than the sound lasts is passed by until a filter is put in again: the sound goes on,
    and the traceback is shown once. What is queued for late blocks grows when they come late and
    shrinks when they do not, by a few milliseconds at a time, without a click.
    Taught in ``notebooks/05_live_filter.ipynb``.

    Examples
    --------
    >>> live = await room.live("alice", lk.filters.lowpass(1000))     # doctest: +SKIP
    >>> live.filter = lk.filters.notch(50)                            # doctest: +SKIP
    >>> await live.close()                                            # doctest: +SKIP
    """

    def __init__(self, room: Room, outlet: Outlet, filter: Swap, channels: int) -> None:
        self.publication = outlet.publication
        self.name, self.channels = self.publication.name, channels
        self._room, self._outlet = room, outlet
        self._guard = Guard(filter, channels, RATE)
        self._cushion, self._stretch = Cushion(), Stretch(channels, RATE)
        self._queue: asyncio.Queue[tuple[float, NDArray[np.float32]]] = asyncio.Queue(QUEUE_FRAMES)
        self._dropped = self._apart = 0
        self._failure, self._ending = "", False
        self._spare = 0.0
        self._held: deque[float] = deque(maxlen=AVERAGED_BLOCKS)
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def filter(self) -> Filter:
        """The filter; put another in its place at any time, the change is crossfaded."""
        return self._guard.filter

    @filter.setter
    def filter(self, filter: Filter) -> None:
        self._guard.put(filter)
        media_loop().call_soon_threadsafe(self._prepare, AT_ONCE)

    @property
    def bypass(self) -> bool:
        """Whether the track is to be heard as it is; set it at any time, it is crossfaded."""
        return self._guard.bypass

    @bypass.setter
    def bypass(self, value: bool) -> None:
        self._guard.bypass = bool(value)

    @property
    def error(self) -> str:
        """Why the filter is passed by, with the traceback, or why the track ended; else empty."""
        return self._failure or self._guard.error

    @property
    def closed(self) -> bool:
        """Whether it has ended, by `close` or because the track that goes in did."""
        return bool(self._tasks) and all(task.done() for task in self._tasks)

    @property
    def stats(self) -> LiveStats:
        """What it has done so far."""
        times = 1000 * np.array(self._guard.times or [0.0])
        median, most, longest = np.quantile(times, [0.5, 0.99, 1.0])
        held = np.mean(self._held or [0.0]) + self._guard.latency / RATE
        return LiveStats(
            blocks=self._guard.blocks,
            bypassed=self._guard.bypassed,
            dropped=self._dropped,
            late=self._cushion.late,
            process_ms=(float(median), float(most), float(longest)),
            latency_ms=1000 * float(held),
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
                async with listen(track, 2, self._on_frame):
                    while not sending.done() and self._still_there(track, identity):
                        await changes.wait(LOOK_SECONDS)
        finally:
            self._ending = True
            sending.cancel()
            await asyncio.wait([sending], timeout=CLOSE_SECONDS)
            self._tell(sending)
            await self._outlet.close()
            self._room.lives.discard(self)

    def _tell(self, sending: asyncio.Task[None]) -> None:
        """Log why nothing more could be sent, unless it was to end."""
        if not sending.done() or sending.cancelled() or self._room.closed:
            return
        error = sending.exception()
        self._failure = f"nothing more can be sent: {type(error).__name__}: {error}"
        _log.error("the live filter %r has ended: %s", self.name, self._failure)

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
        came = time.monotonic()
        raw = np.frombuffer(frame.data, np.int16).reshape(-1, 2)
        if self.channels == 1:
            self._apart = self._apart + 1 if _differ(raw[:, 0], raw[:, 1]) else 0
            if self._apart >= APART_BLOCKS:
                self.channels = 2
                self._guard.widen()
        wanted = raw[:, : self.channels].T
        block = np.multiply(wanted, _INT16_STEP, dtype=np.float32, order="C")
        out = self._guard.process(block)
        try:
            self._queue.put_nowait((came, out))
        except asyncio.QueueFull:
            self._dropped += 1

    async def _send(self) -> None:
        """Keep the track fed: what is queued is the cushion for blocks that come late."""
        _, block = await self._queue.get()
        silence = np.zeros((len(block), round(FIRST_CUSHION * RATE)), np.float32)
        await self._outlet.send_float(np.concatenate((silence, block), axis=1))
        while True:
            came, block = await self._queue.get()
            now = time.monotonic()
            queued = self._outlet.queued_seconds
            self._held.append(now - came + queued)
            if len(block) > self._stretch.channels:
                self._stretch.widen()
            coming = self._guard.coming_load * FRAME_MS / 1000
            step = self._cushion.note(queued, now, kernel.busy_for(now), coming)
            length = block.shape[1]
            if step == "lengthen":
                block = self._stretch.lengthen(block)
            elif step == "shorten":
                shorter = self._stretch.shorten(block)
                if shorter.shape[1] < block.shape[1]:
                    self._cushion.shortened(now)
                block = shorter
            else:
                block = self._stretch.keep(block)
            await self._outlet.send_float(block)
            self._spare = queued + (block.shape[1] - length) / RATE
            self._prepare(BETWEEN)

    def _prepare(self, seconds: float) -> None:
        """Work on a filter that comes while there is time, on the media thread."""
        carried = self._cushion.carries(self._spare)
        self._guard.prepare(seconds, carried * 1000 / FRAME_MS)

    @on_media_loop
    async def close(self) -> None:
        """End it: the filtered track is unpublished. Closing again does nothing."""
        if not self._ending:
            self._ending = True
            for task in self._tasks:
                task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_SECONDS)

    async def __aenter__(self) -> Live:
        return self

    async def __aexit__(self, *_exc: Any) -> None:
        await self.close()

    def __repr__(self) -> str:
        on = "passed by" if self.error else "bypassed" if self.bypass else "running"
        state = "closed" if self.closed else on
        return f"<Live {self.name!r} through {self.filter!r}, {state}>"


def _differ(left: NDArray[np.int16], right: NDArray[np.int16]) -> bool:
    apart = np.subtract(left, right, dtype=np.int32)
    return bool(apart.max() > ALIKE_STEPS or apart.min() < -ALIKE_STEPS)
