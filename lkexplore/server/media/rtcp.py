"""RTCP packets (RFC 3550, RFC 4585, RFC 5104, REMB): parse what comes, build what we send."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

# Packet types (RFC 3550, section 12.1; RFC 4585, section 6.1).
SENDER_REPORT = 200
RECEIVER_REPORT = 201
TRANSPORT_FEEDBACK = 205
PAYLOAD_FEEDBACK = 206

# Formats of transport feedback (RFC 4585, section 6.2).
NACK = 1

# Formats of payload feedback (RFC 4585, section 6.3; FIR: RFC 5104, section 4.3.1).
PLI = 1
FIR = 4
APPLICATION = 15

SERVER_SSRC = 1
"""The stream identifier under which the server itself sends reports and feedback."""

MAX_BLOCKS = 31
"""Streams that fit into one report, whose count has 5 bits (RFC 3550, section 6.4.1)."""

_MAX_PACKETS = 64
"""Packets of one compound that are read; the rest is ignored."""


class RtcpPacket(NamedTuple):
    """One packet of a compound: its count or format field, its type, its body."""

    format: int
    kind: int
    body: bytes


class SenderReport(NamedTuple):
    """The time (NTP, 64 bits) at which a sender's RTP clock stood at a timestamp."""

    ssrc: int
    ntp_seconds: int
    ntp_fraction: int
    timestamp: int

    @property
    def ntp(self) -> float:
        """Seconds of the sender's wall clock."""
        return self.ntp_seconds + self.ntp_fraction / 2**32

    @property
    def middle_ntp(self) -> int:
        """The middle 32 bits, which a receiver echoes."""
        return (self.ntp_seconds & 0xFFFF) << 16 | self.ntp_fraction >> 16


class ReportBlock(NamedTuple):
    """A receiver's report on one stream."""

    ssrc: int
    fraction_lost: int
    lost: int
    highest_sequence: int
    jitter: int = 0
    last_report: int = 0
    delay: int = 0


def parse(data: bytes) -> Iterator[RtcpPacket]:
    """Yield the packets of a compound, ending quietly at the first malformed one."""
    position = 0
    for _ in range(_MAX_PACKETS):
        if position + 4 > len(data):
            return
        first, kind, words = struct.unpack_from("!BBH", data, position)
        end = position + 4 + 4 * words
        if first >> 6 != 2 or end > len(data):
            return
        yield RtcpPacket(first & 31, kind, data[position + 4 : end])
        position = end


def sender_report(packet: RtcpPacket) -> SenderReport | None:
    """Return the sender report in `packet`, if it is a whole one."""
    if packet.kind != SENDER_REPORT or len(packet.body) < 24:
        return None
    return SenderReport(*struct.unpack_from("!IIII", packet.body))


def report_blocks(packet: RtcpPacket) -> list[ReportBlock]:
    """Return the receiver's blocks of a sender or receiver report."""
    start = {SENDER_REPORT: 24, RECEIVER_REPORT: 4}.get(packet.kind)
    blocks: list[ReportBlock] = []
    if start is None:
        return blocks
    for position in range(start, len(packet.body) - 23, 24):
        ssrc, loss, *rest = struct.unpack_from("!IIIIII", packet.body, position)
        blocks.append(ReportBlock(ssrc, loss >> 24, loss & 0xFFFFFF, *rest))
    return blocks[:MAX_BLOCKS]


def feedback_ssrc(packet: RtcpPacket) -> int | None:
    """Return the stream that a feedback packet is about."""
    if packet.kind == PAYLOAD_FEEDBACK and packet.format == FIR and len(packet.body) >= 12:
        return int(struct.unpack_from("!I", packet.body, 8)[0])
    if len(packet.body) >= 8:
        return int(struct.unpack_from("!I", packet.body, 4)[0])
    return None


def nacked_sequences(packet: RtcpPacket, limit: int = 512) -> list[int]:
    """Return the sequence numbers a NACK asks for (RFC 4585, section 6.2.1)."""
    found: list[int] = []
    for position in range(8, len(packet.body) - 3, 4):
        first, mask = struct.unpack_from("!HH", packet.body, position)
        found.append(first)
        found += [(first + 1 + bit) & 0xFFFF for bit in range(16) if mask >> bit & 1]
        if len(found) >= limit:
            break
    return found[:limit]


def build_pli(ssrc: int) -> bytes:
    """Return a picture loss indication: please send a key frame."""
    return struct.pack("!BBHII", 0x80 | PLI, PAYLOAD_FEEDBACK, 2, SERVER_SSRC, ssrc)


def build_nack(ssrc: int, sequences: Sequence[int]) -> bytes:
    """Return a NACK for these sequence numbers."""
    pairs = b"".join(struct.pack("!HH", sequence, 0) for sequence in sequences)
    words = 2 + len(sequences)
    return struct.pack("!BBHII", 0x80 | NACK, TRANSPORT_FEEDBACK, words, SERVER_SSRC, ssrc) + pairs


def build_receiver_report(blocks: Sequence[ReportBlock]) -> bytes:
    """Return a receiver report of at most 31 streams."""
    blocks = blocks[:MAX_BLOCKS]
    head = struct.pack(
        "!BBHI", 0x80 | len(blocks), RECEIVER_REPORT, 1 + 6 * len(blocks), SERVER_SSRC
    )
    return head + b"".join(
        struct.pack(
            "!IIIIII",
            b.ssrc,
            (b.fraction_lost & 0xFF) << 24 | b.lost & 0xFFFFFF,
            b.highest_sequence,
            b.jitter,
            b.last_report,
            b.delay,
        )
        for b in blocks
    )


def build_remb(ssrcs: Sequence[int], bits_per_second: int) -> bytes:
    """Return a receiver's estimate of the bit rate it can take (draft-alvestrand-rmcat-remb)."""
    ssrcs = ssrcs[:MAX_BLOCKS]
    exponent = max(0, bits_per_second.bit_length() - 18)
    packed = len(ssrcs) << 24 | exponent << 18 | bits_per_second >> exponent
    head = struct.pack(
        "!BBHII", 0x80 | APPLICATION, PAYLOAD_FEEDBACK, 4 + len(ssrcs), SERVER_SSRC, 0
    )
    return head + b"REMB" + struct.pack(f"!I{len(ssrcs)}I", packed, *ssrcs)


def build_sender_report(
    ssrc: int, report: SenderReport, timestamp: int, packets: int, octets: int
) -> bytes:
    """Return a publisher's report as a subscriber of the forwarded stream must see it."""
    return struct.pack(
        "!BBHIIIIII",
        0x80,
        SENDER_REPORT,
        6,
        ssrc,
        report.ntp_seconds,
        report.ntp_fraction,
        timestamp & 0xFFFFFFFF,
        packets & 0xFFFFFFFF,
        octets & 0xFFFFFFFF,
    )
