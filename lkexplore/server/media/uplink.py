"""The publishing side of a participant: which packet belongs to which of its tracks."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from . import rtcp, rtp
from .forwarding import PublishedTrack
from .incoming_stream import Layer

if TYPE_CHECKING:
    from ..transport import Transport

RECEIVE_BITS_PER_SECOND = 20_000_000
"""Bits per second that publishers are told they may send: the links of a classroom carry more."""

_MAX_SSRCS = 512
"""Streams that one participant may send at a time; packets of further ones are ignored."""

_LATE_SECONDS = 8.0
"""Seconds after its end for which a stream's keys are kept: clients send a last report on it."""


class Uplink:
    """Sorts what a participant sends into its tracks, and reports back on it.

    Parameters
    ----------
    transport : Transport
        The transport on which the participant's media come in.
    max_layers : int
        The most streams that one track may have.
    """

    def __init__(self, transport: Transport, max_layers: int) -> None:
        self.transport, self.max_layers = transport, max_layers
        self.tracks: dict[str, PublishedTrack] = {}
        self._by_mid: dict[str, PublishedTrack] = {}
        self._by_ssrc: dict[int, tuple[PublishedTrack, Layer]] = {}
        self._ended: deque[tuple[float, int]] = deque(maxlen=_MAX_SSRCS)
        self._mid_extension: int | None = None
        self._rid_extension: int | None = None

    def learn_extensions(self, mid: int | None, rid: int | None) -> None:
        """Note the header extensions by which the client labels its packets; the first ones stay.

        Parameters
        ----------
        mid, rid : int or None
            The ids of the extensions that name the media section and the simulcast layer.
        """
        self._mid_extension = self._mid_extension or mid
        self._rid_extension = self._rid_extension or rid

    def add(self, track: PublishedTrack, ssrcs: list[int]) -> None:
        """Start receiving a track; without simulcast its stream is known from the offer."""
        self.tracks[track.sid] = self._by_mid[track.mid] = track
        if not track.rids:
            for ssrc in ssrcs[:1]:
                self._by_ssrc[ssrc] = (track, track.layer(ssrc))

    def remove(self, track: PublishedTrack) -> None:
        """Forget a track and its streams."""
        self.tracks.pop(track.sid, None)
        if self._by_mid.get(track.mid) is track:
            del self._by_mid[track.mid]
        for ssrc in [s for s, hit in self._by_ssrc.items() if hit[0] is track]:
            del self._by_ssrc[ssrc]
            self._ended.append((time.monotonic(), ssrc))

    def by_mid(self, mid: str) -> PublishedTrack | None:
        """Return the track of a media section."""
        return self._by_mid.get(mid)

    def on_rtp(self, packet: bytes) -> None:
        """Forward one decrypted packet of the participant."""
        header = rtp.parse_header(packet)
        if header is None:
            return
        hit = self._by_ssrc.get(header.ssrc) or self._learn(packet, header)
        if hit is not None:
            hit[0].forward(hit[1], packet, header)

    def _learn(self, packet: bytes, header: rtp.Header) -> tuple[PublishedTrack, Layer] | None:
        """Match a new stream by the labels in its header extensions, or by payload type."""
        labels = rtp.extensions(packet, header)
        mid = labels.get(self._mid_extension or 0, b"").decode("ascii", "replace")
        rid = labels.get(self._rid_extension or 0, b"").decode("ascii", "replace")
        track = self._by_mid.get(mid) or self._only_track_with(packet[1] & 0x7F)
        if track is None or (rid not in track.rids if track.rids else rid != ""):
            return None
        if len(self._by_ssrc) >= _MAX_SSRCS or (
            rid not in track.layers and len(track.layers) >= self.max_layers
        ):
            return None
        self._by_ssrc = {
            s: hit for s, hit in self._by_ssrc.items() if hit != (track, track.layers.get(rid))
        }
        hit = self._by_ssrc[header.ssrc] = (track, track.layer(header.ssrc, rid))
        return hit

    def _only_track_with(self, payload_type: int) -> PublishedTrack | None:
        candidates = [
            t for t in self.tracks.values() if t.payload_type == payload_type and not t.rids
        ]
        return candidates[0] if len(candidates) == 1 else None

    def on_rtcp(self, packet: rtcp.RtcpPacket) -> None:
        """Take a publisher's sender report."""
        report = rtcp.sender_report(packet)
        hit = self._by_ssrc.get(report.ssrc) if report else None
        if report and hit:
            hit[0].on_sender_report(hit[1], report)

    def report(self) -> None:
        """Tell the participant what arrived and that it may send at full rate."""
        layers = [
            layer
            for track in self.tracks.values()
            for layer in track.layers.values()
            if layer.first is not None
        ]
        if not layers:
            return
        now = time.monotonic()
        for start in range(0, len(layers), rtcp.MAX_BLOCKS):
            part = layers[start : start + rtcp.MAX_BLOCKS]
            blocks = [layer.report_block(now) for layer in part]
            ssrcs = [layer.ssrc for layer in part]
            self.transport.send_rtcp(
                rtcp.build_receiver_report(blocks) + rtcp.build_remb(ssrcs, RECEIVE_BITS_PER_SECOND)
            )

    def _forget_ended(self) -> None:
        """Free the keys of streams that have ended, once their last packets have come in."""
        now = time.monotonic()
        while self._ended and now - self._ended[0][0] > _LATE_SECONDS:
            _, ssrc = self._ended.popleft()
            if ssrc not in self._by_ssrc:
                self.transport.forget_inbound(ssrc)

    def tick(self) -> None:
        """Do what is due: reports, requests for key frames, streams to forget."""
        self._forget_ended()
        if self.transport.state == "connected":
            self.report()
            for track in self.tracks.values():
                track.send_due_requests()

    def loss(self) -> tuple[int, int]:
        """Return the numbers of packets expected and lost, over all tracks."""
        layers = [layer for t in self.tracks.values() for layer in t.layers.values()]
        return sum(layer.expected for layer in layers), sum(layer.lost for layer in layers)
