"""Repair and reports: key frames, retransmission, clocks, and the figures of loss."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator

import pytest
from studio import (
    DELTA,
    KEY,
    VP8,
    Clock,
    Studio,
    assert_one_content_per_number,
    simulcast,
)

from lkexplore.server.media import rtcp
from lkexplore.server.media.incoming_stream import Layer

pytestmark = pytest.mark.usefixtures("clock")


def asked(studio: Studio) -> list[int]:
    """Return what the publisher was asked to send again, in its numbers."""
    packets = [p for p in studio.publisher.rtcp if p.kind == rtcp.TRANSPORT_FEEDBACK]
    return [sequence for packet in packets for sequence in rtcp.nacked_sequences(packet)]


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

    # What the server itself asks for, it need not be asked for.
    studio.track.retransmit(down, [11])
    assert asked(studio) == [12]
    studio.send(layer, 12, 3000 * 12, KEY)
    assert sink.numbers == [10, 12, 13, 11]
    # So large a gap it leaves to the viewers.
    studio.send(layer, 500, 3000 * 500, KEY)
    studio.track.retransmit(down, [299])
    studio.track.retransmit(down, [299])
    assert asked(studio) == [12, 300]
    clock.now += 0.1
    studio.track.retransmit(down, [299])
    assert asked(studio) == [12, 300, 300]
    studio.send(layer, 300, 3000 * 300, KEY)
    assert sink.numbers == [10, 12, 13, 11, 499, 299]


def test_pictures_lost_on_the_way_here_are_asked_for_at_once_and_again(clock: Clock) -> None:
    studio = Studio(VP8)
    _, sink = studio.subscribe()
    layer = studio.layer()
    for n in (65_533, 65_535, 1):
        studio.send(layer, n, 3000 * n, KEY)
    assert asked(studio) == [65_534, 0]
    studio.send(layer, 0, 0, KEY)
    clock.now += 0.06
    studio.send(layer, 2, 6000, KEY)
    assert asked(studio) == [65_534, 0, 65_534]
    studio.send(layer, 65_534, 0, KEY)
    clock.now += 10
    studio.send(layer, 3, 9000, KEY)
    assert asked(studio) == [65_534, 0, 65_534]
    assert sink.numbers == [65_533, 65_535, 1, 0, 2, 65_534, 3]
    assert_one_content_per_number(sink)


def test_what_nobody_watches_is_not_asked_for(clock: Clock) -> None:
    studio = Studio(VP8)
    layer = studio.layer()
    for n in (1, 3, 5):
        studio.send(layer, n, 3000 * n, KEY)
    assert asked(studio) == []


def test_lost_sound_is_left_to_the_listener(clock: Clock) -> None:
    studio = Studio()
    studio.subscribe()
    for n in (1, 3, 5):
        studio.send(studio.layer(), n)
    assert asked(studio) == []


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
