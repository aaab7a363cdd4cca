"""One recording in the making: a track's frames, at the wanted rate, into memory or a file."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...files import SavedRecording
from ...sdk.participants import Track
from ...sound.convert import INT16_STEP, WEBRTC_RATE
from ...sound.reasons import Reason
from ...sound.recording import Recording
from .placement import Placement
from .storage import Store

__all__ = ["Take"]

DESCRIBE_EVERY = WEBRTC_RATE
"""Samples at 48000 Hz after which the description of a file is written again."""

PIECE = WEBRTC_RATE
"""Samples at 48000 Hz of silence that are converted at a time."""


class Take(Placement):
    """Gathers frames and silence up to a length, and becomes a recording.

    Parameters
    ----------
    store : Store
        The memory or file that takes the samples.
    view : Track
        The track that is recorded.
    seconds : float or None
        Length to reach in seconds; None for no limit.
    start : float
        Monotonic time in seconds at which to begin.
    lead : bool
        Whether silence stands for what was missed after `start`; else the sound begins later.
    """

    def __init__(
        self, store: Store, view: Track, seconds: float | None, start: float, lead: bool
    ) -> None:
        converted = store.rate != WEBRTC_RATE
        super().__init__(store.channels, start, lead, store.patience, blurred=converted)
        self.store, self.view = store, view
        self._wanted: int | None = None
        self._described = 0
        self._resampler: Any = None
        if converted:
            import soxr

            self._resampler = soxr.ResampleStream(
                WEBRTC_RATE, store.rate, store.channels, dtype="float32", quality="VHQ"
            )
        if seconds is not None:
            self.limit(seconds)

    def limit(self, seconds: float) -> None:
        """Set the length to reach."""
        self._wanted = max(math.ceil(seconds * WEBRTC_RATE), self.count)
        self.store.end_at(round(seconds * self.store.rate))

    @property
    def end(self) -> float:
        """Seconds that are wanted in all."""
        return math.inf if self._wanted is None else self._wanted / WEBRTC_RATE

    @property
    def full(self) -> bool:
        """Whether the wanted length is reached."""
        return self._wanted is not None and self.count >= self._wanted

    async def close(self, ended: Reason = Reason.COMPLETE) -> Recording | SavedRecording:
        """Return the recording, even if cancelled meanwhile; `ended` says why there is no more."""
        try:
            job = asyncio.get_running_loop().run_in_executor(None, self.finish, ended)
        except RuntimeError:  # the interpreter is about to end, and starts no more threads
            return self.finish(ended)
        while not job.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([job])
        return job.result()

    def finish(self, ended: Reason = Reason.COMPLETE) -> Recording | SavedRecording:
        """Close the store and return what it holds, which may wait for the disk."""
        if not self.full:
            self.marks.forgive(self.seconds)
        self.let_go()
        if self._resampler is not None:
            self._convert(np.zeros((0, self.channels), np.float32), last=True)
            self.store.set_length(round(self.seconds * self.store.rate))
        return self.store.finish(self._about(), ended)

    def _about(self) -> dict[str, Any]:
        """Return what the recording says about itself, as `Recording` takes it."""
        gaps, concealed = self.known()
        ago = timedelta(seconds=time.monotonic() - self.started)
        return {
            "started_at": datetime.now(UTC) - ago,
            "started_monotonic": self.started,
            "identity": self.view.identity or None,
            "track": self.view.sid,
            "name": self.view.name or None,
            "gaps": tuple(gaps),
            "concealed": tuple(concealed),
            "timing": self.timing(),
        }

    def _write(self, interleaved: NDArray[np.int16]) -> None:
        if self._resampler is None:
            self.store.write_int16(interleaved)
        else:
            block = interleaved.reshape(-1, self.channels).astype(np.float32)
            block *= INT16_STEP
            self._convert(block)
        self._describe()

    def _write_silence(self, count: int) -> None:
        if self._resampler is None:
            self.store.silence(count)
        else:
            for piece in range(0, count, PIECE):
                length = min(count - piece, PIECE)
                self._convert(np.zeros((length, self.channels), np.float32))
        self._describe()

    def _wanted_of(self, count: int) -> int:
        if self._wanted is None:
            return count
        return max(min(count, self._wanted - self.count), 0)

    def _describe(self) -> None:
        if self.count - self._described >= DESCRIBE_EVERY:
            self._described = self.count
            self.store.describe(self._about)

    def _convert(self, block: NDArray[np.float32], last: bool = False) -> None:
        out = self._resampler.resample_chunk(block, last=last)
        self.store.write(out.reshape(-1, self.channels).T)
