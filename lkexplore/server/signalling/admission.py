"""Letting clients in: from a WebSocket request to a participant's signalling session."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace

from aiohttp import web
from livekit.protocol import models as m
from livekit.protocol import rtc

from .. import config as settings
from ..media.codecs import PUBLISH_MIME_TYPES
from ..participant import Participant
from ..room import Room, RoomHost
from ..session import SignalSession, encode
from ..tokens import Grants, TokenRefused, reissue, verify
from . import requests as signals
from .join_requests import BadJoinRequest, JoinOptions, parse_join_request, parse_query

log = logging.getLogger("lkexplore.server")

_HEARTBEAT_SECONDS = 15.0
"""Seconds between two WebSocket pings; a client that answers none is cut off."""

_BEARER = "Bearer "
"""What precedes the token in an ``Authorization`` header (RFC 6750, section 2.1)."""

_NO_ACCESS = "no permissions to access the room"
"""The text with which LiveKit's server refuses a token without the right to join."""

_MISSING = {"participant identity": "identity cannot be empty", "room name": "no room name"}
"""The texts with which LiveKit's server refuses a token that lacks one of these names."""


class Refused(Exception):
    """A request that is not allowed: HTTP status and a text for the client."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


class Admission:
    """Checks who may join, and runs the signalling of those who do.

    Parameters
    ----------
    server : RoomHost
        The settings and the rooms that clients ask to join.
    """

    def __init__(self, server: RoomHost) -> None:
        self._server = server

    def grants(self, request: web.Request) -> Grants | None:
        """Return the grants of a request's token, or None when it has no token.

        Raises
        ------
        Refused
            With status 401 when the token is not valid.
        """
        header = request.headers.get("Authorization", "")
        if header and not header.startswith(_BEARER):
            raise Refused(401, f"invalid authorization header. Must start with {_BEARER}")
        token = header.removeprefix(_BEARER) or request.query.get("access_token", "")
        if not token:
            return None
        try:
            return verify(token, self._server.config.keys)
        except TokenRefused as error:
            raise Refused(401, str(error)) from error

    def check(self, request: web.Request) -> tuple[Grants, JoinOptions]:
        """Return the grants and the options of a request to join.

        Raises
        ------
        Refused
            With the status and text that LiveKit's server gives.
        """
        return self._check(request, self.grants(request))

    def _check(self, request: web.Request, grants: Grants | None) -> tuple[Grants, JoinOptions]:
        if grants is None or not grants.has_video_grant:
            raise Refused(401, _NO_ACCESS)
        options = _options(request)
        if not grants.room_join:
            raise Refused(401, "permissions denied")
        grants = _as_asked(grants, options)
        limits = self._server.config.limits
        for what, name in (("participant identity", grants.identity), ("room name", grants.room)):
            if not name:
                raise Refused(400, _MISSING[what])
            if len(name.encode()) > limits.name_length:
                raise Refused(400, f"{what} length exceeds limits: max length {limits.name_length}")
        excess = limits.excess(grants.name, grants.metadata, grants.attributes)
        if excess:
            raise Refused(400, excess)
        room = self._server.rooms.get(grants.room)
        if room is not None and not room.admits(grants.identity):
            raise Refused(403, "room has exceeded its max participants")
        if room is None and len(self._server.rooms) >= limits.rooms:
            raise Refused(503, "the server has reached its number of rooms")
        return grants, options

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Run the signalling of one client until it ends."""
        grants = self.grants(request)
        if request.headers.get("Upgrade", "").lower() != "websocket":
            raise Refused(404, "a WebSocket is expected here")
        grants, options = self._check(request, grants)
        limits = self._server.config.limits
        socket = web.WebSocketResponse(
            heartbeat=_HEARTBEAT_SECONDS, max_msg_size=limits.signal_message_bytes, compress=False
        )
        await socket.prepare(request)
        session = SignalSession(
            socket,
            request.transport,
            messages=limits.signal_queue,
            size=limits.signal_queue_bytes,
        )
        try:
            participant = self._enter(session, grants, options)
            if participant is not None:
                await self._run(participant, session, options)
        finally:
            await session.close()
        return socket

    def _enter(
        self, session: SignalSession, grants: Grants, options: JoinOptions
    ) -> Participant | None:
        if options.reconnect:
            return self._come_back(session, grants, options)
        room = self._server.room(grants.room)
        if not room.admits(grants.identity):
            # Other clients have come in since the check.
            _send_away(session, m.DisconnectReason.JOIN_FAILURE, rtc.LeaveRequest.DISCONNECT)
            return None
        participant = Participant(
            room,
            room.shared,
            grants,
            options.client,
            auto_subscribe=options.auto_subscribe,
            single=options.single,
        )
        previous = room.participants.get(participant.identity)
        visible = [
            p for p in room.visible_to(participant) if previous is None or p.sid != previous.sid
        ]
        participant.attach(session)
        # A client ignores everything that comes before this answer.
        self._welcome(room, participant, visible)
        room.join(participant)
        log.info("%s joined %s", participant.sid, room.info.sid)
        self._begin(room, participant, options)
        return participant

    def _come_back(
        self, session: SignalSession, grants: Grants, options: JoinOptions
    ) -> Participant | None:
        room = self._server.rooms.get(grants.room)
        participant = room.by_sid(options.participant_sid) if room is not None else None
        if room is None or participant is None or participant.identity != grants.identity:
            _send_away(session, m.DisconnectReason.STATE_MISMATCH, rtc.LeaveRequest.RECONNECT)
            return None
        participant.attach(session)
        self._welcome_back(room, participant, options)
        return participant

    def _welcome(
        self, room: Room, participant: Participant, others: list[m.ParticipantInfo]
    ) -> None:
        timeouts = self._server.config.timeouts
        participant.send(
            join=rtc.JoinResponse(
                room=room.info,
                participant=participant.snapshot(),
                other_participants=others,
                server_version=settings.SERVER_VERSION,
                subscriber_primary=not participant.single,
                ping_timeout=timeouts.ping_timeout,
                ping_interval=timeouts.ping_interval,
                server_info=_server_info(),
                fast_publish=True,
                enabled_publish_codecs=[m.Codec(mime=mime) for mime in PUBLISH_MIME_TYPES],
            )
        )

    @staticmethod
    def _begin(room: Room, participant: Participant, options: JoinOptions) -> None:
        """Start what follows the join: subscriptions, and the requests that came with it."""
        for owner, track in room.tracks_for(participant):
            participant.consider(owner, track)
        for request in options.add_track_requests:
            signals.dispatch(participant, rtc.SignalRequest(add_track=request))
        if options.publisher_offer is not None:
            signals.dispatch(participant, rtc.SignalRequest(offer=options.publisher_offer))
        participant.negotiator.start()

    @staticmethod
    def _welcome_back(room: Room, participant: Participant, options: JoinOptions) -> None:
        participant.send(
            reconnect=rtc.ReconnectResponse(
                server_info=_server_info(), last_message_seq=participant.data.last_sequence
            )
        )
        infos = [participant.snapshot(), *room.visible_to(participant)]
        participant.send(update=rtc.ParticipantUpdate(participants=infos))
        participant.send(room_update=rtc.RoomUpdate(room=room.info))
        participant.negotiator.resume()
        if options.sync_state is not None:
            signals.dispatch(participant, rtc.SignalRequest(sync_state=options.sync_state))

    async def _run(
        self, participant: Participant, session: SignalSession, options: JoinOptions
    ) -> None:
        refresher = asyncio.create_task(self._refresh(participant, session))
        try:
            async for request in session.requests():
                if participant.session is session:
                    signals.dispatch(participant, request)
                if participant.closed:
                    break
        finally:
            refresher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await refresher
            participant.detach(session)

    async def _refresh(self, participant: Participant, session: SignalSession) -> None:
        """Hand out fresh tokens, so that a client can come back after its own has expired."""
        config = self._server.config
        while True:
            participant.token_is_stale.clear()
            token = reissue(
                participant.grants,
                config.keys,
                config.timeouts.refreshed_token_life,
                participant.info,
                participant.permission,
            )
            session.send(encode(refresh_token=token))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(
                    participant.token_is_stale.wait(), config.timeouts.token_refresh
                )


def _send_away(
    session: SignalSession, reason: m.DisconnectReason, action: rtc.LeaveRequest.Action
) -> None:
    session.send(encode(leave=rtc.LeaveRequest(reason=reason, action=action)))


def _as_asked(grants: Grants, options: JoinOptions) -> Grants:
    """Return the grants, changed as the client asks for itself and as it is allowed to."""
    if options.publish_only:
        if not grants.can_publish:
            raise Refused(401, _NO_ACCESS)
        identity = f"{grants.identity}#{options.publish_only}"
        grants = replace(grants, identity=identity, can_subscribe=False)
    if not (options.metadata or options.attributes):
        return grants
    if not grants.can_update_own_metadata:
        raise Refused(401, _NO_ACCESS)
    attributes = {**grants.attributes, **{k: v for k, v in options.attributes.items() if v}}
    return replace(grants, metadata=options.metadata or grants.metadata, attributes=attributes)


def _options(request: web.Request) -> JoinOptions:
    text = request.query.get("join_request", "")
    try:
        if text or "/rtc/v1" in request.path:
            return parse_join_request(text)
        return parse_query(request.query)
    except BadJoinRequest as error:
        raise Refused(400, str(error)) from error


def _server_info() -> m.ServerInfo:
    return m.ServerInfo(
        edition=m.ServerInfo.Standard,
        version=settings.SERVER_VERSION,
        protocol=settings.PROTOCOL_VERSION,
        node_id="ND_lkexplore",
    )
