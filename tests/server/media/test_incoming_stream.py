"""Changing layers and pausing: the stream behind a subscriber's changes, its own goes on."""

from __future__ import annotations

import itertools

import pytest
from studio import (
    VP8,
    Clock,
    Studio,
    assert_continuous,
    assert_one_content_per_number,
    layers_of,
    simulcast,
)

from lkexplore.server.media import rtcp
from lkexplore.server.media.downtrack import ANY_LAYER

pytestmark = pytest.mark.usefixtures("clock")


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
