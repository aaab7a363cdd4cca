"""One stream of RTP as it leaves for a subscriber, in numbers of its own."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from . import rtp
from .incoming_stream import Layer

ANY_LAYER = 9
"""A rank above those of all simulcast layers: a limit that allows every layer."""

_HISTORY = {"audio": 128, "video": 768}
"""Packets kept for retransmission: some 2.5 s of sound, a second or more of pictures."""

_MAX_BREAKS = 32
"""Changes between the layer's numbers and the subscriber's that are remembered."""


class PacketSink(Protocol):
    """The sending side of a transport."""

    def send_rtp(self, packet: bytes) -> None:
        """Encrypt and send one RTP packet."""

    def send_rtcp(self, packet: bytes) -> None:
        """Encrypt and send one RTCP packet."""


class DownTrack:
    """One subscriber's copy of a published track.

    It has numbers of its own, without holes, whatever layer is behind it and however often
    it was stopped. No number is ever sent with two different contents.
    """

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
        "rested_at",
        "resting",
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
        self.resting: Layer | None = None
        self.rested_at = 0.0
        self.sequence_offset = self.timestamp_offset = 0
        self.sequence: int | None = None
        self.timestamp = 0
        self.packets = self.octets = 0
        self.fraction_lost = 0.0
        self._history: dict[int, bytes] = {}
        self._order: deque[int] = deque(maxlen=_HISTORY[kind])
        # For each offset: the number of the layer from which it holds. Oldest first.
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
        """Send packets again; return the numbers of those that are not kept."""
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
        """Return the subscriber's number for a packet that came late, or None if there is none.

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

    def rest(self) -> None:
        """Pause; if the same layer comes back, its timestamps go on as if it had not stopped."""
        if self.layer is not None:
            self.resting, self.layer = self.layer, None
            self.rested_at = self.resting.last_arrival

    def switch(self, layer: Layer, sequence: int, timestamp: int, clock_rate: int) -> None:
        """Continue with `layer` from the packet with these numbers."""
        before = self.layer or self.resting
        if self.sequence is not None:
            self.sequence_offset = (self.sequence + 1 - sequence) & 0xFFFF
            if before is not layer:
                expected = self._aligned(before, layer, timestamp, clock_rate)
                self.timestamp_offset = (expected - timestamp) & 0xFFFFFFFF
        self.layer, self.resting = layer, None
        self._breaks.clear()
        self._breaks.append((layer.extended(sequence), self.sequence_offset))

    def _aligned(self, before: Layer | None, layer: Layer, timestamp: int, clock_rate: int) -> int:
        """Return the timestamp that keeps the subscriber's clock running through a switch."""
        minimum = (self.timestamp + 1) & 0xFFFFFFFF
        old, new = before.report if before else None, layer.report
        if old is None or new is None:
            left = self.layer.last_arrival if self.layer else self.rested_at
            elapsed = layer.last_arrival - left
            return (self.timestamp + int(max(elapsed, 1 / 30) * clock_rate)) & 0xFFFFFFFF
        since = (timestamp - new.timestamp + 2**31) % 2**32 - 2**31
        aligned = old.timestamp + self.timestamp_offset + (new.ntp - old.ntp) * clock_rate + since
        candidate = int(aligned) & 0xFFFFFFFF
        ahead = (candidate - self.timestamp) & 0xFFFFFFFF
        return candidate if 0 < ahead < 2**31 else minimum
