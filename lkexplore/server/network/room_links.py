"""The links of a room: what is wrong with each, now and for participants still to come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from .impaired_link import DIRECTIONS, Direction, Lines
from .impairment import Impairment

MAX_EXCEPTIONS = 1024
"""Links with an impairment of their own that a room remembers; the oldest is forgotten first."""


class Linked(Protocol):
    """What is asked of a participant: its name and its links."""

    identity: str
    lines: Lines


class Network:
    """The impairments of the links of a room's participants.

    Parameters
    ----------
    impairment : Impairment
        What is wrong with everybody's links, in both directions, until that is changed.
    """

    def __init__(self, impairment: Impairment) -> None:
        self._everybody: dict[Direction, Impairment] = dict.fromkeys(DIRECTIONS, impairment)
        self._own: dict[tuple[str, Direction], Impairment] = {}

    def admit(self, participant: Linked) -> None:
        """Give a participant's links the impairments that are set for them."""
        for way in DIRECTIONS:
            wanted = self._own.get((participant.identity, way), self._everybody[way])
            participant.lines.impair(way, wanted)

    def impair(
        self,
        impairment: Impairment,
        directions: Sequence[Direction],
        participants: Iterable[Linked],
        identity: str | None,
    ) -> None:
        """Change the links of one participant, or of all, those still to come included."""
        for way in directions:
            if identity is None:
                self._everybody[way] = impairment
                self._own = {key: own for key, own in self._own.items() if key[1] != way}
                continue
            if (identity, way) not in self._own and len(self._own) >= MAX_EXCEPTIONS:
                del self._own[next(iter(self._own))]
            self._own[identity, way] = impairment
        for participant in participants:
            if identity in (None, participant.identity):
                self.admit(participant)


def describe(participants: Iterable[Linked]) -> list[dict[str, Any]]:
    """Return the links of participants as plain values: impairment and counters."""
    links = []
    for participant in participants:
        for way in DIRECTIONS:
            line = participant.lines[way]
            links.append(
                {
                    "identity": participant.identity,
                    "direction": way,
                    "loss": line.impairment.loss,
                    "delay_ms": line.impairment.delay_ms,
                    "jitter_ms": line.impairment.jitter_ms,
                    "rate_kbps": line.impairment.rate_kbps,
                    "packets": line.packets,
                    "dropped": line.dropped,
                    "delayed": line.delayed,
                }
            )
    return links
