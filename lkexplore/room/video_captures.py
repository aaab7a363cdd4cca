"""Pictures in a room: the methods of `Room` that record or filter video."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, overload

from ..sdk.joined_room import JoinedRoom
from ..sdk.participants import Participant, Source
from ..sdk.pending import needs_await

if TYPE_CHECKING:
    from ..capture.video.picture import Image
    from ..capture.video.saved_video import SavedVideo
    from ..capture.video.video_recording import VideoRecording
    from ..live.picture_worker import PictureFilter
    from ..live.video import LiveVideo

__all__ = ["RoomVideo"]


class RoomVideo(JoinedRoom):
    """The part of a `Room` that records and filters pictures."""

    @needs_await
    async def capture_image(self, source: Source, *, timeout: float = 10.0) -> Image:
        """Return the next picture of a video track of this room.

        Parameters
        ----------
        source : str, Participant, Track, rtc.TrackPublication or rtc.Track
            The identity of a participant, or a video track of this room.
        timeout : float
            Seconds to wait for the track, and again for a picture.

        Returns
        -------
        ndarray of uint8
            Red, green, blue, of shape (h, w, 3), upright.

        Raises
        ------
        ParticipantNotFound, TrackNotFound, TokenError, RoomClosed
            As `lkexplore.capture_image`.

        See Also
        --------
        lkexplore.capture_image : The same for rooms of the LiveKit SDK, with all the details.
        record_video : Pictures over a time.
        frames : With ``video=True``, one picture after the other.

        Examples
        --------
        >>> image = await room.capture_image("alice")            # doctest: +SKIP
        """
        from ..capture.video.frames import capture_image

        return await capture_image(source, room=self.rtc, timeout=timeout)

    @overload
    async def record_video(
        self,
        source: Source,
        seconds: float | None = None,
        *,
        path: None = None,
        overwrite: bool = False,
        max_bytes: int = 1_000_000_000,
        timeout: float = 10.0,
    ) -> VideoRecording: ...
    @overload
    async def record_video(
        self,
        source: Source,
        seconds: float | None = None,
        *,
        path: str | os.PathLike[str],
        overwrite: bool = False,
        max_bytes: int = 1_000_000_000,
        timeout: float = 10.0,
    ) -> SavedVideo: ...
    @needs_await
    async def record_video(
        self,
        source: Source,
        seconds: float | None = None,
        *,
        path: str | os.PathLike[str] | None = None,
        overwrite: bool = False,
        max_bytes: int = 1_000_000_000,
        timeout: float = 10.0,
    ) -> VideoRecording | SavedVideo:
        """Record the pictures of a video track of this room, into memory or as an MP4.

        Cancelling the call, or interrupting the kernel, returns what was captured up to then.

        Parameters
        ----------
        source : str, Participant, Track, rtc.TrackPublication or rtc.Track
            The identity of a participant, or a video track of this room.
        seconds : float, optional
            Length in seconds from the first picture on, 0 or more; by default until the track
            ends or the call is cancelled.
        path : str or path-like, optional
            An MP4 file, written as the pictures come, instead of keeping them in memory.
        overwrite : bool
            Whether an existing file may be replaced.
        max_bytes : int
            Most bytes of memory that the pictures may take.
        timeout : float
            Seconds to wait for the track and for its first picture.

        Returns
        -------
        VideoRecording or SavedVideo
            What was recorded; see `lkexplore.record_video`.

        Raises
        ------
        ParticipantNotFound, TrackNotFound, TokenError, RoomClosed, LkExploreError, FileError
            As `lkexplore.record_video`.

        See Also
        --------
        lkexplore.record_video : The same for rooms of the LiveKit SDK, with all the details.
        record_av : Pictures with their sound.
        capture_image : One picture.

        Examples
        --------
        >>> film = await room.record_video("alice", 5)           # doctest: +SKIP
        """
        from ..capture.video.record import record_video

        if path is None:
            return await record_video(
                source, seconds, room=self.rtc, max_bytes=max_bytes, timeout=timeout
            )
        return await record_video(
            source, seconds, room=self.rtc, path=path, overwrite=overwrite, timeout=timeout
        )

    @needs_await
    async def record_av(
        self,
        source: str | Participant,
        seconds: float | None = None,
        *,
        path: str | os.PathLike[str],
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
            Path of the file, which ends in ``.mp4``.
        overwrite : bool
            Whether an existing file may be replaced.
        timeout : float
            Seconds to wait for the video track and its first picture.

        Returns
        -------
        SavedVideo
            The film; see `lkexplore.record_av`.

        Raises
        ------
        ParticipantNotFound, TrackNotFound, TokenError, RoomClosed, LkExploreError, FileError
            As `lkexplore.record_av`.

        See Also
        --------
        lkexplore.record_av : The same for rooms of the LiveKit SDK, with all the details.
        record_video : The pictures alone.
        record : The sound alone.

        Examples
        --------
        >>> saved = await room.record_av("alice", 10, path="alice.mp4")    # doctest: +SKIP
        """
        from ..capture.video.record import record_av

        return await record_av(
            source, seconds, path=path, room=self.rtc, overwrite=overwrite, timeout=timeout
        )

    @needs_await
    async def live_video(
        self,
        source: Source,
        filter: PictureFilter,
        *,
        name: str | None = None,
        timeout: float = 10.0,
    ) -> LiveVideo:
        """Send a live track's pictures through a function, and publish them as a track of ours.

        Parameters
        ----------
        source : str, Participant, Track, rtc.TrackPublication or rtc.Track
            The identity of a participant, or a video track of this room.
        filter : callable
            Function from a picture to a picture: uint8 of shape (h, w, 3), red, green, blue,
            upright. It may change the picture that it is given, and return one of another size,
            at least 16x16 pixels. It runs on a thread of its own. When it is slower than the
            pictures come, it is given the newest, and those between are counted as dropped.
        name : str, optional
            Name of the new track; by default ``"<identity> (filtered)"``.
        timeout : float
            Seconds to wait for the track, for its first picture, and for the server to accept
            ours.

        Returns
        -------
        LiveVideo
            Its ``filter`` can be replaced while it runs; ``await live.close()`` ends it.

        Raises
        ------
        ParticipantNotFound, TrackNotFound, TokenError, RoomClosed, WaitTimeout
            As `capture_image` and `publish`.
        FilterError
            If `filter` is no plain function.

        See Also
        --------
        live : The same for sound.
        record_video : Keeps the pictures, unchanged.

        Notes
        -----
        Taught in ``notebooks/05_live_filter.ipynb``.

        Examples
        --------
        >>> live = await room.live_video("alice", lambda rgb: 255 - rgb)    # doctest: +SKIP
        """
        from ..live.video import live_video

        return await live_video(self, source, filter, name=name, timeout=timeout)
