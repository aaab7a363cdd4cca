"""One peer connection: only the client makes offers; tracks go into its receiving sections."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from livekit.protocol import models as m
from livekit.protocol import rtc

from ..media.subscriptions import Subscription
from . import sdp
from .base import Negotiator, PeerHost, received_codec

if TYPE_CHECKING:
    from ..transport import Transport

_GATHER_SECONDS = 0.01
"""Seconds during which further tracks are waited for before the client is asked for sections."""

_ANSWER_APPLIED_SECONDS = 0.05
"""Seconds from an answer until its tracks start, so that the client knows them by then."""


class SingleNegotiator(Negotiator):
    """Puts tracks into sections of the client's offer, and asks for more when there are too few.

    A section that carried a track is answered inactive once before another track takes
    it, so that the client sees the first one go.
    """

    def __init__(self, host: PeerHost, transport: Transport) -> None:
        super().__init__(host, transport, transport)
        self._subscriptions: list[Subscription] = []
        self._carrying: dict[str, Subscription] = {}
        self._free: dict[str, str] = {}
        self._started = False
        self._request: asyncio.TimerHandle | None = None
        self._start: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Ask for sections, if the first offer had too few."""
        self._started = True
        if self._waiting():
            self._ask_for_offer()

    def add(self, subscription: Subscription) -> None:
        """Let a track wait for a section."""
        self._subscriptions.append(subscription)
        self._ask_for_offer()

    def remove(self, subscription: Subscription) -> None:
        """Release the track's section with the next offer."""
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
        if subscription.mid is not None:
            self._ask_for_offer()

    def resume(self) -> None:
        """Nothing: the client restarts ICE with an offer of its own."""

    def on_answer(self, description: rtc.SessionDescription) -> None:
        """Refuse: the server made no offer."""
        raise sdp.SdpError("an answer came, but no offer was made")

    def close(self) -> None:
        """Drop what is still scheduled."""
        for timer in (self._request, self._start):
            if timer is not None:
                timer.cancel()

    def _waiting(self) -> list[Subscription]:
        return [s for s in self._subscriptions if s.mid is None]

    def _ask_for_offer(self) -> None:
        if self._started and self._request is None:
            loop = asyncio.get_running_loop()
            self._request = loop.call_later(_GATHER_SECONDS, self._send_requirement)

    def _send_requirement(self) -> None:
        self._request = None
        short = {}
        for kind in ("audio", "video"):
            needed = sum(s.track.kind == kind for s in self._waiting())
            free = sum(k == kind for k in self._free.values())
            short[kind] = max(0, needed - free)
        self.host.send(
            media_sections_requirement=rtc.MediaSectionsRequirement(
                num_audios=short["audio"], num_videos=short["video"]
            )
        )

    def _answer_receiving(
        self, section: sdp.MediaSection, track_ids: dict[str, str]
    ) -> list[str] | None:
        if section.direction != "recvonly":
            return None
        previous = self._carrying.get(section.mid)
        if previous is not None and previous not in self._subscriptions:
            del self._carrying[section.mid]
            previous = None
            self._free[section.mid] = section.kind
        elif previous is None:
            previous = self._take(section)
        if previous is None:
            self._free[section.mid] = section.kind
            return None
        payload_type = section.payload_type_for(previous.track.codec)
        if payload_type is None:
            return None
        previous.payload_type = payload_type
        previous.nack = section.accepts_nack(payload_type)
        track_ids[section.mid] = previous.track.sid
        track = previous.track
        return sdp.media_section(
            self.publisher,
            section.kind,
            section.mid,
            setup="passive",
            direction="sendonly",
            payload_type=payload_type,
            codec=received_codec(track),
            nack=previous.nack,
            extra=[
                *sdp.stream_lines(track.publisher_sid, track.sid, previous.ssrc),
                *sdp.extension_lines(section),
            ],
        )

    def _take(self, section: sdp.MediaSection) -> Subscription | None:
        """Give a free section to the first waiting track that the client can decode."""
        for subscription in self._waiting():
            track = subscription.track
            if track.kind == section.kind and section.payload_type_for(track.codec) is not None:
                subscription.mid = section.mid
                self._carrying[section.mid] = subscription
                self._free.pop(section.mid, None)
                return subscription
        return None

    def _after_answer(self, sections: list[sdp.MediaSection]) -> None:
        if self._start is None:
            loop = asyncio.get_running_loop()
            # Media that overtake the answer would reach a client that does not know them.
            self._start = loop.call_later(_ANSWER_APPLIED_SECONDS, self._start_forwarding)
        waiting = self._waiting()
        if not waiting or not self._started:
            return
        hopeless = [s for s in waiting if not self._decodable(s, sections)]
        for subscription in hopeless:
            self._subscriptions.remove(subscription)
            self.host.send(
                subscription_response=rtc.SubscriptionResponse(
                    track_sid=subscription.track.sid,
                    err=m.SubscriptionError.SE_CODEC_UNSUPPORTED,
                )
            )
        if len(hopeless) < len(waiting):
            self._ask_for_offer()

    @staticmethod
    def _decodable(subscription: Subscription, sections: list[sdp.MediaSection]) -> bool:
        same = [s for s in sections if s.kind == subscription.track.kind and not s.sends]
        codec = subscription.track.codec
        return not same or any(s.payload_type_for(codec) is not None for s in same)

    def _start_forwarding(self) -> None:
        self._start = None
        for subscription in self._subscriptions:
            if subscription.start(self.subscriber):
                self.host.subscription_started(subscription)
