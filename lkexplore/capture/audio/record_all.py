"""Recording everyone at once, for a given time or until stopped."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import time
import warnings
from collections.abc import Awaitable, Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias, cast

from livekit import rtc

from ...errors import LkExploreError, RoomClosed
from ...files import SavedRecording
from ...sdk.find_track import Changes, find_track
from ...sdk.joined_room import JoinedRoom
from ...sdk.media_loop import MediaUse, media_loop, on_media_loop
from ...sdk.participants import Track, kind_of, track_view
from ...sound.arguments import as_length, as_seconds, as_title
from ...sound.convert import WEBRTC_RATE
from ...sound.progress import show_progress
from ...sound.reasons import Reason
from ...sound.recording import Recording
from ..following import ALWAYS, describe
from ..recordings import Key, Recordings, as_folder, file_name
from ..statistics import watch
from .options import Options
from .receiver import AudioReceiver
from .take import Take
from .wanted import is_here, nobody_called, nothing_from

__all__ = ["RecordingSession", "record_all", "start_recording"]

SETTLING = 4.5
"""Seconds that the jitter buffer of a new track may take to settle."""

LOOK_AGAIN = 1.0
"""Seconds between two looks for tracks, when nothing changes in the room."""

PEEP = 0.05
"""Seconds between two looks whether the jitter buffers have settled."""

OPENING = 0.1
"""Seconds before the recording begins, in which the streams of the tracks that are there open."""

Saved: TypeAlias = Recording | SavedRecording
"""A recording in memory or in a file."""


class _Part:
    """One track of a session: what follows it, and what is left of it in the end."""

    def __init__(self, view: Track, take: Take, listener: AudioReceiver) -> None:
        self.view, self.take, self.listener = view, take, listener
        self.task: asyncio.Task[None] | None = None
        self.recording: Saved | None = None


class RecordingSession(Awaitable[Recordings[Any]]):
    """A recording of everyone in a room, under way: await it for the recordings.

    Made by `Room.start_recording`. Awaiting it shows a progress bar, and returns once it is
    stopped or its time is over. Cancelling that await, or interrupting the kernel, stops it too.

    Notes
    -----
    Taught in ``notebooks/02_recording.ipynb``.

    Examples
    --------
    >>> session = await room.start_recording()           # doctest: +SKIP
    >>> session.elapsed, session.level                   # doctest: +SKIP
    (12.3, -18.2)
    >>> recordings = await session.stop()                # doctest: +SKIP
    """

    def __init__(
        self, room: rtc.Room, identity: str | None, options: Options, folder: Path | None
    ) -> None:
        self._room, self._identity = room, identity
        self._options, self._folder = options, folder
        self._loop = media_loop()
        self._parts: dict[Key, _Part] = {}
        self._names: set[str] = set()
        self._end = math.inf if options.seconds is None else options.seconds
        self._stopping, self._over = asyncio.Event(), asyncio.Event()
        self.started = time.monotonic() + OPENING
        self._began = datetime.now(UTC)
        self._task = self._loop.create_task(self._run())
        self._seen: set[str] = set()
        self._problems: list[str] = []
        self._told = 0
        self._why = Reason.COMPLETE

    @property
    def elapsed(self) -> float:
        """Seconds since it began, at most its length."""
        return max(0.0, min(time.monotonic() - self.started, self._end))

    @property
    def length(self) -> float:
        """Seconds that it takes; infinite until it is stopped, if no length was given."""
        return self._end

    @property
    def levels(self) -> dict[str, float]:
        """Peak of the last 20 ms in dBFS, for everyone who is being recorded."""
        levels: dict[str, float] = {}
        for part in list(self._parts.values()):
            if part.recording is None:
                level = 20 * math.log10(max(part.take.level, 1e-6))
                identity = part.view.identity
                levels[identity] = max(level, levels.get(identity, -120.0))
        return levels

    @property
    def level(self) -> float:
        """The level of the loudest, in dBFS; -120 when there is no sound."""
        return max(self.levels.values(), default=-120.0)

    @property
    def done(self) -> bool:
        """Whether it is over."""
        return self._task.done()

    def stop(self) -> RecordingSession:
        """End it now; ``await session.stop()`` waits for the recordings, and returns them."""
        if not self.done and (math.isinf(self._end) or self.elapsed < self._end):
            self._end, self._why = self.elapsed, Reason.STOPPED
        with contextlib.suppress(RuntimeError):  # the media loop is gone, and the session with it
            self._loop.call_soon_threadsafe(self._stopping.set)
        return self

    def __await__(self) -> Generator[Any, None, Recordings[Any]]:
        return self._result().__await__()

    async def _result(self) -> Recordings[Any]:
        with show_progress(self):
            try:
                recordings = await self._finished()
            except asyncio.CancelledError:
                self.stop()
                recordings = await self._finished()
        self.report()
        return recordings

    @on_media_loop
    async def ended(self) -> None:
        """Wait for its end, without progress bar or recordings."""
        await asyncio.wait([self._task])

    @property
    def recordings(self) -> Recordings[Any]:
        """What is finished so far; all of it once it is over."""
        parts = dict(self._parts)
        finished = {key: part.recording for key, part in parts.items() if part.recording}
        return Recordings(finished, problems=self._problems)

    @on_media_loop
    async def _finished(self) -> Recordings[Any]:
        await asyncio.wait([self._task])
        self._task.result()
        return self.recordings

    def report(self) -> None:
        """Warn of what went wrong since the last time."""
        problems, self._told = self._problems[self._told :], len(self._problems)
        for problem in problems:
            warnings.warn(problem, UserWarning, stacklevel=4)

    # On the media loop

    def discard_empty(self) -> None:
        """Leave no files behind in which there is nothing."""
        for part in self._parts.values():
            if part.take.empty:
                part.take.store.discard()

    async def _run(self) -> None:
        try:
            with MediaUse(), Changes(self._room) as changes:
                self._look_for_tracks()
                while not self._stopping.is_set() and self.elapsed < self._end:
                    if self._room.connection_state == rtc.ConnectionState.CONN_DISCONNECTED:
                        self._why = Reason.DISCONNECTED
                        self._problems.append(
                            f"the connection to room {self._room.name!r} was lost after "
                            f"{self.elapsed:.2f} s: the recordings end there"
                        )
                        break
                    stopped = asyncio.ensure_future(self._stopping.wait())
                    left = min(LOOK_AGAIN, self._end - self.elapsed)
                    woken = asyncio.ensure_future(changes.wait(left))
                    try:
                        await asyncio.wait([stopped, woken], return_when="FIRST_COMPLETED")
                    finally:
                        stopped.cancel()
                        woken.cancel()
                    self._look_for_tracks()
                await self._bring_to_an_end()
        finally:
            for part in self._parts.values():
                if part.task is not None:
                    part.task.cancel()

    async def _bring_to_an_end(self) -> None:
        self._end = min(self._end, self.elapsed)
        self._over.set()
        for part in self._parts.values():
            if part.recording is None:
                part.take.limit(self._end)
                part.listener.poke()
        tasks = [part.task for part in self._parts.values() if part.task is not None]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self._options.timeout)
            for task in late:
                task.cancel()
            await asyncio.wait(tasks)
        if self._identity is not None and not self._parts:
            self._problems.append(nothing_from(self._room, self._identity))

    def _look_for_tracks(self) -> None:
        for participant in list(self._room.remote_participants.values()):
            if self._identity not in (None, participant.identity):
                continue
            for publication in list(participant.track_publications.values()):
                if kind_of(publication) == "audio" and publication.sid not in self._seen:
                    self._include(track_view(publication, participant.identity))

    def _include(self, view: Track) -> None:
        self._seen.add(view.sid)
        parts = self._parts.values()
        if any(part.recording is None and part.listener.would_take(view) for part in parts):
            return
        key, options, folder = self._key(view), self._options, self._folder
        try:
            if folder is None:
                store = options.store(None)
            else:
                store = options.store_in(folder, file_name(key, self._names), self._began)
        except LkExploreError as error:
            self._problems.append(f"{describe(view)} is not recorded: {error}")
            return
        take = Take(store, view, self._options.seconds, self.started, lead=True)
        patience = None if self._options.seconds is None else ALWAYS
        listener = AudioReceiver(self._room, view, take, math.inf, patience)
        part = self._parts[key] = _Part(view, take, listener)
        part.task = self._loop.create_task(self._record(part))

    def _key(self, view: Track) -> Key:
        name = view.name or view.source
        again = 2
        key = view.identity, name
        while key in self._parts:
            key = view.identity, f"{name} ({again})"
            again += 1
        return key

    async def _record(self, part: _Part) -> None:
        ended: Reason | None = None
        try:
            publication = cast(rtc.TrackPublication, part.view.publication)
            track, _ = await find_track(self._room, publication, "audio", self._options.timeout)
            ended = await part.listener.run(track)
            early = ended not in (None, Reason.STOPPED)
            if early and self._options.seconds is not None:
                await self._pad(part, cast(Reason, ended))
        except LkExploreError as error:
            # An error of one track, such as a full disk, must not end the others.
            self._problems.append(f"{describe(part.view)}: {error}")
            ended = Reason.FAILED
        finally:
            part.recording = await part.take.close(ended or self._why)

    async def _pad(self, part: _Part, ended: Reason) -> None:
        """Append silence to the sound that came, so that all recordings have one length."""
        take, connected = part.take, self._room.isconnected()
        if connected:
            take.lapse(ended, time.monotonic())
            self._problems.append(f"{describe(part.view)} {ended.words}: silence from there on")
        await self._over.wait()
        take.limit(self._end)
        take.fill(self.started + self._end, Reason.NOTHING_ARRIVED)


async def record_all(
    room: JoinedRoom,
    seconds: float,
    *,
    folder: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    sample_rate: int = WEBRTC_RATE,
    channels: int = 1,
    settling: float = SETTLING,
    timeout: float = 10.0,
) -> Recordings[Any]:
    """Record everyone at once for a given time; see `Room.record_all`."""
    length = as_length(seconds, open_ended=False)
    options = Options(length, sample_rate, channels, timeout, overwrite)
    settling = as_seconds("settling", settling)
    return await (await _start(room, None, options, folder, settling))


async def start_recording(
    room: JoinedRoom,
    identity: str | None = None,
    *,
    folder: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    sample_rate: int = WEBRTC_RATE,
    channels: int = 1,
    timeout: float = 10.0,
) -> RecordingSession:
    """Begin to record until told to stop; see `Room.start_recording`."""
    options = Options(None, sample_rate, channels, timeout, overwrite)
    wanted = as_title("identity", identity)
    session = await _start(room, wanted, options, folder, settling=0.0)
    if wanted is not None and not is_here(room.rtc, wanted):
        warnings.warn(nobody_called(room.rtc, wanted), UserWarning, stacklevel=3)
    session.report()
    return session


async def _start(
    room: JoinedRoom,
    identity: str | None,
    options: Options,
    folder: str | os.PathLike[str] | None,
    settling: float,
) -> RecordingSession:
    target = None if folder is None else as_folder(folder)
    caller = cast("asyncio.Task[Any]", asyncio.current_task())
    cancelled = caller.cancelling()
    session = await _begin(room.rtc, identity, options, target, settling)
    if caller.cancelling() > cancelled:
        # It came too late to keep the session from beginning.
        session.stop()
    room.sessions = {other for other in room.sessions if not other.done} | {session}
    return session


@on_media_loop
async def _begin(
    room: rtc.Room, identity: str | None, options: Options, folder: Path | None, settling: float
) -> RecordingSession:
    await _settled(room, settling)
    if not room.isconnected():
        raise RoomClosed(f"room {room.name!r} was left: connect again")
    session = RecordingSession(room, identity, options, folder)
    try:
        await asyncio.sleep(OPENING)
    except asyncio.CancelledError:
        await session.stop().ended()
        session.discard_empty()
        raise
    return session


async def _settled(room: rtc.Room, timeout: float) -> None:
    """Wait until the jitter buffers of the tracks that are there have adapted to them."""
    deadline = time.monotonic() + timeout
    tracks = [
        publication.track
        for participant in list(room.remote_participants.values())
        for publication in list(participant.track_publications.values())
        if publication.track is not None and kind_of(publication) == "audio"
    ]
    async with contextlib.AsyncExitStack() as stack:
        vitals = [await stack.enter_async_context(watch(track)) for track in tracks]
        while time.monotonic() < deadline:
            if all(each.latest is not None and each.latest.settled for each in vitals):
                return
            await asyncio.sleep(PEEP)
