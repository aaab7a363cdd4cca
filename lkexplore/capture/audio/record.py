"""Recording one live track: every sample, as long as the clock says, cut short when cancelled."""

from __future__ import annotations

import os
import time
import warnings
from pathlib import Path
from typing import overload

from livekit import rtc

from ...files import SavedRecording
from ...sdk.find_track import find_track
from ...sdk.joined_room import JoinedRoom, sdk_room
from ...sdk.media_loop import MediaUse, on_media_loop
from ...sdk.participants import Source
from ...sound.convert import WEBRTC_RATE
from ...sound.reasons import Reason
from ...sound.recording import Recording
from ..following import WHILE_THEY_ARE_HERE, describe
from .options import Options
from .receiver import AudioReceiver
from .take import Take

__all__ = ["capture", "record"]


@overload
async def record(
    source: Source,
    seconds: float | None = None,
    *,
    room: JoinedRoom | rtc.Room | None = None,
    path: None = None,
    overwrite: bool = False,
    sample_rate: int = WEBRTC_RATE,
    channels: int = 1,
    timeout: float = 10.0,
) -> Recording: ...
@overload
async def record(
    source: Source,
    seconds: float | None = None,
    *,
    room: JoinedRoom | rtc.Room | None = None,
    path: str | os.PathLike[str],
    overwrite: bool = False,
    sample_rate: int = WEBRTC_RATE,
    channels: int = 1,
    timeout: float = 10.0,
) -> SavedRecording: ...
async def record(
    source: Source,
    seconds: float | None = None,
    *,
    room: JoinedRoom | rtc.Room | None = None,
    path: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    sample_rate: int = WEBRTC_RATE,
    channels: int = 1,
    timeout: float = 10.0,
) -> Recording | SavedRecording:
    """Record an audio track, of lkexplore's rooms or of any room of the LiveKit SDK.

    Cancelling the call, or interrupting the kernel, returns what was captured up to then.

    Parameters
    ----------
    source : rtc.Track, rtc.TrackPublication, Track, Participant or str
        The track, or the participant who publishes it; an identity needs `room`. Of a
        participant's several audio tracks the microphone is taken, else the oldest.
    seconds : float, optional
        Length in seconds, 0 or more; it has exactly ``round(seconds * sample_rate)`` samples.
        By default until the track ends or the call is cancelled.
    room : Room or rtc.Room, optional
        The room of `source`. Without it, a bare SDK track counts as ended when no more frames
        come, and its identity and mutes are unknown.
    path : str or path-like, optional
        A new ``.wav`` or ``.flac`` file, written as the sound comes, instead of keeping it in
        memory; what is known of the recording goes into ``<path>.json`` beside it. If the process
        is killed, the file holds the sound up to a second before.
    overwrite : bool
        Whether an existing file of that name may be replaced.
    sample_rate : int
        Sample rate of the recording in Hz; soxr converts from the 48000 Hz of LiveKit's sound.
    channels : int
        Number of channels: 1 (a stereo track is mixed down) or 2 (a mono track comes twice).
    timeout : float
        Seconds to wait for the track, for its first frame, and for it to be there again after our
        connection was lost.

    Returns
    -------
    Recording or SavedRecording
        float32 of shape (channels, n), or with `path` what the file holds. While the track is
        muted or unpublished, nothing arrives, or our connection is lost, there is silence of that
        length, and the interval is in ``gaps``. Gaps hold no sound: they begin where the packets
        ended, and what the decoder made up there is silenced. What it made up for lost packets
        elsewhere is in ``concealed``, known to 0.4 s; what Opus repairs from the next packet
        counts as heard. A participant who leaves and is back within two seconds, as when a page
        is reloaded, is followed. When they stay away before `seconds` are over, the recording
        ends there and a `UserWarning` says so. `Reason` lists why something is missing or ended.

    Raises
    ------
    ParticipantNotFound, TrackNotFound, TokenError, RoomClosed
        The track was not there, or could not be subscribed to.
    SoundError
        For `seconds`, `sample_rate` or `channels` that cannot be used.
    FileError
        If the file cannot be made, or the disk is full: what came before is in the file.

    See Also
    --------
    frames : The same sound block by block, while it comes.
    record_av : The camera and the microphone as one film.
    lkexplore.Room.record_all : Everyone in a room at once.

    Notes
    -----
    The SDK's frames carry no time. Its native side delivers 48000 samples per second of this
    computer's clock from the moment a stream is opened, silence included, so counting them is
    exact; they may come late, and the recording waits for them. From the time at which they came
    out, the jitter buffer's delay (W3C, WebRTC statistics, jitterBufferDelay) is subtracted: 0 s
    is what was sent when this was called, with no time on the network. ``recording.timing`` says
    how sure that is. Taught in ``notebooks/02_recording.ipynb``.

    Examples
    --------
    >>> @room.on("track_subscribed")                     # doctest: +SKIP
    ... def on_track(track, publication, participant):
    ...     asyncio.ensure_future(lk.record(track, 5))
    """
    options = Options(seconds, sample_rate, channels, timeout, overwrite)
    return await capture(sdk_room(room), source, options, path)


async def capture(
    room: rtc.Room | None,
    source: Source,
    options: Options,
    path: str | os.PathLike[str] | None = None,
) -> Recording | SavedRecording:
    """Record from an SDK room; see `record`."""
    target = None if path is None else options.check_path(path)
    recording, early = await _capture(room, source, options, target)
    if early:
        warnings.warn(early, UserWarning, stacklevel=3)
    return recording


@on_media_loop
async def _capture(
    room: rtc.Room | None, source: Source, options: Options, path: Path | None
) -> tuple[Recording | SavedRecording, str]:
    track, view = await find_track(room, source, "audio", options.timeout)
    take = Take(options.store(path), view, options.seconds, time.monotonic(), lead=False)
    patience = None if options.seconds is None else WHILE_THEY_ARE_HERE
    listener = AudioReceiver(room, view, take, options.timeout, patience, switches=True)
    try:
        with MediaUse():
            reason = await listener.run(track)
    except BaseException:
        await take.close(Reason.FAILED)
        if take.empty:
            take.store.discard()
        raise
    recording = await take.close(reason or Reason.COMPLETE)
    if reason is None or reason is Reason.STOPPED or options.seconds is None:
        return recording, ""
    after = f"after {recording.duration:.2f} of {options.seconds:g} s"
    return recording, f"{describe(view)} {reason.words} {after}: the recording ends there"
