"""A room in words and as a table: who is here and what they publish."""

from __future__ import annotations

import html
from collections.abc import Iterable

from ..sdk.participants import Participant, Track

__all__ = ["table_of", "text_of"]


def text_of(name: str, identity: str, others: Iterable[Participant]) -> str:
    """Return one line on a room, for its repr.

    Parameters
    ----------
    name : str
        The room's name.
    identity : str
        Our own identity in it.
    others : iterable of Participant
        The other participants.
    """
    here = ", ".join(f"{who.identity!r}{_tracks_of(who)}" for who in others)
    return f"<Room {name!r} as {identity!r}; here: {here or 'nobody'}>"


def table_of(name: str, participants: Iterable[Participant]) -> str:
    """Return a room as an HTML table, with a row for each participant.

    Parameters
    ----------
    name : str
        The room's name.
    participants : iterable of Participant
        Everyone who is there, ourselves included.
    """
    rows = "".join(
        f"<tr><td>{html.escape(who.identity)}{' (you)' if who.local else ''}</td>"
        f"<td>{'<br>'.join(_describe(track) for track in who.tracks) or '–'}</td></tr>"
        for who in participants
    )
    return (
        f"<table><caption>Room <b>{html.escape(name)}</b></caption>"
        f"<thead><tr><th>who</th><th>publishes</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _tracks_of(participant: Participant) -> str:
    tracks = ", ".join(f"{track.kind} {track.name!r}" for track in participant.tracks)
    return f" ({tracks})" if tracks else ""


def _describe(track: Track) -> str:
    words = [track.kind, f"“{track.name}”", track.codec, "muted" if track.muted else ""]
    return html.escape(" ".join(word for word in words if word))
