"""Rooms as callers give them: a room of ours, one of the SDK, or none."""

from __future__ import annotations

from livekit import rtc

from ..errors import LkExploreError
from ..sdk.joined_room import JoinedRoom, sdk_room
from ..sound.in_words import is_unawaited, shown

__all__ = ["as_sdk_room", "check_room"]


def as_sdk_room(room: JoinedRoom | rtc.Room | None) -> rtc.Room | None:
    """Return the SDK's room of either kind of room, None of none; see `check_room`."""
    if room is not None:
        check_room(room)
    return sdk_room(room)


def check_room(room: object) -> None:
    """Raise an LkExploreError for what is no room, such as the name of one."""
    if is_unawaited(room) or not (
        isinstance(room, JoinedRoom) or hasattr(room, "remote_participants")
    ):
        raise LkExploreError(
            f"room={shown(room)} is no room: give the one that connect() gave, or an rtc.Room"
        )
