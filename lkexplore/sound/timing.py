"""What a recording knows about its time: gaps, concealment, its clock, seconds as samples."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from ..errors import SoundError
from .in_words import kind_of, shown
from .reasons import Reason, as_reason
from .validation import as_real

__all__ = [
    "Concealment",
    "Gap",
    "Timing",
    "as_monotonic",
    "as_utc",
    "clip",
    "cut",
    "sample_index",
]

_ROUNDING = 1e-9
"""Seconds up to which what is left of a stretch is only rounding, and is dropped."""


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """A stretch of a recording that is silent because nothing came.

    Parameters
    ----------
    start, end : float
        Seconds from the start of the recording, ``0 <= start <= end``.
    reason : Reason or str
        Cause of the silence, see :class:`lkexplore.Reason`; a gap that you mark yourself may have a
        text of your own.

    Raises
    ------
    SoundError
        If the two times are not finite numbers in that order.

    Notes
    -----
    Taught in ``notebooks/02_recording.ipynb``.

    Examples
    --------
    >>> Gap(1.0, 1.25, "nothing arrived").duration
    0.25
    """

    start: float
    end: float
    reason: Reason | str

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", as_reason(self.reason))
        if not (0 <= as_real(self.start) <= as_real(self.end) < math.inf):
            raise SoundError(
                f"a gap from {shown(self.start)} to {shown(self.end)} s cannot be: "
                "give finite seconds with 0 <= start <= end"
            )

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.end - self.start

    def moved(self, start: float, end: float) -> Gap:
        """Return it with other times."""
        return Gap(start, end, self.reason)


@dataclass(frozen=True, slots=True, order=True)
class Concealment:
    """A stretch of a recording within which the decoder made up sound to hide a loss.

    Parameters
    ----------
    start, end : float
        Seconds from the start of the recording, ``0 <= start < end``: as near as the place is
        known, see :attr:`Timing.resolution`.
    seconds : float
        Seconds of the stretch that were made up, more than 0; more than ``end - start`` counts as
        all.

    Raises
    ------
    SoundError
        If the numbers are not finite, not in that order, or nothing was made up.

    Notes
    -----
    Taught in ``notebooks/02_recording.ipynb``.

    Examples
    --------
    >>> Concealment(1.0, 1.5, 0.06).duration
    0.5
    """

    start: float
    end: float
    seconds: float

    def __post_init__(self) -> None:
        start, end = as_real(self.start), as_real(self.end)
        if not (0 <= start < end < math.inf and 0 < as_real(self.seconds) < math.inf):
            raise SoundError(
                f"{shown(self.seconds)} s concealed from {shown(self.start)} to {shown(self.end)} "
                "s cannot be: give finite seconds with 0 <= start < end, and more than 0 concealed"
            )
        object.__setattr__(self, "seconds", min(self.seconds, self.duration))

    @property
    def duration(self) -> float:
        """Length of the stretch in seconds; ``seconds`` of them were made up."""
        return self.end - self.start

    def moved(self, start: float, end: float) -> Concealment:
        """Return it with other times, and as large a share of it made up."""
        return Concealment(start, end, self.seconds * ((end - start) / self.duration))


@dataclass(frozen=True, slots=True)
class Timing:
    """How well the clock of a recording is known.

    Parameters
    ----------
    delay : float
        Seconds that the jitter buffer held the sound back, and that were taken off the time of
        its arrival; 0 or more.
    residual : float
        Largest error in seconds of the time of a moment in the recording, 95 % of the time; 0 or
        more, infinite if it is not known.
    rate : float
        Samples of the track per second of this computer's clock, as fitted, in Hz.
    resolution : float
        Precision in seconds of the places of ``Recording.concealed``; infinite if losses could not
        be observed, and then nothing is said about them.

    Raises
    ------
    SoundError
        If a number is NaN or out of its range.

    Notes
    -----
    Taught in ``notebooks/02_recording.ipynb``.

    Examples
    --------
    >>> Timing(delay=0.08, residual=0.002, rate=48000.3, resolution=0.2).residual
    0.002
    """

    delay: float
    residual: float
    rate: float
    resolution: float

    def __post_init__(self) -> None:
        if not (0 <= as_real(self.delay) < math.inf and as_real(self.residual) >= 0):
            raise SoundError(
                f"a timing with delay={shown(self.delay)} and residual={shown(self.residual)} "
                "cannot be: "
                "give seconds, 0 or more, the delay finite"
            )
        if not (0 < as_real(self.rate) < math.inf and as_real(self.resolution) >= 0):
            raise SoundError(
                f"a timing with rate={shown(self.rate)} and resolution={shown(self.resolution)} "
                "cannot be: "
                "give Hz above 0, and seconds of 0 or more"
            )


_Span = TypeVar("_Span", Gap, Concealment)


def clip(spans: Iterable[_Span], begin: float, end: float) -> tuple[_Span, ...]:
    """Return the parts of stretches that lie within a part of a recording.

    Parameters
    ----------
    spans : iterable of Gap or Concealment
        Stretches with times as seconds from the start of the recording.
    begin, end : float
        Start and end of the part, in seconds.

    Returns
    -------
    tuple of Gap or Concealment
        In order, as seconds from ``begin``; a stretch that is cut keeps its share of made-up sound.

    Examples
    --------
    >>> clip([Gap(1.0, 3.0, "muted")], 2.0, 10.0)
    (Gap(start=0.0, end=1.0, reason='muted'),)
    """
    inside = []
    for span in _listed(spans):
        start, stop = max(span.start, begin) - begin, min(span.end, end) - begin
        # What is that short is only rounding.
        if stop - start > _ROUNDING:
            inside.append(span.moved(start, stop))
    return tuple(sorted(inside))


def _listed(spans: Iterable[_Span]) -> list[_Span]:
    try:
        found = list(spans)
    except TypeError:
        found = [None]  # type: ignore[list-item]
    if not all(isinstance(span, Gap | Concealment) for span in found):
        raise SoundError(
            f"{shown(spans)} are no stretches of a recording: give a list of lkexplore.Gap, "
            "or of lkexplore.Concealment"
        )
    return found


def cut(seconds: object, sample_rate: int, length: int) -> tuple[int, int]:
    """Return the samples from which and up to which a slice in seconds reaches.

    Parameters
    ----------
    seconds : slice
        Start and end in seconds, as :func:`sample_index` takes them; no step.
    sample_rate, length : int
        Rate in Hz and length in samples of the recording.

    Returns
    -------
    begin, end : int
        ``0 <= begin <= end <= length``.

    Raises
    ------
    SoundError
        For an index instead of a slice, a step, or a time that is no number.

    Examples
    --------
    >>> cut(slice(0.5, None), 8000, 8000)
    (4000, 8000)
    """
    if not isinstance(seconds, slice):
        raise SoundError(
            f"recording[{shown(seconds)}] is no stretch of time: cut by seconds, as in "
            "recording[1.0:2.5]; single samples are in recording.samples"
        )
    if seconds.step is not None:
        raise SoundError(
            f"a step of {shown(seconds.step)} cannot be used when cutting by seconds: "
            "use resample() for fewer samples, or recording.samples[:, ::step]"
        )
    begin = sample_index(seconds.start, sample_rate, length, 0)
    return begin, max(begin, sample_index(seconds.stop, sample_rate, length, length))


def as_utc(moment: datetime | None) -> datetime | None:
    """Return a moment in UTC; without a time zone it is refused with a SoundError."""
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        raise SoundError(
            f"started_at of type {kind_of(moment)} is no moment: give a datetime with a time zone"
        )
    if moment.tzinfo is None:
        raise SoundError(
            f"started_at {moment.isoformat()} has no time zone: "
            "give one, as in datetime.now(timezone.utc)"
        )
    return moment.astimezone(UTC)


def as_monotonic(seconds: float | None) -> float | None:
    """Return an instant of ``time.monotonic()``; what is not finite is a SoundError."""
    if seconds is not None and not math.isfinite(as_real(seconds)):
        raise SoundError(f"started_monotonic {shown(seconds)} is no time: give seconds")
    return seconds


def sample_index(seconds: object, sample_rate: int, length: int, default: int) -> int:
    """Return the sample nearest to a time, as slices count: negative from the end, clamped.

    Parameters
    ----------
    seconds : float or None
        The time; None means the default.
    sample_rate, length : int
        Rate in Hz and length in samples of the recording.
    default : int
        Sample number to return for None.

    Returns
    -------
    int
        From 0 to ``length``.

    Raises
    ------
    SoundError
        If ``seconds`` is no number, or NaN.

    Examples
    --------
    >>> sample_index(-0.5, 8000, 8000, 0)
    4000
    """
    if seconds is None:
        return default
    position = as_real(seconds) * sample_rate
    if math.isnan(position):
        raise SoundError(f"{shown(seconds)} is no time: cut by seconds, as in recording[1.0:2.5]")
    if position < 0:
        position += length
    return round(min(max(position, 0.0), length))
