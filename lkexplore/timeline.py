"""Time in a recording: gaps, instants, and seconds as sample numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from .errors import SoundError

__all__ = ["Gap", "as_utc", "clip_gaps", "sample_index"]


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """A stretch of a recording in which nothing arrived, or the decoder hid a loss.

    Parameters
    ----------
    start, end : float
        Seconds from the start of the recording, ``0 <= start <= end``.
    reason : str
        What happened, such as ``"nothing arrived"`` or ``"concealed"``.

    Raises
    ------
    SoundError
        If the two times are not finite numbers in that order.

    Examples
    --------
    >>> Gap(1.0, 1.25, "nothing arrived").duration
    0.25
    """

    start: float
    end: float
    reason: str

    def __post_init__(self) -> None:
        if not (0 <= self.start <= self.end < math.inf):
            raise SoundError(
                f"a gap from {self.start!r} to {self.end!r} s cannot be: "
                "give finite seconds with 0 <= start <= end"
            )

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.end - self.start


def clip_gaps(gaps: Iterable[Gap], begin: float, end: float) -> tuple[Gap, ...]:
    """Return the gaps within ``[begin, end]`` seconds, in order, as seconds from ``begin``."""
    inside = (
        Gap(max(gap.start, begin) - begin, min(gap.end, end) - begin, gap.reason)
        for gap in gaps
        if gap.start < end and gap.end > begin
    )
    return tuple(sorted(inside))


def as_utc(moment: datetime | None) -> datetime | None:
    """Return a moment in UTC; without a time zone it is refused with a SoundError."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise SoundError(
            f"started_at {moment.isoformat()} has no time zone: "
            "give one, as in datetime.now(timezone.utc)"
        )
    return moment.astimezone(UTC)


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
    try:
        position = float(seconds) * sample_rate  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        position = math.nan
    if math.isnan(position):
        raise SoundError(f"{seconds!r} is no time: cut by seconds, as in recording[1.0:2.5]")
    if position < 0:
        position += length
    return round(min(max(position, 0.0), length))
