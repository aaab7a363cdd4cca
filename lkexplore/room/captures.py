"""What a room can capture: the methods of `Room` that give recordings."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal, overload

from ..capture.audio.frames import Block, Frames, capture_frames, frames
from ..capture.audio.last_minute import Memory
from ..capture.audio.options import Options
from ..capture.audio.record import capture
from ..capture.audio.record_all import RecordingSession, start_recording
from ..capture.recordings import Recordings
from ..files import SavedRecording
from ..sdk.joined_room import JoinedRoom
from ..sdk.participants import Source
from ..sound.convert import WEBRTC_RATE
from ..sound.recording import Recording

if TYPE_CHECKING:
    from ..capture.video import VideoFrames

__all__ = ["RoomCaptures"]

SETTLING = 4.5
"""Seconds that the jitter buffer of a new track may take to settle."""


class RoomCaptures(JoinedRoom):
    """The part of a `Room` that records."""

    _memory: Memory
    _sessions: set[RecordingSession]

    @overload
    async def record(
        self,
        source: Source,
        seconds: float | None = None,
        *,
        path: None = None,
        overwrite: bool = False,
        sample_rate: int = WEBRTC_RATE,
        channels: int = 1,
        timeout: float = 10.0,
    ) -> Recording: ...
    @overload
    async def record(
        self,
        source: Source,
        seconds: float | None = None,
        *,
        path: str | os.PathLike[str],
        overwrite: bool = False,
        sample_rate: int = WEBRTC_RATE,
        channels: int = 1,
        timeout: float = 10.0,
    ) -> SavedRecording: ...
    async def record(
        self,
        source: Source,
        seconds: float | None = None,
        *,
        path: str | os.PathLike[str] | None = None,
        overwrite: bool = False,
        sample_rate: int = WEBRTC_RATE,
        channels: int = 1,
        timeout: float = 10.0,
    ) -> Recording | SavedRecording:
        """Record an audio track of this room.

        Cancelling the call, or interrupting the kernel, returns what was captured up to then.

        Parameters
        ----------
        source : str, Participant, Track, rtc.TrackPublication or rtc.Track
            An identity, or a track of this room (one of ours, too).
        seconds : float, optional
            How long; by default until the track ends or the call is cancelled.
        path : str or path-like, optional
            A new ``.wav`` or ``.flac`` file to write to as the sound comes.
        overwrite : bool
            Whether an old file of that name may be replaced.
        sample_rate : int
            Hz.
        channels : int
            1 or 2.
        timeout : float
            Seconds to wait for the participant, the track and its first frame.

        Returns
        -------
        Recording, or SavedRecording if there is a path
            See `lkexplore.record`, which says everything about it.

        Raises
        ------
        ParticipantNotFound, TrackNotFound, TokenError, RoomClosed, SoundError, FileError
            As `lkexplore.record`.

        Examples
        --------
        >>> voice = await room.record("alice", seconds=5)    # doctest: +SKIP
        """
        options = Options(seconds, sample_rate, channels, timeout, overwrite)
        return await capture(self.rtc, source, options, path)

    async def record_all(
        self,
        seconds: float,
        *,
        folder: str | os.PathLike[str] | None = None,
        overwrite: bool = False,
        sample_rate: int = WEBRTC_RATE,
        channels: int = 1,
        settling: float = SETTLING,
        timeout: float = 10.0,
    ) -> Recordings[Any]:
        """Record everyone at once: the same start, the same length, on one clock.

        Cancelling the call, or interrupting the kernel, returns what was captured up to then.

        Parameters
        ----------
        seconds : float
            How long, 0 or more.
        folder : str or path-like, optional
            Where to write a ``.flac`` file for each track as the sound comes; made if need be.
        overwrite : bool
            Whether old files may be replaced.
        sample_rate : int
            Hz.
        channels : int
            1 or 2.
        settling : float
            Seconds to wait at most before it begins, for the jitter buffers of new tracks to
            settle: until then, the buffer stretches and squeezes the sound.
        timeout : float
            Seconds to wait for each track, and for the last sound to come in.

        Returns
        -------
        Recordings
            One recording for each audio track of the others, by identity and track name; whoever
            comes later, leaves or publishes again has silence for the rest, marked as a gap.

        Raises
        ------
        RoomClosed
            We are not in the room (any more).
        SoundError, FileError
            For arguments that cannot be used.

        Warns
        -----
        UserWarning
            For each track that could not be recorded, or not to its end: a full disk, say.

        Notes
        -----
        What was sent at one instant stands at one place in all recordings, as far as the way
        through the network is as long: the jitter buffers' delays are taken off, and
        ``recording.timing`` says how sure that is. Taught in ``notebooks/02_recording.ipynb``.

        Examples
        --------
        >>> recordings = await room.record_all(10)           # doctest: +SKIP
        >>> recordings["alice"].gaps                         # doctest: +SKIP
        (Gap(start=3.1, end=4.2, reason='muted'),)
        """
        options = Options(seconds, sample_rate, channels, timeout, overwrite)
        session = await start_recording(self.rtc, None, options, folder, settling)
        return await self._kept(session)

    async def start_recording(
        self,
        identity: str | None = None,
        *,
        folder: str | os.PathLike[str] | None = None,
        overwrite: bool = False,
        sample_rate: int = WEBRTC_RATE,
        channels: int = 1,
        timeout: float = 10.0,
    ) -> RecordingSession:
        """Begin to record, until told to stop: everyone, or one participant.

        Parameters
        ----------
        identity : str, optional
            Whose tracks; by default everyone's but ours, those who come later included.
        folder : str or path-like, optional
            Where to write a ``.flac`` file for each track as the sound comes; made if need be.
        overwrite, sample_rate, channels, timeout
            As in `record_all`.

        Returns
        -------
        RecordingSession
            It is recording. ``await session.stop()`` gives the `Recordings`; those who left
            before have what was heard of them.

        Raises
        ------
        RoomClosed
            We are not in the room (any more).
        SoundError, FileError
            For arguments that cannot be used.

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
        options = Options(None, sample_rate, channels, timeout, overwrite)
        session = await start_recording(self.rtc, identity, options, folder)
        self._sessions = {other for other in self._sessions if not other.done} | {session}
        return session

    async def _kept(self, session: RecordingSession) -> Recordings[Any]:
        self._sessions = {other for other in self._sessions if not other.done} | {session}
        return await session

    async def capture_frames(
        self,
        source: Source,
        count: int,
        *,
        block: int = 960,
        sample_rate: int = WEBRTC_RATE,
        channels: int = 1,
        timeout: float = 10.0,
    ) -> list[Block]:
        """Capture the next blocks of a live track, every one of them.

        Parameters
        ----------
        source : str, Participant, Track, rtc.TrackPublication or rtc.Track
            Whose sound.
        count : int
            How many blocks, 0 or more.
        block : int
            Samples of each.
        sample_rate : int
            Hz.
        channels : int
            1 or 2.
        timeout : float
            Seconds to wait for the track and its first frame.

        Returns
        -------
        list of ndarray of float32, shape (channels, block)
            See `lkexplore.capture_frames`.

        Examples
        --------
        >>> blocks = await room.capture_frames("alice", 50)  # doctest: +SKIP
        """
        return await capture_frames(
            source,
            count,
            room=self.rtc,
            block=block,
            sample_rate=sample_rate,
            channels=channels,
            timeout=timeout,
        )

    @overload
    def frames(
        self,
        source: Source,
        *,
        block: int = 960,
        sample_rate: int = WEBRTC_RATE,
        channels: int = 1,
        video: Literal[False] = False,
        timeout: float = 10.0,
    ) -> Frames: ...
    @overload
    def frames(
        self, source: Source, *, video: Literal[True], timeout: float = 10.0
    ) -> VideoFrames: ...
    def frames(
        self,
        source: Source,
        *,
        block: int = 960,
        sample_rate: int = WEBRTC_RATE,
        channels: int = 1,
        video: bool = False,
        timeout: float = 10.0,
    ) -> Frames | VideoFrames:
        """Give a live track in blocks, none dropped up to 10 s behind; then the oldest, counted.

        Of video, the newest picture is given, and those that nobody fetched are counted.

        Parameters
        ----------
        source : str, Participant, Track, rtc.TrackPublication or rtc.Track
            Whose track.
        block : int
            Samples of each block.
        sample_rate : int
            Hz.
        channels : int
            1 or 2.
        video : bool
            Whether to give pictures, as RGB arrays, instead of sound.
        timeout : float
            Seconds to wait for the track and its first frame.

        Returns
        -------
        Frames or VideoFrames
            For ``async for``; see `lkexplore.frames` and `lkexplore.capture.video.VideoFrames`.

        Notes
        -----
        Taught in ``notebooks/02_recording.ipynb``.

        Examples
        --------
        >>> async for block in room.frames("alice", block=480):   # doctest: +SKIP
        ...     print(20 * np.log10(np.abs(block).max() + 1e-9))
        >>> async for frame in room.frames("alice", video=True):  # doctest: +SKIP
        ...     print(frame.time, frame.rgb.shape)
        """
        if video:
            from ..capture.video import VideoFrames

            return VideoFrames(source, room=self.rtc, timeout=timeout)
        return frames(
            source,
            room=self.rtc,
            block=block,
            sample_rate=sample_rate,
            channels=channels,
            timeout=timeout,
        )

    def last(self, identity: str, seconds: float) -> Recording:
        """Return what was just heard of someone.

        Parameters
        ----------
        identity : str
            Whose audio track; the latest if there were several.
        seconds : float
            How much, at most what the room keeps: 60 s unless ``connect(..., memory=...)`` says
            otherwise.

        Returns
        -------
        Recording
            Mono at 48000 Hz; shorter when less was heard since we joined.

        Raises
        ------
        ParticipantNotFound, TrackNotFound
            Nothing was heard of them; the message names who was heard.
        SoundError
            For more than the room keeps.

        Examples
        --------
        >>> last = room.last("alice", 30)                # doctest: +SKIP
        """
        return self._memory.last(identity, seconds)
