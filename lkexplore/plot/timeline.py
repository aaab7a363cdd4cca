"""Several recordings on one time axis."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SoundError
from ..sound.as_recording import Sound, as_recording
from ..sound.in_words import kind_of
from ..sound.recording import Recording
from .axes import add_legend, axes_for
from .colours import BLUE
from .shading import ON_LIGHT, shade
from .waveform_lane import LANE, amplitude_limit, draw_lane

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["timeline"]

_LONGEST_LABEL = 28
"""Characters of the longest label of a row."""

_SAME_CLOCK = 60.0
"""Seconds by which time of day and monotonic clock of two recordings may drift apart: with two
computers, or one switched off in between, it is more.
"""


def timeline(
    recordings: Mapping[Any, Sound] | Iterable[Sound],
    ax: Axes | None = None,
    *,
    color: str = BLUE,
    title: str = "",
) -> Axes:
    """Draw several recordings as rows on one time axis, each at its time.

    Parameters
    ----------
    recordings : mapping or iterable of Recording
        Recordings to draw. The keys of a mapping label its rows, such as
        ``(identity, track name)``, as ``await room.record_all(...)`` returns it; otherwise identity
        and name do.
    ax : matplotlib.axes.Axes, optional
        Axes to draw into; new ones are made by default.
    color : str
        Colour of the waveforms, as matplotlib takes it.
    title : str
        Heading; none by default.

    Returns
    -------
    matplotlib.axes.Axes
        Seconds below, from the earliest start; all rows have the same scale, so loud is high.
        Recordings are placed by their monotonic clock if all of them have the same, otherwise by
        the time of day if all of them know it, otherwise they all start at 0. Gaps are hatched, and
        what was concealed is tinted.

    Raises
    ------
    SoundError
        If there are none, or something among them is no sound.

    See Also
    --------
    waveform : A single recording.
    lkexplore.Recording : What knows when it was recorded.

    Notes
    -----
    Taught in ``notebooks/02_recording.ipynb``.

    Examples
    --------
    >>> import lkexplore as lk
    >>> ax = lk.plot.timeline({"alice": lk.sample("speech"), "bob": lk.sample("hum")})
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['alice', 'bob']
    """
    rows = _rows(recordings)
    starts = _starts([recording for _, recording in rows])
    ax = axes_for(ax, min(0.9 + 0.75 * len(rows), 24))
    ends = (start + row[1].duration for start, row in zip(starts, rows, strict=True))
    limit = amplitude_limit(recording.samples for _, recording in rows)
    middles = [-LANE * limit * row for row in range(len(rows))]
    ax.set_xlim(0, max(ends) or 1)
    ax.set_ylim(middles[-1] - 1.15 * limit, 1.15 * limit)
    ax.set_xlabel("Time (s)")
    ax.set_yticks(middles, [label for label, _ in rows])
    for text in ax.get_yticklabels():
        text.set_parse_math(False)
    for (_, recording), begin, middle in zip(rows, starts, middles, strict=True):
        span = (middle - 1.08 * limit, middle + 1.08 * limit)
        draw_lane(
            ax, recording.samples, recording.sample_rate, middle=middle, color=color, begin=begin
        )
        shade(ax, recording, ON_LIGHT, begin=begin, span=span)
    if title:
        ax.set_title(title, loc="left", fontsize="medium").set_parse_math(False)
    add_legend(ax)
    return ax


def _rows(
    recordings: Mapping[Any, Sound] | Iterable[Sound],
) -> list[tuple[str, Recording]]:
    if isinstance(recordings, Mapping):
        rows = [(_joined(key), as_recording(sound)) for key, sound in recordings.items()]
    elif isinstance(recordings, Iterable) and not isinstance(recordings, np.ndarray):
        every = [as_recording(sound) for sound in recordings]
        rows = [
            (_joined((each.identity, each.name)) or f"recording {row}", each)
            for row, each in enumerate(every, 1)
        ]
    else:
        raise SoundError(
            f"{kind_of(recordings)} is no group of recordings: give a list or a dict of them"
        )
    if not rows:
        raise SoundError("there are no recordings to draw: give at least one")
    return rows


def _joined(key: object) -> str:
    """Make a label of a key, or of the parts of one."""
    parts = key if isinstance(key, tuple) else (key,)
    # As a dictionary, because a track may have the same name as its participant.
    words = dict.fromkeys(" ".join(str(part).split()) for part in parts if part not in (None, ""))
    label = " · ".join(words)
    return label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 1]}…"


def _starts(recordings: list[Recording]) -> list[float]:
    """Return where each starts, in seconds after the first."""
    monotonic = [r.started_monotonic for r in recordings if r.started_monotonic is not None]
    moments = [r.started_at.timestamp() for r in recordings if r.started_at is not None]
    every = len(recordings)
    if len(monotonic) == every and (len(moments) < every or _one_clock(monotonic, moments)):
        times = monotonic
    elif len(moments) == every:
        times = moments
    else:
        return [0.0] * every
    return [time - min(times) for time in times]


def _one_clock(monotonic: list[float], moments: list[float]) -> bool:
    offsets = [moment - time for moment, time in zip(moments, monotonic, strict=True)]
    return max(offsets) - min(offsets) < _SAME_CLOCK
