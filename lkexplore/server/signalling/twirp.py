"""The room service: LiveKit's administration calls, as Twirp (protobuf or JSON over HTTP)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from aiohttp import web
from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from livekit.protocol import models as m
from livekit.protocol import room as api
from livekit.protocol import rtc

from ..data import LOSSY, RELIABLE
from ..participant import Participant
from ..room import Room, RoomHost
from ..tokens import Grants
from .requests import change_metadata, update_subscriptions

_STATUS = {
    "bad_route": 404,
    "not_found": 404,
    "invalid_argument": 400,
    "malformed": 400,
    "unauthenticated": 401,
    "failed_precondition": 412,
    "resource_exhausted": 429,
}
"""HTTP status by Twirp error code (Twirp wire protocol v7, "Error Codes")."""

_NONCE_BYTES = 16
"""Bytes of a data message's nonce, if it has one, as on LiveKit's server."""

_METADATA_TOO_LONG = "metadata size exceeds limits"
"""The text with which LiveKit's server refuses metadata that are too long."""

_JSON = "application/json"
"""Content type of a call in JSON, and of every refusal."""

_PROTOBUF = "application/protobuf"
"""Content type of a call in protobuf."""


class TwirpError(Exception):
    """A refusal in Twirp's terms: a code and a text."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text

    def response(self) -> web.Response:
        """Return the refusal as an HTTP response."""
        body = json.dumps({"code": self.code, "msg": self.text}).encode()
        return web.Response(body=body, content_type=_JSON, status=_STATUS[self.code])


class RoomService:
    """The calls of ``livekit.RoomService``, each checked against the grants of its token.

    Parameters
    ----------
    server : RoomHost
        The settings and the rooms that the calls are about.
    grants : callable
        Returns the grants of a request's token, None without one, or raises `Refused`.
    """

    def __init__(self, server: RoomHost, grants: Callable[[web.Request], Grants | None]) -> None:
        self._server, self._grants = server, grants
        self._calls: dict[str, tuple[type[Message], Callable[[Any, Grants], Message]]] = {
            "CreateRoom": (api.CreateRoomRequest, self._create_room),
            "ListRooms": (api.ListRoomsRequest, self._list_rooms),
            "DeleteRoom": (api.DeleteRoomRequest, self._delete_room),
            "ListParticipants": (api.ListParticipantsRequest, self._list_participants),
            "GetParticipant": (api.RoomParticipantIdentity, self._get_participant),
            "RemoveParticipant": (api.RoomParticipantIdentity, self._remove_participant),
            "MutePublishedTrack": (api.MuteRoomTrackRequest, self._mute_track),
            "UpdateParticipant": (api.UpdateParticipantRequest, self._update_participant),
            "UpdateSubscriptions": (api.UpdateSubscriptionsRequest, self._update_subscriptions),
            "SendData": (api.SendDataRequest, self._send_data),
            "UpdateRoomMetadata": (api.UpdateRoomMetadataRequest, self._update_room_metadata),
        }

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one HTTP request."""
        try:
            return await self._answer(request)
        except TwirpError as error:
            return error.response()

    async def _answer(self, request: web.Request) -> web.Response:
        # Raises `Refused` for a token that is not valid, as for every other request.
        grants = self._grants(request)
        call = self._calls.get(request.match_info["method"])
        if call is None:
            raise TwirpError("bad_route", f'no handler for path "{request.path}"')
        if request.method != "POST":
            raise TwirpError(
                "bad_route", f'unsupported method "{request.method}" (only POST is allowed)'
            )
        header = request.headers.get("Content-Type", "")
        content_type = header.partition(";")[0].strip().lower()
        if content_type not in (_JSON, _PROTOBUF):
            raise TwirpError("bad_route", f'unexpected Content-Type: "{header}"')
        if grants is None or not grants.has_video_grant:
            raise _denied()
        kind, handler = call
        message = decode(kind, await request.read(), is_json=content_type == _JSON)
        result = handler(message, grants)
        body = result.SerializeToString() if content_type == _PROTOBUF else _encode_json(result)
        return web.Response(body=body, content_type=content_type)

    def _room(self, name: str, grants: Grants) -> Room:
        """Return a room that the caller administers."""
        if not grants.administers(name):
            raise _denied()
        room = self._server.rooms.get(name)
        if room is None:
            raise TwirpError("not_found", "requested room does not exist")
        return room

    def _participant(self, request: Any, grants: Grants) -> Participant:
        participant = self._room(request.room, grants).participants.get(request.identity)
        if participant is None:
            raise TwirpError("not_found", "participant does not exist")
        return participant

    def _create_room(self, request: api.CreateRoomRequest, grants: Grants) -> Message:
        if not grants.room_create:
            raise _denied()
        limits = self._server.config.limits
        if not request.name:
            raise TwirpError("invalid_argument", "no room name")
        if len(request.name.encode()) > limits.name_length:
            raise TwirpError(
                "invalid_argument",
                f"room name length exceeds limits: max length {limits.name_length}",
            )
        if len(request.metadata.encode()) > limits.metadata_bytes:
            raise TwirpError("invalid_argument", _METADATA_TOO_LONG)
        if request.name not in self._server.rooms and len(self._server.rooms) >= limits.rooms:
            raise TwirpError("resource_exhausted", "the server has reached its number of rooms")
        room = self._server.room(request.name)
        room.info.metadata = request.metadata or room.info.metadata
        room.info.empty_timeout = request.empty_timeout or room.info.empty_timeout
        room.info.departure_timeout = request.departure_timeout or room.info.departure_timeout
        room.info.max_participants = request.max_participants or room.info.max_participants
        return room.info

    def _list_rooms(self, request: api.ListRoomsRequest, grants: Grants) -> Message:
        if not grants.room_list:
            raise _denied()
        wanted = set(request.names)
        rooms = self._server.rooms.values()
        return api.ListRoomsResponse(
            rooms=[r.info for r in rooms if not wanted or r.name in wanted]
        )

    def _delete_room(self, request: api.DeleteRoomRequest, grants: Grants) -> Message:
        if not grants.room_create:
            raise _denied()
        room = self._server.rooms.get(request.room)
        if room is None:
            raise TwirpError("not_found", "requested room does not exist")
        room.end(m.DisconnectReason.ROOM_DELETED)
        return api.DeleteRoomResponse()

    def _list_participants(self, request: api.ListParticipantsRequest, grants: Grants) -> Message:
        if not grants.administers(request.room):
            raise _denied()
        room = self._server.rooms.get(request.room)
        participants = room.participants.values() if room is not None else ()
        return api.ListParticipantsResponse(participants=[p.snapshot() for p in participants])

    def _get_participant(self, request: api.RoomParticipantIdentity, grants: Grants) -> Message:
        return self._participant(request, grants).snapshot()

    def _remove_participant(self, request: api.RoomParticipantIdentity, grants: Grants) -> Message:
        self._participant(request, grants).leave(m.DisconnectReason.PARTICIPANT_REMOVED)
        return api.RemoveParticipantResponse()

    def _mute_track(self, request: api.MuteRoomTrackRequest, grants: Grants) -> Message:
        participant = self._participant(request, grants)
        if not request.muted:
            raise TwirpError("failed_precondition", "remote unmute not enabled")
        track = participant.uplink.tracks.get(request.track_sid)
        if track is None:
            raise TwirpError("not_found", "track is not found")
        participant.publisher.mute(request.track_sid, True)
        participant.send(mute=rtc.MuteTrackRequest(sid=request.track_sid, muted=True))
        return api.MuteRoomTrackResponse(track=track.info)

    def _update_participant(self, request: api.UpdateParticipantRequest, grants: Grants) -> Message:
        participant = self._participant(request, grants)
        excess = change_metadata(participant, request)
        if excess:
            raise TwirpError("invalid_argument", excess)
        if request.HasField("permission"):
            participant.set_permission(request.permission)
        return participant.snapshot()

    def _update_subscriptions(
        self, request: api.UpdateSubscriptionsRequest, grants: Grants
    ) -> Message:
        update_subscriptions(self._participant(request, grants), request)
        return api.UpdateSubscriptionsResponse()

    def _send_data(self, request: api.SendDataRequest, grants: Grants) -> Message:
        room = self._room(request.room, grants)
        if len(request.nonce) not in (0, _NONCE_BYTES):
            raise TwirpError(
                "invalid_argument",
                f"nonce should be {_NONCE_BYTES}-bytes or not present,"
                f" got: {len(request.nonce)} bytes",
            )
        identities, sids = set(request.destination_identities), set(request.destination_sids)
        packet = m.DataPacket(
            kind=request.kind,
            destination_identities=request.destination_identities,
            user=m.UserPacket(
                payload=request.data,
                topic=request.topic if request.HasField("topic") else None,
                destination_identities=request.destination_identities,
                destination_sids=request.destination_sids,
                nonce=request.nonce,
            ),
        )
        label = LOSSY if request.kind == m.DataPacket.LOSSY else RELIABLE
        payload = packet.SerializeToString()
        for participant in room.participants.values():
            everybody = not (identities or sids)
            if everybody or participant.identity in identities or participant.sid in sids:
                participant.data.send(label, payload)
        return api.SendDataResponse()

    def _update_room_metadata(
        self, request: api.UpdateRoomMetadataRequest, grants: Grants
    ) -> Message:
        room = self._room(request.room, grants)
        if len(request.metadata.encode()) > self._server.config.limits.metadata_bytes:
            raise TwirpError("invalid_argument", _METADATA_TOO_LONG)
        room.info.metadata = request.metadata
        room.announce_room()
        return room.info


def _denied() -> TwirpError:
    return TwirpError("unauthenticated", "permissions denied")


def decode(kind: type[Message], body: bytes, *, is_json: bool) -> Message:
    """Return a request in one of its two forms.

    Raises
    ------
    TwirpError
        With the code ``malformed`` when it is not in that form.
    """
    try:
        if not is_json:
            return kind.FromString(body)
        fields = json.loads(body)
        if not isinstance(fields, dict):
            raise json_format.ParseError("not an object")
        return json_format.ParseDict(fields, kind(), ignore_unknown_fields=True)
    except (DecodeError, json_format.ParseError, ValueError, RecursionError) as error:
        form = "json" if is_json else "protobuf"
        raise TwirpError("malformed", f"the {form} request could not be decoded") from error


def _encode_json(message: Message) -> bytes:
    fields = json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return json.dumps(fields).encode()
