"""Letting clients in: from a WebSocket request to a participant's signalling session."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from aiohttp import web
from livekit.protocol import models as m
from livekit.protocol import rtc

from . import config as settings
from . import signals
from .codecs import PUBLISH_MIME_TYPES
from .joining import BadJoinRequest, JoinOptions, parse_join_request, parse_query
from .participant import Participant
from .session import SignalSession
from .tokens import Grants, TokenRefused, reissue, verify

if TYPE_CHECKING:
    from .room import Room
    from .server import Server

log = logging.getLogger("lkexplore.server")

_HEARTBEAT_SECONDS = 15.0


class Refused(Exception):
    """A request that is not allowed: HTTP status and a text for the client."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


class Admission:
    """Checks who may join, and runs the signalling of those who do."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def grants(self, request: web.Request) -> Grants:
        """Return the grants of a request's token.

        Raises
        ------
        Refused
            With status 401 when there is no valid token.
        """
        header = request.headers.get("Authorization", "")
        bearer = header.removeprefix("Bearer ") if header.startswith("Bearer ") else ""
        try:
            return verify(bearer or request.query.get("access_token", ""), self._server.config.keys)
        except TokenRefused as error:
            raise Refused(401, str(error)) from error

    def check(self, request: web.Request) -> tuple[Grants, str, JoinOptions]:
        """Return the grants, the room's name and the options of a request to join.

        Raises
        ------
        Refused
            With the status and text that LiveKit's server gives.
        """
        grants = self.grants(request)
        limits = self._server.config.limits
        if not (grants.has_video_grant and grants.room_join):
            raise Refused(401, "no permissions to access the room")
        if not 0 < len(grants.identity) <= limits.name_length:
            raise Refused(400, "identity cannot be empty or longer than 256 characters")
        name = grants.room or request.query.get("room", "")
        if not 0 < len(name) <= limits.name_length:
            raise Refused(400, "no room name, or one longer than 256 characters")
        options = _options(request)
        if options.metadata or options.attributes:
            if not grants.can_update_own_metadata:
                raise Refused(401, "no permissions to set metadata or attributes")
            attributes = {**grants.attributes, **{k: v for k, v in options.attributes.items() if v}}
            grants = replace(
                grants, metadata=options.metadata or grants.metadata, attributes=attributes
            )
        room = self._server.rooms.get(name)
        if room is not None and room.is_full and grants.identity not in room.participants:
            raise Refused(403, "room has exceeded its max participants")
        if room is None and len(self._server.rooms) >= limits.rooms:
            raise Refused(503, "the server has reached its number of rooms")
        return grants, name, options

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Run the signalling of one client until it ends."""
        grants, name, options = self.check(request)
        if request.headers.get("Upgrade", "").lower() != "websocket":
            raise Refused(404, "a WebSocket is expected here")
        limits = self._server.config.limits
        socket = web.WebSocketResponse(
            heartbeat=_HEARTBEAT_SECONDS, max_msg_size=limits.signal_message_bytes, compress=False
        )
        await socket.prepare(request)
        session = SignalSession(socket, limits.signal_queue)
        try:
            participant = self._enter(session, grants, name, options)
            if participant is not None:
                await self._run(participant, session, options)
        finally:
            await session.close()
        return socket

    def _enter(
        self, session: SignalSession, grants: Grants, name: str, options: JoinOptions
    ) -> Participant | None:
        room = self._server.room(name)
        if options.reconnect:
            participant = room.by_sid(options.participant_sid)
            if participant is None or participant.identity != grants.identity:
                action = rtc.LeaveRequest.Action.RECONNECT
                reason = m.DisconnectReason.STATE_MISMATCH
                session.send(leave=rtc.LeaveRequest(reason=reason, action=action))
                return None
            participant.attach(session)
            self._welcome_back(participant, options)
            return participant
        participant = Participant(
            room,
            grants,
            options.client,
            auto_subscribe=options.auto_subscribe,
            single=options.single,
        )
        visible = room.visible_to(participant)
        previous = room.participants.get(participant.identity)
        if previous is not None:
            visible = [info for info in visible if info.sid != previous.sid]
        participant.attach(session)
        room.join(participant)
        log.info("%s joined %s", participant.sid, room.info.sid)
        self._welcome(room, participant, visible, options)
        return participant

    def _welcome(
        self,
        room: Room,
        participant: Participant,
        others: list[m.ParticipantInfo],
        options: JoinOptions,
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
        for owner, track in room.tracks_for(participant):
            participant.consider(owner, track)
        for request in options.add_track_requests:
            signals.dispatch(participant, rtc.SignalRequest(add_track=request))
        if options.publisher_offer is not None:
            signals.dispatch(participant, rtc.SignalRequest(offer=options.publisher_offer))
        participant.negotiator.start()

    def _welcome_back(self, participant: Participant, options: JoinOptions) -> None:
        participant.send(
            reconnect=rtc.ReconnectResponse(
                server_info=_server_info(), last_message_seq=participant.data.last_sequence
            )
        )
        infos = [participant.snapshot(), *participant.room.visible_to(participant)]
        participant.send(update=rtc.ParticipantUpdate(participants=infos))
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
        timeouts = self._server.config.timeouts
        while True:
            token = reissue(
                participant.grants, self._server.config.keys, timeouts.refreshed_token_life
            )
            session.send(refresh_token=token)
            await asyncio.sleep(timeouts.token_refresh)


def _options(request: web.Request) -> JoinOptions:
    text = request.query.get("join_request")
    if text is None:
        return parse_query(request.query)
    try:
        return parse_join_request(text)
    except BadJoinRequest as error:
        raise Refused(400, str(error)) from error


def _server_info() -> m.ServerInfo:
    return m.ServerInfo(
        edition=m.ServerInfo.Standard,
        version=settings.SERVER_VERSION,
        protocol=settings.PROTOCOL_VERSION,
        node_id="ND_lkexplore",
    )
