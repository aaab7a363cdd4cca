"""Recording a participant's camera: into memory, or with its sound into an MP4."""

from __future__ import annotations

import asyncio
import math
import os
import warnings
from collections.abc import Mapping
from typing import overload

import numpy as np
from livekit import rtc

from ...errors import LkExploreError
from ...sdk.joined_room import JoinedRoom
from ...sdk.media_loop import on_media_loop
from ...sdk.participants import Participant, Source
from ...sound.reasons import Reason
from ..following import WHILE_THEY_ARE_HERE, describe
from .film_sound import FilmSound
from .frames import open_watch, sdk_room
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

    Cancelling the call, or interrupting the kernel, returns what was captured up to then.

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
        it plays up to the last second, even when the process is killed.
    overwrite : bool
        Whether an existing file may be replaced.
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
    _check_seconds(seconds)
    if path is None:
        if not max_bytes > 0:
            raise LkExploreError(f"max_bytes must be more than 0, not {max_bytes!r}")
        recording, early = await _to_memory(
            sdk_room(room), source, seconds, int(max_bytes), timeout
        )
        _warn(early)
        return recording
    _check_some_seconds(seconds)
    saved, early = await _to_file(sdk_room(room), source, seconds, path, overwrite, timeout)
    _warn(early)
    return saved


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

    Cancelling the call, or interrupting the kernel, returns what was captured up to then.

    Parameters
    ----------
    source : str or Participant
        The participant to record, or their identity.
    seconds : float, optional
        Length in seconds, more than 0; by default until the video track ends or the call is
        cancelled.
    path : str or path-like
        Path of the file, which ends in ``.mp4``: H.264 and AAC in stereo. At any time it plays
        up to the last second, even when the process is killed.
    room : Room or rtc.Room
        The room of the participant.
    overwrite : bool
        Whether an existing file may be replaced.
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
    _check_seconds(seconds)
    _check_some_seconds(seconds)
    if not isinstance(source, str | Participant):
        raise LkExploreError(
            f"cannot record picture and sound of a {type(source).__name__}: give an identity or "
            "a participant"
        )
    sdk = sdk_room(room)
    if sdk is None:
        raise LkExploreError(f"which room is {source!r} in? Give room=, or use room.record_av()")
    saved, early = await _to_file(sdk, source, seconds, path, overwrite, timeout, STEREO)
    _warn(early)
    return saved


@on_media_loop
async def _to_memory(
    room: rtc.Room | None, source: Source, seconds: float | None, most: int, timeout: float
) -> tuple[VideoRecording, str]:
    watch = await open_watch(room, source, timeout, KEEP, _patience(seconds))
    sink = VideoMemoryStore(most)
    try:
        filmed = await film(watch, sink, seconds, None)
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
        sink.resized,
    )
    return recording, _early(watch, filmed, seconds, sink.problem)


@on_media_loop
async def _to_file(
    room: rtc.Room | None,
    source: Source,
    seconds: float | None,
    path: str | os.PathLike[str],
    overwrite: bool,
    timeout: float,
    channels: int = 0,
) -> tuple[SavedVideo, str]:
    target = checked_path(path, overwrite)
    watch = await open_watch(room, source, timeout, KEEP, _patience(seconds))
    sound = None
    if channels and room is not None:
        sound = FilmSound(room, watch.view.identity, channels)
    sink = VideoFileStore(target, channels)
    try:
        filmed = await film(watch, sink, seconds, sound)
    finally:
        sink.abandon()
        await asyncio.gather(watch.close(), *([sound.close()] if sound is not None else []))
    return _saved(watch, filmed, sink, sound), _early(watch, filmed, seconds, sink.problem)


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
        file.resized,
        filmed.ended,
        sink.problem or None,
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


def _patience(seconds: float | None) -> Mapping[Reason, float] | None:
    """Return how long to wait for a track that is gone: as `record` does."""
    return None if seconds is None else WHILE_THEY_ARE_HERE


def _check_seconds(seconds: float | None) -> None:
    if seconds is not None and not (0 <= seconds < math.inf):
        raise LkExploreError(
            f"cannot record for {seconds!r} seconds: give a number of 0 or more, or None to "
            "record until the track ends"
        )


def _check_some_seconds(seconds: float | None) -> None:
    if seconds == 0:
        raise LkExploreError("a file of 0 s has no pictures: give more seconds")
