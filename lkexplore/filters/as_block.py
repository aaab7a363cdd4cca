"""What filters take as a block: float32 of shape (channels, n), finite and read-only."""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import FilterError
from ..sound.validation import MAX_CHANNELS, as_samples

__all__ = ["as_block"]


def as_block(block: ArrayLike) -> NDArray[np.float32]:
    """Check a block as filters take it.

    Parameters
    ----------
    block : array_like, shape (channels, n)
        Samples, finite, full scale being [-1, 1]; n may be 0.

    Returns
    -------
    ndarray of float32, shape (channels, n)
        A read-only view where nothing had to be converted.

    Raises
    ------
    FilterError
        If it has another number of dimensions.
    SoundError
        If it is no sound otherwise, NaN and infinity among the reasons.

    Examples
    --------
    >>> as_block([[0.0, 0.5]]).shape
    (1, 2)
    """
    if isinstance(block, np.ndarray) and _is_plainly_sound(block):
        view: NDArray[np.float32] = block.view()
        view.flags.writeable = False
        return view
    try:
        shape = np.shape(block)
    except ValueError:
        raise FilterError(
            "a block with channels of different lengths cannot be filtered: give (channels, n)"
        ) from None
    if len(shape) != 2:
        what = f"a block of shape {shape}" if shape else type(block).__name__
        raise FilterError(
            f"{what} cannot be filtered: give (channels, n), for one channel block[None, :]"
        )
    return as_samples(block)


def _is_plainly_sound(block: NDArray[Any]) -> bool:
    """Return whether a block is what it should be, in less time than saying what is wrong."""
    if block.dtype != np.float32 or block.ndim != 2 or not block.flags.c_contiguous:
        return False
    flat = block.ravel()
    # One NaN or infinity makes the sum of squares NaN or infinite; so does sound that is too loud.
    power = flat.dot(flat)
    return isfinite(power) and 0 < len(block) <= MAX_CHANNELS
