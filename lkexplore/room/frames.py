"""Blocks and pictures in a room: the methods of `Room` that give a live track piece by piece."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, overload

from ..capture.audio.frames import Block, Frames, capture_frames, frames
from ..sdk.joined_room import JoinedRoom
from ..sdk.participants import Source
from ..sdk.pending import needs_await
from ..sound.convert import WEBRTC_RATE

if TYPE_CHECKING:
    from ..capture.video import VideoFrames

__all__ = ["RoomFrames"]


class RoomFrames(JoinedRoom):
    """The part of a `Room` that gives live tracks piece by piece."""

    @needs_await
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
            The identity of a participant, or an audio track of this room.
        count : int
            Number of blocks, 0 or more.
        block : int
            Samples in each block and channel, 1 to 1048576.
        sample_rate : int
            Sample rate of the blocks in Hz.
        channels : int
            Number of channels of the blocks, 1 or 2.
        timeout : float
            Seconds to wait for the track and its first frame.

        Returns
        -------
        list of ndarray of float32, shape (channels, block)
            The blocks; see `lkexplore.capture_frames`.

        See Also
        --------
        lkexplore.capture_frames : The same for rooms of the LiveKit SDK, with all the details.
        frames : One block after the other, without an end.

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
        """Give a live track in blocks of sound, or picture by picture.

        Up to 10 s of sound wait to be fetched; beyond that, the oldest blocks are dropped and
        counted. Of video, the newest picture is given, and those not fetched are counted.

        Parameters
        ----------
        source : str, Participant, Track, rtc.TrackPublication or rtc.Track
            The identity of a participant, or a track of this room.
        block : int
            Samples in each block and channel, 1 to 1048576.
        sample_rate : int
            Sample rate of the blocks in Hz.
        channels : int
            Number of channels of the blocks, 1 or 2.
        video : bool
            Whether to give pictures, as RGB arrays, instead of sound.
        timeout : float
            Seconds to wait for the track and its first frame.

        Returns
        -------
        Frames or VideoFrames
            For ``async for``; see `lkexplore.frames` and `lkexplore.VideoFrames`.

        See Also
        --------
        lkexplore.frames : Blocks of sound from rooms of the LiveKit SDK, with all the details.
        lkexplore.VideoFrames : Pictures, with a choice of how many may wait.
        capture_frames : A given number of blocks.

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
