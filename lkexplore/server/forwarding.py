"""Forwarding RTP: one packet in, the same payload out to every subscriber.

A subscriber's stream has its own sequence numbers and timestamps, so that it stays
continuous while the simulcast layer behind it changes. Header extensions are dropped,
so that none has to be rewritten. Nothing is decoded.
"""

from __future__ import annotations

import struct
import time
from collections import deque
from typing import TYPE_CHECKING, Protocol

from . import rtcp, rtp
from .codecs import Codec, is_key_frame

if TYPE_CHECKING:
    from livekit.protocol.models import TrackInfo

ANY_LAYER = 9
_RANK = {"q": 0, "h": 1, "f": 2}
_LAYER_SILENT_SECONDS = 1.0
_PLI_INTERVAL = 0.3
_NACK_INTERVAL = 0.03
_HISTORY = {"audio": 128, "video": 768}
_SILENT_LEVEL = 127
_MAX_BREAKS = 32
_MAX_NACKS = 64


class PacketSink(Protocol):
    """The sending side of a transport."""

    def send_rtp(self, packet: bytes) -> None:
        """Encrypt and send one RTP packet."""

    def send_rtcp(self, packet: bytes) -> None:
        """Encrypt and send one RTCP packet."""


class Layer:
    """One stream that a publisher sends: the track itself, or one of its simulcast layers."""

    __slots__ = (
        "cycles",
        "expected_before",
        "first",
        "highest",
        "last_arrival",
        "last_pli",
        "nacked",
        "pli_due",
        "rank",
        "received",
        "received_before",
        "report",
        "report_arrival",
        "rid",
        "ssrc",
    )

    def __init__(self, ssrc: int, rid: str = "") -> None:
        self.ssrc, self.rid, self.rank = ssrc, rid, _RANK.get(rid, 0)
        self.first: int | None = None
        self.highest = self.cycles = self.received = 0
        self.expected_before = self.received_before = 0
        self.last_arrival = self.last_pli = 0.0
        self.pli_due = False
        self.nacked: dict[int, float] = {}
        self.report: rtcp.SenderReport | None = None
        self.report_arrival = 0.0

    def count(self, sequence: int, now: float) -> bool:
        """Note the arrival of a packet; return whether it is the newest."""
        self.last_arrival = now
        self.received += 1
        if self.first is None:
            self.first = self.highest = sequence
        elif 0 < (sequence - self.highest) & 0xFFFF < 0x8000:
            if sequence < self.highest:
                self.cycles += 1
            self.highest = sequence
        else:
            return False
        return True

    def extended(self, sequence: int) -> int:
        """Return a number near the highest one, counted on through its wrap-arounds."""
        ahead = (sequence - self.highest + 0x8000) % 0x10000 - 0x8000
        return (self.cycles << 16) + self.highest + ahead

    @property
    def expected(self) -> int:
        """How many packets were sent, judged by their numbers."""
        return 0 if self.first is None else (self.cycles << 16) + self.highest - self.first + 1

    @property
    def lost(self) -> int:
        """How many of them never came."""
        return max(0, self.expected - self.received)

    def report_block(self, now: float) -> rtcp.ReportBlock:
        """Return the block of a receiver report, and start its next interval."""
        expected, received = self.expected, self.received
        interval = expected - self.expected_before
        lost = max(0, interval - (received - self.received_before))
        self.expected_before, self.received_before = expected, received
        delay = int((now - self.report_arrival) * 65536) if self.report else 0
        return rtcp.ReportBlock(
            self.ssrc,
            min(255, 256 * lost // interval) if interval > 0 else 0,
            min(self.lost, 0x7FFFFF),
            (self.cycles & 0xFFFF) << 16 | self.highest,
            last_report=self.report.middle_ntp if self.report else 0,
            delay=delay & 0xFFFFFFFF,
        )


class DownTrack:
    """One subscriber's copy of a published track."""

    __slots__ = (
        "_breaks",
        "_history",
        "_order",
        "fraction_lost",
        "layer",
        "max_rank",
        "octets",
        "packets",
        "payload_type",
        "sequence",
        "sequence_offset",
        "sink",
        "ssrc",
        "timestamp",
        "timestamp_offset",
    )

    def __init__(self, sink: PacketSink, payload_type: int, ssrc: int, kind: str) -> None:
        self.sink, self.payload_type, self.ssrc = sink, payload_type, ssrc
        self.max_rank = ANY_LAYER
        self.layer: Layer | None = None
        self.sequence_offset = self.timestamp_offset = 0
        self.sequence: int | None = None
        self.timestamp = 0
        self.packets = self.octets = 0
        self.fraction_lost = 0.0
        self._history: dict[int, bytes] = {}
        self._order: deque[int] = deque(maxlen=_HISTORY[kind])
        # From which number of the layer on which offset was in force, oldest first.
        self._breaks: deque[tuple[int, int]] = deque(maxlen=_MAX_BREAKS)

    def send(self, packet: bytes, sequence: int, timestamp: int, *, keep: bool) -> None:
        """Send a packet, already renumbered, and keep it for retransmission."""
        if self.sequence is None or (sequence - self.sequence) & 0xFFFF < 0x8000:
            self.sequence, self.timestamp = sequence, timestamp
        self.packets += 1
        self.octets += len(packet) - rtp.MIN_HEADER
        self.sink.send_rtp(packet)
        if keep:
            order = self._order
            if len(order) == order.maxlen:
                self._history.pop(order[0], None)
            order.append(sequence)
            self._history[sequence] = packet

    def resend(self, sequences: list[int]) -> list[int]:
        """Send packets again; return the numbers of those that are not here."""
        missing = []
        for sequence in sequences:
            packet = self._history.get(sequence)
            if packet is None:
                missing.append(sequence)
            else:
                self.sink.send_rtp(packet)
        return missing

    def skip(self, sequence: int) -> None:
        """Leave out the layer's newest packet, without a hole in the subscriber's numbers."""
        if self.layer is None:
            return
        self.sequence_offset = (self.sequence_offset - 1) & 0xFFFF
        position = self.layer.extended(sequence)
        if self._breaks and self._breaks[-1][0] == position:
            self._breaks.pop()
        self._breaks.append((position + 1, self.sequence_offset))

    def number_of(self, sequence: int) -> int | None:
        """Return the subscriber's number for a packet that came late, if it can have one.

        It must get the very number that was kept free for it: no number may be sent with
        two different contents.
        """
        if self.layer is None:
            return None
        position = self.layer.extended(sequence)
        for start, offset in reversed(self._breaks):
            if position >= start:
                return (sequence + offset) & 0xFFFF
        return None

    def original_of(self, number: int) -> int | None:
        """Return the layer's number of what the subscriber calls `number`."""
        if self.layer is None:
            return None
        for start, offset in reversed(self._breaks):
            sequence = (number - offset) & 0xFFFF
            if self.layer.extended(sequence) >= start:
                return sequence
        return None

    def switch(self, layer: Layer, sequence: int, timestamp: int, clock_rate: int) -> None:
        """Continue with `layer` from the packet with these numbers."""
        if self.sequence is not None:
            self.sequence_offset = (self.sequence + 1 - sequence) & 0xFFFF
            if self.layer is not layer:
                expected = self._aligned(layer, timestamp, clock_rate)
                self.timestamp_offset = (expected - timestamp) & 0xFFFFFFFF
        self.layer = layer
        self._breaks.clear()
        self._breaks.append((layer.extended(sequence), self.sequence_offset))

    def _aligned(self, layer: Layer, timestamp: int, clock_rate: int) -> int:
        """Return the timestamp that keeps the subscriber's clock running through a switch."""
        minimum = (self.timestamp + 1) & 0xFFFFFFFF
        old = self.layer.report if self.layer else None
        new = layer.report
        if old is None or new is None:
            return (self.timestamp + clock_rate // 30) & 0xFFFFFFFF
        since = (timestamp - new.timestamp + 2**31) % 2**32 - 2**31
        aligned = old.timestamp + self.timestamp_offset + (new.ntp - old.ntp) * clock_rate + since
        candidate = int(aligned) & 0xFFFFFFFF
        ahead = (candidate - self.timestamp) & 0xFFFFFFFF
        return candidate if 0 < ahead < 10 * clock_rate else minimum


class PublishedTrack:
    """A track as its publisher sends it, with everybody who receives it.

    Parameters
    ----------
    info : TrackInfo
        What the room is told of it.
    publisher : PacketSink
        Where requests for key frames and retransmission go.
    publisher_sid : str
        Whose track it is.
    kind : str
        ``"audio"`` or ``"video"``.
    payload_type, codec :
        What the publisher sends.
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
        """Start to forward to one subscriber, and ask the publisher for a key frame.

        One that was here before goes on with the next number: none is ever used twice.
        """
        down.layer = None
        self.down_tracks = (*self.down_tracks, down)
        self.request_key_frame()

    def detach(self, down: DownTrack) -> None:
        """Stop to forward to one subscriber."""
        self.down_tracks = tuple(d for d in self.down_tracks if d is not down)

    def forward(self, layer: Layer, packet: bytes, header: rtp.Header) -> None:
        """Send one packet of `layer` on to whoever receives that layer."""
        now = time.monotonic()
        offset = header.payload_offset
        if self.level_extension is not None and len(self.levels) < 256:
            level = rtp.audio_level(packet, header, self.level_extension)
            if level is not None:
                self.levels.append(level)
        newest = layer.count(header.sequence, now)
        if offset >= len(packet) or self.info.muted:
            if newest:
                self._skip(layer, header.sequence)
            return
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

    def _skip(self, layer: Layer, sequence: int) -> None:
        for down in self.down_tracks:
            if down.layer is layer:
                down.skip(sequence)

    def _select(
        self, down: DownTrack, layer: Layer, packet: bytes, header: rtp.Header, now: float
    ) -> bool:
        """Decide whether `down` goes over to `layer` with this packet."""
        if layer.rank > down.max_rank and self._has_live_layer(down.max_rank, now):
            return False
        current = down.layer
        if current is not None:
            upwards = current.rank < layer.rank <= down.max_rank
            downwards = current.rank > down.max_rank and layer.rank < current.rank
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

    def _has_live_layer(self, max_rank: int, now: float) -> bool:
        return any(
            other.rank <= max_rank and now - other.last_arrival < _LAYER_SILENT_SECONDS
            for other in self.layers.values()
        )

    def request_key_frame(self, layer: Layer | None = None) -> None:
        """Ask the publisher for a key frame, now or as soon as asking again is polite."""
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
        """Answer a subscriber's NACK; what is not here is asked of the publisher, once."""
        missing = down.resend(sequences)
        layer = down.layer
        if not missing or layer is None or not self.keeps_history:
            return
        now = time.monotonic()
        if len(layer.nacked) > 1024:
            layer.nacked.clear()
        wanted = []
        for number in missing:
            original = down.original_of(number)
            if original is None or len(wanted) == _MAX_NACKS:
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
