"""The links of a room: what is wrong with whose, now and for those who are still to come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .impaired_link import DIRECTIONS, Direction
from .impairment import Impairment

if TYPE_CHECKING:
    from ..participant import Participant

MAX_EXCEPTIONS = 1024


class Network:
    """How bad the links of a room's participants are.

    Parameters
    ----------
    impairment : Impairment
        Of everybody, in both directions, until something else is said.
    """

    def __init__(self, impairment: Impairment) -> None:
        self._everybody: dict[Direction, Impairment] = dict.fromkeys(DIRECTIONS, impairment)
        self._own: dict[tuple[str, Direction], Impairment] = {}

    def admit(self, participant: Participant) -> None:
        """Make a newcomer's links what they should be."""
        for way in DIRECTIONS:
            wanted = self._own.get((participant.identity, way), self._everybody[way])
            participant.lines.impair(way, wanted)

    def impair(
        self,
        impairment: Impairment,
        directions: Sequence[Direction],
        participants: Iterable[Participant],
        identity: str | None,
    ) -> None:
        """Change the links of one participant, or of everybody here and to come."""
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


def describe(participants: Iterable[Participant]) -> list[dict[str, Any]]:
    """Return the links of participants in plain values: what is in force, and the counters."""
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
