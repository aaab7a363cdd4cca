"""Forwarding: each subscriber sees one unbroken stream, whatever happens behind it."""

from __future__ import annotations

import itertools
import struct
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from livekit.protocol import models as m

from lkexplore.server import forwarding, rtcp, rtp
from lkexplore.server.codecs import Codec
from lkexplore.server.downtrack import ANY_LAYER, DownTrack
from lkexplore.server.forwarding import PublishedTrack
from lkexplore.server.layer import Layer

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


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(forwarding.time, "monotonic", clock)
    return clock


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


def test_everyone_gets_the_payload_under_a_name_of_their_own() -> None:
    studio = Studio()
    subscribers = [studio.subscribe(payload_type) for payload_type in (111, 63, 96)]
    layer = studio.layer()
    for n in range(5):
        studio.send(layer, 100 + n, 960 * n, bytes([n]) * 9, marker=n == 0, extension=level(30))
    for (down, sink), payload_type in zip(subscribers, (111, 63, 96), strict=True):
        assert [sent.payload for sent in sink.rtp] == [bytes([n]) * 9 for n in range(5)]
        assert {(sent.ssrc, sent.payload_type) for sent in sink.rtp} == {(down.ssrc, payload_type)}
        assert [sent.timestamp for sent in sink.rtp] == [960 * n for n in range(5)]
        assert [sent.marker for sent in sink.rtp] == [True] + [False] * 4
        assert (down.packets, down.octets) == (5, 45)
    assert len({sink.rtp[0].ssrc for _, sink in subscribers}) == 3


def test_numbers_and_times_go_round_their_ends() -> None:
    studio = Studio()
    _, sink = studio.subscribe()
    layer = studio.layer()
    for n in range(70_000):
        studio.send(layer, 65_000 + n, 2**32 - 500 * 960 + 960 * n)
    assert [n - m for m, n in itertools.pairwise(sink.numbers) if n != (m + 1) & 0xFFFF] == []
    times = [sent.timestamp for sent in sink.rtp]
    assert all((b - a) % 2**32 == 960 for a, b in itertools.pairwise(times))
    assert (layer.expected, layer.lost) == (70_000, 0)


def test_a_muted_track_is_silent_and_goes_on_without_a_hole() -> None:
    studio = Studio()
    _, sink = studio.subscribe()
    layer = studio.layer()
    for n in range(30):
        studio.track.info.muted = 10 <= n < 20
        studio.send(layer, 65530 + n, 960 * n, bytes([n]))
    assert [sent.payload[0] for sent in sink.rtp] == [*range(10), *range(20, 30)]
    assert sink.numbers == [(65530 + n) & 0xFFFF for n in range(20)]
    assert sink.rtp[10].timestamp - sink.rtp[9].timestamp == 11 * 960


def test_empty_packets_leave_no_hole() -> None:
    studio = Studio()
    _, sink = studio.subscribe()
    layer = studio.layer()
    for n in range(10):
        studio.send(layer, n, payload=b"" if n % 3 == 1 else bytes([n]))
    assert sink.numbers == list(range(7))


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 0xFFFF),
    st.lists(
        st.sampled_from(["send", "send", "send", "late", "late empty", "lose", "empty"]),
        max_size=120,
    ),
    st.data(),
)
def test_no_number_is_ever_used_for_two_contents(
    first: int, events: list[str], data: st.DataObject
) -> None:
    studio = Studio(VP8)
    _, sink = studio.subscribe()
    layer = studio.layer()
    held: list[int] = []
    order: dict[bytes, int] = {}
    for n, event in enumerate(events):
        payload = KEY + struct.pack("!I", n)
        order[payload] = n
        if event == "send":
            studio.send(layer, first + n, 3000 * n, payload)
        elif event == "empty":
            studio.send(layer, first + n, 3000 * n, b"")
        elif event.startswith("late"):
            held.append(n)
        if held and data.draw(st.booleans()):
            late = held.pop(data.draw(st.integers(0, len(held) - 1)))
            content = b"" if "empty" in events[late] else KEY + struct.pack("!I", late)
            studio.send(layer, first + late, 3000 * late, content)
    assert_one_content_per_number(sink)
    assert len(set(sink.numbers)) == len(sink.numbers)
    if not sink.rtp:
        return
    start = sink.numbers[0]
    arranged = sorted(sink.rtp, key=lambda sent: (sent.sequence - start + 0x8000) % 0x10000)
    assert [order[sent.payload] for sent in arranged] == sorted(order[s.payload] for s in sink.rtp)


def test_a_packet_from_before_a_long_pause_still_finds_its_place() -> None:
    studio = Studio(VP8)
    _, sink = studio.subscribe()
    layer = studio.layer()
    for n in range(200):
        if n != 8:
            studio.send(layer, n, 3000 * n, b"" if 10 <= n < 190 else KEY + bytes([n]))
    studio.send(layer, 8, 3000 * 8, KEY + b"late")
    assert sink.numbers == [*range(8), *range(9, 20), 8]


def test_a_packet_from_before_a_switch_is_dropped() -> None:
    studio = Studio(VP8)
    _, sink = studio.subscribe()
    first = studio.layer(ssrc=1)
    studio.send(first, 10, 0, KEY)
    studio.send(first, 9, 0, KEY)
    assert sink.numbers == [10]


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


def test_layers_change_at_key_frames_only_and_the_stream_stays_whole(clock: Clock) -> None:
    studio = Studio(VP8, ("q", "h", "f"))
    down, sink = studio.subscribe(max_rank=0)
    for n in range(100):
        down.max_rank = (0, 1, ANY_LAYER, 1, 0)[n // 20]
        simulcast(studio, clock, n, key="qhf" if n % 20 == 10 else "q" if n == 0 else "")
    runs = [(rid, len(list(run))) for rid, run in itertools.groupby(layers_of(sink))]
    # A layer that is left for a higher one has sent its part of that picture already.
    assert runs == [("q", 31), ("h", 21), ("f", 20), ("h", 20), ("q", 10)]
    assert_continuous(sink)


def test_a_subscriber_begins_with_the_layer_it_asks_for_and_moves_up(clock: Clock) -> None:
    studio = Studio(VP8, ("q", "h", "f"))
    _, sink = studio.subscribe()
    for n in range(10):
        simulcast(studio, clock, n, key="qhf" if n in (2, 5) else "", only="q" if n < 4 else "qhf")
    assert layers_of(sink)[:2] == "qq"
    assert layers_of(sink).endswith("fffff")
    assert_continuous(sink)


def test_a_layer_that_falls_silent_is_replaced(clock: Clock) -> None:
    studio = Studio(VP8, ("q", "h", "f"))
    _, sink = studio.subscribe()
    for n in range(10):
        simulcast(studio, clock, n, key="qhf" if n == 0 else "")
    assert layers_of(sink)[-1] == "f"
    for n in range(10, 60):
        simulcast(studio, clock, n, key="qh" if n % 10 == 5 else "", only="qh")
    assert layers_of(sink)[-1] in "qh"
    numbers = sink.numbers
    assert all(b == (a + 1) & 0xFFFF for a, b in itertools.pairwise(numbers))


def test_times_follow_the_sender_s_clock_through_a_switch(clock: Clock) -> None:
    studio = Studio(VP8, ("q", "h", "f"))
    down, sink = studio.subscribe(max_rank=0)
    for rid, start in (("q", 5), ("h", 2**31)):
        layer = studio.layer(rid)
        # At the same moment of the sender's clock, this layer stood here.
        studio.track.on_sender_report(layer, rtcp.SenderReport(layer.ssrc, 3_900_000_000, 0, start))
    for n in range(20):
        down.max_rank = int(n >= 10)
        simulcast(studio, clock, n, key="qh" if n in (0, 12) else "", only="qh")
    assert layers_of(sink) == "q" * 13 + "h" * 8
    times = [sent.timestamp - sink.rtp[0].timestamp for sent in sink.rtp]
    assert times[:13] == [3000 * n for n in range(13)]
    # The same picture on another layer comes one tick later: times only ever go up.
    assert times[13:] == [3000 * n + 1 for n in range(12, 20)]


@pytest.mark.parametrize("reports", [False, True])
def test_a_paused_subscriber_goes_on_where_it_was_in_number_and_in_time(
    clock: Clock, reports: bool
) -> None:
    studio = Studio(VP8, ("q", "h", "f"))
    down, sink = studio.subscribe(max_rank=0)
    if reports:
        for rid, start in (("q", 5), ("h", 2**31)):
            layer = studio.layer(rid)
            report = rtcp.SenderReport(layer.ssrc, 3_900_000_000, 0, start)
            studio.track.on_sender_report(layer, report)
    for n in range(10):
        simulcast(studio, clock, n, key="q" if n == 0 else "")
    studio.track.detach(down)
    for n in range(10, 310):
        simulcast(studio, clock, n, key="qhf")
    down.max_rank = 1
    studio.track.attach(down)
    for n in range(310, 320):
        simulcast(studio, clock, n, key="h" if n == 310 else "")
    assert layers_of(sink) == "q" * 10 + "h" * 10
    assert sink.numbers == [(100 + n) & 0xFFFF for n in range(20)]
    gap = (sink.rtp[10].timestamp - sink.rtp[9].timestamp) % 2**32
    assert gap == pytest.approx(301 * 3000, abs=0 if reports else 3000)
    assert_one_content_per_number(sink)


def test_a_track_that_was_paused_keeps_its_time(clock: Clock) -> None:
    studio = Studio()
    down, sink = studio.subscribe()
    layer = studio.layer()
    for n in range(1000):
        clock.now += 0.02
        if n == 10:
            studio.track.detach(down)
        if n == 990:
            studio.track.attach(down)
        studio.send(layer, n, 960 * n)
    assert sink.numbers == list(range(20))
    assert sink.rtp[10].timestamp == 990 * 960


def test_a_publisher_s_new_stream_goes_on_in_the_old_numbers(clock: Clock) -> None:
    studio = Studio()
    _, sink = studio.subscribe()
    first = studio.layer(ssrc=1)
    for n in range(5):
        studio.send(first, 65_533 + n, 960 * n)
    clock.now += 1.5
    second = studio.layer(ssrc=2)
    for n in range(5):
        studio.send(second, 7 + n, 77 + 960 * n)
    assert sink.numbers == [65533, 65534, 65535, 0, 1, 2, 3, 4, 5, 6]
    assert (sink.rtp[5].timestamp - sink.rtp[4].timestamp) % 2**32 == pytest.approx(72_000, abs=960)


def test_video_that_does_not_begin_with_a_key_frame_asks_for_one(clock: Clock) -> None:
    studio = Studio(VP8, ("q",))
    _, sink = studio.subscribe()
    layer = studio.layer("q")
    studio.send(layer, 1, 0, DELTA)
    assert sink.rtp == []
    assert studio.publisher.plis() == [layer.ssrc]
    studio.send(layer, 2, 3000, KEY)
    assert sink.numbers == [2]


def test_requests_for_key_frames_are_few(clock: Clock) -> None:
    studio = Studio(VP8)
    layer = studio.layer()
    for _ in range(100):
        clock.now += 0.01
        studio.track.request_key_frame(layer)
        studio.track.send_due_requests()
    assert 3 <= len(studio.publisher.plis()) <= 4
    clock.now += 1
    before = len(studio.publisher.plis())
    studio.track.send_due_requests()
    studio.track.send_due_requests()
    assert len(studio.publisher.plis()) - before <= 1


def test_nobody_asks_for_key_frames_of_sound() -> None:
    studio = Studio()
    studio.layer()
    studio.subscribe()
    studio.track.request_key_frame()
    assert studio.publisher.rtcp == []


def test_lost_packets_are_sent_again_as_they_were(clock: Clock) -> None:
    studio = Studio(VP8)
    down, sink = studio.subscribe()
    layer = studio.layer()
    for n in range(1000):
        studio.send(layer, n, 3000 * n, KEY + bytes([n & 0xFF]))
    before = list(sink.rtp)
    studio.track.retransmit(down, [999, 500, 999])
    assert sink.rtp[len(before) :] == [before[999], before[500], before[999]]
    assert_one_content_per_number(sink)
    assert studio.publisher.rtcp[1:] == []


def test_the_history_is_bounded_and_what_is_gone_is_asked_of_the_publisher(clock: Clock) -> None:
    studio = Studio(VP8)
    down, sink = studio.subscribe()
    layer = studio.layer()
    for n in range(2000):
        studio.send(layer, n, 3000 * n, KEY)
    assert len(down._history) == len(down._order) == 768
    studio.track.retransmit(down, [3, 1999])
    assert sink.numbers[-1] == 1999
    [nack] = [p for p in studio.publisher.rtcp if p.kind == rtcp.TRANSPORT_FEEDBACK]
    assert rtcp.nacked_sequences(nack) == [3]
    assert rtcp.feedback_ssrc(nack) == layer.ssrc


def test_the_publisher_is_asked_in_its_own_numbers_and_not_again_at_once(clock: Clock) -> None:
    studio = Studio(VP8)
    down, sink = studio.subscribe()
    layer = studio.layer()
    for n in (10, 11, 13, 14):
        studio.send(layer, n, 3000 * n, b"" if n == 11 else KEY)
    assert sink.numbers == [10, 12, 13]

    def asked() -> list[int]:
        packets = [p for p in studio.publisher.rtcp if p.kind == rtcp.TRANSPORT_FEEDBACK]
        return [sequence for packet in packets for sequence in rtcp.nacked_sequences(packet)]

    studio.track.retransmit(down, [11])
    studio.track.retransmit(down, [11])
    assert asked() == [12]
    clock.now += 0.1
    studio.track.retransmit(down, [11])
    assert asked() == [12, 12]
    studio.send(layer, 12, 3000 * 12, KEY)
    assert sink.numbers == [10, 12, 13, 11]


def test_one_request_asks_for_a_bounded_number_and_the_rest_later(clock: Clock) -> None:
    studio = Studio(VP8)
    down, _ = studio.subscribe()
    layer = studio.layer()
    studio.send(layer, 0, 0, KEY)
    studio.send(layer, 500, 3000, KEY)
    asked = []
    for _ in range(3):
        studio.track.retransmit(down, list(range(1, 151)))
    for packet in studio.publisher.rtcp:
        if packet.kind == rtcp.TRANSPORT_FEEDBACK:
            asked.append(rtcp.nacked_sequences(packet))
    assert [len(sequences) for sequences in asked] == [64, 64, 22]
    assert sorted(itertools.chain(*asked)) == list(range(1, 151))


def test_sound_is_kept_only_when_somebody_asks_for_it() -> None:
    studio = Studio()
    down, sink = studio.subscribe()
    layer = studio.layer()
    studio.send(layer, 1)
    studio.track.retransmit(down, [1])
    assert len(sink.rtp) == 1
    assert studio.publisher.rtcp == []
    studio.track.keeps_history = True
    for n in range(2, 400):
        studio.send(layer, n)
    studio.track.retransmit(down, [399])
    assert sink.numbers[-2:] == [399, 399]
    assert len(down._history) == 128


def test_a_publisher_s_clock_is_passed_on_in_the_subscriber_s_time(clock: Clock) -> None:
    studio = Studio(VP8, ("q", "h"))
    down, sink = studio.subscribe(max_rank=0)
    for n in range(10):
        down.max_rank = int(n > 3)
        simulcast(studio, clock, n, key="qh" if n in (0, 5) else "", only="qh")
    layer = studio.layer("h")
    studio.track.on_sender_report(layer, rtcp.SenderReport(layer.ssrc, 77, 88, 2**31 + 9 * 3000))
    studio.track.on_sender_report(studio.layer("q"), rtcp.SenderReport(1, 1, 1, 1))
    [packet] = sink.rtcp
    report = rtcp.sender_report(packet)
    assert report == rtcp.SenderReport(down.ssrc, 77, 88, sink.rtp[-1].timestamp)
    assert struct.unpack_from("!II", packet.body, 16) == (
        len(sink.rtp),
        sum(len(s.payload) for s in sink.rtp),
    )


def test_who_has_left_receives_nothing() -> None:
    studio = Studio()
    down, sink = studio.subscribe()
    _, other = studio.subscribe()
    layer = studio.layer()
    studio.send(layer, 1)
    studio.track.detach(down)
    studio.send(layer, 2)
    assert (sink.numbers, other.numbers) == ([1], [1, 2])


def losing(count: int, lost: set[int], start: int = 65_000) -> Iterator[int]:
    return ((start + n) & 0xFFFF for n in range(count) if n not in lost)


def test_the_figures_of_loss_are_those_of_the_standard() -> None:
    layer = Layer(9)
    for sequence in losing(1000, set(range(100, 200))):
        layer.count(sequence, 1.0)
    block = layer.report_block(1.0)
    assert (block.ssrc, block.lost, block.fraction_lost) == (9, 100, 256 * 100 // 1000)
    assert block.highest_sequence == 1 << 16 | (65_000 + 999) & 0xFFFF
    for sequence in losing(1000, set(), start=66_000):
        layer.count(sequence & 0xFFFF, 2.0)
    block = layer.report_block(2.0)
    assert (block.lost, block.fraction_lost) == (100, 0)
    assert (layer.expected, layer.lost) == (2000, 100)


def test_everything_lost_and_nothing_sent_are_no_division_by_zero() -> None:
    layer = Layer(9)
    assert layer.report_block(1.0).fraction_lost == 0
    layer.count(0, 1.0)
    layer.report_block(1.0)
    assert layer.report_block(1.0).fraction_lost == 0
    layer.count(30_000, 1.0)
    block = layer.report_block(1.0)
    assert block.fraction_lost == 255
    assert block.lost == 29_999


def test_late_and_repeated_packets_are_no_loss() -> None:
    layer = Layer(9)
    for sequence in (10, 12, 11, 13, 13, 9):
        layer.count(sequence, 1.0)
    assert layer.report_block(1.0).lost == 0
    assert layer.highest == 13


def test_a_report_tells_how_old_the_sender_s_is() -> None:
    layer = Layer(9)
    layer.count(1, 5.0)
    layer.report, layer.report_arrival = rtcp.SenderReport(9, 0x1_0002, 0x0003_0000, 0), 5.0
    block = layer.report_block(6.5)
    assert (block.last_report, block.delay) == (0x0002_0003, int(1.5 * 65536))


def test_the_level_is_the_median_of_what_was_heard() -> None:
    studio = Studio()
    layer = studio.layer()
    for n, value in enumerate([127, 20, 40, 30, 127]):
        studio.send(layer, n, extension=level(value))
    assert studio.track.take_level() == pytest.approx(10 ** (-30 / 20))
    assert studio.track.take_level() == 0.0
    studio.send(layer, 9, extension=level(127))
    assert studio.track.take_level() == 0.0


def test_levels_of_a_flood_and_of_a_muted_track() -> None:
    studio = Studio()
    layer = studio.layer()
    for n in range(1000):
        studio.send(layer, n, extension=level(10))
    assert len(studio.track.levels) == 256
    studio.track.info.muted = True
    assert studio.track.take_level() == 0.0
