"""What callers give beside the sound itself: lengths, waits, switches; checked before anything."""

from __future__ import annotations

import math

import numpy as np

from ..errors import LkExploreError, SoundError
from .in_words import shown
from .validation import as_real

__all__ = ["as_channels", "as_flag", "as_length", "as_seconds", "as_title"]


def as_length(value: object, *, open_ended: bool = True) -> float | None:
    """Check the length of a recording, and return it in seconds.

    Parameters
    ----------
    value : object
        A finite number of seconds, 0 or more.
    open_ended : bool
        Whether None is allowed, for no limit.

    Returns
    -------
    float or None
        The same length.

    Raises
    ------
    SoundError
        If it is none.

    Examples
    --------
    >>> as_length(5)
    5.0
    """
    if value is None and open_ended:
        return None
    seconds = as_real(value)
    if not 0 <= seconds < math.inf:
        otherwise = ", or None to record until the track ends" if open_ended else ""
        raise SoundError(
            f"cannot record for {shown(value)} seconds: give a number of 0 or more{otherwise}"
        )
    return seconds


def as_seconds(name: str, value: object) -> float:
    """Check how long to wait for something, and return it in seconds.

    Parameters
    ----------
    name : str
        Name of the argument, for the message.
    value : object
        A number of seconds, 0 or more; infinite for no limit.

    Returns
    -------
    float
        The same number.

    Raises
    ------
    LkExploreError
        If it is none.

    Examples
    --------
    >>> as_seconds("timeout", 10)
    10.0
    """
    seconds = as_real(value)
    if not seconds >= 0:
        raise LkExploreError(f"{name} must be 0 or more seconds, not {shown(value)}: give a number")
    return seconds


def as_channels(value: object) -> int:
    """Check how many channels to record, 1 or 2, or raise a SoundError.

    Examples
    --------
    >>> as_channels(2)
    2
    """
    channels = as_real(value)
    if channels not in (1, 2):
        raise SoundError(f"channels must be 1 or 2 for a recording, not {shown(value)}")
    return int(channels)


def as_flag(name: str, value: object) -> bool:
    """Check a switch: text such as "no" would count as True, so only True and False are allowed.

    Examples
    --------
    >>> as_flag("overwrite", False)
    False
    """
    if not isinstance(value, bool | np.bool_):
        raise LkExploreError(f"{name} must be True or False, not {shown(value)}")
    return bool(value)


def as_title(name: str, value: object) -> str | None:
    """Check a name that is text or None, or raise an LkExploreError.

    Examples
    --------
    >>> as_title("name", "voice")
    'voice'
    """
    if value is not None and not isinstance(value, str):
        raise LkExploreError(f"{name} must be text, not {shown(value)}")
    return value
