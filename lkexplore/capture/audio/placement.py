"""Where a live track's frames go: onto one clock, whatever happened on the way."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from ...sound.convert import INT16_SCALE, WEBRTC_RATE
from ...sound.reasons import Reason
from ...sound.timing import Concealment, Gap, Timing
from ..statistics import PACKET, RESOLUTION, STALLED, Look
from ..stream_clock import StreamClock
from .activity import Activity
from .backlog import Backlog
from .marks import Marks
from .stream import SharedStream

__all__ = ["Placement"]

DROPOUT = 0.04
"""Seconds by which a stream may lag behind its clock before samples must be missing."""

MOST_WAITING = 1.0
"""Most seconds of samples that wait for the statistics to say whether they were sent."""

TOLERANCE = 0.006
"""Seconds of uncertainty from the blocks that sound travels in, added to that of the fit."""

KEPT_LOOKS = 1 << 16
"""Delays that are kept at most, one for each look at the statistics; then every other one goes."""


class Placement(ABC):
    """Takes a track's frames, puts them at their place in time, and marks what is missing.

    The first frames are held back until it is known when they came out and how long the jitter
    buffer held them: then it is known when each sample was sent, but for the time on the network.

    Parameters
    ----------
    channels : int
        Number of channels of the frames, 1 or 2.
    start : float
        Monotonic time in seconds at which to begin; what was sent earlier is left out.
    lead : bool
        Whether silence stands for what was missed after `start`; else the sound begins later.
    patience : float
        Seconds for which frames are held back while a new track's jitter buffer settles, at most
        the length of the recording.
    at_once : bool
        Whether samples are passed on as they come. Otherwise they wait until it is known that
        their packets came: what the decoder made up in a gap is silenced, and no gap holds sound.
    blurred : bool
        Whether the samples are converted to another sample rate, see `Activity`.
    """

    def __init__(
        self,
        channels: int,
        start: float,
        lead: bool,
        patience: float,
        *,
        at_once: bool = False,
        blurred: bool = False,
    ) -> None:
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
        self._muted = self._silenced = False
        self._silenced_at = -math.inf
        self._at_once = at_once
        self._activity = Activity(channels, blurred)
        self._backlog = Backlog(channels)
        self._lapse: Reason | None = Reason.NOT_THERE_YET if lead else None
        self._resumed: tuple[float, Reason] | None = None
        self._first_sound = math.inf
        self._off: list[float] = []
        self._fit = (float(WEBRTC_RATE), 0.0)
        if lead:
            self.marks.begin(Reason.NOT_THERE_YET, 0.0)

    @abstractmethod
    def _write(self, interleaved: NDArray[np.int16]) -> None:
        """Append samples."""

    @abstractmethod
    def _write_silence(self, count: int) -> None:
        """Append silence."""

    def _wanted_of(self, count: int) -> int:
        """Return how many of the next `count` samples are wanted."""
        return count

    @property
    def end(self) -> float:
        """Seconds that are wanted in all."""
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
    def placed(self) -> bool:
        """Whether it is known when the samples of the present stream were sent."""
        return self._placed

    @property
    def early(self) -> bool:
        """Whether what comes now was sent before the start."""
        return self._early > 0

    @property
    def seconds(self) -> float:
        """Seconds of sound so far."""
        return self.count / WEBRTC_RATE

    @property
    def held(self) -> float:
        """Seconds of sound so far, those held back included."""
        return (self.count + self._held_count) / WEBRTC_RATE

    # What the receiver calls

    def add(self, frame: rtc.AudioFrame, feed: SharedStream) -> None:
        """Append a frame of 48000 Hz."""
        samples = np.frombuffer(frame.data, np.int16)
        self.level = max(int(samples.max()), -int(samples.min())) / INT16_SCALE
        if self._placed:
            self._catch_up(feed.frame_time - self.delay - self.started)
            self._append(samples)
            self._let_go(self.count - round(MOST_WAITING * WEBRTC_RATE))
            return
        self._held.append(samples.copy())
        self._held_count += frame.samples_per_channel
        if self._ready(feed):
            self.place(feed)

    def place(self, feed: SharedStream) -> None:
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
        self._early = max(self.count - round((first - self.started) * WEBRTC_RATE), 0)
        self._append(np.concatenate(held))
        for note in self._held_notes:
            note()
        self._held_notes = []

    def note(self, look: Look) -> None:
        """Learn from a look at the track's statistics."""
        if not self._placed:
            self._held_notes.append(lambda: self.note(look))
            return
        muted = self._silenced or self._silenced_at >= look.start
        self.marks.note(look, self.started, self.delay, muted)
        self._let_go_of_what_is_known(look)
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

    def lapse(self, reason: Reason, at: float) -> None:
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
        self.let_go()
        self._lapse = reason
        # Another stream has a delay of its own: its frames are held back, too, until it is known.
        self._placed = False

    def fill(self, until: float, reason: Reason | None = None) -> None:
        """Append silence up to a monotonic time at the sender; mark it if a reason is given."""
        start = self.seconds
        missing = self._wanted_of(round((until - self.started) * WEBRTC_RATE) - self.count)
        if missing > 0:
            self.let_go()
            self.count += missing
            self._backlog.skip(missing)
            self._write_silence(missing)
            if reason is not None and self._lapse is None:
                self.marks.add(start, self.seconds, reason)

    # The result

    def let_go(self) -> None:
        """Pass on all that waits."""
        self._let_go(self._backlog.end)

    def waiting(self) -> NDArray[np.int16]:
        """Return what is still to be passed on, interleaved, as far as that is known now."""
        return self._backlog.peek(self.marks.guesses(self.seconds))

    def forget(self, before: float) -> None:
        """Forget the marks before a time."""
        self.marks.forget(before)
        self._activity.forget(before)

    def known(self) -> tuple[list[Gap], list[Concealment]]:
        """Return the gaps, which hold no sound, and what was concealed outside them."""
        gaps, concealed = self.marks.within(self.seconds)
        return sorted(self._activity.outside(gaps)), concealed

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
        self._silenced, self._silenced_at = muted, at
        if muted:
            self.marks.begin(Reason.MUTED, at - self.started)
        else:
            self.marks.end(Reason.MUTED, at - self.started)

    def _ready(self, feed: SharedStream) -> bool:
        if self._held_count / WEBRTC_RATE >= self._patience:
            return True
        if feed.vitals is None or feed.vitals.latest is None:
            return False
        there = feed.clock.time_of(feed.clock.count) - feed.vitals.delay - self.started
        return there >= self.end

    def _place_of(self, at: float) -> float:
        """Return the place in the samples of what was sent at a monotonic time not long ago."""
        return at - self.started + self.latest_delay - self.delay

    def _append(self, samples: NDArray[np.int16]) -> None:
        """Take samples, except those that were sent before the start."""
        early = min(self._early, len(samples) // self.channels)
        self._early -= early
        samples = samples[early * self.channels :]
        count = self._wanted_of(len(samples) // self.channels)
        if not count:
            return
        samples = samples[: count * self.channels]
        if self._resumed is not None and math.isinf(self._first_sound) and samples.any():
            place = int(np.argmax(samples != 0)) // self.channels
            self._first_sound = self.seconds + place / WEBRTC_RATE
        self.count += count
        # Without statistics on packets there is nothing to wait for.
        if self._at_once or not (self.marks.observed or self._held_notes):
            self._backlog.skip(count)
            self._pass_on(samples, self.count - count)
            return
        self._backlog.add(samples.copy())

    def _let_go_of_what_is_known(self, look: Look) -> None:
        """Pass on the samples for which it is known by now whether they were sent."""
        sent = look.last_packet + look.delay
        if self.marks.guessing:
            # All that had come out by then was made up.
            sent = look.time
        elif look.time - look.last_packet > STALLED:
            return
        self._let_go(round((sent - self.delay - self.started) * WEBRTC_RATE))

    def _let_go(self, until: int) -> None:
        start = self._backlog.start
        samples = self._backlog.release(until, self.marks.guesses(self.seconds))
        if len(samples):
            self.marks.forget_guesses(self._backlog.start / WEBRTC_RATE)
            self._pass_on(samples, start)

    def _pass_on(self, samples: NDArray[np.int16], start: int) -> None:
        self._activity.note(start, samples)
        self._write(samples)

    def _catch_up(self, at: float) -> None:
        """Leave no hole before a frame that belongs at a time in seconds."""
        if self._lapse is not None:
            reason, self._lapse = self._lapse, None
            self.fill(at + self.started)
            self.marks.end(reason, self.seconds)
            self.marks.guess_until(self.seconds)
            self._resumed, self._first_sound = (self.seconds, reason), math.inf
        elif at - self.seconds > DROPOUT and not self._early:
            self.fill(at + self.started, Reason.NOTHING_ARRIVED)
