"""A track of ours: published at high fidelity, fed with blocks, unpublished in order."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque

import numpy as np
from livekit import rtc
from livekit.rtc.participant import PublishTrackError, UnpublishTrackError
from numpy.typing import NDArray

from ..errors import LkExploreError, RoomClosed, TokenError, WaitTimeout
from ..sdk.joined_room import JoinedRoom
from ..sdk.media_loop import finish_within, on_loop
from ..sound.convert import INT16_SCALE, WEBRTC_RATE

__all__ = ["OutgoingAudio", "open_outgoing_audio", "withdraw"]


BITRATE = {1: 256_000, 2: 510_000}
"""Bits per second of Opus, by the number of channels: near or at its limit of 510000 (RFC 6716)."""

PIECE = WEBRTC_RATE // 100
"""Samples at 48000 Hz that the SDK takes at a time where it has no queue."""

MOST_WAITING = 50
"""Most blocks that may wait for the SDK to take them; then the oldest is dropped."""

STOP_TIMEOUT = 5.0
"""Seconds that playing what is queued, or unpublishing the track, may take."""

STATS_TIMEOUT = 1.0
"""Seconds to wait for statistics that name the negotiated codec."""

_log = logging.getLogger("lkexplore")


class OutgoingAudio:
    """A published audio track that takes blocks; made by `open_outgoing_audio`.

    Attributes
    ----------
    publication : rtc.LocalTrackPublication
        The SDK's own object.
    stereo : bool
        Whether two channels are sent.
    failure : BaseException or None
        The error because of which pushed sound could not be sent; None while there is none.
    dropped : int
        Number of blocks that were pushed and not taken in time.
    """

    def __init__(
        self,
        room: JoinedRoom,
        publication: rtc.LocalTrackPublication,
        source: rtc.AudioSource,
        stereo: bool,
    ) -> None:
        self.publication, self.stereo = publication, stereo
        self.failure: BaseException | None = None
        self.dropped = 0
        self._waiting: deque[NDArray[np.int16]] = deque()
        self._sending: asyncio.Task[None] | None = None
        self._room, self._source = room, source

    @property
    def queued_seconds(self) -> float:
        """Seconds of sound that wait to be sent."""
        return self._source.queued_duration

    async def send(self, block: NDArray[np.int16]) -> None:
        """Queue a block of shape (n, 1) or (n, 2) at 48000 Hz; waits while the queue is full.

        Raises
        ------
        RoomClosed
            If the room was left.
        """
        await self._capture(np.broadcast_to(block, (len(block), self._source.num_channels)))

    def push(self, block: NDArray[np.float32]) -> None:
        """Send a block of shape (1, n) or (2, n) in [-1, 1], clipped, without waiting.

        An error is in `failure` soon after.

        Parameters
        ----------
        block : ndarray of float32
            Samples at 48000 Hz; where there is no queue, their length is a multiple of 10 ms.
        """
        scaled = block * np.float32(INT16_SCALE)
        np.rint(scaled, out=scaled)
        np.maximum(scaled, np.float32(-INT16_SCALE), out=scaled)
        np.minimum(scaled, np.float32(INT16_SCALE - 1), out=scaled)
        wide = np.empty((block.shape[1], self._source.num_channels), np.int16)
        wide[:] = scaled.T
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(wide)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.get_running_loop().create_task(self._send_waiting())
            self._sending.add_done_callback(self._note_failure)

    async def _send_waiting(self) -> None:
        """Send what was pushed, one piece after the other: the SDK may swap two sent at once."""
        while self._waiting:
            wide = self._waiting.popleft()
            for begin in range(0, len(wide), PIECE):
                await self._capture(wide[begin : begin + PIECE])

    def _note_failure(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and self.failure is None:
            self.failure = task.exception()

    async def _capture(self, wide: NDArray[np.int16]) -> None:
        if self._room.closed:
            name = self.publication.name
            raise RoomClosed(f"room {self._room.name!r} was left while {name!r} was playing")
        await self._source.capture_frame(
            rtc.AudioFrame(wide.tobytes(), WEBRTC_RATE, self._source.num_channels, len(wide))
        )

    async def wait_until_played(self) -> None:
        """Wait until everything queued has been sent."""
        await asyncio.wait_for(self._source.wait_for_playout(), STOP_TIMEOUT)

    def clear(self) -> None:
        """Drop what is queued."""
        self._source.clear_queue()

    async def close(self) -> None:
        """Unpublish the track."""
        try:
            if not self._room.closed:
                await asyncio.wait_for(withdraw(self._room, self.publication), STOP_TIMEOUT)
        except (TimeoutError, UnpublishTrackError) as error:
            name = self.publication.name
            _log.warning("track %r was not unpublished in order: %r", name, error)
        finally:
            if self._sending is not None:
                self._sending.cancel()
            # A source of the SDK that is freed with sound in it may block its thread and our call.
            self.clear()
            await self._source.aclose()


async def open_outgoing_audio(
    room: JoinedRoom,
    name: str,
    *,
    channels: int,
    queue_ms: int,
    timeout: float,
    microphone: bool = False,
) -> OutgoingAudio:
    """Publish an audio track of ours. Must run on the media loop.

    Parameters
    ----------
    room : Room
        The room to publish into.
    name : str
        The track's name.
    channels : int
        Number of channels of the sound, 1 or 2. A mono sound is sent as two equal channels where
        the server allows it: WebRTC encodes a single channel in Opus's mode for speech, which
        attenuates low frequencies and shifts their phase (a signal-to-noise ratio of 14 dB where
        two channels give 42).
    queue_ms : int
        Milliseconds of sound that may wait; 0 to send it as it comes, unevenly in time, which the
        listeners' jitter buffers even out.
    timeout : float
        Most seconds to wait for the server to accept the track.
    microphone : bool
        Whether to announce it as a microphone, which servers let the SDK send in mono only.

    Raises
    ------
    TokenError, RoomClosed, WaitTimeout, LkExploreError
        It could not be published, and why.
    """
    kind = _track_source(room, microphone)
    source = rtc.AudioSource(WEBRTC_RATE, 2, queue_size_ms=queue_ms)
    track = rtc.LocalAudioTrack.create_audio_track(name, source)
    options = rtc.TrackPublishOptions(source=kind, dtx=False)
    options.audio_encoding.max_bitrate = BITRATE[channels]
    local = room.rtc.local_participant

    async def undo(publication: rtc.LocalTrackPublication) -> None:
        await withdraw(room, publication)

    try:
        publication = await finish_within(
            on_loop(room.sdk_loop, local.publish_track(track, options)), timeout, undo
        )
    except TimeoutError:
        raise WaitTimeout(
            f"the server of room {room.name!r} did not accept track {name!r} within {timeout:g} s"
        ) from None
    except PublishTrackError as error:
        raise LkExploreError(f"track {name!r} could not be published: {error.message}") from None
    return OutgoingAudio(room, publication, source, await _is_sent_in_stereo(track))


async def withdraw(room: JoinedRoom, publication: rtc.LocalTrackPublication) -> None:
    """Unpublish a track of ours, on the loop that the room lives on."""
    local = room.rtc.local_participant
    await on_loop(room.sdk_loop, local.unpublish_track(publication.sid))


def _track_source(room: JoinedRoom, microphone: bool) -> rtc.TrackSource.ValueType:
    """Return the track's source: a microphone only if asked for, or if nothing else is allowed."""
    if room.closed:
        raise RoomClosed(f"room {room.name!r} was left: connect again to publish")
    allowed = room.rtc.local_participant.permissions
    sources = list(allowed.can_publish_sources)
    mic = rtc.TrackSource.SOURCE_MICROPHONE
    if not allowed.can_publish or (sources and mic not in sources):
        raise TokenError(
            f"our token does not allow publishing sound into room {room.name!r}: it needs the "
            "canPublish grant (and microphone among canPublishSources)"
        )
    return mic if microphone or sources else rtc.TrackSource.SOURCE_UNKNOWN


async def _is_sent_in_stereo(track: rtc.LocalAudioTrack) -> bool:
    """Tell from the negotiated codec whether two channels leave this computer."""
    deadline = time.monotonic() + STATS_TIMEOUT
    while time.monotonic() < deadline:
        for stats in await track.get_stats():
            if stats.WhichOneof("stats") == "codec":
                return "stereo=1" in stats.codec.codec.sdp_fmtp_line.split(";")
        await asyncio.sleep(0.05)
    return False
