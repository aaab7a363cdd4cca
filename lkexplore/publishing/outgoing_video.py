"""A video track of ours: published, fed with pictures, unpublished in order."""

from __future__ import annotations

import asyncio
import logging

import numpy as np
from livekit import rtc
from livekit.rtc.participant import PublishTrackError, UnpublishTrackError

from ..capture.video.picture import Image
from ..errors import LkExploreError, RoomClosed, TokenError, WaitTimeout
from ..sdk.joined_room import JoinedRoom
from ..sdk.media_loop import finish_within, on_loop
from .outgoing_audio import withdraw

__all__ = ["OutgoingVideo", "as_frame", "as_picture", "open_outgoing_video"]

LARGEST = 8192 * 8192
"""Most pixels of a picture."""

LONGEST = 16383
"""Most pixels of a side, the limit of VP8 (RFC 6386, 9.1): larger pictures are lost silently."""

BITS_A_PIXEL = 0.15
"""Bits for each pixel of each picture, from which the bit rate is calculated."""

LEAST_BITRATE = 300_000
"""Lowest bit rate, in bits per second."""

STOP_TIMEOUT = 5.0
"""Seconds that unpublishing the track may take."""

_log = logging.getLogger("lkexplore")


class OutgoingVideo:
    """A published video track that takes pictures; made by `open_outgoing_video`.

    Attributes
    ----------
    publication : rtc.LocalTrackPublication
        The SDK's own object.
    """

    def __init__(
        self, room: JoinedRoom, publication: rtc.LocalTrackPublication, source: rtc.VideoSource
    ) -> None:
        self.publication = publication
        self._room, self._source = room, source
        self._closed = False

    def show(self, frame: rtc.VideoFrame) -> None:
        """Send a picture now; its size may differ from that of the one before."""
        if not self._closed:
            self._source.capture_frame(frame)

    async def close(self) -> None:
        """Unpublish the track. Closing again does nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            if not self._room.closed:
                await asyncio.wait_for(withdraw(self._room, self.publication), STOP_TIMEOUT)
        except (TimeoutError, UnpublishTrackError) as error:
            name = self.publication.name
            _log.warning("track %r was not unpublished in order: %r", name, error)
        finally:
            await self._source.aclose()


async def open_outgoing_video(
    room: JoinedRoom,
    name: str,
    *,
    size: tuple[int, int],
    fps: float,
    timeout: float,
    codec: str = "vp8",
    simulcast: bool = False,
) -> OutgoingVideo:
    """Publish a video track of ours, announced as a camera. Must run on the media loop.

    Parameters
    ----------
    room : Room
        The room to publish into.
    name : str
        The track's name.
    size : tuple of int
        Width and height of the pictures in pixels; with `fps` it sets the bit rate.
    fps : float
        Most pictures per second.
    timeout : float
        Most seconds to wait for the server to accept the track.
    codec : {"vp8", "h264", "vp9", "av1"}
        The codec that encodes the pictures.
    simulcast : bool
        Whether to send the pictures in several sizes at once.

    Raises
    ------
    TokenError, RoomClosed, WaitTimeout, LkExploreError
        It could not be published, and why.
    """
    _check_permission(room)
    width, height = size
    source = rtc.VideoSource(width, height)
    track = rtc.LocalVideoTrack.create_video_track(name, source)
    bits = max(LEAST_BITRATE, int(width * height * fps * BITS_A_PIXEL))
    options = rtc.TrackPublishOptions(
        source=rtc.TrackSource.SOURCE_CAMERA,
        video_codec=rtc.VideoCodec.Value(codec.upper()),
        simulcast=simulcast,
        video_encoding=rtc.VideoEncoding(max_bitrate=bits, max_framerate=fps),
    )

    async def undo(publication: rtc.LocalTrackPublication) -> None:
        await withdraw(room, publication)

    publishing = on_loop(room.sdk_loop, room.rtc.local_participant.publish_track(track, options))
    try:
        publication = await finish_within(publishing, timeout, undo)
    except TimeoutError:
        raise WaitTimeout(
            f"the server of room {room.name!r} did not accept track {name!r} within {timeout:g} s"
        ) from None
    except PublishTrackError as error:
        raise LkExploreError(f"track {name!r} could not be published: {error.message}") from None
    return OutgoingVideo(room, publication, source)


def _check_permission(room: JoinedRoom) -> None:
    if room.closed:
        raise RoomClosed(f"room {room.name!r} was left: connect again to publish")
    allowed = room.rtc.local_participant.permissions
    sources = list(allowed.can_publish_sources)
    if not allowed.can_publish or (sources and rtc.TrackSource.SOURCE_CAMERA not in sources):
        raise TokenError(
            f"our token does not allow publishing pictures into room {room.name!r}: it needs the "
            "canPublish grant (and camera among canPublishSources)"
        )


def as_picture(value: object) -> Image:
    """Check that something is a picture that can be sent, and return it as an array.

    Raises
    ------
    LkExploreError
        If it is not uint8 of shape (h, w, 3), or too large.
    """
    image = np.asarray(value)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or min(image.shape) < 1:
        raise LkExploreError(
            f"a picture of shape {image.shape} and dtype {image.dtype} cannot be shown: give "
            "uint8 of shape (h, w, 3)"
        )
    if image.shape[0] * image.shape[1] > LARGEST or max(image.shape) > LONGEST:
        raise LkExploreError(
            f"a picture of {image.shape[1]}x{image.shape[0]} is too large to send: give at most "
            f"{LONGEST} pixels a side, and {LARGEST:_} in all"
        )
    return image


def as_frame(image: Image) -> rtc.VideoFrame:
    """Return a picture as the SDK takes it."""
    height, width = image.shape[:2]
    data = np.ascontiguousarray(image).tobytes()
    return rtc.VideoFrame(width, height, rtc.VideoBufferType.RGB24, data)
