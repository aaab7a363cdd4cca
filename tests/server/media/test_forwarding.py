"""Forwarding: each subscriber sees one unbroken stream of what is sent."""

from __future__ import annotations

import itertools
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from studio import (
    KEY,
    VP8,
    Studio,
    assert_one_content_per_number,
    level,
)

pytestmark = pytest.mark.usefixtures("clock")


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
