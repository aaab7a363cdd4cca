"""A participant: its permission, its tracks, its subscriptions, its data, its connection."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Protocol

from livekit.protocol import models as m
from livekit.protocol import rtc

from .data import DataRelay
from .ids import PARTICIPANT, new_sid
from .media import rtcp
from .media.codecs import Codec
from .media.connection_quality import LinkQuality
from .media.forwarding import PublishedTrack
from .media.subscriptions import Audience, Subscription, Subscriptions
from .media.uplink import Uplink
from .negotiation import DualNegotiator, SingleNegotiator, sdp
from .negotiation.announced_tracks import Publisher
from .network.impaired_link import Lines
from .session import SignalSession, encode
from .shared import Shared
from .tokens import Grants
from .transport import PEER_CLOSED, Transport

_State = m.ParticipantInfo.State

_GOODBYE_SECONDS = 1.0
"""Seconds that a client which has closed its media has to say goodbye before it is removed."""


class Surroundings(Protocol):
    """What a participant asks of its room: the others in it, and to tell them of changes."""

    name: str

    def others(self, participant: Participant) -> list[Participant]:
        """Return everybody but one."""

    def by_sid(self, sid: str) -> Participant | None:
        """Return the participant with this session id."""

    def tracks_for(self, participant: Participant) -> list[tuple[Participant, PublishedTrack]]:
        """Return all tracks of the others, each with its owner."""

    def broadcast(self, **message: Any) -> None:
        """Send one signalling message to everybody."""

    def announce(self, participant: Participant) -> None:
        """Tell everybody the present state of a participant."""

    def on_published(self, owner: Participant, track: PublishedTrack) -> None:
        """Bring a new track to whoever wants it."""

    def on_unpublished(self, owner: Participant, track: PublishedTrack) -> None:
        """Take a track from whoever has it."""

    def on_removed(self, participant: Participant) -> None:
        """Forget a participant and tell the others."""


class Participant:
    """One client in one room.

    Parameters
    ----------
    room : Surroundings
        The room that the participant is about to join.
    shared : Shared
        What all rooms of the server have in common.
    grants : Grants
        The identity and the rights that its token gives it.
    client : ClientInfo
        The client's description of itself: protocol version and capabilities.
    auto_subscribe : bool
        Whether it receives tracks without asking.
    single : bool
        Whether it uses one peer connection (True) or two.
    """

    def __init__(
        self,
        room: Surroundings,
        shared: Shared,
        grants: Grants,
        client: m.ClientInfo,
        *,
        auto_subscribe: bool,
        single: bool,
    ) -> None:
        self.room, self.grants, self.single = room, grants, single
        self.limits, self._timeouts = shared.config.limits, shared.config.timeouts
        self.sid, self.identity = new_sid(PARTICIPANT), grants.identity
        self.permission = grants.permission()
        self.info = _participant_info(self.sid, grants, client)
        self.session: SignalSession | None = None
        self.closed = False
        self._joined = time.monotonic()
        self.token_is_stale = asyncio.Event()
        self.audience = Audience()
        self._gone: asyncio.TimerHandle | None = None

        up = self.publisher_transport = Transport(shared.mux, f"{self.identity}/pub")
        down = self.subscriber_transport = (
            up if single else Transport(shared.mux, f"{self.identity}/sub")
        )
        self.lines = Lines({up, down}, f"{shared.config.seed}/{room.name}/{self.identity}")
        self.uplink = Uplink(up, self.limits.layers_per_track)
        self.negotiator: SingleNegotiator | DualNegotiator = (
            SingleNegotiator(self, up)
            if single
            else DualNegotiator(self, up, down, shared.payload_types)
        )
        self.subscriptions = Subscriptions(down, self.negotiator, auto_subscribe, shared.new_ssrc)
        self.publisher = Publisher(self, self.limits)
        self.data = DataRelay(self, up, down, self.limits, self._other_relays)
        self.quality = LinkQuality(self.sid, self.uplink, self.subscriptions)
        self._wire()

    def _other_relays(self) -> list[DataRelay]:
        return [other.data for other in self.room.others(self)]

    def _wire(self) -> None:
        up, down = self.publisher_transport, self.subscriber_transport
        up.on_rtp = self.uplink.on_rtp
        for transport in {up, down}:
            transport.on_rtcp = self._on_rtcp
            transport.on_connected = self._on_connected
            transport.on_closed = self._on_transport_closed

    def _on_rtcp(self, data: bytes) -> None:
        for packet in rtcp.parse(data):
            if packet.kind == rtcp.SENDER_REPORT:
                self.uplink.on_rtcp(packet)
            self.subscriptions.on_rtcp(packet)

    def _on_connected(self) -> None:
        if self.info.state != _State.ACTIVE:
            self.info.state = _State.ACTIVE
            self.announce()
        for subscription in self.subscriptions:
            if subscription.running:
                subscription.track.request_key_frame()

    def _on_transport_closed(self, reason: str) -> None:
        if self.closed:
            return
        if reason != PEER_CLOSED:
            self.remove(m.DisconnectReason.CONNECTION_TIMEOUT)
        elif self.session is None:
            self.remove(m.DisconnectReason.CLIENT_INITIATED)
        else:
            # A client that leaves closes its media before its goodbye has come through.
            self._remove_later(_GOODBYE_SECONDS, m.DisconnectReason.CLIENT_INITIATED)

    def _remove_later(self, seconds: float, reason: m.DisconnectReason) -> None:
        if self._gone is not None:
            self._gone.cancel()
        self._gone = asyncio.get_running_loop().call_later(seconds, self.remove, reason)

    # What the room and the signalling use

    @property
    def hidden(self) -> bool:
        """Whether the other participants are not told that it is there."""
        return bool(self.permission.hidden)

    def may_publish(self, source: int) -> bool:
        """Return whether tracks of this source may be published."""
        allowed = self.permission.can_publish_sources
        return bool(self.permission.can_publish) and (not allowed or source in allowed)

    def snapshot(self) -> m.ParticipantInfo:
        """Return its present state, as others are told of it."""
        info = m.ParticipantInfo()
        info.CopyFrom(self.info)
        info.permission.CopyFrom(self.permission)
        info.tracks.extend(track.info for track in self.uplink.tracks.values())
        info.data_tracks.extend(self.data.tracks.values())
        info.is_publisher = bool(info.tracks or info.data_tracks)
        return info

    def announce(self) -> None:
        """Tell the room that something about it has changed."""
        self.info.version += 1
        self.room.announce(self)

    def send(self, **message: Any) -> None:
        """Send one signalling message, if its signalling is up."""
        if self.session is not None:
            self.session.send(encode(**message))

    def send_encoded(self, message: bytes) -> None:
        """Send one signalling message that `encode` has made, if its signalling is up."""
        if self.session is not None:
            self.session.send(message)

    # What the negotiator uses

    def start_data(self, transport: Transport, remote_port: int) -> None:
        """Begin data on a transport."""
        self.data.start(transport, remote_port)

    def track_for_section(
        self, section: sdp.MediaSection, payload_type: int, codec: Codec
    ) -> PublishedTrack | None:
        """Publish the announced track of a media section."""
        track = self.publisher.take(section, payload_type, codec)
        if track is None:
            return None
        self.uplink.add(track, section.ssrcs())
        self.announce()
        self.room.on_published(self, track)
        return track

    def unpublish(self, track: PublishedTrack) -> None:
        """Take a track out of the room."""
        self.uplink.remove(track)
        self.room.on_unpublished(self, track)
        if not self.closed:
            self.announce()

    def subscription_started(self, subscription: Subscription) -> None:
        """Tell the publisher that somebody receives its track."""
        track = subscription.track
        owner = self.room.by_sid(track.publisher_sid)
        if owner is not None:
            owner.send(track_subscribed=rtc.TrackSubscribed(track_sid=track.sid))

    # Subscribing

    def consider(self, owner: Participant, track: PublishedTrack) -> None:
        """Subscribe to a track if it is wanted and allowed; otherwise unsubscribe."""
        if not self.subscriptions.wants(track.sid):
            self.subscriptions.unsubscribe(track.sid)
            return
        allowed = bool(self.permission.can_subscribe) and owner.shares(track.sid, self)
        if allowed:
            self.subscriptions.subscribe(track)
            return
        self.subscriptions.unsubscribe(track.sid)
        self.send(
            subscription_permission_update=rtc.SubscriptionPermissionUpdate(
                participant_sid=owner.sid, track_sid=track.sid, allowed=False
            )
        )

    def shares(self, track_sid: str, subscriber: Participant) -> bool:
        """Return whether this publisher lets `subscriber` receive a track."""
        return self.audience.includes(track_sid, subscriber.sid, subscriber.identity)

    def set_audience(self, audience: Audience) -> None:
        """Change who may receive its tracks, and give or take them at once."""
        self.audience = audience
        for other in self.room.others(self):
            for track in self.uplink.tracks.values():
                other.consider(self, track)

    def set_permission(self, permission: m.ParticipantPermission) -> None:
        """Change what it may do, and take away at once what it may no longer do."""
        self.permission.CopyFrom(permission)
        for track in list(self.uplink.tracks.values()):
            if not self.may_publish(track.info.source):
                self.send(track_unpublished=rtc.TrackUnpublishedResponse(track_sid=track.sid))
                self.unpublish(track)
        for owner, track in self.room.tracks_for(self):
            self.consider(owner, track)
        self.token_is_stale.set()
        self.announce()

    # Its connection

    def attach(self, session: SignalSession) -> None:
        """Speak through a new signalling connection from now on, and close the previous one."""
        if self._gone is not None:
            self._gone.cancel()
            self._gone = None
        previous, self.session = self.session, session
        if previous is not None:
            previous.finish()

    def detach(self, session: SignalSession) -> None:
        """Wait for the client to come back, after its signalling ended without a goodbye."""
        if self.session is not session or self.closed:
            return
        self.session = None
        if "closed" in (self.publisher_transport.state, self.subscriber_transport.state):
            # A client that has closed its media does not come back.
            self.remove(m.DisconnectReason.CLIENT_INITIATED)
            return
        self._remove_later(self._timeouts.resume, m.DisconnectReason.SIGNAL_CLOSE)

    def tick(self) -> None:
        """Do what is due, and notice a client that has gone silent."""
        self.uplink.tick()
        timeouts = self._timeouts
        patience = timeouts.ice_consent if self.session is not None else timeouts.silent_peer
        now = time.monotonic()
        never_connected = self.info.state == _State.JOINED
        if never_connected and now - self._joined > timeouts.join:
            self.leave(m.DisconnectReason.JOIN_FAILURE)
            return
        for transport in {self.publisher_transport, self.subscriber_transport}:
            if transport.state == "connected" and now - transport.last_check > patience:
                self.remove(m.DisconnectReason.CONNECTION_TIMEOUT)
                return

    def leave(self, reason: m.DisconnectReason) -> None:
        """Tell the client to go, and remove it."""
        action = rtc.LeaveRequest.Action.DISCONNECT
        self.send(leave=rtc.LeaveRequest(reason=reason, action=action))
        self.remove(reason)

    def remove(self, reason: m.DisconnectReason) -> None:
        """Take the participant out of the room and free everything it holds."""
        if self.closed:
            return
        self.closed = True
        if self._gone is not None:
            self._gone.cancel()
        for track in list(self.uplink.tracks.values()):
            self.unpublish(track)
        self.subscriptions.close()
        self.negotiator.close()
        self.lines.close()
        for transport in {self.publisher_transport, self.subscriber_transport}:
            transport.close("participant left")
        self.info.state, self.info.disconnect_reason = _State.DISCONNECTED, reason
        self.info.version += 1
        self.room.on_removed(self)
        if self.session is not None:
            self.session.finish()


def _participant_info(sid: str, grants: Grants, client: m.ClientInfo) -> m.ParticipantInfo:
    now = time.time()
    kinds = m.ParticipantInfo.Kind
    kind = grants.kind.upper()
    return m.ParticipantInfo(
        sid=sid,
        identity=grants.identity,
        name=grants.name,
        metadata=grants.metadata,
        attributes=dict(grants.attributes),
        state=_State.JOINED,
        joined_at=int(now),
        joined_at_ms=int(now * 1000),
        client_protocol=client.client_protocol,
        capabilities=client.capabilities,
        kind=kind if kind in kinds.keys() else "STANDARD",  # noqa: SIM118
    )
