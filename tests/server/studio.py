"""A published track with its publisher and its subscribers, and all that is sent on it."""

from __future__ import annotations

import itertools
import struct
from collections import defaultdict
from typing import NamedTuple

from livekit.protocol import models as m

from lkexplore.server.media import rtcp, rtp
from lkexplore.server.media.codecs import Codec
from lkexplore.server.media.downtrack import ANY_LAYER, DownTrack
from lkexplore.server.media.forwarding import PublishedTrack
from lkexplore.server.media.incoming_stream import Layer

OPUS, VP8 = Codec("opus", "48000/2"), Codec("VP8", "90000")
KEY, DELTA = b"\x10\x00", b"\x10\x01"
LEVEL_ID = 1


class Sent(NamedTuple):
    """A packet as a subscriber receives it."""

    sequence: int
    timestamp: int
    ssrc: int
    payload_type: int
    marker: bool
    payload: bytes


class Sink:
    """The sending side of a transport, which keeps what it is given."""

    def __init__(self) -> None:
        self.rtp: list[Sent] = []
        self.rtcp: list[rtcp.RtcpPacket] = []
        self.by_number: dict[int, set[bytes]] = defaultdict(set)

    def send_rtp(self, packet: bytes) -> None:
        header = rtp.parse_header(packet)
        assert header is not None
        assert header.extension is None
        self.by_number[header.sequence].add(packet)
        self.rtp.append(
            Sent(
                header.sequence,
                header.timestamp,
                header.ssrc,
                packet[1] & 0x7F,
                bool(packet[1] & 0x80),
                packet[header.payload_offset :],
            )
        )

    def send_rtcp(self, packet: bytes) -> None:
        self.rtcp += rtcp.parse(packet)

    @property
    def numbers(self) -> list[int]:
        return [sent.sequence for sent in self.rtp]

    def plis(self) -> list[int | None]:
        return [rtcp.feedback_ssrc(p) for p in self.rtcp if p.kind == rtcp.PAYLOAD_FEEDBACK]


class Clock:
    """`time.monotonic` in the hands of a test."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Studio:
    """A published track, its publisher, and ways to send on it."""

    def __init__(self, codec: Codec = OPUS, rids: tuple[str, ...] = ()) -> None:
        self.publisher = Sink()
        self.kind = codec.mime_type.partition("/")[0]
        self.track = PublishedTrack(
            m.TrackInfo(sid="TR_one"),
            self.publisher,
            "PA_one",
            kind=self.kind,
            mid="0",
            payload_type=96,
            codec=codec,
            rids=list(rids),
            level_extension=LEVEL_ID,
        )
        self._ssrcs = iter(range(5000, 6000))

    def subscribe(
        self, payload_type: int = 111, max_rank: int = ANY_LAYER
    ) -> tuple[DownTrack, Sink]:
        sink = Sink()
        down = DownTrack(sink, payload_type, next(self._ssrcs), self.kind)
        down.max_rank = max_rank
        self.track.attach(down)
        return down, sink

    def layer(self, rid: str = "", ssrc: int = 1) -> Layer:
        return self.track.layer(ssrc + ord(rid[0]) if rid else ssrc, rid)

    def send(
        self,
        layer: Layer,
        sequence: int,
        timestamp: int = 0,
        payload: bytes = b"sound",
        *,
        marker: bool = False,
        extension: bytes = b"",
    ) -> None:
        head = struct.pack(
            "!BBHII",
            0x90 if extension else 0x80,
            96 | 0x80 * marker,
            sequence & 0xFFFF,
            timestamp & 0xFFFFFFFF,
            layer.ssrc,
        )
        packet = head + extension + payload
        header = rtp.parse_header(packet)
        assert header is not None
        self.track.forward(layer, packet, header)


def level(value: int) -> bytes:
    """A header extension with an audio level."""
    return b"\xbe\xde\x00\x01" + bytes([LEVEL_ID << 4, value, 0, 0])


def assert_one_content_per_number(sink: Sink) -> None:
    assert all(len(contents) == 1 for contents in sink.by_number.values())


def simulcast(studio: Studio, clock: Clock, n: int, *, key: str = "", only: str = "qhf") -> None:
    """Send one picture on every layer; each layer has numbers and times far from the others'."""
    clock.now += 1 / 30
    for rid in only:
        start = {"q": (100, 5), "h": (40_000, 2**31), "f": (65_530, 2**32 - 9000)}[rid]
        payload = (KEY if rid in key else DELTA) + rid.encode() + bytes([n & 0xFF])
        studio.send(studio.layer(rid), start[0] + n, start[1] + 3000 * n, payload)


def layers_of(sink: Sink) -> str:
    return "".join(sent.payload[2:3].decode() for sent in sink.rtp)


def assert_continuous(sink: Sink) -> None:
    """Check that numbers go up by one, and times by one picture or a little more or less."""
    for a, b in itertools.pairwise(sink.rtp):
        assert b.sequence == (a.sequence + 1) & 0xFFFF
        assert 0 < (b.timestamp - a.timestamp) % 2**32 < 4 * 3000
    assert_one_content_per_number(sink)
