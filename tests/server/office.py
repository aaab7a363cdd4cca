"""Calls to the server's administration, in both of their encodings."""

from __future__ import annotations

import json
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message
from livekit.protocol import models as m
from livekit.protocol import room as api
from serving import SINGLE_OFFER, Clients, Peer, audio_track, http_url, offer, token, video_track

JSON, PROTOBUF = "application/json", "application/protobuf"
ADMIN = {"roomAdmin": True, "room": "room"}
CREATE, LIST = {"roomCreate": True}, {"roomList": True}
CALLS: dict[str, tuple[type[Message], type[Message], dict[str, Any]]] = {
    "CreateRoom": (api.CreateRoomRequest, m.Room, CREATE),
    "ListRooms": (api.ListRoomsRequest, api.ListRoomsResponse, LIST),
    "DeleteRoom": (api.DeleteRoomRequest, api.DeleteRoomResponse, CREATE),
    "ListParticipants": (api.ListParticipantsRequest, api.ListParticipantsResponse, ADMIN),
    "GetParticipant": (api.RoomParticipantIdentity, m.ParticipantInfo, ADMIN),
    "RemoveParticipant": (api.RoomParticipantIdentity, api.RemoveParticipantResponse, ADMIN),
    "MutePublishedTrack": (api.MuteRoomTrackRequest, api.MuteRoomTrackResponse, ADMIN),
    "UpdateParticipant": (api.UpdateParticipantRequest, m.ParticipantInfo, ADMIN),
    "UpdateSubscriptions": (
        api.UpdateSubscriptionsRequest,
        api.UpdateSubscriptionsResponse,
        ADMIN,
    ),
    "SendData": (api.SendDataRequest, api.SendDataResponse, ADMIN),
    "UpdateRoomMetadata": (api.UpdateRoomMetadataRequest, m.Room, ADMIN),
}
OF_A_ROOM = [
    name for name, (_, _, grants) in CALLS.items() if grants is ADMIN and name != "ListParticipants"
]
OF_A_PARTICIPANT = [
    "GetParticipant",
    "RemoveParticipant",
    "MutePublishedTrack",
    "UpdateParticipant",
    "UpdateSubscriptions",
]


class Office:
    """Makes the calls, in one of the two encodings."""

    def __init__(self, clients: Clients, content_type: str = JSON) -> None:
        self.clients, self.content_type = clients, content_type

    async def post(
        self,
        method: str,
        body: bytes,
        *,
        grants: dict[str, Any] | str | None = None,
        content_type: str | None = None,
        verb: str = "POST",
        service: str = "livekit.RoomService",
    ) -> tuple[int, str, bytes]:
        """Return status, content type and body of the answer."""
        headers = {}
        if content_type is None:
            content_type = self.content_type
        if content_type:
            headers["Content-Type"] = content_type
        if grants is not None:
            text = grants if isinstance(grants, str) else token(video=grants)
            headers["Authorization"] = f"Bearer {text}"
        url = http_url(self.clients.server, f"/twirp/{service}/{method}")
        async with self.clients.http.request(
            verb, url, data=body, headers=headers, skip_auto_headers=["Content-Type"]
        ) as response:
            return response.status, response.headers.get("Content-Type", ""), await response.read()

    async def call(self, method: str, **fields: Any) -> Any:
        """Return the answer to a call that must succeed."""
        kind, answer_kind, grants = CALLS[method]
        status, content_type, body = await self.post(
            method, self.encode(kind(**fields)), grants=grants
        )
        assert (status, content_type) == (200, self.content_type), body
        if self.content_type == PROTOBUF:
            return answer_kind.FromString(body)
        return json_format.Parse(body, answer_kind())

    def encode(self, message: Message) -> bytes:
        if self.content_type == PROTOBUF:
            return message.SerializeToString()
        return json_format.MessageToJson(message).encode()

    async def refused(self, method: str, body: bytes, **options: Any) -> tuple[int, str, str]:
        """Return status, code and text of an answer that must be a refusal."""
        status, content_type, answer = await self.post(method, body, **options)
        assert content_type == JSON, answer
        told = json.loads(answer)
        return status, told["code"], told["msg"]


async def publishing(clients: Clients, identity: str = "alice") -> tuple[Peer, str, str]:
    """Return a peer that publishes a microphone and a camera, and their ids."""
    peer = await clients.join(identity)
    await peer.send(add_track=audio_track(name="voice"))
    await peer.send(add_track=video_track())
    answer = await peer.ask("answer", offer=offer(SINGLE_OFFER))
    return peer, answer.mid_to_track_id["7"], answer.mid_to_track_id["8"]
