"""Where a live track's frames go: onto one clock, whatever happened on the way."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from ..timeline import Timing
from .clock import STREAM_RATE, StreamClock
from .feed import Feed
from .marks import FADE, NOTHING, Marks
from .vitals import PACKET, RESOLUTION, Look

__all__ = ["NOT_THERE", "Sink"]

NOT_THERE = "not there yet"

DROPOUT = 0.04
"""Seconds by which a stream may lag behind its clock before samples must be missing."""

FADING = 0.4
"""Seconds from the beginning of a mute in which the decoder may still make up sound."""

TOLERANCE = 0.006
"""Seconds by which the blocks that sound travels in shift it, above what is fitted."""

KEPT_LOOKS = 1 << 16


class Sink(ABC):
    """Takes a track's frames, puts them at their place in time, and marks what is missing.

    The first frames are held back until it is known when they came out and how long the jitter
    buffer held them: then it is known when each sample was sent, up to the network's way.

    Parameters
    ----------
    channels : int
        1 or 2, of the frames.
    start : float
        The monotonic time to begin at: what was sent earlier is left out.
    lead : bool
        Whether silence stands for what was missed after `start`; else the sound begins later.
    patience : float
        Seconds for which to hold frames back, for a new track's buffer to settle: at most as long
        as the recording.
    """

    def __init__(self, channels: int, start: float, lead: bool, patience: float) -> None:
        self.channels = channels
        self.count = 0
        self.marks = Marks()
        self.level = 0.0
        self.started = start
        self.delay = self.latest_delay = 0.0
        self._lead, self._patience = lead, patience
        self._placed = False
        self._held: list[NDArray[np.int16]] = []
        self._held_count = 0
        self._early = 0
        self._held_notes: list[Callable[[], None]] = []
        self._muted = False
        self._fading: tuple[float, float] | None = None
        self._lapse: str | None = NOT_THERE if lead else None
        self._resumed: tuple[float, str] | None = None
        self._first_sound = math.inf
        self._off: list[float] = []
        self._fit = (float(STREAM_RATE), 0.0)
        if lead:
            self.marks.begin(NOT_THERE, 0.0)

    @abstractmethod
    def _write(self, interleaved: NDArray[np.int16]) -> None:
        """Append samples."""

    @abstractmethod
    def _write_silence(self, count: int) -> None:
        """Append silence."""

    @property
    def end(self) -> float:
        """How long it is to become, in seconds."""
        return math.inf

    @property
    def full(self) -> bool:
        """Whether nothing more is wanted."""
        return False

    @property
    def empty(self) -> bool:
        """Whether nothing has come yet."""
        return self.count == 0 and not self._held

    @property
    def seconds(self) -> float:
        """How much there is."""
        return self.count / STREAM_RATE

    @property
    def held(self) -> float:
        """How many seconds are held back, or there."""
        return (self.count + self._held_count) / STREAM_RATE

    # What the listener tells

    def add(self, frame: rtc.AudioFrame, feed: Feed) -> None:
        """Append a frame of 48000 Hz."""
        samples = np.frombuffer(frame.data, np.int16)
        self.level = max(int(samples.max()), -int(samples.min())) / 32768
        if self._placed:
            self._catch_up(feed.frame_time - self.delay - self.started)
            self._append(samples)
            return
        self._held.append(samples.copy())
        self._held_count += frame.samples_per_channel
        if self._ready(feed):
            self.place(feed)

    def place(self, feed: Feed) -> None:
        """Decide when the frames held back were sent, and let them go."""
        if self._placed or not self._held:
            return
        self._placed = True
        self.delay = self.latest_delay = feed.vitals.delay if feed.vitals else 0.0
        first = feed.clock.time_of(feed.clock.count - self._held_count) - self.delay
        if not self._lead and not self.count:
            self.started = max(first, self.started)
        held, self._held, self._held_count = self._held, [], 0
        self._catch_up(first - self.started)
        self._early = max(self.count - round((first - self.started) * STREAM_RATE), 0)
        self._append(np.concatenate(held))
        for note in self._held_notes:
            note()
        self._held_notes = []

    def note(self, look: Look) -> None:
        """Learn from a look at the track's statistics."""
        if not self._placed:
            self._held_notes.append(lambda: self.note(look))
            return
        self.marks.note(look, self.started, self.delay)
        if len(self._off) >= KEPT_LOOKS:
            self._off = self._off[::2]
        self._off.append(abs(look.delay - self.delay))
        self.latest_delay = look.delay
        if self._resumed is not None and look.first_packet < math.inf:
            (start, reason), self._resumed = self._resumed, None
            first = look.first_packet - PACKET - self.started
            self.marks.add(start, min(first, self._first_sound), reason)

    def note_clock(self, clock: StreamClock) -> None:
        """Remember how well a stream's clock could be fitted, at its end."""
        self._fit = clock.fit()

    def mark_muted(self, muted: bool, at: float) -> None:
        """Note whether the track is muted, from a monotonic time on."""
        if muted == self._muted:
            return
        self._muted = muted
        if self._placed:
            self._mark_muted(muted, at)
        else:
            self._held_notes.append(lambda: self._mark_muted(muted, at))

    def lapse(self, reason: str, at: float) -> None:
        """Begin a gap at a monotonic time: there is no stream, until frames come again."""
        if self._lapse == reason:
            return
        place = at - self.started
        if self._lapse is not None:
            self.marks.end(self._lapse, place)
        elif self._placed:
            self.marks.guess_from(self._place_of(at))
            # A stream may be cut off with sound still in its jitter buffer.
            place = min(place, self.seconds)
        self.marks.begin(reason, place)
        self._lapse = reason
        # Another stream has a delay of its own: its frames are held back, too, until it is known.
        self._placed = False

    def fill(self, until: float, reason: str | None = None) -> None:
        """Append silence up to a monotonic time at the sender; mark it if a reason is given."""
        start, missing = self.seconds, round((until - self.started) * STREAM_RATE) - self.count
        if missing > 0:
            self._write_silence(missing)
            if reason is not None and self._lapse is None:
                self.marks.add(start, self.seconds, reason)

    # What becomes of it

    def timing(self) -> Timing:
        """Return how well the clock is known."""
        rate, residual = self._fit
        return Timing(
            delay=self.delay,
            residual=float(np.quantile(self._off or [0.0], 0.95)) + residual + TOLERANCE,
            rate=rate,
            resolution=RESOLUTION if self.marks.observed else math.inf,
        )

    # Inside

    def _mark_muted(self, muted: bool, at: float) -> None:
        if muted:
            self.marks.begin("muted", at - self.started)
            # No packets come, and the decoder lets the last sound fade away.
            place = self._place_of(at)
            self._fading = (place + FADE, place + FADING)
        else:
            self.marks.end("muted", at - self.started)
            self._fading = None

    def _ready(self, feed: Feed) -> bool:
        if self._held_count / STREAM_RATE >= self._patience:
            return True
        if feed.vitals is None or feed.vitals.latest is None:
            return False
        there = feed.clock.time_of(feed.clock.count) - feed.vitals.delay - self.started
        return there >= self.end

    def _place_of(self, at: float) -> float:
        """Return where in the samples lies what was sent at a monotonic time not long ago."""
        return at - self.started + self.latest_delay - self.delay

    def _append(self, samples: NDArray[np.int16]) -> None:
        """Write samples, but those that were sent before the start."""
        early = min(self._early, len(samples) // self.channels)
        self._early -= early
        if self._fading is not None:
            samples = self._faded(samples, self.seconds - early / STREAM_RATE)
        if self._resumed is not None and math.isinf(self._first_sound) and samples.any():
            place = int(np.argmax(samples != 0)) // self.channels
            self._first_sound = self.seconds + place / STREAM_RATE
        self._write(samples[early * self.channels :])

    def _faded(self, samples: NDArray[np.int16], start: float) -> NDArray[np.int16]:
        """Return samples that begin at a time, silent where a mute makes the decoder guess."""
        begin, end = self._fading or (0.0, 0.0)
        first, last = (round((edge - start) * STREAM_RATE) for edge in (begin, end))
        if last <= 0:
            self._fading = None
            return samples
        samples = samples.copy()
        samples[max(first, 0) * self.channels : last * self.channels] = 0
        return samples

    def _catch_up(self, at: float) -> None:
        """Leave no hole before a frame that belongs at a time in seconds."""
        if self._lapse is not None:
            reason, self._lapse = self._lapse, None
            self.fill(at + self.started)
            self.marks.end(reason, self.seconds)
            self.marks.guess_until(self.seconds)
            self._resumed, self._first_sound = (self.seconds, reason), math.inf
        elif at - self.seconds > DROPOUT and not self._early:
            self.fill(at + self.started, NOTHING)
