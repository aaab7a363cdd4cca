"""Recording in a room: the methods of `Room` that give recordings of sound."""

from __future__ import annotations

import os
from typing import Any, overload

from ..capture.audio.last_minute import Memory
from ..capture.audio.options import Options
from ..capture.audio.record import capture
from ..capture.audio.record_all import SETTLING, RecordingSession, record_all, start_recording
from ..capture.recordings import Recordings
from ..files import SavedRecording
from ..sdk.joined_room import JoinedRoom
from ..sdk.participants import Source
from ..sdk.pending import needs_await
from ..sound.convert import WEBRTC_RATE
from ..sound.recording import Recording

__all__ = ["RoomCaptures"]


class RoomCaptures(JoinedRoom):
    """The part of a `Room` that records sound."""

    _memory: Memory

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
    @needs_await
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
            The identity of a participant, or a track of this room (one of our own, too).
        seconds : float, optional
            Length in seconds, 0 or more; by default until the track ends or the call is cancelled.
        path : str or path-like, optional
            A new ``.wav`` or ``.flac`` file, written as the sound comes; one that exists is
            refused at once.
        overwrite : bool
            Whether an existing file of that name may be replaced instead.
        sample_rate : int
            Sample rate of the recording in Hz.
        channels : int
            Number of channels of the recording, 1 or 2.
        timeout : float
            Seconds to wait for the participant, the track and its first frame.

        Returns
        -------
        Recording, or SavedRecording if there is a path
            What was recorded; see `lkexplore.record`.

        Raises
        ------
        ParticipantNotFound, TrackNotFound, TokenError, RoomClosed, SoundError, FileError
            As `lkexplore.record`.

        See Also
        --------
        lkexplore.record : The same for rooms of the LiveKit SDK, with all the details.
        record_all : Everyone at once.
        last : What was heard just before now.

        Examples
        --------
        >>> voice = await room.record("alice", seconds=5)    # doctest: +SKIP
        """
        options = Options(seconds, sample_rate, channels, timeout, overwrite)
        return await capture(self.rtc, source, options, path)

    @needs_await
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
            Length in seconds, 0 or more.
        folder : str or path-like, optional
            Folder in which a ``.flac`` file for each track is written as the sound comes; it is
            made if it does not exist. Where a name is taken, the time is added to it, as in
            ``alice_mic 2026-11-28 01.02.03.flac``: nothing is overwritten.
        overwrite : bool
            Whether existing files may be replaced instead.
        sample_rate : int
            Sample rate of the recordings in Hz.
        channels : int
            Number of channels of each recording, 1 or 2.
        settling : float
            Most seconds to wait, before the recording begins, for the jitter buffers of new
            tracks to settle: until then, they stretch and squeeze the sound.
        timeout : float
            Seconds to wait for each track, and for the last sound to come in.

        Returns
        -------
        Recordings
            One recording for each audio track of the others, by identity and track name. While
            a participant is not there, or publishes nothing, their recording is silent, and the
            silence is marked as a gap.

        Raises
        ------
        RoomClosed
            We are not in the room (any more).
        SoundError, FileError
            For arguments that cannot be used.

        Warns
        -----
        UserWarning
            For each track that could not be recorded to its end, for example on a full disk; the
            same words are in ``recordings.problems``.

        See Also
        --------
        start_recording : The same until it is stopped.
        record : One track.

        Notes
        -----
        What was sent at one instant stands at one place in all recordings, if the ways through
        the network are equally long: the jitter buffers' delays are subtracted, and
        ``recording.timing`` says how sure that is. Taught in ``notebooks/02_recording.ipynb``.

        Examples
        --------
        >>> recordings = await room.record_all(10)           # doctest: +SKIP
        >>> recordings["alice"].gaps                         # doctest: +SKIP
        (Gap(start=3.1, end=4.2, reason='muted'),)
        """
        return await record_all(
            self,
            seconds,
            folder=folder,
            overwrite=overwrite,
            sample_rate=sample_rate,
            channels=channels,
            settling=settling,
            timeout=timeout,
        )

    @needs_await
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
        """Begin to record everyone, or one participant, until told to stop.

        Parameters
        ----------
        identity : str, optional
            The only participant to record; by default everyone but ourselves, including those
            who come later. When nobody of that name is here, a `UserWarning` says so at once, and
            they are recorded once they come.
        folder, overwrite, sample_rate, channels, timeout
            As in `record_all`.

        Returns
        -------
        RecordingSession
            A recording under way. ``await session.stop()`` gives the `Recordings`, including
            those of participants who have left meanwhile. Their ``ended`` is ``"stopped"``, or
            the reason why they ended before.

        Raises
        ------
        RoomClosed
            We are not in the room (any more).
        SoundError, FileError
            For arguments that cannot be used.

        See Also
        --------
        record_all : The same for a given time.
        lkexplore.RecorderPanel : The same with buttons, in a notebook.

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
        return await start_recording(
            self,
            identity,
            folder=folder,
            overwrite=overwrite,
            sample_rate=sample_rate,
            channels=channels,
            timeout=timeout,
        )

    def last(self, identity: str, seconds: float) -> Recording:
        """Return what was heard of a participant just before now.

        Parameters
        ----------
        identity : str
            The participant who was heard; of several audio tracks, the latest is taken.
        seconds : float
            Length in seconds, at most what the room keeps: 60 s unless
            ``connect(..., memory=...)`` says otherwise.

        Returns
        -------
        Recording
            Mono at 48000 Hz; shorter when less was heard since we joined.

        Raises
        ------
        ParticipantNotFound, TrackNotFound
            Nothing was heard of them; the message names who was heard.
        SoundError
            `seconds` is more than the room keeps.

        See Also
        --------
        record : What is heard from now on.
        lkexplore.connect : Takes `memory`, the seconds that the room keeps.

        Examples
        --------
        >>> last = room.last("alice", 30)                # doctest: +SKIP
        """
        return self._memory.last(identity, seconds)
