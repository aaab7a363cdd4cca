"""What both ways share: answering an offer of the client for the tracks it publishes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Protocol

from livekit.protocol import models as m
from livekit.protocol import rtc

from ..media.codecs import Codec
from ..media.forwarding import PublishedTrack
from ..media.subscriptions import Subscription
from . import sdp

if TYPE_CHECKING:
    from ..media.uplink import Uplink
    from ..transport import Transport

_PLACEHOLDER = Codec("opus", "48000/2")
"""The codec that stands in an inactive section which offers none that can be forwarded."""


class PeerHost(Protocol):
    """What a negotiator asks of its participant."""

    sid: str
    uplink: Uplink

    def send(self, **message: Any) -> None:
        """Send one signalling message."""

    def start_data(self, transport: Transport, remote_port: int) -> None:
        """Begin data on a transport."""

    def track_for_section(
        self, section: sdp.MediaSection, payload_type: int, codec: Codec
    ) -> PublishedTrack | None:
        """Publish the track that the client announced for a media section."""

    def unpublish(self, track: PublishedTrack) -> None:
        """Take a track out of the room."""

    def subscription_started(self, subscription: Subscription) -> None:
        """Note that media flow to the client."""


class Negotiator(ABC):
    """Answers the offers of a client and keeps its subscriptions negotiated."""

    def __init__(self, host: PeerHost, publisher: Transport, subscriber: Transport) -> None:
        self.host, self.publisher, self.subscriber = host, publisher, subscriber
        self._answer_version = 0
        self._remote_ufrag: str | None = None

    @abstractmethod
    def start(self) -> None:
        """Begin, after the client was told that it has joined."""

    @abstractmethod
    def add(self, subscription: Subscription) -> None:
        """Bring a track into the client's session."""

    @abstractmethod
    def remove(self, subscription: Subscription) -> None:
        """Take a track out of the client's session."""

    @abstractmethod
    def resume(self) -> None:
        """Restart the server's own part of the negotiation, after the signalling came back."""

    @abstractmethod
    def on_answer(self, description: rtc.SessionDescription) -> None:
        """Take the client's answer to an offer of the server."""

    def close(self) -> None:  # noqa: B027 - only one of the two ways schedules anything
        """Drop what is still scheduled."""

    def on_offer(self, description: rtc.SessionDescription, max_sections: int) -> None:
        """Answer an offer of the client.

        Raises
        ------
        sdp.SdpError
            When the offer cannot be used.
        """
        sections = sdp.parse(description.sdp, max_sections=max_sections)
        first = sections[0]
        fingerprint = first.fingerprint
        ufrag = first.get("ice-ufrag")
        if self._remote_ufrag not in (None, ufrag):
            self.publisher.restart_ice()
        self._remote_ufrag = ufrag
        self.publisher.set_remote_fingerprints([fingerprint])
        lines: list[str] = []
        track_ids: dict[str, str] = {}
        for section in sections:
            lines += self._answer_section(section, track_ids)
        self._answer_version += 1
        text = sdp.describe([s.mid for s in sections], self._answer_version, lines)
        self.host.send(
            answer=rtc.SessionDescription(
                type="answer", sdp=text, id=description.id, mid_to_track_id=track_ids
            )
        )
        self._after_answer(sections)

    def _after_answer(self, sections: list[sdp.MediaSection]) -> None:
        """Do what follows an answer; by default nothing."""
        return

    def _answer_receiving(
        self, section: sdp.MediaSection, track_ids: dict[str, str]
    ) -> list[str] | None:
        """Fill a section in which the client receives, if tracks go into such sections."""
        return None

    def _answer_section(self, section: sdp.MediaSection, track_ids: dict[str, str]) -> list[str]:
        if section.kind == "application":
            port = sdp.to_number(section.get("sctp-port", str(sdp.SCTP_PORT)), 65535)
            if not port:
                raise sdp.SdpError("the data section has no usable SCTP port")
            self.host.start_data(self.publisher, port)
            return sdp.application_section(self.publisher, section.mid, "passive")
        if section.kind not in ("audio", "video"):
            raise sdp.SdpError("only audio, video and application sections are served")
        self.host.uplink.learn_extensions(
            section.extension_id(sdp.MID_URI), section.extension_id(sdp.RID_URI)
        )
        codecs = section.codecs()
        track = self.host.uplink.by_mid(section.mid)
        if not (section.sends and codecs):
            if track is not None:
                self.host.unpublish(track)
            filled = self._answer_receiving(section, track_ids)
            return filled if filled is not None else self._inactive(section, codecs)
        payload_type, codec = codecs[0]
        track = track or self.host.track_for_section(section, payload_type, codec)
        if track is None:
            return self._inactive(section, codecs)
        track_ids[section.mid] = track.sid
        return self._receive_from(section, track, payload_type, codec)

    def _receive_from(
        self, section: sdp.MediaSection, track: PublishedTrack, payload_type: int, codec: Codec
    ) -> list[str]:
        """Return the section by which the server takes a published track."""
        if codec.name == "opus":
            silence = "" if track.info.disable_dtx or _is_stereo(track) else ";usedtx=1"
            codec = Codec(codec.name, codec.clock, received_codec(track).parameters + silence)
        layers = [f"a=rid:{rid} recv" for rid in track.rids]
        simulcast = ["a=simulcast:recv " + ";".join(track.rids)] if track.rids else []
        return sdp.media_section(
            self.publisher,
            section.kind,
            section.mid,
            setup="passive",
            direction="recvonly",
            payload_type=payload_type,
            codec=codec,
            nack=section.accepts_nack(payload_type),
            extra=[*sdp.extension_lines(section), *layers, *simulcast],
        )

    def _inactive(self, section: sdp.MediaSection, codecs: list[tuple[int, Codec]]) -> list[str]:
        numbers = (sdp.to_number(text, 127) for text in section.payload_types)
        number = next((n for n in numbers if n is not None), 0)
        payload_type, codec = codecs[0] if codecs else (number, _PLACEHOLDER)
        return sdp.media_section(
            self.publisher,
            section.kind,
            section.mid,
            setup="passive",
            direction="inactive",
            payload_type=payload_type,
            codec=codec,
            extra=sdp.extension_lines(section),
        )


def received_codec(track: PublishedTrack) -> Codec:
    """Return a track's codec with what its receiver is told (RFC 7587 for Opus)."""
    if track.codec.name != "opus":
        return track.codec
    stereo = ";stereo=1;sprop-stereo=1" if _is_stereo(track) else ""
    parameters = "minptime=10;useinbandfec=1" + stereo
    return Codec(track.codec.name, track.codec.clock, parameters)


def _is_stereo(track: PublishedTrack) -> bool:
    """Return whether the publisher is asked for two channels.

    The Rust and Python SDKs never say that a track is stereo. They do take stereo in their
    offer; this is used, but not for microphones, since mono would be coded worse.
    """
    offered = "stereo=1" in track.codec.parameters.replace(" ", "").split(";")
    return track.info.stereo or (offered and track.info.source != m.TrackSource.MICROPHONE)
