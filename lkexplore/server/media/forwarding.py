"""Forwarding RTP: one packet in, the same payload out to every subscriber.

Header extensions are dropped, so that none has to be rewritten. Nothing is decoded.
"""

from __future__ import annotations

import struct
import time
from typing import TYPE_CHECKING

from . import rtcp, rtp
from .codecs import Codec, is_key_frame, without_picture_numbers
from .downtrack import DownTrack, PacketSink
from .incoming_stream import Layer

if TYPE_CHECKING:
    from livekit.protocol.models import TrackInfo

_LAYER_SILENT_SECONDS = 1.0
"""Seconds without a packet after which a simulcast layer counts as ended."""

_PLI_INTERVAL = 0.3
"""Seconds from one request for a key frame of a layer to the next."""

_NACK_INTERVAL = 0.03
"""Seconds from one request for a packet, made for a subscriber, to the next."""

_SILENT_LEVEL = 127
"""The level of silence in -dBov (RFC 6464, section 3)."""

_MAX_LEVELS = 256
"""Levels that are kept until they are read; further ones are ignored."""

_MAX_NACKS = 64
"""Packets that are asked for in one request made for a subscriber."""

_MAX_NACKED = 1024
"""Packets of a layer of which the time of the last request is remembered."""


class PublishedTrack:
    """A track as its publisher sends it, with everybody who receives it.

    Parameters
    ----------
    info : TrackInfo
        The track's description, as the room is told it.
    publisher : PacketSink
        The publisher's transport, to which requests for key frames and retransmission go.
    publisher_sid : str
        The publisher's session id.
    kind : str
        The kind of media, ``"audio"`` or ``"video"``.
    mid : str
        The id of the media section in which the publisher sends it.
    payload_type : int
        The payload type of the publisher's packets.
    codec : Codec
        The codec that the publisher uses.
    rids : list of str
        The names of the simulcast layers; empty without simulcast.
    level_extension : int or None
        The id of the header extension that tells how loud a packet is, if there is one.
    """

    def __init__(
        self,
        info: TrackInfo,
        publisher: PacketSink,
        publisher_sid: str,
        *,
        kind: str,
        mid: str,
        payload_type: int,
        codec: Codec,
        rids: list[str],
        level_extension: int | None,
    ) -> None:
        self.info, self.publisher, self.publisher_sid = info, publisher, publisher_sid
        self.kind, self.mid, self.payload_type, self.codec = kind, mid, payload_type, codec
        self.rids, self.level_extension = rids, level_extension
        self.layers: dict[str, Layer] = {}
        self.down_tracks: tuple[DownTrack, ...] = ()
        self.levels: list[int] = []
        self.keeps_history = kind == "video"
        self._has_unrelated_pictures = codec.name == "VP8" and bool(rids)

    @property
    def sid(self) -> str:
        """The track's identifier in the room."""
        return self.info.sid

    def layer(self, ssrc: int, rid: str = "") -> Layer:
        """Return the layer called `rid`, now carried by `ssrc`."""
        layer = self.layers.get(rid)
        if layer is None or layer.ssrc != ssrc:
            layer = self.layers[rid] = Layer(ssrc, rid)
        return layer

    def attach(self, down: DownTrack) -> None:
        """Start forwarding to one subscriber, and ask the publisher for a key frame.

        A subscriber that comes back goes on with the next number: none is ever used twice.
        """
        self.down_tracks = (*self.down_tracks, down)
        self.request_key_frame()

    def detach(self, down: DownTrack) -> None:
        """Stop forwarding to one subscriber."""
        down.rest()
        self.down_tracks = tuple(d for d in self.down_tracks if d is not down)

    def forward(self, layer: Layer, packet: bytes, header: rtp.Header) -> None:
        """Send one packet of `layer` on to whoever receives that layer."""
        now = time.monotonic()
        offset = header.payload_offset
        if self.level_extension is not None and len(self.levels) < _MAX_LEVELS:
            level = rtp.audio_level(packet, header, self.level_extension)
            if level is not None:
                self.levels.append(level)
        before = layer.highest
        newest = layer.count(header.sequence, now)
        if self.kind == "video":
            self._repair(layer, before, header.sequence, newest, now)
        if offset >= len(packet) or self.info.muted or not self._is_whole(layer, packet, offset):
            layer.is_broken |= self.info.muted
            if newest:
                self._skip(layer, header.sequence)
            return
        if self._has_unrelated_pictures:
            payload = without_picture_numbers(packet, offset)
        else:
            payload = packet[offset:]
        first = 0x80 | packet[0] & 0x20
        marker = packet[1] & 0x80
        keep = self.keeps_history
        for down in self.down_tracks:
            if down.layer is not layer and not self._select(down, layer, packet, header, now):
                continue
            if newest:
                sequence = (header.sequence + down.sequence_offset) & 0xFFFF
            else:
                late = down.number_of(header.sequence)
                if late is None:
                    continue
                sequence = late
            timestamp = (header.timestamp + down.timestamp_offset) & 0xFFFFFFFF
            out = struct.pack(
                "!BBHII", first, marker | down.payload_type, sequence, timestamp, down.ssrc
            )
            down.send(out + payload, sequence, timestamp, keep=keep)

    def _repair(self, layer: Layer, before: int, sequence: int, newest: bool, now: float) -> None:
        """Ask the publisher for what was lost on the way here, without waiting for subscribers."""
        chase = layer.chase
        if not newest:
            chase.arrived(sequence)
        elif any(down.layer is layer for down in self.down_tracks):
            chase.miss(before, sequence, now)
        wanted = chase.due(now)
        if wanted:
            self.publisher.send_rtcp(rtcp.build_nack(layer.ssrc, wanted))

    def _is_whole(self, layer: Layer, packet: bytes, offset: int) -> bool:
        """Return whether a packet can be decoded: after a mute, only from a key frame on."""
        if layer.is_broken and self.kind == "video":
            layer.is_broken = not is_key_frame(self.codec.name, packet, offset)
            if layer.is_broken:
                self.request_key_frame(layer)
                return False
        return True

    def _skip(self, layer: Layer, sequence: int) -> None:
        for down in self.down_tracks:
            if down.layer is layer:
                down.skip(sequence)

    def _select(
        self, down: DownTrack, layer: Layer, packet: bytes, header: rtp.Header, now: float
    ) -> bool:
        """Decide whether `down` goes over to `layer` with this packet."""
        if layer.rank > down.max_rank and self._has_live_layer(-1, down.max_rank, now):
            return False
        current = down.layer
        if current is not None:
            upwards = current.rank < layer.rank <= down.max_rank
            downwards = layer.rank <= down.max_rank < current.rank and not self._has_live_layer(
                layer.rank, down.max_rank, now
            )
            dead = now - current.last_arrival > _LAYER_SILENT_SECONDS
            if not (upwards or downwards or dead):
                return False
        if self.kind == "video" and not is_key_frame(
            self.codec.name, packet, header.payload_offset
        ):
            self.request_key_frame(layer)
            if current is not None or self.rids:
                return False
        down.switch(layer, header.sequence, header.timestamp, self.codec.clock_rate)
        return True

    def _has_live_layer(self, above: int, highest: int, now: float) -> bool:
        return any(
            above < other.rank <= highest and now - other.last_arrival < _LAYER_SILENT_SECONDS
            for other in self.layers.values()
        )

    def request_key_frame(self, layer: Layer | None = None) -> None:
        """Ask the publisher for a key frame, now or as soon as the last request is old enough."""
        if self.kind != "video":
            return
        for wanted in [layer] if layer else list(self.layers.values()):
            wanted.pli_due = True
        self.send_due_requests()

    def send_due_requests(self) -> None:
        """Send the requests for key frames that had to wait."""
        now = time.monotonic()
        for layer in self.layers.values():
            if layer.pli_due and now - layer.last_pli >= _PLI_INTERVAL:
                layer.pli_due, layer.last_pli = False, now
                self.publisher.send_rtcp(rtcp.build_pli(layer.ssrc))

    def retransmit(self, down: DownTrack, sequences: list[int]) -> None:
        """Answer a subscriber's NACK; ask the publisher for what is not kept here."""
        missing = down.resend(sequences)
        layer = down.layer
        if not missing or layer is None or not self.keeps_history:
            return
        now = time.monotonic()
        if len(layer.nacked) > _MAX_NACKED:
            layer.nacked.clear()
        wanted: list[int] = []
        for number in missing:
            original = down.original_of(number)
            if original is None or original in layer.chase or len(wanted) == _MAX_NACKS:
                continue
            if now - layer.nacked.get(original, 0.0) > _NACK_INTERVAL:
                layer.nacked[original] = now
                wanted.append(original)
        if wanted:
            self.publisher.send_rtcp(rtcp.build_nack(layer.ssrc, wanted))

    def on_sender_report(self, layer: Layer, report: rtcp.SenderReport) -> None:
        """Keep a publisher's report and pass it on in each subscriber's numbers."""
        layer.report, layer.report_arrival = report, time.monotonic()
        for down in self.down_tracks:
            if down.layer is layer:
                timestamp = report.timestamp + down.timestamp_offset
                down.sink.send_rtcp(
                    rtcp.build_sender_report(
                        down.ssrc, report, timestamp, down.packets, down.octets
                    )
                )

    def take_level(self) -> float:
        """Return the loudness since the last call, 0 to 1 (the median speaking level)."""
        levels, self.levels = self.levels, []
        audible = sorted(level for level in levels if level < _SILENT_LEVEL)
        if not audible or self.info.muted:
            return 0.0
        return float(10 ** (-audible[len(audible) // 2] / 20))
