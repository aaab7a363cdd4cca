"""A room that we have joined, as far as capturing and publishing need to know it."""

from __future__ import annotations

import asyncio
from typing import Any, overload

from livekit import rtc

from ..errors import RoomClosed
from .encryption import watch_encryption

__all__ = ["JoinedRoom", "as_joined_room", "sdk_room"]


class JoinedRoom:
    """A connected room of the SDK with the event loop that it lives on.

    `lkexplore.Room` is one, with everything that users do in rooms as methods.

    Parameters
    ----------
    room : rtc.Room
        A connected room of the SDK.

    Attributes
    ----------
    rtc : rtc.Room
        The SDK's own object.
    sdk_loop : asyncio.AbstractEventLoop
        The event loop on which the SDK's objects of this room work.
    playing, lives, sessions : set
        Sounds that are being played, live filters, and recordings of everyone; all of them end
        before the room is left.

    Raises
    ------
    RoomClosed
        If the room is not connected.
    """

    def __init__(self, room: rtc.Room) -> None:
        if not room.isconnected():
            raise RoomClosed("this rtc.Room is not connected: connect it first")
        self.rtc = room
        watch_encryption(room)
        self.sdk_loop = _loop_of(room)
        self.playing: set[Any] = set()
        self.lives: set[Any] = set()
        self.sessions: set[Any] = set()
        # Kept, for the SDK forgets both when a room is left.
        self._name, self._identity = room.name, room.local_participant.identity

    @property
    def name(self) -> str:
        """The room's name."""
        return self._name

    @property
    def identity(self) -> str:
        """Our own identity in it."""
        return self._identity

    @property
    def closed(self) -> bool:
        """Whether we have left, or were removed."""
        return not self.rtc.isconnected()


def as_joined_room(room: JoinedRoom | rtc.Room) -> JoinedRoom:
    """Return the same room, or one around a room of the SDK."""
    return JoinedRoom(room) if isinstance(room, rtc.Room) else room


@overload
def sdk_room(room: JoinedRoom | rtc.Room) -> rtc.Room: ...
@overload
def sdk_room(room: JoinedRoom | rtc.Room | None) -> rtc.Room | None: ...
def sdk_room(room: JoinedRoom | rtc.Room | None) -> rtc.Room | None:
    """Return the SDK's room of either kind of room, None of none."""
    return room.rtc if isinstance(room, JoinedRoom) else room


def _loop_of(room: rtc.Room) -> asyncio.AbstractEventLoop:
    # The SDK keeps the loop it was made on to itself, and its objects work on that one only.
    loop = getattr(room, "_loop", None)
    return loop if isinstance(loop, asyncio.AbstractEventLoop) else asyncio.get_running_loop()
