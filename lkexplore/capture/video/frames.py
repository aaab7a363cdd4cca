"""Pictures of a live track, one by one, as RGB arrays."""

from __future__ import annotations

import asyncio
import math
import weakref
from collections.abc import Mapping

from livekit import rtc

from ...errors import LkExploreError, TrackNotFound
from ...sdk.encryption import check_readable
from ...sdk.find_track import find_track
from ...sdk.joined_room import JoinedRoom, sdk_room
from ...sdk.media_loop import media_loop, on_media_loop
from ...sdk.participants import Source
from ...sdk.pending import needs_await
from ...sound.reasons import Reason
from ..following import describe
from .picture import Image, VideoFrame, rgb_of
from .receiver import VideoReceiver

__all__ = ["VideoFrames", "capture_image", "open_watch", "sdk_room"]

FOREVER = 3600.0
"""Seconds to wait for a picture before asking again, which has no end."""

LARGEST_BUFFER = 300
"""Most pictures that may wait to be taken."""


class VideoFrames:
    """Newest-wins iterator over a video track's pictures; what is not taken in time is counted.

    It ends with the track: unpublished or its owner gone for two seconds, or the room left.

    Parameters
    ----------
    source : str, Participant, Track, rtc.TrackPublication or rtc.Track
        The track, or the participant who publishes it; an identity needs `room`. Of several
        video tracks the camera is taken, else the oldest.
    room : Room or rtc.Room, optional
        The room of `source`. Without it, a track that shows nothing for 10 s counts as ended.
    timeout : float
        Seconds to wait for the track and its first picture. Later there is no limit: a muted
        camera, or a screen on which nothing moves, sends nothing.
    buffer : int
        Most pictures that may wait while the caller is busy, 1 to 300; then the oldest is dropped.

    Raises
    ------
    ParticipantNotFound, TrackNotFound, TokenError, RoomClosed
        On the first picture, when the track is not there or cannot be subscribed to.
    LkExploreError
        For a `buffer` out of range.

    See Also
    --------
    capture_image : A single picture.
    lkexplore.frames : Sound, block by block.
    lkexplore.Room.frames : The same as a method of a room, with ``video=True``.

    Notes
    -----
    Also an async context manager. `aclose` ends it; so does forgetting it.
    Taught in ``notebooks/02_recording.ipynb``.

    Examples
    --------
    >>> async for frame in lk.VideoFrames("alice", room=room):    # doctest: +SKIP
    ...     print(frame.time, frame.rgb.shape)
    """

    def __init__(
        self,
        source: Source,
        *,
        room: JoinedRoom | rtc.Room | None = None,
        timeout: float = 10.0,
        buffer: int = 4,
    ) -> None:
        if not (1 <= buffer <= LARGEST_BUFFER):
            raise LkExploreError(f"buffer must be 1 to {LARGEST_BUFFER} pictures, not {buffer!r}")
        self._source, self._room = source, sdk_room(room)
        self._timeout, self._buffer = timeout, buffer
        self._watch: VideoReceiver | None = None
        self._closed = False

    @property
    def dropped(self) -> int:
        """Number of pictures that came and were not taken in time."""
        return 0 if self._watch is None else self._watch.dropped

    @property
    def reason(self) -> Reason | None:
        """How the track ended, see :class:`lkexplore.Reason`; None while it has not."""
        return None if self._watch is None else self._watch.reason

    def __aiter__(self) -> VideoFrames:
        return self

    @on_media_loop
    async def __anext__(self) -> VideoFrame:
        """Return the next picture.

        Raises
        ------
        StopAsyncIteration
            At the end of the track.
        """
        if self._closed:
            raise StopAsyncIteration
        if self._watch is None:
            self._watch = await open_watch(self._room, self._source, self._timeout, self._buffer)
            weakref.finalize(self, _stop, self._watch).atexit = False
        picture = None
        while picture is None:
            picture = await self._watch.next(FOREVER)
            if picture is None and (self._watch.ended or self._closed):
                raise StopAsyncIteration
        rgb = await asyncio.to_thread(rgb_of, picture)
        return VideoFrame(rgb, picture.time)

    @on_media_loop
    async def aclose(self) -> None:
        """End it; a waiting call ends, too. Closing again does nothing."""
        self._closed = True
        if self._watch is not None:
            await self._watch.close()

    async def __aenter__(self) -> VideoFrames:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.aclose()


@needs_await
async def capture_image(
    source: Source, *, room: JoinedRoom | rtc.Room | None = None, timeout: float = 10.0
) -> Image:
    """Return the next picture of a video track.

    Parameters
    ----------
    source : str, Participant, Track, rtc.TrackPublication or rtc.Track
        The track, or the participant who publishes it; an identity needs `room`. Of several
        video tracks the camera is taken, else the oldest.
    room : Room or rtc.Room, optional
        The room of `source`.
    timeout : float
        Seconds to wait for the track, and again for a picture.

    Returns
    -------
    ndarray of uint8
        Red, green, blue, of shape (h, w, 3), upright.

    Raises
    ------
    ParticipantNotFound, TrackNotFound, TokenError, RoomClosed
        The track was not there, could not be subscribed to, or shows nothing.

    See Also
    --------
    lkexplore.VideoFrames : One picture after the other.
    record_video : Pictures over a time.
    lkexplore.Room.capture_image : The same as a method of a room.

    Notes
    -----
    A track that was just published may begin small and blurred; a second later it is not.
    Taught in ``notebooks/02_recording.ipynb``.

    Examples
    --------
    >>> image = await lk.capture_image("alice", room=room)        # doctest: +SKIP
    >>> plt.imshow(image)                                         # doctest: +SKIP
    """
    return await _capture_image(source, sdk_room(room), timeout)


@on_media_loop
async def _capture_image(source: Source, room: rtc.Room | None, timeout: float) -> Image:
    watch = await open_watch(room, source, timeout, keep=1)
    try:
        picture = await watch.next(timeout + 1.0)
        if picture is None:
            name = describe(watch.view)
            raise TrackNotFound(f"{name} {watch.why.words} before it showed a picture")
        return await asyncio.to_thread(rgb_of, picture)
    finally:
        await watch.close()


async def open_watch(
    room: rtc.Room | None,
    source: Source,
    timeout: float,
    keep: int,
    patience: Mapping[Reason, float] | None = None,
) -> VideoReceiver:
    """Find a video track and watch it; call this on the media loop."""
    if not (0 <= timeout < math.inf):
        raise LkExploreError(f"timeout must be 0 or more seconds, not {timeout!r}")
    track, view = await find_track(room, source, "video", timeout)
    check_readable(room, view)
    return VideoReceiver(room, view, track, timeout, keep, patience)


def _stop(watch: VideoReceiver) -> None:
    media_loop().call_soon_threadsafe(watch.stop)
