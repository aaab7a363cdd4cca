"""How a live filter is: running, waiting for its track, or ended."""

from __future__ import annotations

import logging
from enum import StrEnum
from typing import Protocol

from ..sound.reasons import Reason

__all__ = ["State", "tell_end", "words_of"]

_log = logging.getLogger("lkexplore")


class State(StrEnum):
    """How a live filter is.

    ``running``
        The track is there, and what comes of it is sent.
    ``waiting``
        There is no track: unpublished, its owner gone, our connection lost. It goes on with the
        next one.
    ``ended``
        It is over, and ``ended`` of the live filter says why.
    """

    RUNNING = "running"
    WAITING = "waiting"
    ENDED = "ended"

    def __repr__(self) -> str:
        return repr(self.value)


class Living(Protocol):
    """What is said of a live filter, for sound or pictures."""

    @property
    def state(self) -> State:
        """How it is."""

    @property
    def ended(self) -> Reason | None:
        """Why it has ended."""

    @property
    def error(self) -> str:
        """What went wrong."""

    @property
    def bypass(self) -> bool:
        """Whether the filter is switched off."""


def words_of(live: Living) -> str:
    """Return how it is, for a repr."""
    if live.state is State.ENDED:
        return "closed" if live.ended in (None, Reason.STOPPED) else f"ended: {live.ended}"
    if live.state is State.WAITING:
        return "waiting"
    return "passed by" if live.error else "bypassed" if live.bypass else "running"


def tell_end(name: str, why: str) -> None:
    """Warn, once, of an end that nobody asked for."""
    _log.warning("the live filter %r has ended: %s", name, why)
