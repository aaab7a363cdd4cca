"""The uplink: each packet finds its track, and no flood makes the server remember much."""

from __future__ import annotations

import random
import struct
import time
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from livekit.protocol import models as m
from serving import SINGLE_OFFER

from lkexplore.server.media import rtcp
from lkexplore.server.media.codecs import Codec
from lkexplore.server.media.forwarding import PublishedTrack
from lkexplore.server.media.uplink import RECEIVE_BITS_PER_SECOND, Uplink
from lkexplore.server.negotiation import sdp

MID_ID, RID_ID = 4, 10


class Wire:
    """A connected transport that keeps what is sent and forgotten."""

    state = "connected"

    def __init__(self) -> None:
        self.rtcp: list[rtcp.RtcpPacket] = []
        self.forgotten: list[int] = []

    def send_rtcp(self, packet: bytes) -> None:
        self.rtcp += rtcp.parse(packet)

    def send_rtp(self, packet: bytes) -> None:
        raise AssertionError("nothing is sent to the publisher")

    def forget_inbound(self, ssrc: int) -> None:
        self.forgotten.append(ssrc)


class Desk:
    """An uplink with tracks on it."""

    def __init__(self, max_layers: int = 8) -> None:
        self.wire = Wire()
        self.uplink = Uplink(cast("Any", self.wire), max_layers)
        for section in sdp.parse(SINGLE_OFFER):
            self.uplink.learn_extensions(
                section.extension_id(sdp.MID_URI), section.extension_id(sdp.RID_URI)
            )

    def add(
        self,
        sid: str,
        mid: str,
        payload_type: int,
        rids: tuple[str, ...] = (),
        ssrcs: tuple[int, ...] = (),
    ) -> PublishedTrack:
        codec = Codec("VP8", "90000") if rids else Codec("opus", "48000/2")
        track = PublishedTrack(
            m.TrackInfo(sid=sid),
            cast("Any", self.wire),
            "PA_one",
            kind="video" if rids else "audio",
            mid=mid,
            payload_type=payload_type,
            codec=codec,
            rids=list(rids),
            level_extension=1,
        )
        self.uplink.add(track, list(ssrcs))
        return track

    @property
    def streams(self) -> int:
        return len(self.uplink._by_ssrc)


def packet(
    ssrc: int, *, payload_type: int = 111, sequence: int = 1, labels: dict[int, bytes] | None = None
) -> bytes:
    content = b"".join(bytes([n << 4 | len(v) - 1]) + v for n, v in (labels or {}).items())
    content += bytes(-len(content) % 4)
    extension = struct.pack("!HH", 0xBEDE, len(content) // 4) + content if content else b""
    head = struct.pack("!BBHII", 0x90 if content else 0x80, payload_type, sequence, 0, ssrc)
    return head + extension + b"payload"


def test_a_stream_that_the_offer_named() -> None:
    desk = Desk()
    track = desk.add("TR_a", "7", 111, ssrcs=(1000001, 5))
    desk.uplink.on_rtp(packet(1000001))
    assert track.layers[""].received == 1
    assert desk.streams == 1


def test_streams_are_learnt_by_section_and_layer() -> None:
    desk = Desk()
    video = desk.add("TR_v", "8", 96, ("q", "h", "f"))
    other = desk.add("TR_w", "9", 96, ("q", "h", "f"))
    for ssrc, (mid, rid) in enumerate([(b"8", b"q"), (b"8", b"f"), (b"9", b"q")], start=10):
        desk.uplink.on_rtp(packet(ssrc, payload_type=96, labels={MID_ID: mid, RID_ID: rid}))
        desk.uplink.on_rtp(packet(ssrc, payload_type=96, sequence=2))
    assert {rid: layer.ssrc for rid, layer in video.layers.items()} == {"q": 10, "f": 11}
    assert {rid: layer.ssrc for rid, layer in other.layers.items()} == {"q": 12}
    assert all(layer.received == 2 for layer in (*video.layers.values(), *other.layers.values()))


def test_a_stream_without_labels_is_known_by_its_payload_type_if_only_one_has_it() -> None:
    desk = Desk()
    first = desk.add("TR_a", "1", 111)
    desk.uplink.on_rtp(packet(50))
    assert first.layers[""].ssrc == 50
    desk.add("TR_b", "2", 111)
    desk.uplink.on_rtp(packet(51))
    assert desk.streams == 1
    desk.uplink.on_rtp(packet(52, payload_type=63))
    assert desk.streams == 1


@pytest.mark.parametrize(
    "labels", [{MID_ID: b"99"}, {MID_ID: b"8", RID_ID: b"x"}, {MID_ID: b"8"}, {RID_ID: b"q"}]
)
def test_streams_of_no_track_are_dropped(labels: dict[int, bytes]) -> None:
    desk = Desk()
    desk.add("TR_v", "8", 96, ("q", "h", "f"))
    desk.uplink.on_rtp(packet(9, payload_type=96, labels=labels))
    assert desk.streams == 0


def test_a_layer_that_starts_over_replaces_its_stream() -> None:
    desk = Desk()
    video = desk.add("TR_v", "8", 96, ("q",))
    for ssrc in (10, 11, 12):
        desk.uplink.on_rtp(packet(ssrc, payload_type=96, labels={MID_ID: b"8", RID_ID: b"q"}))
    assert video.layers["q"].ssrc == 12
    assert list(desk.uplink._by_ssrc) == [12]


def test_a_track_has_a_bounded_number_of_layers() -> None:
    desk = Desk(max_layers=4)
    rids = tuple("abcdefgh")
    video = desk.add("TR_v", "8", 96, rids)
    for n, rid in enumerate(rids):
        desk.uplink.on_rtp(packet(n, payload_type=96, labels={MID_ID: b"8", RID_ID: rid.encode()}))
    assert len(video.layers) == desk.streams == 4


def test_a_flood_of_streams_stays_bounded() -> None:
    desk = Desk()
    video = desk.add("TR_v", "8", 96, ("q", "h", "f"))
    audio = desk.add("TR_a", "7", 111, ssrcs=(1,))
    dice = random.Random(1)
    for n in range(20_000):
        rid = dice.choice([b"q", b"h", b"f", b"x"])
        labels = dice.choice([{MID_ID: b"8", RID_ID: rid}, {MID_ID: b"7"}, {}, {MID_ID: b"9"}])
        desk.uplink.on_rtp(
            packet(
                dice.randrange(2**32),
                payload_type=dice.randrange(128),
                sequence=n & 0xFFFF,
                labels=labels,
            )
        )
    assert desk.streams <= 4
    assert set(video.layers) == {"q", "h", "f"}
    assert set(audio.layers) == {""}


def test_a_track_that_is_gone_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    video = desk.add("TR_v", "8", 96, ("q", "h"))
    audio = desk.add("TR_a", "7", 111, ssrcs=(1,))
    for n, rid in enumerate([b"q", b"h"], start=10):
        desk.uplink.on_rtp(packet(n, payload_type=96, labels={MID_ID: b"8", RID_ID: rid}))
    desk.uplink.remove(video)
    assert list(desk.uplink.tracks) == ["TR_a"]
    assert desk.uplink.by_mid("8") is None
    assert desk.uplink.by_mid("7") is audio
    assert desk.streams == 1
    desk.uplink.tick()
    assert desk.wire.forgotten == []
    later = time.monotonic() + 10
    monkeypatch.setattr(time, "monotonic", lambda: later)
    desk.uplink.tick()
    assert sorted(desk.wire.forgotten) == [10, 11]


def test_a_sender_report_reaches_its_layer() -> None:
    desk = Desk()
    audio = desk.add("TR_a", "7", 111, ssrcs=(1,))
    for ssrc in (1, 2):
        report = rtcp.SenderReport(ssrc, 3, 4, 5)
        [packet_] = rtcp.parse(rtcp.build_sender_report(ssrc, report, 5, 6, 7))
        desk.uplink.on_rtcp(packet_)
    assert audio.layers[""].report == rtcp.SenderReport(1, 3, 4, 5)


def test_the_publisher_is_told_what_came_and_that_it_may_send_all() -> None:
    desk = Desk()
    for n in range(40):
        desk.add(f"TR_{n}", str(100 + n), 111, ssrcs=(1000 + n,))
    desk.uplink.tick()
    assert desk.wire.rtcp == []
    for n in range(40):
        for sequence in range(10):
            if sequence != 5:
                desk.uplink.on_rtp(packet(1000 + n, sequence=sequence))
    desk.uplink.tick()
    blocks = [b for p in desk.wire.rtcp for b in rtcp.report_blocks(p)]
    assert [b.ssrc for b in blocks] == list(range(1000, 1040))
    assert {(b.lost, b.fraction_lost, b.highest_sequence) for b in blocks} == {(1, 25, 9)}
    estimates = [p for p in desk.wire.rtcp if p.kind == rtcp.PAYLOAD_FEEDBACK]
    assert len(estimates) == 2
    [packed] = struct.unpack_from("!I", estimates[0].body, 12)
    assert (packed & 0x3FFFF) << (packed >> 18 & 0x3F) == pytest.approx(
        RECEIVE_BITS_PER_SECOND, rel=1e-4
    )
    assert desk.uplink.loss() == (400, 40)


def test_nothing_is_reported_before_the_connection_stands() -> None:
    desk = Desk()
    desk.add("TR_a", "7", 111, ssrcs=(1,))
    desk.uplink.on_rtp(packet(1))
    desk.wire.state = "connecting"
    desk.uplink.tick()
    assert desk.wire.rtcp == []


@given(st.binary(max_size=80))
def test_random_packets_never_raise(data: bytes) -> None:
    desk = Desk()
    desk.add("TR_v", "8", 96, ("q", "h"))
    desk.add("TR_a", "7", 111)
    for candidate in (data, b"\x90\x6f" + data, b"\x90\x60" + data):
        desk.uplink.on_rtp(candidate)
    for packet_ in rtcp.parse(b"\x80\xc8" + data):
        desk.uplink.on_rtcp(packet_)
    assert desk.streams <= 3
