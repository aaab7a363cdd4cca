"""The sound that goes with pictures: without holes, even when its track stops or changes."""

from __future__ import annotations

import asyncio
import math
import sys
import time
from collections import deque

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from ...sound.convert import WEBRTC_RATE
from ...sound.reasons import Reason
from ...sound.timing import Gap, clip
from ..audio.placement import Placement
from ..audio.receiver import AudioReceiver
from ..audio.stream import SharedStream
from ..following import ALWAYS, of_anyone

__all__ = ["FilmSound"]

SETTLING = 0.5
"""Seconds of a stream that must come before it is placed in time."""

LONGEST_WAIT = 30 * WEBRTC_RATE
"""Most samples at 48000 Hz that may wait to be collected."""

CLOSE_TIMEOUT = 5.0
"""Seconds that the task which follows the track may take to end."""

PATIENCE = {**ALWAYS, Reason.NOT_THERE_YET: math.inf}
"""Seconds to wait for a track that is gone, or has not come yet, by the reason."""


class _Line(Placement):
    """Keeps a track's sound until it is collected.

    Attributes
    ----------
    shift : float
        Seconds by which the sound that comes now is placed later than it was sent.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, time.monotonic(), lead=True, patience=SETTLING)
        self.shift = 0.0
        self._pieces: deque[NDArray[np.int16]] = deque()
        self._start = self._end = 0

    def add(self, frame: rtc.AudioFrame, feed: SharedStream) -> None:
        """Append a frame of 48000 Hz."""
        super().add(frame, feed)
        if self.placed and feed.vitals is not None and not self.early:
            sent = feed.clock.time_of(feed.clock.count) - feed.vitals.delay
            self.shift = self.started + self.seconds - sent

    def take(self, begin: int, end: int) -> list[NDArray[np.int16]]:
        """Return what there is from one sample up to another, (n, channels) each, only once."""
        taken = []
        while self._pieces and self._start < end:
            piece = self._pieces.popleft()
            here, self._start = self._start, self._start + len(piece)
            if self._start > end:
                self._pieces.appendleft(piece[end - here :])
                self._start = end
            piece = piece[max(begin - here, 0) : end - here]
            if len(piece):
                taken.append(piece)
        return taken

    def _write(self, interleaved: NDArray[np.int16]) -> None:
        self._keep(interleaved.reshape(-1, self.channels))

    def _write_silence(self, count: int) -> None:
        for piece in range(0, count, WEBRTC_RATE):
            self._keep(np.zeros((min(count - piece, WEBRTC_RATE), self.channels), np.int16))

    def _keep(self, samples: NDArray[np.int16]) -> None:
        self._pieces.append(samples)
        self._end += len(samples)
        # Before the first picture nobody collects.
        while self._end - self._start > LONGEST_WAIT:
            self._start += len(self._pieces.popleft())


class FilmSound:
    """Follows a participant's audio track, whenever there is one; lives on the media loop.

    Parameters
    ----------
    room : rtc.Room
        The room of the participant.
    identity : str
        The participant's identity.
    channels : int
        Number of channels, 1 or 2.

    Attributes
    ----------
    limit : int
        Most samples to collect, at 48000 Hz.
    silences : list of Gap
        Intervals in which no sound came; complete after `finish`.
    """

    def __init__(self, room: rtc.Room, identity: str, channels: int) -> None:
        self.channels, self.limit = channels, sys.maxsize
        self.silences: list[Gap] = []
        self._line = _Line(channels)
        self._listener = AudioReceiver(
            room, of_anyone(identity, "audio"), self._line, math.inf, PATIENCE, switches=True
        )
        self._collected = 0
        self._task = asyncio.get_running_loop().create_task(self._listener.run(None))

    @property
    def complete(self) -> bool:
        """Whether all that was wanted is collected."""
        return self._collected >= self.limit

    @property
    def reached(self) -> float:
        """Seconds of sound that were collected."""
        return self._collected / WEBRTC_RATE

    @property
    def settled(self) -> bool:
        """Whether the sound, if there is any, has its place in time."""
        return self._line.placed or self._listener.absence is not None

    @property
    def shift(self) -> float:
        """Seconds by which the sound now comes later than when it was placed."""
        return self._line.shift if self._line.placed else 0.0

    def collect(self, start: float) -> list[NDArray[np.int16]]:
        """Return what follows on what was returned before, of shape (n, channels) each.

        Parameters
        ----------
        start : float
            The time of the first sample of all, in seconds of ``time.monotonic()``.
        """
        first = round((start - self._line.started) * WEBRTC_RATE)
        out = []
        if first + self._collected < 0:
            # The film begins before anybody listened.
            out.append(np.zeros((-first - self._collected, self.channels), np.int16))
            self._collected = -first
        found = self._line.take(first + self._collected, first + self.limit)
        self._collected += sum(map(len, found))
        return out + found

    def finish(self, start: float, end: float) -> list[NDArray[np.int16]]:
        """Return the rest, so that it reaches to the time `end` at least."""
        line, first = self._line, start - self._line.started
        self._listener.place_now()
        line.fill(end)
        line.let_go()
        out = self.collect(start)
        missing = round((end - start) * WEBRTC_RATE) - self._collected
        if missing > 0:
            out.append(np.zeros((missing, self.channels), np.int16))
            self._collected += missing
        gaps, _ = line.known()
        self.silences = list(clip(gaps, first, first + self.reached))
        return out

    async def close(self) -> None:
        """End it."""
        self._task.cancel()
        await asyncio.wait([self._task], timeout=CLOSE_TIMEOUT)
