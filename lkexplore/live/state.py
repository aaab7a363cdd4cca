"""The state of a live filter: running, waiting for its track, or ended."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from ..errors import FilterError
from ..sound.reasons import Reason

__all__ = ["State", "refuse_unknown", "tell_end", "words_of"]

_log = logging.getLogger("lkexplore")


class State(StrEnum):
    """The state of a live filter."""

    RUNNING = "running"
    """The track is there, and is sent filtered."""

    WAITING = "waiting"
    """There is no track: it was unpublished, its owner has left, or our connection was lost. The
    filter goes on with the next track."""

    ENDED = "ended"
    """It is over, and ``ended`` of the live filter says why."""

    def __repr__(self) -> str:
        return repr(self.value)


class Living(Protocol):
    """The properties of a live filter for sound or pictures that its repr shows."""

    @property
    def state(self) -> State:
        """Whether it runs, waits or has ended."""

    @property
    def ended(self) -> Reason | None:
        """The reason for its end; None while it goes on."""

    @property
    def error(self) -> str:
        """The latest error; empty if there is none."""

    @property
    def bypass(self) -> bool:
        """Whether the filter is switched off."""


def words_of(live: Living) -> str:
    """Return the state of a live filter in words, for its repr."""
    if live.state is State.ENDED:
        return "closed" if live.ended in (None, Reason.STOPPED) else f"ended: {live.ended}"
    if live.state is State.WAITING:
        return "waiting"
    return "passed by" if live.error else "bypassed" if live.bypass else "running"


def tell_end(name: str, why: str) -> None:
    """Warn, once, of an end that nobody asked for."""
    _log.warning("the live filter %r has ended: %s", name, why)


def refuse_unknown(live: object, name: str, own: Sequence[str]) -> None:
    """Refuse an attribute that a live filter does not have: a misspelt one would do nothing.

    Parameters
    ----------
    live : Live or LiveVideo
        The live filter.
    name : str
        The attribute that is to be set.
    own : sequence of str
        The attributes that it sets itself.

    Raises
    ------
    FilterError
        If there is no such attribute; the message names the nearest.
    """
    if name in own or hasattr(type(live), name):
        return
    known = sorted(one for one in dir(type(live)) if not one.startswith("_"))
    close = difflib.get_close_matches(name, known, n=1)
    raise FilterError(
        f"{type(live).__name__} has no {name!r}: "
        + (f"did you mean {close[0]!r}?" if close else "a filter's parameters are in live.filter")
    )
