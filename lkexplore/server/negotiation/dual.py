"""Two peer connections: the client offers what it publishes, the server what it forwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from livekit.protocol import rtc

from ..media.codecs import Codec, PayloadTypes
from ..media.forwarding import PublishedTrack
from ..media.subscriptions import Subscription
from . import sdp
from .base import Negotiator, PeerHost, received_codec

if TYPE_CHECKING:
    from ..transport import Transport

DATA_MID = "0"
"""The media id of the data section, the first one of the server's offers."""


@dataclass
class _Slot:
    """One media section of the server's offer, which tracks take in turn.

    A slot is free again only after the client has answered that it is inactive. The
    Rust client takes a track that comes back in the same section for a duplicate, so
    `history` keeps it out.
    """

    mid: str
    kind: str
    payload_type: int
    codec: Codec
    subscription: Subscription | None = None
    offered: Subscription | None = None
    free: bool = False
    history: set[str] = field(default_factory=set)


class DualNegotiator(Negotiator):
    """Offers subscriptions on a peer connection of their own, one offer at a time."""

    def __init__(
        self,
        host: PeerHost,
        publisher: Transport,
        subscriber: Transport,
        payload_types: PayloadTypes,
    ) -> None:
        super().__init__(host, publisher, subscriber)
        self._payload_types = payload_types
        self._slots: list[_Slot] = []
        self._offer_version = 0
        self._started = self._awaiting_answer = self._dirty = False

    def start(self) -> None:
        """Make the first offer: the data channels, and whatever is published already."""
        self._started = True
        self.host.start_data(self.subscriber, sdp.SCTP_PORT)
        self._offer()

    def add(self, subscription: Subscription) -> None:
        """Offer a track."""
        track = subscription.track
        codec = received_codec(track)
        slot = next((s for s in self._slots if self._fits(s, track)), None)
        if slot is None:
            slot = _Slot(str(len(self._slots) + 1), track.kind, 0, codec)
            self._slots.append(slot)
        slot.subscription, slot.free, slot.codec = subscription, False, codec
        slot.payload_type = self._payload_types.number(codec)
        slot.history.add(track.sid)
        self._offer()

    @staticmethod
    def _fits(slot: _Slot, track: PublishedTrack) -> bool:
        return slot.free and slot.kind == track.kind and track.sid not in slot.history

    def remove(self, subscription: Subscription) -> None:
        """Offer the track's section as inactive."""
        for slot in self._slots:
            if slot.subscription is subscription:
                slot.subscription = None
                self._offer()

    def resume(self) -> None:
        """Restart ICE towards the client with a new offer."""
        self.subscriber.restart_ice()
        self._awaiting_answer = False
        self._offer()

    def _offer(self) -> None:
        if self._awaiting_answer or not self._started:
            self._dirty = True
            return
        self._awaiting_answer, self._dirty = True, False
        self._offer_version += 1
        lines = sdp.application_section(self.subscriber, DATA_MID, "actpass")
        for slot in self._slots:
            lines += self._slot_lines(slot)
        mids = [DATA_MID, *(slot.mid for slot in self._slots)]
        text = sdp.describe(mids, self._offer_version, lines)
        self.host.send(offer=rtc.SessionDescription(type="offer", sdp=text, id=self._offer_version))

    def _slot_lines(self, slot: _Slot) -> list[str]:
        subscription = slot.offered = slot.subscription
        streams: list[str] = []
        if subscription is not None:
            track = subscription.track
            streams = sdp.stream_lines(track.publisher_sid, track.sid, subscription.ssrc)
        return sdp.media_section(
            self.subscriber,
            slot.kind,
            slot.mid,
            setup="actpass",
            direction="sendonly" if subscription else "inactive",
            payload_type=slot.payload_type,
            codec=slot.codec,
            nack=True,
            extra=streams,
        )

    def on_answer(self, description: rtc.SessionDescription) -> None:
        """Start what the client has accepted; offer again what changed meanwhile.

        Raises
        ------
        sdp.SdpError
            When the answer cannot be used, or answers an offer that was replaced.
        """
        if not self._awaiting_answer:
            raise sdp.SdpError("an answer came, but no offer is open")
        if description.id and description.id != self._offer_version:
            return
        sections = sdp.parse(description.sdp)
        self.subscriber.set_remote_fingerprints([sections[0].fingerprint])
        by_mid = {section.mid: section for section in sections}
        self._awaiting_answer = False
        for slot in self._slots:
            answered = by_mid.get(slot.mid)
            if slot.offered is None:
                slot.free = slot.subscription is None
            elif slot.offered is slot.subscription and answered is not None:
                self._start(slot, slot.subscription, answered)
        if self._dirty:
            self._offer()

    def _start(self, slot: _Slot, subscription: Subscription, answered: sdp.MediaSection) -> None:
        if answered.direction == "inactive":
            return
        subscription.mid, subscription.payload_type = slot.mid, slot.payload_type
        subscription.nack = answered.accepts_nack(slot.payload_type)
        if subscription.start(self.subscriber):
            self.host.subscription_started(subscription)
