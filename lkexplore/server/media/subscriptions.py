"""The subscribing side of a participant: which tracks it receives, and how much of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol, TypeVar

from livekit.protocol import models as m
from livekit.protocol import rtc

from . import rtcp
from .downtrack import ANY_LAYER, DownTrack
from .forwarding import PublishedTrack

if TYPE_CHECKING:
    from ..transport import Transport

_T = TypeVar("_T")

MAX_WISHES = 4096
"""Tracks of which a participant's wishes and settings are remembered; the oldest give way."""

_MAX_SID = 64
"""Characters of the longest track id that is remembered; the server's own have 15 at most."""

_ENOUGH_WIDTH = 0.9
"""Share (0 to 1) of the width asked for from which on a layer counts as wide enough."""

_QUALITY_RANK = {m.VideoQuality.LOW: 0, m.VideoQuality.MEDIUM: 1, m.VideoQuality.HIGH: ANY_LAYER}
"""The highest rank of a simulcast layer that a client receives, by the quality it asks for."""


class Subscription:
    """One track on its way to one subscriber.

    Attributes
    ----------
    track : PublishedTrack
        The track that is received.
    ssrc : int
        The identifier of the stream at the subscriber, never used before in the server.
    mid : str or None
        The media section that carries it, once negotiated.
    payload_type : int or None
        The payload type of the packets to the subscriber, once negotiated.
    nack : bool
        Whether the subscriber asks for lost packets again.
    running : bool
        Whether packets are forwarded.
    down : DownTrack or None
        The stream of packets to the subscriber; None before the first start.
    max_rank : int
        The highest rank of a simulcast layer to receive.
    disabled : bool
        Whether the subscriber has paused the track.
    """

    def __init__(self, track: PublishedTrack, ssrc: int) -> None:
        self.track, self.ssrc = track, ssrc
        self.mid: str | None = None
        self.payload_type: int | None = None
        self.nack = False
        self.running = False
        self.down: DownTrack | None = None
        self.max_rank = ANY_LAYER
        self.disabled = False

    def start(self, sink: Transport) -> bool:
        """Start forwarding, unless it runs, is disabled or not negotiated; return if it did."""
        if self.running or self.disabled or self.payload_type is None:
            return False
        self.track.keeps_history |= self.nack
        if self.down is None:
            self.down = DownTrack(sink, self.payload_type, self.ssrc, self.track.kind)
        self.down.max_rank = self.max_rank
        self.track.attach(self.down)
        self.running = True
        return True

    def stop(self) -> None:
        """Stop forwarding."""
        if self.down is not None:
            self.track.detach(self.down)
            self.down.fraction_lost = 0.0
            self.running = False

    def limit(self, setting: rtc.UpdateTrackSettings) -> None:
        """Choose the highest layer to receive: by size when a size is asked for."""
        self.max_rank = _QUALITY_RANK.get(setting.quality, ANY_LAYER)
        if setting.width and self.track.info.width:
            widths = sorted(layer.width for layer in self.track.info.layers)
            enough = (rank for rank, w in enumerate(widths) if w >= _ENOUGH_WIDTH * setting.width)
            self.max_rank = next(enough, ANY_LAYER)
        if self.down is not None:
            self.down.max_rank = self.max_rank


class SubscriptionNegotiator(Protocol):
    """The object that puts a subscription into the subscriber's session description."""

    def add(self, subscription: Subscription) -> None:
        """Offer the track, or ask the client to make room for it."""

    def remove(self, subscription: Subscription) -> None:
        """Take the track out again."""


class Subscriptions:
    """All tracks that one participant receives.

    Parameters
    ----------
    transport : Transport
        The transport on which the tracks go out to the participant.
    negotiator : SubscriptionNegotiator
        The negotiator that puts the tracks into the client's session description.
    auto_subscribe : bool
        Whether tracks are received without being asked for.
    new_ssrc : callable
        Returns a stream identifier that no other stream of the server has.
    """

    def __init__(
        self,
        transport: Transport,
        negotiator: SubscriptionNegotiator,
        auto_subscribe: bool,
        new_ssrc: Callable[[], int],
    ) -> None:
        self.transport, self.negotiator = transport, negotiator
        self.auto_subscribe, self._new_ssrc = auto_subscribe, new_ssrc
        self._by_sid: dict[str, Subscription] = {}
        self._wishes: dict[str, bool] = {}
        self._settings: dict[str, rtc.UpdateTrackSettings] = {}

    def __iter__(self) -> Iterator[Subscription]:
        return iter(list(self._by_sid.values()))

    def __contains__(self, track_sid: str) -> bool:
        return track_sid in self._by_sid

    def wants(self, track_sid: str) -> bool:
        """Return whether the participant wants a track: asked for, or by default."""
        return self._wishes.get(track_sid, self.auto_subscribe)

    def wish(self, track_sid: str, subscribe: bool) -> None:
        """Remember what the participant asked for; the oldest wishes give way."""
        _remember(self._wishes, track_sid, subscribe)

    def subscribe(self, track: PublishedTrack) -> None:
        """Start receiving a track."""
        if track.sid not in self._by_sid:
            subscription = self._by_sid[track.sid] = Subscription(track, self._new_ssrc())
            if track.sid in self._settings:
                self._apply(subscription, self._settings[track.sid])
            self.negotiator.add(subscription)

    def unsubscribe(self, track_sid: str) -> None:
        """Stop receiving a track."""
        subscription = self._by_sid.pop(track_sid, None)
        if subscription is not None:
            subscription.stop()
            self.transport.forget_outbound(subscription.ssrc)
            self.negotiator.remove(subscription)

    def set_track_settings(self, setting: rtc.UpdateTrackSettings) -> None:
        """Pause, resume or limit tracks."""
        kept = rtc.UpdateTrackSettings()
        kept.CopyFrom(setting)
        kept.ClearField("track_sids")
        for track_sid in setting.track_sids[:MAX_WISHES]:
            _remember(self._settings, track_sid, kept)
            subscription = self._by_sid.get(track_sid)
            if subscription is not None:
                self._apply(subscription, setting)

    def _apply(self, subscription: Subscription, setting: rtc.UpdateTrackSettings) -> None:
        subscription.disabled = setting.disabled
        subscription.limit(setting)
        if setting.disabled:
            subscription.stop()
        elif subscription.mid is not None:
            subscription.start(self.transport)

    def on_rtcp(self, packet: rtcp.RtcpPacket) -> None:
        """Act on a subscriber's feedback: key frames, retransmission, loss."""
        if packet.kind in (rtcp.TRANSPORT_FEEDBACK, rtcp.PAYLOAD_FEEDBACK):
            subscription = self._by_ssrc(rtcp.feedback_ssrc(packet))
            if subscription is None or subscription.down is None:
                return
            if packet.kind == rtcp.PAYLOAD_FEEDBACK and packet.format in (rtcp.PLI, rtcp.FIR):
                subscription.track.request_key_frame(subscription.down.layer)
            elif packet.kind == rtcp.TRANSPORT_FEEDBACK and packet.format == rtcp.NACK:
                sequences = rtcp.nacked_sequences(packet)
                subscription.track.retransmit(subscription.down, sequences)
            return
        for block in rtcp.report_blocks(packet):
            subscription = self._by_ssrc(block.ssrc)
            if subscription is not None and subscription.down is not None:
                subscription.down.fraction_lost = block.fraction_lost / 256

    def _by_ssrc(self, ssrc: int | None) -> Subscription | None:
        return next((s for s in self._by_sid.values() if s.ssrc == ssrc), None)

    def worst_loss(self) -> float:
        """Return the largest share of packets that a track lost on its way, 0 to 1."""
        return max((s.down.fraction_lost for s in self if s.down is not None), default=0.0)

    def close(self) -> None:
        """Stop everything."""
        for subscription in self:
            subscription.stop()
        self._by_sid.clear()


class Audience:
    """The participants that may receive a publisher's tracks: all, unless a rule limits them."""

    def __init__(self, rule: rtc.SubscriptionPermission | None = None) -> None:
        self._everybody = rule is None or rule.all_participants
        self._of_all: set[str] = set()
        self._of_some: set[tuple[str, str]] = set()
        for permission in rule.track_permissions if rule else ():
            names = {permission.participant_sid, permission.participant_identity} - {""}
            if permission.all_tracks:
                self._of_all |= names
            self._of_some |= {(name, sid) for name in names for sid in permission.track_sids}

    def includes(self, track_sid: str, *names: str) -> bool:
        """Return whether a participant with these names (sid, identity) may receive a track."""
        return self._everybody or any(
            name in self._of_all or (name, track_sid) in self._of_some for name in names
        )


def _remember(book: dict[str, _T], track_sid: str, value: _T) -> None:
    """Note something about a track; the oldest notes give way, and long names are not kept."""
    if len(track_sid) > _MAX_SID:
        return
    if track_sid not in book and len(book) >= MAX_WISHES:
        del book[next(iter(book))]
    book[track_sid] = value
