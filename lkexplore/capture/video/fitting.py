"""Pictures of another size, fitted into a film without stretching them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from .picture import Image

if TYPE_CHECKING:
    import av

__all__ = ["Sizes", "fitted", "sizes_in_words"]

BLACK_LUMA = 16
"""Luma of black in 8 bits of limited range (ITU-R BT.601, section 2.5.3)."""

NO_COLOUR = 128
"""Chroma of grey in 8 bits."""


class Sizes:
    """Counts the pictures of a film that came in another size than its own.

    Attributes
    ----------
    resized : int
        Number of pictures that were fitted in.
    others : dict of (int, int) to int
        How many pictures came of each other size, (width, height), in the order of their coming.
    """

    def __init__(self) -> None:
        self.others: dict[tuple[int, int], int] = {}

    def note(self, width: int, height: int) -> None:
        """Count a picture."""
        self.others[width, height] = self.others.get((width, height), 0) + 1

    @property
    def resized(self) -> int:
        """Number of pictures that were fitted in."""
        return sum(self.others.values())


def sizes_in_words(sizes: Mapping[tuple[int, int], int]) -> str:
    """Return how many pictures were fitted in and of which sizes, as ``"12 fitted in (180x320)"``.

    Examples
    --------
    >>> sizes_in_words({(180, 320): 12})
    '12 fitted in (180x320)'
    """
    named = ", ".join(f"{width}x{height}" for width, height in sizes)
    return f"{sum(sizes.values())} fitted in ({named})"


def fitted(
    frame: av.VideoFrame, width: int, height: int, format: Literal["rgb24", "yuv420p"]
) -> Image:
    """Scale a picture until it fits, keep its aspect, and put it in the middle of black.

    Parameters
    ----------
    frame : av.VideoFrame
        The picture.
    width, height : int
        Size to fit into, in pixels; both even for ``"yuv420p"``.
    format : {"rgb24", "yuv420p"}
        Format of the picture that is returned.

    Returns
    -------
    ndarray of uint8
        Shape (height, width, 3), or the planes of shape (height * 3 / 2, width).
    """
    scale = min(width / frame.width, height / frame.height)
    # Halves of chroma planes are whole only for even sides and places.
    inner_width = min(width, max(2, round(frame.width * scale / 2) * 2))
    inner_height = min(height, max(2, round(frame.height * scale / 2) * 2))
    inner = frame.reformat(inner_width, inner_height, format=format, interpolation="BICUBIC")
    image = cast(Image, inner.to_ndarray())
    left = (width - inner_width) // 4 * 2
    top = (height - inner_height) // 4 * 2
    if format == "rgb24":
        whole = np.zeros((height, width, 3), np.uint8)
        whole[top : top + inner_height, left : left + inner_width] = image
        return whole
    return _planes_in_black(image, (inner_width, inner_height), (width, height), (left, top))


def _planes_in_black(
    planes: Image, inner: tuple[int, int], outer: tuple[int, int], place: tuple[int, int]
) -> Image:
    """Put the planes of a picture into those of a larger black one."""
    whole = []
    data, start = planes.ravel(), 0
    for halves, dark in ((1, BLACK_LUMA), (2, NO_COLOUR), (2, NO_COLOUR)):
        width, height = inner[0] // halves, inner[1] // halves
        left, top = place[0] // halves, place[1] // halves
        plane = np.full((outer[1] // halves, outer[0] // halves), dark, np.uint8)
        part = data[start : start + width * height].reshape(height, width)
        plane[top : top + height, left : left + width] = part
        start += width * height
        whole.append(plane.ravel())
    return np.concatenate(whole).reshape(outer[1] * 3 // 2, outer[0])
