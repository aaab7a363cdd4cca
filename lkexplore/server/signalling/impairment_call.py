"""The call that changes a room's network: ``POST /lkexplore/impairment``, in JSON.

The body names the ``room``, and may name an ``identity``, a ``direction`` (``"both"``, ``"up"``
or ``"down"``) and the values of an `Impairment`; values left out are those of a link with
which nothing is wrong. The answer is ``{"links": [...]}``, or ``{"error": "..."}`` with status
400, 401, 403 or 404. The token must grant the administration of the room.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from lkexplore.errors import ImpairmentError

from ..network.impaired_link import DIRECTIONS
from ..network.impairment import Impairment
from ..network.room_links import describe
from ..room import Room
from ..tokens import Grants

PATH = "/lkexplore/impairment"
"""Path of the call on the server's HTTP port."""

_VALUES = ("loss", "delay_ms", "jitter_ms", "rate_kbps")
"""Fields of the body that are values of an `Impairment`."""

_FIELDS = ("room", "identity", "direction", *_VALUES)
"""All fields that the body may have; a body with any other is refused."""

_WAYS = {"both": DIRECTIONS, "up": DIRECTIONS[:1], "down": DIRECTIONS[1:]}
"""Directions of a link by the word that the field ``direction`` gives."""


class _Declined(Exception):
    """A request that cannot be served: HTTP status and one line."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


class ImpairmentService:
    """Answers the requests to make the links of a room worse, or well again.

    Parameters
    ----------
    rooms : Mapping[str, Room]
        The server's rooms by their names.
    grants : callable
        Returns the grants of a request's token, None without one, or raises `Refused`.
    """

    def __init__(
        self, rooms: Mapping[str, Room], grants: Callable[[web.Request], Grants | None]
    ) -> None:
        self._rooms, self._grants = rooms, grants

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one HTTP request."""
        # Raises `Refused` for a token that is not valid, as for every other request.
        grants = self._grants(request)
        try:
            fields = _decode(await request.read())
            name = _text(fields, "room")
            if grants is None:
                raise _Declined(401, "a token is needed")
            if name is None or not grants.administers(name):
                raise _Declined(403, "the token does not grant the administration of this room")
            return web.json_response({"links": self._impair(name, fields)})
        except _Declined as declined:
            return web.json_response({"error": declined.text}, status=declined.status)

    def _impair(self, name: str, fields: dict[str, Any]) -> list[dict[str, Any]]:
        identity, way = _text(fields, "identity"), _text(fields, "direction") or "both"
        if way not in _WAYS:
            raise _Declined(400, "direction must be 'both', 'up' or 'down'")
        try:
            wanted = Impairment(**{key: fields[key] for key in _VALUES if key in fields})
        except ImpairmentError as error:
            raise _Declined(400, str(error)) from error
        room = self._rooms.get(name)
        if room is None:
            raise _Declined(404, "there is no such room")
        if identity is not None and identity not in room.participants:
            raise _Declined(404, "there is no such participant in the room")
        here = list(room.participants.values())
        room.network.impair(wanted, _WAYS[way], here, identity)
        return describe(p for p in here if identity in (None, p.identity))


def _decode(body: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _Declined(400, "the request is no JSON") from error
    if not isinstance(fields, dict) or not set(fields) <= set(_FIELDS):
        raise _Declined(400, f"the request must be a JSON object of {', '.join(_FIELDS)}")
    return fields


def _text(fields: dict[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise _Declined(400, f"{name} must be a text")
    return value
