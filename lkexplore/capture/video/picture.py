"""One picture of a live track: as it came, and as an RGB array."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from ...sound.reasons import Reason

__all__ = ["Image", "Picture", "VideoFrame", "rgb_of", "yuv_of"]

Image = NDArray[np.uint8]
"""A picture of shape (h, w, 3): red, green, blue, 0 to 255."""


@dataclass(frozen=True, slots=True, eq=False)
class VideoFrame:
    """A picture with its time.

    Attributes
    ----------
    rgb : ndarray of uint8
        The picture, of shape (h, w, 3): red, green, blue, upright.
    time : float
        Estimated arrival of its last packet, in seconds on this computer's
        ``time.monotonic()``: the time that the picture waited in the jitter buffer is subtracted.

    Notes
    -----
    Taught in ``notebooks/02_recording.ipynb``.

    Examples
    --------
    >>> async for frame in lk.VideoFrames("alice", room=room):    # doctest: +SKIP
    ...     print(frame.time, frame.rgb.mean(axis=(0, 1)))
    """

    rgb: Image
    time: float

    def __repr__(self) -> str:
        height, width = self.rgb.shape[:2]
        return f"VideoFrame({width}x{height} at {self.time:.3f} s)"


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture as the SDK hands it over: I420, perhaps lying on its side.

    Attributes
    ----------
    frame : rtc.VideoFrame
        The planes of the picture.
    turns : int
        Quarter turns clockwise that make it upright, 0 to 3.
    time : float
        Monotonic time in seconds, as in `VideoFrame`.
    pause : Reason or None
        The reason for the gap between the picture before and this one; None without a gap.
    """

    frame: rtc.VideoFrame
    turns: int
    time: float
    pause: Reason | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height when upright."""
        size = self.frame.width, self.frame.height
        return size if self.turns % 2 == 0 else size[::-1]


def rgb_of(picture: Picture) -> Image:
    """Return a picture as an array of its own, upright, of shape (h, w, 3)."""
    frame = picture.frame.convert(rtc.VideoBufferType.RGB24)
    image = np.frombuffer(frame.data, np.uint8).reshape(frame.height, frame.width, 3)
    return np.ascontiguousarray(np.rot90(image, -picture.turns)) if picture.turns else image


def yuv_of(picture: Picture) -> Image:
    """Return the planes of a picture, upright and cut to even sizes, of shape (h * 3 / 2, w)."""
    frame = picture.frame
    data = np.frombuffer(frame.data, np.uint8)
    width, height = frame.width, frame.height
    if not (picture.turns or width % 2 or height % 2):
        return data.reshape(height * 3 // 2, width)
    half_width, half_height = (width + 1) // 2, (height + 1) // 2
    chroma = half_width * half_height
    bright, colours = data[: width * height], data[width * height :]
    planes = [bright.reshape(height, width)[: height // 2 * 2, : width // 2 * 2]]
    for start in (0, chroma):
        plane = colours[start : start + chroma].reshape(half_height, half_width)
        planes.append(plane[: height // 2, : width // 2])
    upright = [np.rot90(plane, -picture.turns) for plane in planes]
    flat = np.concatenate([plane.ravel() for plane in upright])
    return flat.reshape(-1, upright[0].shape[1])
