"""What plots and measures take: a Recording, or samples with their rate."""

from __future__ import annotations

from typing import TypeAlias

from numpy.typing import ArrayLike

from ..errors import SoundError
from .in_words import kind_of
from .recording import Recording

__all__ = ["Sound", "as_recording"]

Sound: TypeAlias = Recording | tuple[ArrayLike, int]
"""What plots and measures take: a Recording, or a pair ``(samples, sample_rate)``."""


def as_recording(sound: Sound) -> Recording:
    """Make a Recording of whatever the package takes as sound.

    Parameters
    ----------
    sound : Recording or (samples, sample_rate)
        Samples as in :class:`Recording`, rate in Hz.

    Returns
    -------
    Recording
        The same one, or a new one that shares the samples where it can.

    Raises
    ------
    SoundError
        If it is neither.

    Examples
    --------
    >>> as_recording(([0.0, 0.5], 8000)).duration
    0.00025
    """
    if isinstance(sound, Recording):
        return sound
    if isinstance(sound, tuple) and len(sound) == 2:
        return Recording(sound[0], sound[1])
    raise SoundError(
        f"{kind_of(sound)} is no sound by itself: give a Recording or a pair (samples, sample_rate)"
    )
