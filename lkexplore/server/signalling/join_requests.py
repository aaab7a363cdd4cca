"""The requests by which a client joins or comes back: how they are written on the wire.

Older clients put everything into the query of ``/rtc``. Newer ones send ``/rtc/v1`` with
one message, base64 and maybe gzip, in the parameter ``join_request``.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from google.protobuf.message import DecodeError
from livekit.protocol import models as m
from livekit.protocol import rtc

from ..negotiation.sdp import to_number

MAX_JOIN_BYTES = 1 << 20
"""Bytes of a join request after decompression; a longer one is refused."""

_GZIP_WINDOW = 31
"""zlib's window size for data with a gzip header: 15 for the largest window, plus 16."""

_MAX_PROTOCOL = 9999
"""The highest protocol version that a client may claim; anything beyond counts as none."""


class BadJoinRequest(ValueError):
    """A join request that cannot be read; its text may be sent to the client."""


@dataclass(frozen=True)
class JoinOptions:
    """What a client asks for when it joins.

    Parameters
    ----------
    single : bool
        Whether it uses one peer connection (True) or two.
    client : ClientInfo
        The client's description of itself: protocol version and capabilities.
    auto_subscribe : bool
        Whether it receives tracks without asking for each.
    reconnect : bool
        Whether it comes back as a participant that is still in the room.
    participant_sid : str
        The session id of that participant.
    publish_only : str
        A suffix for its identity, if it is a second connection that only publishes.
    metadata, attributes :
        Metadata and attributes that it asks for, on top of those of its token.
    add_track_requests : tuple of AddTrackRequest
        The tracks that it announces at once.
    publisher_offer : SessionDescription or None
        Its first offer, if it is sent along.
    sync_state : SyncState or None
        Its subscriptions before a reconnect, if they are sent along.
    """

    single: bool
    client: m.ClientInfo = field(default_factory=m.ClientInfo)
    auto_subscribe: bool = True
    reconnect: bool = False
    participant_sid: str = ""
    publish_only: str = ""
    metadata: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    add_track_requests: tuple[rtc.AddTrackRequest, ...] = ()
    publisher_offer: rtc.SessionDescription | None = None
    sync_state: rtc.SyncState | None = None


def parse_query(query: Mapping[str, str]) -> JoinOptions:
    """Return the options of a request to ``/rtc``.

    Raises
    ------
    BadJoinRequest
        When the attributes are not JSON of texts, in base64.
    """
    protocol = query.get("client_protocol", "")
    names = query.get("capabilities", "").split(",")
    known = m.ClientInfo.Capability
    return JoinOptions(
        single=False,
        client=m.ClientInfo(
            client_protocol=to_number(protocol, _MAX_PROTOCOL) or 0,
            capabilities=[n for n in names if n in known.keys()],  # noqa: SIM118
        ),
        auto_subscribe=_flag(query.get("auto_subscribe", "1")),
        reconnect=_flag(query.get("reconnect", "")),
        participant_sid=query.get("sid", ""),
        publish_only=query.get("publish", ""),
        attributes=_attributes(query.get("attributes", "")),
    )


def _attributes(text: str) -> dict[str, str]:
    if not text:
        return {}
    try:
        found = json.loads(_unbase64(text))
    except (ValueError, RecursionError) as error:
        raise BadJoinRequest("cannot decode attributes") from error
    if not (isinstance(found, dict) and all(isinstance(v, str) for v in found.values())):
        raise BadJoinRequest("cannot decode attributes")
    return found


def parse_join_request(text: str) -> JoinOptions:
    """Return the options of a request to ``/rtc/v1``.

    Raises
    ------
    BadJoinRequest
        When it is not base64, gzip or protobuf as announced, or too large.
    """
    if not text:
        raise BadJoinRequest("join_request is required")
    try:
        packed = _unbase64(text)
    except ValueError as error:
        raise BadJoinRequest("cannot base64 decode wrapped join request") from error
    try:
        wrapped = rtc.WrappedJoinRequest.FromString(packed)
    except DecodeError as error:
        raise BadJoinRequest("cannot unmarshal wrapped join request") from error
    payload = wrapped.join_request
    if wrapped.compression == rtc.WrappedJoinRequest.GZIP:
        payload = _gunzip(payload)
    try:
        request = rtc.JoinRequest.FromString(payload)
    except DecodeError as error:
        raise BadJoinRequest("cannot unmarshal join request") from error
    offer = request.publisher_offer if request.HasField("publisher_offer") else None
    return JoinOptions(
        single=True,
        client=request.client_info,
        auto_subscribe=request.connection_settings.auto_subscribe,
        reconnect=request.reconnect,
        participant_sid=request.participant_sid,
        metadata=request.metadata,
        attributes=dict(request.participant_attributes),
        add_track_requests=tuple(request.add_track_requests),
        publisher_offer=offer,
        sync_state=request.sync_state if request.HasField("sync_state") else None,
    )


def _unbase64(text: str) -> bytes:
    """Decode base64 of either alphabet, with or without its padding."""
    padded = text.replace("+", "-").replace("/", "_") + "=" * (-len(text) % 4)
    return base64.b64decode(padded, altchars=b"-_", validate=True)


def _gunzip(data: bytes) -> bytes:
    unpacker = zlib.decompressobj(_GZIP_WINDOW)
    try:
        out = unpacker.decompress(data, MAX_JOIN_BYTES)
    except zlib.error as error:
        raise BadJoinRequest("cannot read decompressed join request") from error
    if unpacker.eof:
        return out
    if len(out) < MAX_JOIN_BYTES:
        raise BadJoinRequest("cannot read decompressed join request")
    raise BadJoinRequest("join request too large")


def _flag(text: str) -> bool:
    return text in ("1", "true")
