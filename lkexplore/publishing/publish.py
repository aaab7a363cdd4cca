"""Playing a sound into a room as a track: in real time, at high fidelity, all of it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
import warnings
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
from livekit import rtc
from numpy.typing import ArrayLike, NDArray

from ..capture.rooms import check_room
from ..errors import SoundError
from ..sdk.joined_room import JoinedRoom, as_joined_room
from ..sdk.media_loop import Interrupted, MediaUse, on_loop, on_media_loop
from ..sdk.pending import needs_await
from ..sound.arguments import as_flag, as_seconds, as_title
from ..sound.as_recording import as_recording
from ..sound.convert import WEBRTC_RATE
from ..sound.progress import show_progress
from ..sound.recording import Recording
from .outgoing_audio import OutgoingAudio, open_outgoing_audio

__all__ = ["Playable", "Playback", "publish"]

Playable: TypeAlias = Recording | tuple[ArrayLike, int] | str | os.PathLike[str]
"""What can be played: a recording, ``(samples, sample_rate)``, or the path of a sound file."""

FRAME = WEBRTC_RATE // 50
"""Samples at 48000 Hz in a frame of 20 ms, one Opus packet."""

CUSHION_MS = 400
"""Milliseconds of sound in the SDK's queue: the longest pause of a busy interpreter not heard."""

LEAD_IN = 1.0
"""Seconds of silence before the sound, in which the listeners' jitter buffers settle.

A WebRTC jitter buffer finds its length in the first second, by stretching and dropping sound.
"""

TAIL = 0.4
"""Seconds of silence after the sound, in which the listeners' jitter buffers empty."""

LISTENERS_TIMEOUT = 2.0
"""Seconds to wait for a participant who is here to subscribe, before the sound starts anyway."""

STOP_TIMEOUT = 5.0
"""Seconds that the end of the sound and of its track may take."""

_log = logging.getLogger("lkexplore")


@needs_await
async def publish(
    room: JoinedRoom | rtc.Room,
    sound: Playable,
    *,
    name: str | None = None,
    wait: bool = True,
    loop: bool = False,
    microphone: bool = False,
    timeout: float = 10.0,
) -> Playback:
    """Play a sound into a room as a track of ours, which ends with the sound.

    Cancelling the call while it waits, or interrupting the kernel, stops the sound, unpublishes the
    track, and says in one line how far it was. From one second on, a notebook or a terminal shows a
    progress bar.

    Parameters
    ----------
    room : Room or rtc.Room
        A room that we are in.
    sound : Recording, (samples, sample_rate), str or path-like
        The sound, or the path of its file: 1 or 2 channels at any rate, which soxr converts to
        48000 Hz. What is beyond full scale is clipped.
    name : str, optional
        The track's name; by default the recording's or the file's.
    wait : bool
        Whether to return only when the last sample has been played and the track is unpublished,
        or as soon as it is published.
    loop : bool
        Whether to play the sound again and again, without a seam, until it is stopped.
    microphone : bool
        Whether to announce the track as a microphone, which LiveKit's agents listen to; it is
        then sent in mono, in the codec's mode for speech.
    timeout : float
        Most seconds to wait for the server to accept the track.

    Returns
    -------
    Playback
        Await it for the end; ``await playback.stop()`` ends it now.

    Raises
    ------
    SoundError
        The sound is empty, has NaN in it, or more than two channels.
    FileError
        The file cannot be read.
    TokenError
        Our token does not allow publishing.
    RoomClosed
        We are not in the room (any more).
    WaitTimeout
        The server did not accept the track in time.

    See Also
    --------
    lkexplore.Room.publish : The same as a method of a room.
    lkexplore.bots.play : Lets another participant play a sound.

    Notes
    -----
    The sound is sent as Opus at 256 kbit/s (stereo: 510), without discontinuous transmission, and
    where the server allows it, in the codec's mode for music: a mono sound is then sent as two
    equal channels, since a single one is encoded in the mode for speech, which attenuates low
    frequencies. The sound starts when a participant who is here has subscribed (after 2 s at
    most, at once in an empty room), after 1 s of silence, and 0.4 s of silence follow it, so that
    those who record the track have all of it. Some servers give stereo to browsers only: then
    listeners hear the mean of the channels, and a `UserWarning` says so.
    Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> await lk.publish(room, (samples, 16000), name="tone")      # doctest: +SKIP
    """
    check_room(room)
    name, timeout = as_title("name", name), as_seconds("timeout", timeout)
    for switch, value in (("wait", wait), ("loop", loop), ("microphone", microphone)):
        as_flag(switch, value)
    ours = as_joined_room(room)
    samples, title = await asyncio.to_thread(_prepare, sound)
    caller = cast("asyncio.Task[Any]", asyncio.current_task())
    cancelled = caller.cancelling()
    playback = await _start(ours, samples, name or title, loop, microphone, timeout)
    if caller.cancelling() > cancelled:
        # It came too late to keep the sound from beginning.
        await playback.stop()
        raise Interrupted(playback.how_far())
    if playback.channels == 2 and not playback.stereo:
        warnings.warn(
            f"room {ours.name!r} gives this track no stereo: listeners hear the mean of both "
            "channels",
            UserWarning,
            stacklevel=2,
        )
    if wait:
        try:
            await playback
        except asyncio.CancelledError:
            await playback.stop()
            raise Interrupted(playback.how_far()) from None
    return playback


def _prepare(sound: Playable) -> tuple[NDArray[np.int16], str]:
    """Return a sound as interleaved 16-bit samples of shape (n, channels), and its name."""
    if isinstance(sound, str | os.PathLike):
        from ..files import load

        recording = load(sound)
        title = recording.name or Path(sound).stem
    else:
        recording = as_recording(sound)
        title = recording.name or "sound"
    if recording.channels > 2:
        raise SoundError(
            f"cannot publish {recording.channels} channels: LiveKit carries 1 or 2, so use mono() "
            "or choose two"
        )
    if recording.samples.shape[1] == 0:
        raise SoundError("cannot publish a sound of 0 samples: give at least one")
    return np.ascontiguousarray(recording.resample(WEBRTC_RATE).to_int16().T), title


@on_media_loop
async def _start(
    room: JoinedRoom,
    samples: NDArray[np.int16],
    name: str,
    loop: bool,
    microphone: bool,
    timeout: float,
) -> Playback:
    outlet = await open_outgoing_audio(
        room,
        name,
        channels=samples.shape[1],
        queue_ms=CUSHION_MS,
        timeout=timeout,
        microphone=microphone,
    )
    return Playback(room, outlet, samples, loop)


class Playback:
    """A sound being played into a room; made by `publish`.

    Await it (any number of times) for the end of the sound.

    Attributes
    ----------
    name : str
        The track's name.
    duration : float
        Length of the sound in seconds (of one round, when looped).
    channels : int
        Number of channels of the sound, 1 or 2.
    stereo : bool
        Whether two channels are sent; a mono sound, too, is then sent in the mode for music.
    publication : rtc.LocalTrackPublication
        The SDK's own object.

    See Also
    --------
    publish : Makes one.
    lkexplore.Room.live : A live track through a filter, instead of a sound.
    """

    def __init__(
        self, room: JoinedRoom, outlet: OutgoingAudio, samples: NDArray[np.int16], loop: bool
    ) -> None:
        self.name = outlet.publication.name
        self.duration = len(samples) / WEBRTC_RATE
        self.channels = samples.shape[1]
        self.stereo = outlet.stereo
        self.publication = outlet.publication
        self._room, self._outlet, self._samples, self._loop = room, outlet, samples, loop
        self._sent = 0
        self._task = asyncio.get_running_loop().create_task(self._play())
        self._task.add_done_callback(self._finished)
        room.playing.add(self)

    @property
    def position(self) -> float:
        """Seconds of sound played so far, over all rounds."""
        queued = 0.0 if self.done else self._outlet.queued_seconds
        return max(self._sent / WEBRTC_RATE - queued, 0.0)

    @property
    def elapsed(self) -> float:
        """The same as `position`, for a progress bar."""
        return self.position

    @property
    def length(self) -> float:
        """Seconds of sound to play, over all rounds; infinite when looped."""
        return math.inf if self._loop else self.duration

    @property
    def done(self) -> bool:
        """Whether it has ended, and its track is unpublished."""
        return self._task.done()

    def __await__(self) -> Generator[Any, None, None]:
        return self._watched().__await__()

    async def _watched(self) -> None:
        with show_progress(self, f"playing {self.name!r}:", f"played {self.name!r}:"):
            try:
                await self._wait()
            except asyncio.CancelledError:
                raise Interrupted(self.how_far()) from None

    @on_media_loop
    async def _wait(self) -> None:
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.result()

    @on_media_loop
    async def stop(self) -> None:
        """End the sound now and unpublish its track; returns when that is done."""
        self._task.cancel()
        await asyncio.wait([self._task], timeout=STOP_TIMEOUT)

    def how_far(self) -> str:
        """Return in words how much of it was played."""
        state = "was stopped" if self.done else "plays on; await playback.stop() ends it:"
        whole = "" if self._loop else f" of {self.duration:.2f}"
        return f"{self.name!r} {state} after {self.position:.2f}{whole} s"

    def __repr__(self) -> str:
        if not self.done:
            state = "looping" if self._loop else "playing"
        elif self._task.cancelled():
            state = f"stopped after {self.position:.2f} s"
        else:
            state = "failed" if self._task.exception() else "played"
        return f"<Playback {self.name!r} {self.duration:.2f} s, {state}>"

    async def _play(self) -> None:
        use = MediaUse()
        try:
            if not self._loop:
                await self._wait_for_listeners()
                await self._send_silence(LEAD_IN)
            for block in self._blocks():
                self._sent += len(block)  # the outlet counts it as queued from now on
                await self._outlet.send(block)
            await self._send_silence(TAIL)
            await self._outlet.wait_until_played()
        except asyncio.CancelledError:
            # What waits in the queue is not played any more.
            self._sent = round(self.position * WEBRTC_RATE)
            self._outlet.clear()
            raise
        finally:
            use.end()
            await self._outlet.close()

    async def _wait_for_listeners(self) -> None:
        if self._room.rtc.remote_participants:
            subscribed = self.publication.wait_for_subscription()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(on_loop(self._room.sdk_loop, subscribed), LISTENERS_TIMEOUT)

    def _blocks(self) -> Iterator[NDArray[np.int16]]:
        samples = self._samples
        if not self._loop:
            for start in range(0, len(samples), FRAME):
                yield samples[start : start + FRAME]
            return
        position = 0
        while True:
            block = samples[position : position + FRAME]
            if len(block) < FRAME:
                block = samples.take(np.arange(position, position + FRAME), axis=0, mode="wrap")
            yield block
            position = (position + FRAME) % len(samples)

    async def _send_silence(self, seconds: float) -> None:
        silence = np.zeros((FRAME, self.channels), np.int16)
        for _ in range(round(seconds * WEBRTC_RATE / FRAME)):
            await self._outlet.send(silence)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._room.playing.discard(self)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("playing %r ended early: %s", self.name, error)
