"""A filter on a live track: what somebody says goes through it and back into the room."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any

import numpy as np
from livekit import rtc
from livekit.protocol.models import AudioTrackFeature
from numpy.typing import NDArray

from ..capture.audio.stream import FRAME_MS, SharedStream, listen
from ..capture.following import ALWAYS, Follower, describe
from ..errors import FilterError
from ..filters import Filter, as_filter
from ..filters.engine.fade import fade_in
from ..filters.engine.swap import Swap
from ..publishing.outgoing_audio import OutgoingAudio, open_outgoing_audio
from ..sdk.encryption import check_readable
from ..sdk.find_track import find_track
from ..sdk.joined_room import JoinedRoom
from ..sdk.media_loop import MediaUse, media_loop, on_media_loop
from ..sdk.participants import Source
from ..sound.convert import INT16_STEP, WEBRTC_RATE
from ..sound.reasons import Reason
from .guard import Guard
from .state import State, refuse_unknown, tell_end, words_of
from .stats import LiveStats

__all__ = ["Live", "live"]

LATE = 0.020
"""Seconds after its time from which a block counts as late: up to that, the jitter buffers of
listeners even it out without growing."""

AVERAGED_BLOCKS = 50
"""Blocks over which the time that the sound is held is averaged."""

LOOK_SECONDS = 0.25
"""Seconds between two looks whether to go on, when nothing changes in the room."""

CLOSE_SECONDS = 5.0
"""Seconds that ending it may take."""

LONGEST_LAG = 1.0
"""Most seconds of missing silence that are sent at once when a track is found to be gone."""

RINGING_OUT = 2.0
"""Seconds for which the filter is given silence once there is no track, for echoes to fade."""

AT_ONCE = 0.005
"""Seconds of work on the past sound that a new filter may take as soon as it is put in."""

BETWEEN = 0.010
"""Seconds of work on the past sound that a new filter may take after each block."""

CARRIED = 0.010
"""Seconds that a new filter may take for a block; a slower one waits before it is put in."""

ALIKE_STEPS = 8
"""Steps of 16 bits by which the channels of a mono track may differ, by rounding."""

APART_BLOCKS = 3
"""Blocks in a row with different channels after which a track is stereo: what the decoder makes up
for a lost packet of mono may differ once."""


@on_media_loop
async def live(
    room: JoinedRoom,
    source: Source,
    filter: Filter,
    *,
    name: str | None = None,
    timeout: float = 10.0,
) -> Live:
    """Send a live track through a filter and publish what comes out; see `Room.live`."""
    chosen = Swap(as_filter(filter), patient=True)
    track, view = await find_track(room.rtc, source, "audio", timeout)
    check_readable(room.rtc, view)
    features = view.publication.audio_features if view.publication else ()
    # The codec tells only about browsers; for all others the channels are compared, see Live.
    channels = 2 if int(AudioTrackFeature.TF_STEREO) in map(int, features) else 1
    title = name or f"{view.identity or view.name} (filtered)"
    outlet = await open_outgoing_audio(room, title, channels=channels, queue_ms=0, timeout=timeout)
    follower = Follower(room.rtc, view, timeout, ALWAYS, switches=True)
    made = Live(room, outlet, chosen, channels, follower)
    made.follow(track)
    return made


class Live:
    """A live filter; made by `Room.live`.

    Attributes
    ----------
    name : str
        Name of the filtered track.
    channels : int
        Number of channels, 1 or 2, of the track that goes in: 2 once the channels of three blocks
        differ. A filter that makes two channels of one, such as `pan`, is heard in two.
    publication : rtc.LocalTrackPublication
        The SDK's own object.

    See Also
    --------
    lkexplore.Room.live : Makes one.
    LiveVideo : The same for pictures.

    Notes
    -----
    Also an async context manager. It follows the person: when they mute, reload the page, change
    the microphone or publish again, there is silence until they are back, and our track stays the
    same one. It ends when it is closed, when the room is left or lost, or when we may not hear
    them any more; an end that nobody asked for is told once.

    A filter that raises, returns anything but sound, or takes longer than the sound lasts is
    bypassed until a filter is put in again: the sound goes on, and the traceback is shown once.
    Nothing is queued here: each block is sent when it is filtered. The jitter buffers of the
    listeners even out late blocks, as they do when a network delays them.
    Taught in ``notebooks/05_live_filter.ipynb``.

    Examples
    --------
    >>> live = await room.live("alice", lk.filters.lowpass(1000))     # doctest: +SKIP
    >>> live.filter = lk.filters.notch(50)                            # doctest: +SKIP
    >>> await live.close()                                            # doctest: +SKIP
    """

    def __init__(
        self,
        room: JoinedRoom,
        outlet: OutgoingAudio,
        filter: Swap,
        channels: int,
        follower: Follower,
    ) -> None:
        self.publication = outlet.publication
        self.name, self.channels = self.publication.name, channels
        self._room, self._outlet, self._follower = room, outlet, follower
        self._guard = Guard(filter, channels, WEBRTC_RATE)
        self._apart = self._late = 0
        self._held: deque[float] = deque(maxlen=AVERAGED_BLOCKS)
        self._last = np.zeros((channels, 1), np.float32)
        self._fresh, self._sent_until = True, 0.0
        self._feed: SharedStream | None = None
        self._failure = ""
        self._ended: Reason | None = None
        self._ending = False
        self._task: asyncio.Task[None] | None = None

    @property
    def filter(self) -> Filter:
        """The filter; put another in its place at any time, the change is crossfaded."""
        return self._guard.filter

    @filter.setter
    def filter(self, filter: Filter) -> None:
        self._guard.put(filter)
        media_loop().call_soon_threadsafe(self._prepare, AT_ONCE)

    @property
    def bypass(self) -> bool:
        """Whether the track is heard unfiltered; set it at any time, the change is crossfaded."""
        return self._guard.bypass

    @bypass.setter
    def bypass(self, value: bool) -> None:
        self._guard.bypass = bool(value)

    @property
    def loudest_gain_db(self) -> float:
        """Decibels by which it may be louder than what comes in, near full scale; 20 at first.

        Output that is louder is passed by, as that of a filter which fails. Infinity allows any.
        """
        return self._guard.ears.loudest_gain_db

    @loudest_gain_db.setter
    def loudest_gain_db(self, value: float) -> None:
        if not isinstance(value, int | float) or not value > 0:
            raise FilterError(
                f"loudest_gain_db={value!r} cannot be: give decibels above 0, or math.inf for any"
            )
        self._guard.ears.loudest_gain_db = float(value)

    def __setattr__(self, name: str, value: object) -> None:
        if name[0] != "_":
            refuse_unknown(self, name, ("publication", "name", "channels"))
        super().__setattr__(name, value)

    @property
    def error(self) -> str:
        """Why the filter is bypassed, with the traceback, or why it has ended; else empty."""
        return self._failure or self._guard.error

    @property
    def state(self) -> State:
        """``"running"``, ``"waiting"`` while there is no track to filter, or ``"ended"``."""
        if self._ended is not None or self.closed:
            return State.ENDED
        return State.RUNNING if self._follower.absence is None else State.WAITING

    @property
    def ended(self) -> Reason | None:
        """Why it has ended, see :class:`lkexplore.Reason`; None while it has not."""
        return self._ended

    @property
    def closed(self) -> bool:
        """Whether it has ended, and its track is unpublished."""
        return self._task is not None and self._task.done()

    @property
    def stats(self) -> LiveStats:
        """What it has done so far."""
        times = 1000 * np.array(self._guard.times or [0.0])
        median, most, longest = np.quantile(times, [0.5, 0.99, 1.0])
        held = float(np.mean(self._held or [0.0])) + self._guard.latency / WEBRTC_RATE
        return LiveStats(
            blocks=self._guard.blocks,
            bypassed=self._guard.bypassed,
            dropped=self._outlet.dropped,
            late=self._late,
            process_ms=(float(median), float(most), float(longest)),
            latency_ms=1000 * held,
        )

    def follow(self, track: rtc.Track) -> None:
        """Begin; called once, on the media loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(track))
        self._room.lives.add(self)

    async def _run(self, track: rtc.Track | None) -> None:
        try:
            with MediaUse(), self._follower:
                while track is not None and self._goes_on:
                    gone = await self._hear(track)
                    track = None if gone is None else await self._wait(gone)
        finally:
            self._note_end()
            await self._outlet.close()
            self._room.lives.discard(self)

    @property
    def _goes_on(self) -> bool:
        return not (self._ending or self._room.closed or self._outlet.failure)

    async def _hear(self, track: rtc.Track) -> Reason | None:
        """Filter a track until it is gone; return why it is gone, None if we should stop."""
        follower = self._follower
        follower.begin(track)
        self._fresh = True
        async with listen(track, 2, self._on_frame, frame_ms=FRAME_MS) as self._feed:
            while (gone := follower.gone()) is None and self._goes_on:
                await follower.wait(LOOK_SECONDS)
        return None if gone is None else await follower.confirmed(gone)

    def _note_end(self) -> None:
        """Note why it ends, and tell it unless that was asked for."""
        error = self._outlet.failure
        if self._ending:
            self._ended = Reason.STOPPED
        elif error is not None and not self._room.closed:
            self._ended = Reason.FAILED
            self._failure = f"nothing more can be sent: {type(error).__name__}: {error}"
        else:
            self._ended = self._follower.ended or Reason.DISCONNECTED
            self._failure = f"{describe(self._follower.view)} {self._ended.words}"
        if self._failure:
            tell_end(self.name, self._failure)

    async def _wait(self, gone: Reason) -> rtc.Track | None:
        """Send silence until there is a track again; return it, None if there will be none."""
        silence = asyncio.create_task(self._send_silence())
        try:
            return await self._follower.again(gone, lambda _absence: self._goes_on)
        finally:
            silence.cancel()

    async def _send_silence(self) -> None:
        """Send silence by the clock, so that listeners see a pause, and not late sound."""
        began, length = time.monotonic(), WEBRTC_RATE * FRAME_MS // 1000
        block = np.zeros((self.channels, length), np.float32)
        # A sudden end would click.
        block += self._last * fade_in(length)[::-1].astype(np.float32)
        self._sent_until = max(self._sent_until, began - LONGEST_LAG)
        while True:
            now = time.monotonic()
            while self._sent_until < now:
                # Echoes fade for a while; after that there is nothing to filter.
                ringing = now - began < RINGING_OUT
                self._outlet.push(self._guard.process(block) if ringing else block)
                self._sent_until += FRAME_MS / 1000
                block = np.zeros_like(block)
            await asyncio.sleep(self._sent_until - now)

    def _on_frame(self, frame: rtc.AudioFrame) -> None:
        """Filter one block, on the media thread, and send what comes out."""
        feed = self._feed
        if feed is None or self._ending:
            return
        raw = np.frombuffer(frame.data, np.int16).reshape(-1, 2)
        if self.channels == 1:
            self._apart = self._apart + 1 if _differ(raw[:, 0], raw[:, 1]) else 0
            if self._apart >= APART_BLOCKS:
                self.channels = 2
                self._guard.widen()
        wanted = raw[:, : self.channels].T
        block = np.multiply(wanted, INT16_STEP, dtype=np.float32, order="C")
        if self._fresh:
            self._fresh = False
            block *= fade_in(block.shape[1]).astype(np.float32)
        self._last = block[:, -1:]
        self._outlet.push(self._guard.process(block))
        self._sent_until = feed.frame_time + FRAME_MS / 1000
        late = time.monotonic() - self._sent_until
        self._held.append(late)
        self._late += late > LATE
        self._prepare(BETWEEN)
        if self._outlet.failure is not None:
            self._follower.poke()

    def _prepare(self, seconds: float) -> None:
        """Work on a filter that comes while there is time, on the media thread."""
        self._guard.prepare(seconds, CARRIED * 1000 / FRAME_MS)

    @on_media_loop
    async def close(self) -> None:
        """End it: the filtered track is unpublished. Closing again does nothing."""
        if self._task is not None:
            if not self._ending:
                self._ending = True
                self._task.cancel()
            await asyncio.wait([self._task], timeout=CLOSE_SECONDS)

    async def __aenter__(self) -> Live:
        return self

    async def __aexit__(self, *_exc: Any) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<Live {self.name!r} through {self.filter!r}, {words_of(self)}>"


def _differ(left: NDArray[np.int16], right: NDArray[np.int16]) -> bool:
    if (left == right).all():
        return False
    apart = np.subtract(left, right, dtype=np.int32)
    return bool(apart.max() > ALIKE_STEPS or apart.min() < -ALIKE_STEPS)
