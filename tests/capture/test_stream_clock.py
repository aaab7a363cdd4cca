"""The clock of a stream, and the marks on it: pure arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lkexplore.capture.audio.marks import Marks
from lkexplore.capture.statistics import Look
from lkexplore.capture.stream_clock import StreamClock
from lkexplore.sound.convert import WEBRTC_RATE
from lkexplore.sound.reasons import Reason

FRAME = 960


def run(clock: StreamClock, seconds: float, start: float, late, rate: float = WEBRTC_RATE):
    """Let frames arrive as the clock of their sender says, and late by so much; return errors."""
    errors = []
    for n in range(1, round(seconds * WEBRTC_RATE / FRAME) + 1):
        begins = start + (n - 1) * FRAME / rate
        said = clock.note(FRAME, begins + FRAME / rate + late(n))
        errors.append(said - begins)
    return np.array(errors)


def test_late_frames_do_not_move_the_clock():
    rng = np.random.default_rng(1)
    errors = run(StreamClock(), 20, 1000.0, lambda n: float(rng.exponential(0.01)))
    assert np.abs(errors[100:]).max() < 0.002
    rate, residual = (clock := StreamClock()).fit()
    assert (rate, residual) == (WEBRTC_RATE, 0.0)
    run(clock, 20, 1000.0, lambda n: float(rng.exponential(0.01)))
    rate, residual = clock.fit()
    assert rate == pytest.approx(WEBRTC_RATE, rel=1e-4)
    assert residual < 0.002


def test_a_stall_of_two_seconds_is_caught_up_with():
    """What comes in a bunch after a stall was there in time: the sample numbers say so."""
    clock = StreamClock()
    errors = run(clock, 10, 50.0, lambda n: max(0.0, 2.0 - (n - 200) * 0.02) if n >= 200 else 0.0)
    assert np.abs(errors).max() < 0.001


def test_a_sender_whose_clock_is_off_is_followed_and_measured():
    clock = StreamClock()
    errors = run(clock, 300, 0.0, lambda n: 0.0, rate=WEBRTC_RATE * (1 + 100e-6))
    rate, residual = clock.fit()
    assert rate == pytest.approx(WEBRTC_RATE * (1 + 100e-6), abs=0.05)
    assert residual < 1e-4
    assert np.abs(errors[-500:]).max() < 0.001


def look(time: float, *, concealed=0.0, last=None, first=math.inf, delay=0.05) -> Look:
    last = time if last is None else last
    return Look(time - 0.2, time, delay, True, concealed, last, first)


def test_a_long_pause_is_a_gap_from_the_last_packets_end_to_the_first_packets_sound():
    marks = Marks()
    marks.note(look(10.0), 0.0, 0.05)
    for time in (10.2, 10.4, 10.6, 10.8):
        marks.note(look(time, last=10.0, concealed=0.2), 0.0, 0.05)
    marks.note(look(11.0, last=10.95, first=10.91), 0.0, 0.05)
    gaps, concealed = marks.within(20.0)
    [gap] = gaps
    assert (gap.start, gap.end, gap.reason) == (
        pytest.approx(10.0),
        pytest.approx(10.89),
        "nothing arrived",
    )
    assert concealed == []
    [(start, end)] = marks.guesses(20.0)
    assert (start, end) == (pytest.approx(10.0), pytest.approx(10.89))


def test_a_pause_as_in_silence_is_none():
    marks = Marks()
    for time in (10.0, 10.2, 10.4):
        marks.note(look(time, last=10.0), 0.0, 0.05)
    marks.note(look(10.6, last=10.41, first=10.41), 0.0, 0.05)
    assert marks.within(20.0) == ([], [])


def test_concealment_is_told_where_it_came_out():
    marks = Marks()
    marks.note(look(10.0, concealed=0.06), 3.95, 0.05)
    _, [hidden] = marks.within(20.0)
    assert (hidden.start, hidden.end) == (pytest.approx(5.8), pytest.approx(6.0))
    assert hidden.seconds == pytest.approx(0.06)


def test_of_two_reasons_the_better_is_kept():
    marks = Marks()
    marks.begin(Reason.MUTED, 2.0)
    marks.note(look(3.0, last=2.05), 0.0, 0.05)
    marks.end(Reason.MUTED, 5.0)
    marks.note(look(5.3, last=5.2, first=5.05), 0.0, 0.05)
    gaps, _ = marks.within(20.0)
    assert [(gap.start, gap.end, gap.reason) for gap in gaps] == [(2.0, 5.0, "muted")]


def test_a_gap_under_way_ends_now():
    marks = Marks()
    marks.begin(Reason.LEFT, 3.0)
    [gap], _ = marks.within(4.5)
    assert (gap.start, gap.end, gap.reason) == (3.0, 4.5, "left")
    assert marks.within(2.0) == ([], [])


def test_what_is_forgotten_is_what_was_over():
    marks = Marks()
    marks.add(1.0, 2.0, Reason.LEFT)
    marks.add(3.0, 5.0, Reason.LEFT)
    marks.forget(4.0)
    [gap], _ = marks.within(10.0)
    assert gap.start == 3.0
