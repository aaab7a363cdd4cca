"""Where a recording's samples gather: in memory, or in a file as they come."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...errors import FileError
from ...files import Facts, SavedRecording, SoundWriter, sidecar_path, write_sidecar
from ...sound.convert import WEBRTC_RATE
from ...sound.reasons import Reason
from ...sound.recording import Recording
from .buffer import SampleBuffer

__all__ = ["FileStore", "MemoryStore", "Store"]

RESERVE_SECONDS = 600
"""Seconds for which an open-ended recording reserves address space (memory only as it fills)."""

CHUNK_SECONDS = 0.25
"""Seconds of sound in one write to a file."""

MOST_WAITING = 40
"""Most writes that may wait for a slow disk before the recording fails."""

About: TypeAlias = dict[str, Any]
"""What a recording says about itself: keywords of `Recording`."""


class Store(Protocol):
    """Where the samples of one recording gather."""

    rate: int
    channels: int
    patience: float
    """Seconds for which sound may be held back before it is handed over."""

    def end_at(self, length: int) -> None:
        """Set how many samples it will hold."""

    def write_int16(self, interleaved: NDArray[np.int16]) -> None:
        """Append 16-bit samples, channels interleaved."""

    def write(self, samples: NDArray[np.float32]) -> None:
        """Append float samples, (channels, n)."""

    def silence(self, count: int) -> None:
        """Append zeros."""

    def set_length(self, length: int) -> None:
        """Cut off the end as far as it can be, or append zeros."""

    def describe(self, about: Callable[[], About]) -> None:
        """Take note of the description of the recording so far."""

    def finish(self, about: About, ended: Reason) -> Recording | SavedRecording:
        """Return the recording; nothing more comes."""

    def discard(self) -> None:
        """Leave nothing behind, once finished."""


class MemoryStore(SampleBuffer):
    """Samples in memory.

    Parameters
    ----------
    rate : int
        Sample rate in Hz.
    channels : int
        Number of channels, 1 or 2.
    seconds : float or None
        Seconds of sound that will come; None if that is not known.
    """

    # As long as the jitter buffer of a new track takes to settle.
    patience = 4.5

    def __init__(self, rate: int, channels: int, seconds: float | None) -> None:
        length = None if seconds is None else round(seconds * rate)
        super().__init__(channels, length, reserve=RESERVE_SECONDS * rate)
        self.rate = rate

    def end_at(self, length: int) -> None:
        """Set how many samples it will hold."""
        self.limit = length

    def describe(self, about: Callable[[], About]) -> None:
        """Do nothing: nobody can ask before the end."""

    def finish(self, about: About, ended: Reason) -> Recording:
        """Return the recording; nothing more comes."""
        return Recording(self.take(), self.rate, ended=ended, **about)

    def discard(self) -> None:
        """Do nothing: the memory is given back in any case."""


class FileStore:
    """A file that grows as sound comes in; a thread of its own does the writing.

    Parameters
    ----------
    path : Path
        A new ``.wav`` or ``.flac`` file.
    rate : int
        Sample rate in Hz.
    channels : int
        Number of channels, 1 or 2.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    FileError
        If the file cannot be made; later, from any method, if the disk takes no more.
    """

    # Sound that is held back is lost when the process is killed.
    patience = 0.6

    def __init__(self, path: Path, rate: int, channels: int, overwrite: bool) -> None:
        self.rate, self.channels = rate, channels
        self._writer = SoundWriter(
            path, rate, channels, exact16=rate == WEBRTC_RATE, overwrite=overwrite
        )
        self.path = self._writer.path
        self._disk = ThreadPoolExecutor(1, "lkexplore-disk")
        self._waiting: list[Future[None]] = []
        self._chunk: list[NDArray[Any]] = []
        self._chunk_length = 0
        self._length = 0
        self._limit: int | None = None
        self._error: FileError | None = None

    def end_at(self, length: int) -> None:
        """Set how many samples it will hold."""
        self._limit = length

    def write_int16(self, interleaved: NDArray[np.int16]) -> None:
        """Append 16-bit samples, channels interleaved."""
        self._append(interleaved.copy(), len(interleaved) // self.channels)

    def write(self, samples: NDArray[np.float32]) -> None:
        """Append float samples, (channels, n)."""
        if self._limit is not None:
            samples = samples[:, : max(0, self._limit - self._length)]
        self._append(samples.copy(), samples.shape[1])

    def silence(self, count: int) -> None:
        """Append zeros."""
        self._hand_over()
        self._length += count
        self._submit(lambda: self._writer.silence(count))

    def set_length(self, length: int) -> None:
        """Append zeros; samples already in the file stay."""
        if length > self._length:
            self.silence(length - self._length)

    def describe(self, about: Callable[[], About]) -> None:
        """Write the sidecar file."""
        now = about()
        self._submit(lambda: self._describe(now, None))

    def finish(self, about: About, ended: Reason) -> SavedRecording:
        """Close the file and describe it; nothing more comes."""
        with contextlib.suppress(FileError):
            self._hand_over()
        self._disk.shutdown(wait=True)
        self._collect()
        error = self._error
        for last in (self._writer.close, lambda: self._describe(about, ended)):
            try:
                last()
            except FileError as failed:
                error = error or failed
        return SavedRecording(
            path=self.path,
            sample_rate=self.rate,
            channels=self.channels,
            duration=self._writer.frames / self.rate,
            ended=ended,
            error=str(error) if error else None,
            **about,
        )

    def discard(self) -> None:
        """Remove the file and its sidecar."""
        for path in (self.path, sidecar_path(self.path)):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def _append(self, samples: NDArray[Any], count: int) -> None:
        self._chunk.append(samples)
        self._chunk_length += count
        self._length += count
        if self._chunk_length >= CHUNK_SECONDS * self.rate:
            self._hand_over()

    def _hand_over(self) -> None:
        chunk, self._chunk, self._chunk_length = self._chunk, [], 0
        if chunk:
            self._submit(lambda: self._put(chunk))

    def _put(self, chunk: list[NDArray[Any]]) -> None:
        if chunk[0].dtype == np.int16:
            self._writer.write_int16(np.concatenate(chunk))
        else:
            self._writer.write(np.concatenate(chunk, axis=1))
        self._writer.flush()

    def _describe(self, about: About, ended: Reason | None) -> None:
        write_sidecar(self.path, Facts(self.rate, ended=ended, **about))

    def _submit(self, job: Callable[[], None]) -> None:
        self._collect()
        if self._error is not None:
            raise self._error
        if len(self._waiting) >= MOST_WAITING:
            self._error = FileError(
                f"{self.path}: the disk has fallen {MOST_WAITING * CHUNK_SECONDS:g} s behind: "
                "record to a faster one"
            )
            raise self._error
        try:
            self._waiting.append(self._disk.submit(job))
        except RuntimeError:  # the interpreter is about to end, and starts no more threads
            self._disk.shutdown(wait=True)
            job()

    def _collect(self) -> None:
        done = [job for job in self._waiting if job.done()]
        self._waiting = [job for job in self._waiting if not job.done()]
        for job in done:
            failed = job.exception()
            if isinstance(failed, FileError):
                self._error = self._error or failed
            elif failed is not None:
                raise failed
