"""Active speakers: who is heard now, by the levels that publishers put into their packets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from livekit.protocol import models as m

if TYPE_CHECKING:
    from .uplink import Uplink

ACTIVE_LEVEL = 10 ** (-35 / 20)
"""The level (0 to 1) from which a participant counts as a speaker: -35 dBov, as LiveKit's."""

_SMOOTHING = 0.5
"""Share (0 to 1) of a new level in the smoothed one; a smaller share reacts more slowly."""

_CHANGE = 0.02
"""A level (0 to 1) that has changed by no more than this since its last report is not told."""


class Speaker(Protocol):
    """What is asked of a participant: its id and the tracks it publishes."""

    sid: str
    uplink: Uplink


class ActiveSpeakers:
    """Smooths levels, and reports them when they have changed enough to be seen."""

    def __init__(self) -> None:
        self._smoothed: dict[str, float] = {}
        self._reported: dict[str, float] = {}

    def update(self, participants: Iterable[Speaker]) -> list[m.SpeakerInfo]:
        """Return the speakers whose level changed since the last report."""
        changed = []
        for participant in participants:
            tracks = participant.uplink.tracks.values()
            level = max((t.take_level() for t in tracks if t.kind == "audio"), default=0.0)
            before = self._smoothed.get(participant.sid, 0.0)
            smooth = before + _SMOOTHING * (level - before)
            shown = smooth if smooth >= ACTIVE_LEVEL else 0.0
            self._smoothed[participant.sid] = smooth
            reported = self._reported.get(participant.sid, 0.0)
            if (shown > 0) != (reported > 0) or abs(shown - reported) > _CHANGE:
                self._reported[participant.sid] = shown
                info = m.SpeakerInfo(sid=participant.sid, level=shown, active=shown > 0)
                changed.append(info)
        return changed

    def forget(self, sid: str) -> None:
        """Drop a participant that has left."""
        self._smoothed.pop(sid, None)
        self._reported.pop(sid, None)
