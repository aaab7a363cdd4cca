"""The samples of one recording in the making, counted on the stream's clock."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from ..recording import Gap, Recording
from .buffer import SampleBuffer

__all__ = ["STREAM_RATE", "Take"]

STREAM_RATE = 48_000
"""Hz that the SDK is asked for: its own conversion changes the pitch at rates such as 22050."""

RESERVE_SECONDS = 600
"""Length for which an open-ended take reserves address space (memory only as it fills)."""


class Take:
    """Gathers frames and silence up to a length, and becomes a recording.

    Parameters
    ----------
    seconds : float or None
        Length to reach; None for no end.
    rate : int
        The recording's rate in Hz.
    channels : int
        1 or 2, those of the frames.
    """

    def __init__(self, seconds: float | None, rate: int, channels: int) -> None:
        self.rate, self.channels = rate, channels
        self.count = 0
        self._wanted = None if seconds is None else math.ceil(seconds * STREAM_RATE)
        limit = None if seconds is None else round(seconds * rate)
        self._buffer = SampleBuffer(channels, limit, reserve=RESERVE_SECONDS * rate)
        self._started_at = datetime.now(UTC)
        self._started_monotonic = time.monotonic()
        self._gaps: list[Gap] = []
        self._muted_since: float | None = None
        self._resampler: Any = None
        if rate != STREAM_RATE:
            import soxr

            self._resampler = soxr.ResampleStream(
                STREAM_RATE, rate, channels, dtype="float32", quality="VHQ"
            )

    @property
    def empty(self) -> bool:
        """Whether nothing has come yet."""
        return self.count == 0

    @property
    def full(self) -> bool:
        """Whether the wanted length is reached."""
        return self._wanted is not None and self.count >= self._wanted

    @property
    def seconds(self) -> float:
        """How much there is."""
        return self.count / STREAM_RATE

    @property
    def late(self) -> float:
        """Seconds by which what there is falls short of the clock."""
        return time.monotonic() - self._started_monotonic - self.seconds

    def add(self, frame: rtc.AudioFrame) -> None:
        """Append a frame of 48000 Hz."""
        if self.count == 0:
            self._started_monotonic = time.monotonic() - frame.duration
            self._started_at = datetime.now(UTC) - timedelta(seconds=frame.duration)
        count = self._claim(frame.samples_per_channel)
        interleaved = np.frombuffer(frame.data, np.int16, count * self.channels)
        if self._resampler is None:
            self._buffer.write_int16(interleaved)
        else:
            block = interleaved.reshape(-1, self.channels).astype(np.float32)
            block *= np.float32(1 / 32768)
            self._convert(block)

    def add_silence(self, seconds: float, reason: str) -> None:
        """Append silence of that length, and mark it as a gap."""
        start = self.seconds
        count = self._claim(round(seconds * STREAM_RATE))
        if self._gaps and self._gaps[-1].reason == reason and self._gaps[-1].end == start:
            start = self._gaps.pop().start
        self._gaps.append(Gap(start, self.seconds, reason))
        if self._resampler is None:
            self._buffer.silence(count)
            return
        for piece in range(0, count, STREAM_RATE):
            length = min(count - piece, STREAM_RATE)
            self._convert(np.zeros((length, self.channels), np.float32))

    def mark_muted(self, muted: bool) -> None:
        """Note whether the track is muted from here on; what is muted becomes a gap."""
        if muted and self._muted_since is None:
            self._muted_since = self.seconds
        elif not muted and self._muted_since is not None:
            if self.seconds > self._muted_since:
                self._gaps.append(Gap(self._muted_since, self.seconds, "muted"))
            self._muted_since = None

    def recording(self, **source: str | None) -> Recording:
        """Return what was gathered; `source` says where it comes from, as in `Recording`."""
        self.mark_muted(False)
        if self._resampler is not None:
            self._convert(np.zeros((0, self.channels), np.float32), last=True)
            self._buffer.set_length(round(self.seconds * self.rate))
        return Recording(
            self._buffer.take(),
            self.rate,
            started_at=self._started_at,
            started_monotonic=self._started_monotonic,
            gaps=self._gaps,
            **source,
        )

    def _claim(self, count: int) -> int:
        if self._wanted is not None:
            count = min(count, self._wanted - self.count)
        count = max(count, 0)
        self.count += count
        return count

    def _convert(self, block: NDArray[np.float32], last: bool = False) -> None:
        out = self._resampler.resample_chunk(block, last=last)
        self._buffer.write(out.reshape(-1, self.channels).T)
