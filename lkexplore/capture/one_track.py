"""Recording a live track into numpy: nothing lost, as long as the clock, cut short on demand."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

from livekit import rtc

from ..checks import as_sample_rate
from ..errors import SoundError
from ..finding import find_track
from ..loop import MediaUse, on_media_loop
from ..recording import Recording
from ..tracks import Source
from .listening import Listener, describe
from .take import Take

if TYPE_CHECKING:
    from ..room import Room

__all__ = ["capture", "record"]


async def record(
    source: Source,
    seconds: float | None = None,
    *,
    room: Room | rtc.Room | None = None,
    sample_rate: int = 48_000,
    channels: int = 1,
    timeout: float = 10.0,
) -> Recording:
    """Record an audio track, of lkexplore's rooms or of any room of the LiveKit SDK.

    Cancelling the call, or interrupting the kernel, returns what was captured up to then.

    Parameters
    ----------
    source : rtc.Track, rtc.TrackPublication, Track, Participant or str
        What to record; an identity needs `room`. Of an identity's several audio tracks the
        microphone is taken, else the oldest.
    seconds : float, optional
        How long, 0 or more; the recording has exactly ``round(seconds * sample_rate)`` samples.
        By default until the track ends or the call is cancelled.
    room : Room or rtc.Room, optional
        The room of `source`. Without it the end of a bare SDK track shows only in that no more
        frames come, and identity and mutes stay unknown.
    sample_rate : int
        Hz; rates other than 48000, that of LiveKit's sound, are converted to with soxr.
    channels : int
        1 (a stereo track is mixed down) or 2 (a mono track comes twice).
    timeout : float
        Seconds to wait for the track and for its first frame.

    Returns
    -------
    Recording
        float32 of shape (channels, n), with the time of its first sample, identity, track and
        gaps: where the track was muted or our connection was lost there is silence of that
        length. When the track ends before `seconds` are over, the recording ends there and a
        `UserWarning` says so.

    Raises
    ------
    ParticipantNotFound, TrackNotFound, TokenError, RoomClosed
        The track was not there, or could not be had.
    SoundError
        For `seconds`, `sample_rate` or `channels` that cannot be used.

    Notes
    -----
    The SDK's frames carry no time. Its native side delivers 48000 samples per second of this
    computer's clock from the moment a stream is opened, silence included, so counting them is
    exact; they may come late, and the recording waits for them. The edges of a gap are those of
    the signalling message, up to 0.1 s from what is heard.
    Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> @room.on("track_subscribed")                     # doctest: +SKIP
    ... def on_track(track, publication, participant):
    ...     asyncio.ensure_future(lk.record(track, 5))
    """
    sdk_room = room if isinstance(room, rtc.Room) or room is None else room.rtc
    return await capture(
        sdk_room, source, seconds, sample_rate=sample_rate, channels=channels, timeout=timeout
    )


async def capture(
    room: rtc.Room | None,
    source: Source,
    seconds: float | None,
    *,
    sample_rate: int,
    channels: int,
    timeout: float,
) -> Recording:
    """Record from an SDK room; see `record`."""
    rate = as_sample_rate(sample_rate)
    if channels not in (1, 2):
        raise SoundError(f"channels must be 1 or 2 for a recording, not {channels!r}")
    if seconds is not None and not (0 <= seconds < math.inf):
        raise SoundError(
            f"cannot record for {seconds!r} seconds: give a number of 0 or more, or None to "
            "record until the track ends"
        )
    recording, early = await _capture(room, source, seconds, rate, channels, timeout)
    if early:
        warnings.warn(early, UserWarning, stacklevel=4)
    return recording


@on_media_loop
async def _capture(
    room: rtc.Room | None,
    source: Source,
    seconds: float | None,
    rate: int,
    channels: int,
    timeout: float,
) -> tuple[Recording, str]:
    track, view = await find_track(room, source, "audio", timeout)
    take = Take(seconds, rate, channels)
    with MediaUse():
        reason = await Listener(room, view, take, timeout).run(track)
    recording = take.recording(
        identity=view.identity or None, track=view.sid, name=view.name or None
    )
    if not reason or seconds is None:
        return recording, ""
    after = f"after {recording.duration:.2f} of {seconds:g} s"
    return recording, f"{describe(view)} {reason} {after}: the recording ends there"
