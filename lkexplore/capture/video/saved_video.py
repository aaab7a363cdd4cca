"""A video file that was recorded: where it is, what is in it, and how to read it."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import FileError, LkExploreError
from ...sound.reasons import Reason
from ...sound.recording import Recording
from ...sound.timing import Gap
from .fitting import sizes_in_words
from .video_recording import VideoRecording

__all__ = ["SavedVideo"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SavedVideo:
    """A recorded MP4 file.

    Attributes
    ----------
    path : Path
        Path of the file.
    duration : float
        Length in seconds.
    size : tuple of int
        Width and height in pixels.
    timestamps : ndarray of float64
        Seconds of each picture from the start, as they are in the file, shape (n,).
    sound : bool
        Whether it has sound.
    started_at : datetime or None
        When it starts, in UTC.
    started_monotonic : float or None
        The same instant on this computer's ``time.monotonic()``, in seconds.
    identity, track, name : str or None
        The participant, the video track's id and its name.
    gaps : tuple of Gap
        Intervals in which no pictures came; the picture before stands still there.
    silences : tuple of Gap
        Intervals in which no sound came: the track was muted, unpublished or not there yet.
    dropped : int
        Number of pictures that came but could not be written in time.
    resized : int
        Number of pictures that came in another size and were fitted in, with black bars.
    sizes : mapping of (int, int) to int
        How many pictures came of each other size (width, height), as when a phone is turned.
    ended : Reason or str
        The reason why it ends where it does, see :class:`lkexplore.Reason`.
    error : str or None
        The error, such as a full disk, that ended the writing; None if there was none.

    Notes
    -----
    Taught in ``notebooks/02_recording.ipynb``.

    Examples
    --------
    >>> saved = await room.record_video("alice", 60, path="alice.mp4")     # doctest: +SKIP
    >>> saved.load(10, 12).frames.shape                                    # doctest: +SKIP
    (60, 360, 640, 3)
    """

    path: Path
    duration: float
    size: tuple[int, int]
    timestamps: NDArray[np.float64]
    sound: bool = False
    started_at: datetime | None = None
    started_monotonic: float | None = None
    identity: str | None = None
    track: str | None = None
    name: str | None = None
    gaps: tuple[Gap, ...] = ()
    silences: tuple[Gap, ...] = ()
    dropped: int = 0
    resized: int = 0
    ended: Reason | str = Reason.COMPLETE
    error: str | None = field(default=None)
    sizes: Mapping[tuple[int, int], int] = field(default_factory=dict)

    def load(
        self, start: float = 0.0, end: float | None = None, *, max_bytes: int = 1_000_000_000
    ) -> VideoRecording:
        """Read the pictures from `start` to `end`, in seconds.

        Parameters
        ----------
        start, end : float
            Seconds from the start of the file; by default all of it.
        max_bytes : int
            Most bytes of memory that the pictures may take.

        Returns
        -------
        VideoRecording
            The pictures that begin in that time; timestamps count from `start`.

        Raises
        ------
        FileError
            The file is not there any more, or cannot be read.
        LkExploreError
            The pictures would take more than `max_bytes`, or there are no such times.

        Examples
        --------
        >>> part = saved.load(10, 12)                    # doctest: +SKIP
        """
        stop = self.duration if end is None else min(end, self.duration)
        if not (0 <= start <= stop < math.inf):
            raise LkExploreError(
                f"cannot load from {start!r} to {end!r} s: give 0 <= start <= end, in seconds; "
                f"there are {self.duration:.3f}"
            )
        inside = int(((self.timestamps >= start) & (self.timestamps < stop)).sum())
        need = inside * self.size[0] * self.size[1] * 3
        if need > max_bytes:
            raise LkExploreError(
                f"{inside} pictures of {self.size[0]}x{self.size[1]} need {need / 1e9:.2f} GB, "
                f"more than max_bytes={max_bytes:_}: load a part, as in load(10, 12)"
            )
        frames, times = _read(self.path, start, stop, inside, self.size)
        return VideoRecording(
            frames, times, stop - start, identity=self.identity, track=self.track, name=self.name
        )

    def load_sound(self, start: float = 0.0, end: float | None = None) -> Recording:
        """Read the sound that goes with the pictures, or a part of it.

        Parameters
        ----------
        start, end : float
            Seconds from the start of the file; by default all of it.

        Returns
        -------
        Recording
            At the file's rate; its 0 s is `start` of the film.

        Raises
        ------
        FileError
            There is no sound in it, or it cannot be read.

        Examples
        --------
        >>> film.load_sound().spectrogram()              # doctest: +SKIP
        """
        from .soundtrack import read_sound

        sound = read_sound(self.path, self.duration)
        return sound.replace(identity=self.identity, name=self.name)[start:end]

    def __repr__(self) -> str:
        return f"SavedVideo({', '.join(self._parts())})"

    def _parts(self) -> list[str]:
        width, height = self.size
        parts = [repr(str(self.path)), f"{self.duration:.3f} s", f"{width}x{height}"]
        parts.append(f"{len(self.timestamps)} pictures{' with sound' if self.sound else ''}")
        if self.gaps:
            total = sum(gap.duration for gap in self.gaps)
            parts.append(f"{len(self.gaps)} gap{'s' * (len(self.gaps) > 1)} ({total:.3f} s)")
        if self.dropped:
            parts.append(f"{self.dropped} dropped")
        if self.sizes:
            parts.append(sizes_in_words(self.sizes))
        if self.ended != Reason.COMPLETE:
            parts.append(self.ended)
        if self.error:
            parts.append(self.error)
        return parts

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(', '.join(self._parts()))}</p>"


def _read(
    path: Path, start: float, stop: float, most: int, size: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    import av

    width, height = size
    frames = np.empty((most, height, width, 3), np.uint8)
    times: list[float] = []
    tolerance = 1e-4  # the file's clock has 90000 ticks a second
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            if start > 0:
                container.seek(int(start * 1e6), backward=True)
            for frame in container.decode(stream):
                moment = float(frame.time or 0.0)
                if moment >= stop - tolerance or len(times) == most:
                    break
                if moment >= start - tolerance:
                    frames[len(times)] = frame.to_ndarray(format="rgb24")
                    times.append(max(moment - start, 0.0))
    except (OSError, IndexError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FileError(f"{path} cannot be read: {reason}") from None
    return frames[: len(times)], np.array(times)
