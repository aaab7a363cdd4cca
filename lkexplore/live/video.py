"""A function on a live track of pictures: what a camera shows goes through it into the room."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from typing import Any

import numpy as np
from livekit import rtc

from ..capture.following import ALWAYS, describe
from ..capture.video.picture import Picture, yuv_of
from ..capture.video.receiver import VideoReceiver
from ..errors import LkExploreError, TrackNotFound
from ..publishing.outgoing_video import OutgoingVideo, open_outgoing_video
from ..sdk.encryption import check_readable
from ..sdk.find_track import find_track
from ..sdk.joined_room import JoinedRoom
from ..sdk.media_loop import on_media_loop
from ..sdk.participants import Source, Track
from ..sound.reasons import Reason
from .picture_worker import PictureFilter, PictureWorker
from .state import State, refuse_unknown, tell_end, words_of
from .stats import LiveStats

__all__ = ["LiveVideo", "live_video"]

MOST_FPS = 30.0
"""Pictures per second for which the new track's bit rate is calculated."""

PATIENCE = 5.0
"""Seconds that a function may take for one picture before it counts as hanging."""

TICK = 0.05
"""Seconds after which a wait for a slow function looks whether it is still wanted."""

LOOK_SECONDS = 0.25
"""Seconds to wait for a picture before looking whether to go on."""

CLOSE_SECONDS = 8.0
"""Seconds that ending it may take."""

KEPT_TIMES = 3000
"""Pictures whose times are kept for the statistics."""

AVERAGED_PICTURES = 30
"""Pictures over which the time that they are held is averaged."""

_log = logging.getLogger("lkexplore")


@on_media_loop
async def live_video(
    room: JoinedRoom,
    source: Source,
    filter: PictureFilter,
    *,
    name: str | None = None,
    timeout: float = 10.0,
) -> LiveVideo:
    """Send a live track's pictures through a function; see `Room.live_video`."""
    worker = PictureWorker(filter)
    if not (0 <= timeout < math.inf):
        raise LkExploreError(f"timeout must be 0 or more seconds, not {timeout!r}")
    track, view = await find_track(room.rtc, source, "video", timeout)
    check_readable(room.rtc, view)
    watch = _Newest(room.rtc, view, track, timeout)
    try:
        first = await watch.next(timeout + 1.0)
        if first is None:
            raise TrackNotFound(f"{describe(view)} {watch.why.words} before it showed a picture")
        title = name or f"{view.identity or view.name} (filtered)"
        size = _full_size(view, first)
        outlet = await open_outgoing_video(room, title, size=size, fps=MOST_FPS, timeout=timeout)
    except BaseException:
        await watch.close()
        raise
    made = LiveVideo(room, watch, outlet, worker)
    made.follow(first)
    return made


class _Newest(VideoReceiver):
    """Keeps the newest picture only, and the time at which it came.

    Attributes
    ----------
    came : float
        Monotonic time in seconds at which the newest picture came.
    """

    def __init__(self, room: rtc.Room, view: Track, track: rtc.Track, timeout: float) -> None:
        self.came = time.monotonic()
        super().__init__(room, view, track, timeout, keep=1, patience=ALWAYS)

    def _take(self, event: rtc.VideoFrameEvent) -> None:
        self.came = time.monotonic()
        super()._take(event)


class LiveVideo:
    """A live track of pictures through a function; made by `Room.live_video`.

    Attributes
    ----------
    name : str
        Name of the filtered track.
    publication : rtc.LocalTrackPublication
        The SDK's own object.

    See Also
    --------
    lkexplore.Room.live_video : Makes one.
    Live : The same for sound.

    Notes
    -----
    Also an async context manager. It follows the person: when they mute, reload the page or publish
    again, the last picture stands until they are back, and our track stays the same one. It ends
    when it is closed, when the room is left or lost, or when we may not see them any more; an end
    that nobody asked for is told once.

    The function runs on a thread of its own, one picture at a time; while it is busy, newer
    pictures take the place of older ones, which are counted as dropped. A function that raises,
    returns anything but a picture, or hangs for 5 s is bypassed until a function is put in again:
    the pictures go on unfiltered, and the traceback is shown once.
    Taught in ``notebooks/05_live_filter.ipynb``.

    Examples
    --------
    >>> live = await room.live_video("alice", lambda rgb: 255 - rgb)    # doctest: +SKIP
    >>> live.filter = lambda rgb: rgb[:, ::-1]                          # doctest: +SKIP
    >>> await live.close()                                              # doctest: +SKIP
    """

    def __init__(
        self, room: JoinedRoom, watch: _Newest, outlet: OutgoingVideo, worker: PictureWorker
    ) -> None:
        self.publication = outlet.publication
        self.name = self.publication.name
        self._room, self._watch, self._outlet, self._worker = room, watch, outlet, worker
        self._bypass = self._ending = False
        self._failure = ""
        self._ended: Reason | None = None
        self._taken = self._bypassed = 0
        self._times: deque[float] = deque(maxlen=KEPT_TIMES)
        self._held: deque[float] = deque(maxlen=AVERAGED_PICTURES)
        self._task: asyncio.Task[None] | None = None

    def __setattr__(self, name: str, value: object) -> None:
        if name[0] != "_":
            refuse_unknown(self, name, ("publication", "name"))
        super().__setattr__(name, value)

    @property
    def filter(self) -> PictureFilter:
        """The function; put another in its place at any time, or the same to try it again."""
        return self._worker.function

    @filter.setter
    def filter(self, filter: PictureFilter) -> None:
        before, self._worker = self._worker, PictureWorker(filter)
        before.end()

    @property
    def bypass(self) -> bool:
        """Whether the pictures are shown unfiltered; set it at any time."""
        return self._bypass

    @bypass.setter
    def bypass(self, value: bool) -> None:
        self._bypass = bool(value)

    @property
    def error(self) -> str:
        """Why the function is bypassed, with the traceback, or why it has ended; else empty."""
        return self._failure or self._worker.error

    @property
    def state(self) -> State:
        """``"running"``, ``"waiting"`` while there is no track to see, or ``"ended"``."""
        if self._ended is not None or self.closed:
            return State.ENDED
        return State.WAITING if self._watch.waiting else State.RUNNING

    @property
    def ended(self) -> Reason | None:
        """Why it has ended, see :class:`lkexplore.Reason`; None while it has not."""
        return self._ended

    @property
    def closed(self) -> bool:
        """Whether it has ended, and its track is unpublished."""
        return self._task is not None and self._task.done()

    @property
    def stats(self) -> LiveStats:
        """What it has done so far, counted in pictures; `late` is always 0."""
        times = 1000 * np.array(self._times or [0.0])
        median, most, longest = np.quantile(times, [0.5, 0.99, 1.0])
        dropped = self._watch.dropped
        return LiveStats(
            blocks=self._taken + dropped,
            bypassed=self._bypassed,
            dropped=dropped,
            late=0,
            process_ms=(float(median), float(most), float(longest)),
            latency_ms=1000 * float(np.mean(self._held or [0.0])),
        )

    def follow(self, first: Picture) -> None:
        """Begin with the first picture; called once, on the media loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(first))
        self._task.add_done_callback(_report)
        # The room closes only what it finds here.
        self._room.lives.add(self)

    async def _run(self, first: Picture) -> None:
        picture: Picture | None = first
        try:
            while not self._room.closed:
                if picture is not None:
                    await self._pass_on(picture)
                elif self._watch.ended:
                    break
                picture = await self._watch.next(LOOK_SECONDS)
        except LkExploreError as error:
            self._failure = str(error)
        finally:
            self._note_end()
            self._worker.end()
            self._room.lives.discard(self)
            await asyncio.gather(self._watch.close(), self._outlet.close())

    def _note_end(self) -> None:
        """Note why it ends, and tell it unless that was asked for."""
        if self._ending:
            self._ended = Reason.STOPPED
            return
        if self._failure:
            self._ended = Reason.FAILED
        else:
            self._ended = self._watch.reason or Reason.DISCONNECTED
            self._failure = f"{describe(self._watch.view)} {self._ended.words}"
        tell_end(self.name, self._failure)

    async def _pass_on(self, picture: Picture) -> None:
        """Show one picture, as the function returns it or unfiltered."""
        self._taken += 1
        came = self._watch.came
        frame = None
        while frame is None and not (self._bypass or self._worker.error or self._worker.busy):
            # Try once more if the function was replaced while it was at work.
            frame = await self._made(self._worker, picture)
        if frame is None:
            self._bypassed += 1
            frame = _as_it_is(picture)
        self._outlet.show(frame)
        self._held.append(time.monotonic() - came)

    async def _made(self, worker: PictureWorker, picture: Picture) -> rtc.VideoFrame | None:
        """Return what a function makes of a picture; None if it fails or is wanted no more."""
        job = worker.begin(picture)
        deadline = time.monotonic() + PATIENCE
        while True:
            await asyncio.wait([job], timeout=TICK)
            if job.done():
                break
            if self._bypass or self._worker is not worker:
                return None
            if time.monotonic() > deadline:
                self._give_up(worker, f"it takes more than {PATIENCE:g} s for a picture")
                return None
        made = job.result()
        self._times.append(made.seconds)
        if made.error and self._worker is worker:
            self._give_up(worker, made.error)
        return made.frame

    def _give_up(self, worker: PictureWorker, why: str) -> None:
        worker.error = why
        _log.error(
            "the live filter %s is passed by, the pictures go on without it: %s\n"
            "Put a filter in again (live.filter = ...) to go on with it.",
            _name(worker.function),
            why,
        )

    @on_media_loop
    async def close(self) -> None:
        """End it: the filtered track is unpublished. Closing again does nothing."""
        if self._task is None:
            return
        if not self._ending:
            self._ending = True
            self._task.cancel()
        await asyncio.wait([self._task], timeout=CLOSE_SECONDS)

    async def __aenter__(self) -> LiveVideo:
        return self

    async def __aexit__(self, *_exc: Any) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<LiveVideo {self.name!r} through {_name(self.filter)}, {words_of(self)}>"


def _as_it_is(picture: Picture) -> rtc.VideoFrame:
    if not picture.turns:
        return picture.frame
    planes = yuv_of(picture)
    height = planes.shape[0] * 2 // 3
    data = np.ascontiguousarray(planes).tobytes()
    return rtc.VideoFrame(planes.shape[1], height, rtc.VideoBufferType.I420, data)


def _full_size(view: Track, first: Picture) -> tuple[int, int]:
    """Return the size to publish for: a new track often shows small pictures first."""
    publication = view.publication
    if publication is None or publication.width * publication.height < np.prod(first.size):
        return first.size
    return publication.width, publication.height


def _name(function: object) -> str:
    return str(getattr(function, "__qualname__", None) or repr(function))


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("a live video ended early: %s", error)
