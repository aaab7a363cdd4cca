"""The stores of a film: an array in memory, or an MP4 that a thread writes."""

from __future__ import annotations

import asyncio
import math
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import FileError, LkExploreError
from ...sound.reasons import Reason
from .fitting import Sizes, fitted
from .growing_mp4 import Mp4File
from .picture import Image, Picture, rgb_of, yuv_of

__all__ = ["VideoFileStore", "VideoMemoryStore"]

USUAL_RATE = 30
"""Pictures per second that a film is expected to have, before its real rate is known."""

MOST_PICTURES = 60
"""Most pictures that may wait for the encoder; those that come then are dropped."""

MOST_WAITING = 5000
"""Most pieces of picture or sound that may wait for the disk before a recording ends."""

CLOSE_TIMEOUT = 30.0
"""Seconds that finishing the file may take."""


class VideoMemoryStore:
    """Gathers pictures in one array, taken up from the system only as it fills.

    Parameters
    ----------
    most : int
        Most bytes that the pictures may take.

    Attributes
    ----------
    opened : float or None
        Time of the first picture, in seconds of ``time.monotonic()``; None before it.
    sizes : Sizes
        Counts pictures of another size than the first, which are fitted in.
    """

    why = Reason.FULL

    def __init__(self, most: int) -> None:
        self.sizes = Sizes()
        self.problem = ""
        self.opened: float | None = None
        self.times: list[float] = []
        self._most = most
        self._frames = np.empty((0, 1, 1, 3), np.uint8)

    async def open(self, first: Picture, seconds: float | None) -> None:
        """Reserve the memory of the film, or raise the error that it would take too much."""
        width, height = first.size
        each = width * height * 3
        need = each * USUAL_RATE * (seconds or 0.0)
        if need > self._most or each > self._most:
            raise LkExploreError(
                f"{seconds or 0:g} s of {width}x{height} at {USUAL_RATE} pictures per second "
                f"would take {max(need, each) / 1e9:.2f} GB of memory, more than "
                f"max_bytes={self._most:_}: give path='film.mp4' to record to disk, or fewer "
                "seconds"
            )
        room = self._most // each
        if seconds is not None:
            room = min(room, math.ceil(seconds * 4 * USUAL_RATE) + 1)
        self._frames = np.empty((room, height, width, 3), np.uint8)
        self.opened = time.monotonic()

    async def add(self, picture: Picture, seconds: float) -> None:
        """Keep a picture."""
        if len(self.times) == len(self._frames):
            self.problem = f"filled max_bytes={self._most:_}"
            return
        await asyncio.to_thread(self._convert, picture, len(self.times))
        self.times.append(seconds)

    def _convert(self, picture: Picture, place: int) -> None:
        image = rgb_of(picture)
        if image.shape != self._frames.shape[1:]:
            self.sizes.note(image.shape[1], image.shape[0])
            image = _scaled(image, self._frames.shape[2], self._frames.shape[1])
        self._frames[place] = image

    def hold(self, seconds: float) -> None:
        """Do nothing: the times tell how long a picture stands."""

    def add_sound(self, samples: NDArray[np.int16]) -> None:
        """Do nothing: pictures in memory have no sound."""

    async def close(self, seconds: float) -> None:
        """Do nothing."""

    def take(self) -> Image:
        """Return the pictures, shape (n, h, w, 3)."""
        return self._frames[: len(self.times)]


class VideoFileStore:
    """Writes an MP4 in a thread of its own.

    Parameters
    ----------
    path : Path
        Path of the file, as `checked_path` returns it.
    channels : int
        Number of channels of the sound; 0 for no sound.
    overwrite : bool
        Whether an existing file may be replaced.

    Attributes
    ----------
    opened : float or None
        Time of the first picture, in seconds of ``time.monotonic()``; None before it.
    dropped : int
        Number of pictures that came faster than they could be encoded.
    file : Mp4File or None
        The file that is written; None before the first picture.
    """

    why = Reason.FAILED

    def __init__(self, path: Path, channels: int = 0, *, overwrite: bool = False) -> None:
        self.problem = ""
        self.opened: float | None = None
        self.dropped = 0
        self.file: Mp4File | None = None
        self._path, self._channels, self._overwrite = path, channels, overwrite
        self._jobs: queue.SimpleQueue[Callable[[Mp4File], None] | None] = queue.SimpleQueue()
        self._pictures = 0
        self._thread: threading.Thread | None = None

    async def open(self, first: Picture, seconds: float | None) -> None:
        """Make the file."""
        width, height = (side // 2 * 2 for side in first.size)
        size = max(width, 2), max(height, 2)
        self.file = await asyncio.to_thread(
            Mp4File, self._path, size, self._channels, overwrite=self._overwrite
        )
        self.opened = time.monotonic()
        # A daemon: when the interpreter exits, the file is left as when it is killed, and plays.
        self._thread = threading.Thread(target=self._work, name="lkexplore-mp4", daemon=True)
        self._thread.start()

    async def add(self, picture: Picture, seconds: float) -> None:
        """Have a picture written, unless too many wait already."""
        if self._pictures >= MOST_PICTURES:
            self.dropped += 1
            return

        def job(file: Mp4File) -> None:
            self._pictures -= 1
            file.add_picture(yuv_of(picture), seconds)

        self._pictures += 1
        self._put(job)

    def hold(self, seconds: float) -> None:
        """Have the last picture written once more."""
        self._put(lambda file: file.hold(seconds))

    def add_sound(self, samples: NDArray[np.int16]) -> None:
        """Have sound written."""
        self._put(lambda file: file.add_sound(samples))

    async def close(self, seconds: float) -> None:
        """Have the file finished."""
        if self._thread is None:
            return
        self._jobs.put(lambda file: file.close(seconds))
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join, CLOSE_TIMEOUT)
        if self._thread.is_alive():
            self.problem = (
                f"{self._path} was not finished within {CLOSE_TIMEOUT:g} s: the disk is too slow"
            )

    def abandon(self) -> None:
        """Let go of the file as it is; call this when the film ended in an error."""
        self._jobs.put(None)

    def _put(self, job: Callable[[Mp4File], None]) -> None:
        if self._jobs.qsize() > MOST_WAITING:
            self.problem = self.problem or f"{self._path} cannot be written: the disk is too slow"
        if not self.problem:
            self._jobs.put(job)

    def _work(self) -> None:
        file = self.file
        while file is not None and (job := self._jobs.get()) is not None:
            if self.problem:
                continue
            try:
                job(file)
            except FileError as error:
                self.problem = str(error)
        if file is not None and not file.closed:
            file.abandon()


def _scaled(image: Image, width: int, height: int) -> Image:
    import av

    return fitted(av.VideoFrame.from_ndarray(image, format="rgb24"), width, height, "rgb24")
