"""A participant who is wanted and not there: said at once, with the name that was perhaps meant."""

from __future__ import annotations

from difflib import get_close_matches

from livekit import rtc

__all__ = ["is_here", "nobody_called", "nothing_from"]


def is_here(room: rtc.Room, identity: str) -> bool:
    """Return whether another participant has that identity."""
    return identity in room.remote_participants


def nobody_called(room: rtc.Room, identity: str) -> str:
    """Return the words for a participant who is not here yet."""
    return f"{_missing(room, identity)}: they are recorded once they come"


def nothing_from(room: rtc.Room, identity: str) -> str:
    """Return the words for a participant of whom nothing was recorded."""
    if is_here(room, identity):
        return f"nothing was recorded: {identity!r} is here, but published no sound"
    return f"nothing was recorded: {_missing(room, identity)}"


def _missing(room: rtc.Room, identity: str) -> str:
    if identity == room.local_participant.identity:
        return f"{identity!r} are we ourselves, and a session records the others"
    names = sorted(room.remote_participants)
    small = {name.casefold(): name for name in names}
    near = get_close_matches(identity.casefold(), small, 1)
    meant = f" (did you mean {small[near[0]]!r}?)" if near else ""
    here = ", ".join(map(repr, names)) or "nobody else"
    return f"nobody called {identity!r} is here{meant}; here: {here}"
