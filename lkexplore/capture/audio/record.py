"""Recording one live track: every sample, as long as the clock says, cut short when cancelled."""

from __future__ import annotations

import math
import os
import time
import warnings
from pathlib import Path
from typing import overload

from livekit import rtc

from ...files import SavedRecording
from ...sdk.find_track import find_track
from ...sdk.joined_room import JoinedRoom
from ...sdk.media_loop import MediaUse, on_media_loop
from ...sdk.participants import Source
from ...sdk.pending import needs_await
from ...sound.convert import WEBRTC_RATE
from ...sound.progress import show_progress
from ...sound.reasons import Reason
from ...sound.recording import Recording
from ..following import WHILE_THEY_ARE_HERE, describe
from ..rooms import as_sdk_room
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
@needs_await
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

    Cancelling the call, or interrupting the kernel, returns what was captured up to then, and
    ``ended`` is then ``"stopped"``. From one second on, a notebook or a terminal shows a progress
    bar.

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
        memory; what is known of the recording goes into ``<path>.json`` beside it. If one of them
        exists, that is refused at once. If the process is killed, the file holds the sound up to a
        second before.
    overwrite : bool
        Whether existing files of these names may be replaced.
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
    return await capture(as_sdk_room(room), source, options, path)


async def capture(
    room: rtc.Room | None,
    source: Source,
    options: Options,
    path: str | os.PathLike[str] | None = None,
) -> Recording | SavedRecording:
    """Record from an SDK room; see `record`."""
    target = None if path is None else options.check_path(path)
    under_way = _UnderWay(options.seconds)
    with show_progress(under_way):
        recording, early = await _capture(room, source, options, target, under_way)
    if early:
        warnings.warn(early, UserWarning, stacklevel=3)
    return recording


class _UnderWay:
    """How far a recording is, as its progress bar shows it."""

    def __init__(self, seconds: float | None) -> None:
        self.length = math.inf if seconds is None else seconds
        self.take: Take | None = None
        self.recorded: float | None = None
        self._began = 0.0

    def begin(self, take: Take) -> None:
        """Count from now on."""
        self._began, self.take = time.monotonic(), take

    @property
    def elapsed(self) -> float:
        """Seconds since it began, at most its length; how long it is once it is over."""
        if self.recorded is not None:
            return self.recorded
        return 0.0 if self.take is None else min(time.monotonic() - self._began, self.length)

    @property
    def level(self) -> float:
        """Peak of the last 20 ms in dBFS."""
        return -120.0 if self.take is None else 20 * math.log10(max(self.take.level, 1e-6))


@on_media_loop
async def _capture(
    room: rtc.Room | None,
    source: Source,
    options: Options,
    path: Path | None,
    under_way: _UnderWay,
) -> tuple[Recording | SavedRecording, str]:
    track, view = await find_track(room, source, "audio", options.timeout)
    take = Take(options.store(path), view, options.seconds, time.monotonic(), lead=False)
    under_way.begin(take)
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
    under_way.recorded = recording.duration
    if reason is None or reason is Reason.STOPPED or options.seconds is None:
        return recording, ""
    after = f"after {recording.duration:.2f} of {options.seconds:g} s"
    return recording, f"{describe(view)} {reason.words} {after}: the recording ends there"
