"""Recording a participant's camera: into memory, or with its sound into an MP4."""

from __future__ import annotations

import asyncio
import math
import os
import time
import warnings
from pathlib import Path
from typing import overload

import numpy as np
from livekit import rtc

from ...errors import LkExploreError
from ...sdk.joined_room import JoinedRoom
from ...sdk.media_loop import on_media_loop
from ...sdk.participants import Participant, Source
from ...sdk.pending import needs_await
from ...sound.arguments import as_flag, as_length, as_seconds
from ...sound.in_words import kind_of, shown
from ...sound.progress import show_progress
from ...sound.reasons import Reason
from ...sound.validation import as_real
from ..following import WHILE_THEY_ARE_HERE, describe
from ..rooms import as_sdk_room
from .film_sound import FilmSound
from .frames import open_watch
from .growing_mp4 import checked_path
from .receiver import VideoReceiver
from .saved_video import SavedVideo
from .storage import VideoFileStore, VideoMemoryStore
from .take import VideoTake, film
from .video_recording import VideoRecording

__all__ = ["record_av", "record_video"]

KEEP = 120
"""Most pictures that may wait to be converted."""

STEREO = 2
"""Channels of the sound in a film."""


@overload
async def record_video(
    source: Source,
    seconds: float | None = None,
    *,
    room: JoinedRoom | rtc.Room | None = None,
    path: None = None,
    overwrite: bool = False,
    max_bytes: int = 1_000_000_000,
    timeout: float = 10.0,
) -> VideoRecording: ...
@overload
async def record_video(
    source: Source,
    seconds: float | None = None,
    *,
    room: JoinedRoom | rtc.Room | None = None,
    path: str | os.PathLike[str],
    overwrite: bool = False,
    max_bytes: int = 1_000_000_000,
    timeout: float = 10.0,
) -> SavedVideo: ...
@needs_await
async def record_video(
    source: Source,
    seconds: float | None = None,
    *,
    room: JoinedRoom | rtc.Room | None = None,
    path: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    max_bytes: int = 1_000_000_000,
    timeout: float = 10.0,
) -> VideoRecording | SavedVideo:
    """Record the pictures of a video track, into memory or as an MP4.

    Cancelling the call, or interrupting the kernel, returns what was captured up to then, and
    ``ended`` is then ``"stopped"``. From one second on, a notebook or a terminal shows a progress
    bar.

    Parameters
    ----------
    source : str, Participant, Track, rtc.TrackPublication or rtc.Track
        The track, or the participant who publishes it; an identity needs `room`. Of several
        video tracks the camera is taken, else the oldest.
    seconds : float, optional
        Length in seconds from the first picture on, 0 or more; by default until the track ends or
        the call is cancelled.
    room : Room or rtc.Room, optional
        The room of `source`.
    path : str or path-like, optional
        An MP4 file, written as the pictures come, instead of keeping them in memory. At any time
        it plays up to the last second, even when the process is killed. One that exists is refused
        at once.
    overwrite : bool
        Whether an existing file may be replaced instead.
    max_bytes : int
        Most bytes of memory that the pictures may take: a film that would need more is refused,
        one that does need more ends.
    timeout : float
        Seconds to wait for the track and for its first picture.

    Returns
    -------
    VideoRecording or SavedVideo
        A `SavedVideo` with `path`, else a `VideoRecording`. When the track ends before `seconds`
        are over, when the memory is full or the disk takes no more, it holds what there was, and
        a `UserWarning` says so.

    Raises
    ------
    ParticipantNotFound, TrackNotFound, TokenError, RoomClosed
        The track was not there, could not be subscribed to, or showed nothing.
    LkExploreError
        For `seconds` that are negative or not a number, or more than fits into `max_bytes`.
    FileError
        The file cannot be made.

    See Also
    --------
    record_av : Pictures with their sound.
    capture_image : One picture.
    lkexplore.Room.record_video : The same as a method of a room.

    Notes
    -----
    Pictures that come in another size than the first, as when the sender adapts to its network,
    are scaled to that. Times are when the pictures arrived, see `VideoFrame`. A time without
    pictures is a gap when it is longer than 1.5 s, or 0.15 s if the track was muted, unpublished or
    subscribed to again, or our connection was lost meanwhile; the picture before stands still.
    Taught in ``notebooks/02_recording.ipynb``.

    Examples
    --------
    >>> film = await lk.record_video("alice", 5, room=room)                # doctest: +SKIP
    >>> film[2.5].shape                                                    # doctest: +SKIP
    (360, 640, 3)
    """
    job = _Job(as_sdk_room(room), source, as_length(seconds), _checked(timeout))
    if path is None:
        if not 0 < as_real(max_bytes) < math.inf:
            raise LkExploreError(f"max_bytes must be more than 0, not {shown(max_bytes)}")
        with show_progress(job):
            recording, early = await _to_memory(job, int(max_bytes))
        _warn(early)
        return recording
    _check_some_seconds(seconds)
    target = checked_path(path, as_flag("overwrite", overwrite))
    with show_progress(job):
        saved, early = await _to_file(job, target, overwrite)
    _warn(early)
    return saved


@needs_await
async def record_av(
    source: str | Participant,
    seconds: float | None = None,
    *,
    path: str | os.PathLike[str],
    room: JoinedRoom | rtc.Room,
    overwrite: bool = False,
    timeout: float = 10.0,
) -> SavedVideo:
    """Record a participant's camera and microphone into one MP4, in sync.

    Cancelling the call, or interrupting the kernel, returns what was captured up to then, and
    ``ended`` is then ``"stopped"``. From one second on, a notebook or a terminal shows a progress
    bar.

    Parameters
    ----------
    source : str or Participant
        The participant to record, or their identity.
    seconds : float, optional
        Length in seconds, more than 0; by default until the video track ends or the call is
        cancelled.
    path : str or path-like
        Path of the file, which ends in ``.mp4``: H.264 and AAC in stereo. At any time it plays
        up to the last second, even when the process is killed. One that exists is refused at once.
    room : Room or rtc.Room
        The room of the participant.
    overwrite : bool
        Whether an existing file may be replaced instead.
    timeout : float
        Seconds to wait for the video track and its first picture.

    Returns
    -------
    SavedVideo
        As from `record_video`. Without an audio track, and where it is muted, there is silence;
        where pictures are missing, the last one stands.

    Raises
    ------
    ParticipantNotFound, TrackNotFound, TokenError, RoomClosed
        There is no video track (record the sound alone with `record`).
    LkExploreError
        For `seconds` that are not more than 0.
    FileError
        The file cannot be made.

    See Also
    --------
    record_video : The pictures alone.
    record : The sound alone.
    lkexplore.Room.record_av : The same as a method of a room.

    Notes
    -----
    Sound and pictures wait in jitter buffers of different length before they are handed over. How
    long they waited is known from the tracks' statistics, read twice a second, and subtracted;
    when the wait for the sound changes, the pictures follow it. What remains is the difference
    between the sender's own delays, and on a good network some 10 ms; where packets were lost and
    sent again it was up to 40 ms, and more while a network changes.
    Taught in ``notebooks/02_recording.ipynb``.

    Examples
    --------
    >>> saved = await lk.record_av("alice", 10, path="alice.mp4", room=room)   # doctest: +SKIP
    """
    job = _Job(as_sdk_room(room), source, as_length(seconds), _checked(timeout))
    _check_some_seconds(seconds)
    if not isinstance(source, str | Participant):
        raise LkExploreError(
            f"cannot record picture and sound of {kind_of(source)}: give an identity or a "
            "participant"
        )
    if room is None:
        raise LkExploreError(f"which room is {source!r} in? Give room=, or use room.record_av()")
    target = checked_path(path, as_flag("overwrite", overwrite))
    with show_progress(job):
        saved, early = await _to_file(job, target, overwrite, STEREO)
    _warn(early)
    return saved


class _Job:
    """What is to be filmed, and how far that is, as its progress bar shows it."""

    def __init__(
        self, room: rtc.Room | None, source: Source, seconds: float | None, timeout: float
    ) -> None:
        self.room, self.source, self.seconds, self.timeout = room, source, seconds, timeout
        self.length = math.inf if seconds is None else seconds
        self.sink: VideoMemoryStore | VideoFileStore | None = None
        self.recorded: float | None = None

    @property
    def elapsed(self) -> float:
        """Seconds since the first picture, at most its length; how long it is once it is over."""
        if self.recorded is not None:
            return self.recorded
        opened = None if self.sink is None else self.sink.opened
        return 0.0 if opened is None else min(time.monotonic() - opened, self.length)

    async def watch(self) -> VideoReceiver:
        """Find the track."""
        # How long to wait for a track that is gone is as in `record`.
        patience = None if self.seconds is None else WHILE_THEY_ARE_HERE
        return await open_watch(self.room, self.source, self.timeout, KEEP, patience)

    async def film(
        self,
        watch: VideoReceiver,
        sink: VideoMemoryStore | VideoFileStore,
        sound: FilmSound | None = None,
    ) -> VideoTake:
        """Film into a sink."""
        self.sink = sink
        filmed = await film(watch, sink, self.seconds, sound)
        self.recorded = filmed.duration
        return filmed


@on_media_loop
async def _to_memory(job: _Job, most: int) -> tuple[VideoRecording, str]:
    watch = await job.watch()
    sink = VideoMemoryStore(most)
    try:
        filmed = await job.film(watch, sink)
    finally:
        await watch.close()
    view = watch.view
    recording = VideoRecording(
        sink.take(),
        np.array(sink.times),
        filmed.duration,
        filmed.started_at,
        filmed.started,
        view.identity or None,
        view.sid,
        view.name or None,
        tuple(filmed.gaps),
        watch.dropped,
        sink.sizes.resized,
        filmed.ended,
        sizes=sink.sizes.others,
    )
    return recording, _early(watch, filmed, job.seconds, sink.problem)


@on_media_loop
async def _to_file(
    job: _Job, target: Path, overwrite: bool, channels: int = 0
) -> tuple[SavedVideo, str]:
    watch = await job.watch()
    sound = None
    if channels and job.room is not None:
        sound = FilmSound(job.room, watch.view.identity, channels)
    sink = VideoFileStore(target, channels, overwrite=overwrite)
    try:
        filmed = await job.film(watch, sink, sound)
    finally:
        sink.abandon()
        await asyncio.gather(watch.close(), *([sound.close()] if sound is not None else []))
    return _saved(watch, filmed, sink, sound), _early(watch, filmed, job.seconds, sink.problem)


def _saved(
    watch: VideoReceiver, filmed: VideoTake, sink: VideoFileStore, sound: FilmSound | None
) -> SavedVideo:
    file, view = sink.file, watch.view
    if file is None:
        raise LkExploreError("the film was not begun")
    return SavedVideo(
        file.path,
        filmed.duration,
        file.size,
        np.array(file.times),
        sound is not None,
        filmed.started_at,
        filmed.started,
        view.identity or None,
        view.sid,
        view.name or None,
        tuple(filmed.gaps),
        () if sound is None else tuple(sound.silences),
        watch.dropped + sink.dropped,
        file.sizes.resized,
        filmed.ended,
        sink.problem or None,
        sizes=file.sizes.others,
    )


def _early(
    watch: VideoReceiver, filmed: VideoTake, seconds: float | None, problem: str = ""
) -> str:
    """Return why a recording is shorter than wanted, '' if it is not."""
    after = f"after {filmed.duration:.2f} s"
    if filmed.ended is Reason.FAILED:
        return f"{problem}; {after} the recording ends"
    open_ended = seconds is None and watch.reason is not None
    if filmed.ended in (Reason.COMPLETE, Reason.STOPPED) or open_ended:
        return ""
    wanted = f"after {filmed.duration:.2f} of {seconds:g} s" if seconds is not None else after
    how = problem or filmed.ended.words
    return f"{describe(watch.view)} {how} {wanted}: the recording ends there"


def _warn(early: str) -> None:
    if early:
        warnings.warn(early, UserWarning, stacklevel=3)


def _checked(timeout: object) -> float:
    seconds = as_seconds("timeout", timeout)
    if math.isinf(seconds):
        raise LkExploreError("timeout must be a number of seconds, not endless")
    return seconds


def _check_some_seconds(seconds: float | None) -> None:
    if seconds == 0:
        raise LkExploreError("a file of 0 s has no pictures: give more seconds")
