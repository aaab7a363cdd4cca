"""Pictures with known content, and what can be read off them again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

SIZE = (320, 240)
DIGITS = 12
COLOURS = ((230, 30, 30), (30, 200, 30), (40, 40, 230), (230, 230, 40))


def numbered(number: int, size: tuple[int, int] = SIZE) -> Image:
    """Four bars of colour, and below them the picture's number in black and white."""
    width, height = size
    columns = np.arange(width)
    image = np.empty((height, width, 3), np.uint8)
    image[:] = np.array(COLOURS, np.uint8)[columns * len(COLOURS) // width]
    bits = number >> (columns * DIGITS // width) & 1
    image[height * 3 // 4 :] = (bits * 255)[None, :, None]
    return image


def number_of(image: Image) -> int:
    """Read the number off a picture."""
    height, width = image.shape[:2]
    places = [width * (2 * n + 1) // (2 * DIGITS) for n in range(DIGITS)]
    line = image[height * 7 // 8, places].mean(axis=1) > 128
    return sum(1 << n for n, bit in enumerate(line) if bit)


def colour_error(image: Image) -> float:
    """Return by how much the bars are off, at most, in any colour."""
    height, width = image.shape[:2]
    row = height * 3 // 8
    centres = [width * (2 * n + 1) // (2 * len(COLOURS)) for n in range(len(COLOURS))]
    found = [image[row - 2 : row + 3, c - 2 : c + 3].mean(axis=(0, 1)) for c in centres]
    return float(np.abs(np.array(found) - np.array(COLOURS)).max())
