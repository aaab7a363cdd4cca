"""Pictures as a value: RGB frames, their times, and where they come from."""

from __future__ import annotations

import base64
import html
import io
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray

from ...errors import LkExploreError
from ...sound.reasons import Reason
from ...sound.timing import Gap, as_utc
from .fitting import sizes_in_words
from .picture import Image

if TYPE_CHECKING:
    from .saved_video import SavedVideo

__all__ = ["VideoRecording"]

_THUMBNAILS = 5
"""Most pictures that a notebook shows of a recording."""

_THUMBNAIL_WIDTH = 160
"""Width of each of them, in pixels."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class VideoRecording:
    """Pictures of a track, each with its time.

    ``video[1.5]`` is the picture nearest to 1.5 s, ``video[1.0:2.0]`` a part of the recording.

    Attributes
    ----------
    frames : ndarray of uint8
        The pictures, of shape (n, h, w, 3): red, green, blue, read-only.
    timestamps : ndarray of float64
        Seconds of each picture from the start, rising, shape (n,), read-only.
    duration : float
        Seconds from the start to the end; the last picture stands until then.
    started_at : datetime or None
        Time in UTC at which the first picture arrived.
    started_monotonic : float or None
        The same instant on this computer's ``time.monotonic()``, in seconds.
    identity, track, name : str or None
        The participant, the track's id and its name.
    gaps : tuple of Gap
        Intervals in which no pictures came; the picture before stands still there.
    dropped : int
        Number of pictures that came but could not be taken in time.
    resized : int
        Number of pictures that came in another size and were fitted in, with black bars.
    sizes : mapping of (int, int) to int
        How many pictures came of each other size (width, height), as when a phone is turned.
    ended : Reason or str or None
        The reason why the recording of a track ended, see :class:`lkexplore.Reason`; None for a
        part of one, or one that was made in another way.

    Notes
    -----
    Taught in ``notebooks/02_recording.ipynb``.

    Examples
    --------
    >>> import numpy as np
    >>> grey = np.full((30, 20, 40, 3), 128, np.uint8)
    >>> VideoRecording(grey, np.arange(30) / 30, 1.0)
    VideoRecording(1.000 s, 30 pictures of 40x20, 30.0 fps)
    """

    frames: Image
    timestamps: NDArray[np.float64]
    duration: float
    started_at: datetime | None = None
    started_monotonic: float | None = None
    identity: str | None = None
    track: str | None = None
    name: str | None = None
    gaps: tuple[Gap, ...] = ()
    dropped: int = 0
    resized: int = 0
    ended: Reason | str | None = None
    sizes: Mapping[tuple[int, int], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        frames = np.asarray(self.frames)
        times = np.asarray(self.timestamps, np.float64)
        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3:
            raise LkExploreError(
                f"frames of shape {frames.shape} and dtype {frames.dtype} are no video: give "
                "uint8 of shape (n, h, w, 3)"
            )
        if times.shape != (len(frames),) or not _rising(times, self.duration):
            raise LkExploreError(
                f"timestamps must be {len(frames)} rising seconds from 0 to the duration, "
                f"{self.duration!r}"
            )
        frames, times = frames.view(), times.view()
        frames.flags.writeable = times.flags.writeable = False
        object.__setattr__(self, "frames", frames)
        object.__setattr__(self, "timestamps", times)
        object.__setattr__(self, "started_at", as_utc(self.started_at))
        object.__setattr__(self, "gaps", _clipped(self.gaps, 0.0, self.duration))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.frames.shape[2], self.frames.shape[1]

    @property
    def fps(self) -> float:
        """Pictures per second, by the median of the times between them; 0 for fewer than two."""
        if len(self.timestamps) < 2:
            return 0.0
        return float(1 / np.median(np.diff(self.timestamps)))

    def __len__(self) -> int:
        return len(self.frames)

    # The index is in seconds, so there is nothing to step through: iter() must say so.
    __iter__ = None

    @overload
    def __getitem__(self, seconds: float) -> Image: ...
    @overload
    def __getitem__(self, seconds: slice) -> VideoRecording: ...
    def __getitem__(self, seconds: float | slice) -> Image | VideoRecording:
        if isinstance(seconds, slice):
            return self._cut(seconds)
        if not len(self.frames):
            raise LkExploreError("this recording has no pictures")
        moment = self._moment(seconds, 0.0)
        nearest: Image = self.frames[int(np.abs(self.timestamps - moment).argmin())]
        return nearest

    def _moment(self, seconds: object, default: float) -> float:
        if seconds is None:
            return default
        if not isinstance(seconds, int | float | np.number) or math.isnan(float(seconds)):
            raise LkExploreError(f"{seconds!r} is no time: give seconds, as in video[1.5]")
        moment = float(seconds)
        return min(max(moment + self.duration if moment < 0 else moment, 0.0), self.duration)

    def _cut(self, part: slice) -> VideoRecording:
        if part.step is not None:
            raise LkExploreError("a recording is cut by two times, as in video[1.0:2.0]")
        begin = self._moment(part.start, 0.0)
        end = max(self._moment(part.stop, self.duration), begin)
        first, last = np.searchsorted(self.timestamps, [begin, end])
        whole = end == self.duration
        last = len(self.timestamps) if whole else int(last)
        monotonic, moment = self.started_monotonic, self.started_at
        return VideoRecording(
            self.frames[first:last],
            self.timestamps[first:last] - begin,
            end - begin,
            None if moment is None else moment + timedelta(seconds=begin),
            None if monotonic is None else monotonic + begin,
            self.identity,
            self.track,
            self.name,
            _clipped(self.gaps, begin, end),
        )

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> SavedVideo:
        """Write it as an MP4 (H.264), each picture at its time, the first one at 0.

        Parameters
        ----------
        path : str or path-like
            Path of the file, which ends in ``.mp4``. Odd sizes lose a row or a column.
        overwrite : bool
            Whether an existing file may be replaced, by a complete new one; otherwise it is
            refused.

        Returns
        -------
        SavedVideo
            The file.

        Raises
        ------
        FileError
            If the file cannot be written.
        LkExploreError
            If there are no pictures.

        Examples
        --------
        >>> film.save("alice.mp4")                       # doctest: +SKIP
        """
        from .save import save

        return save(self, path, overwrite)

    def __repr__(self) -> str:
        return f"VideoRecording({', '.join(self._parts())})"

    def _parts(self) -> Iterable[str]:
        width, height = self.size
        yield f"{self.duration:.3f} s"
        yield f"{len(self)} pictures of {width}x{height}"
        yield f"{self.fps:.1f} fps"
        if self.identity:
            yield f"of {self.identity!r}"
        if self.gaps:
            total = sum(gap.duration for gap in self.gaps)
            yield f"{len(self.gaps)} gap{'s' * (len(self.gaps) > 1)} ({total:.3f} s)"
        if self.dropped:
            yield f"{self.dropped} dropped"
        if self.sizes:
            yield sizes_in_words(self.sizes)
        if self.ended not in (None, Reason.COMPLETE):
            yield f"ended: {self.ended}"

    def _repr_html_(self) -> str:
        count = min(_THUMBNAILS, len(self))
        places = [round(place) for place in np.linspace(0, len(self) - 1, count)] if count else []
        shown = "".join(
            f'<figure style="display:inline-block;margin:2px"><img alt="" src="data:image/jpeg;'
            f'base64,{_jpeg(self.frames[place])}"><figcaption>{self.timestamps[place]:.2f} s'
            "</figcaption></figure>"
            for place in places
        )
        return f"<div>{shown}<p>{html.escape(', '.join(self._parts()))}</p></div>"


def _clipped(gaps: Iterable[Gap], begin: float, end: float) -> tuple[Gap, ...]:
    inside = (gap for gap in gaps if gap.start < end and gap.end > begin)
    return tuple(
        sorted(
            Gap(max(gap.start, begin) - begin, min(gap.end, end) - begin, gap.reason)
            for gap in inside
        )
    )


def _rising(times: NDArray[np.float64], duration: float) -> bool:
    if not (0 <= duration < math.inf):
        return False
    if not len(times):
        return True
    return bool(times[0] >= 0 and times[-1] <= duration and (np.diff(times) > 0).all())


def _jpeg(image: Image) -> str:
    from PIL import Image as Pillow

    picture = Pillow.fromarray(image)
    picture.thumbnail((_THUMBNAIL_WIDTH, 2 * _THUMBNAIL_WIDTH))
    target = io.BytesIO()
    picture.save(target, "JPEG", quality=80)
    return base64.b64encode(target.getvalue()).decode()
