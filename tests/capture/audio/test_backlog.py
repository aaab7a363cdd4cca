"""Samples that wait to be known, and where there is sound: pure arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from lkexplore.capture.audio.activity import Activity
from lkexplore.capture.audio.backlog import Backlog
from lkexplore.sound.convert import WEBRTC_RATE
from lkexplore.sound.reasons import Reason
from lkexplore.sound.timing import Gap


@pytest.mark.parametrize("channels", [1, 2])
def test_what_is_made_up_is_silent_and_the_rest_is_as_it_came(channels):
    backlog, sound = Backlog(channels), np.arange(1, 2 * 4800 + 1, dtype=np.int16)
    sound = np.repeat(sound, channels)
    for start in range(0, len(sound), 960 * channels):
        backlog.add(sound[start : start + 960 * channels])
    made_up = [(0.05, 0.06), (0.18, 9.0)]
    first = backlog.release(4000, made_up)
    assert backlog.start == 4000
    rest = backlog.release(10**9, made_up)
    assert (backlog.start, backlog.end) == (9600, 9600)
    out = np.concatenate((first, rest)).reshape(-1, channels)
    expected = sound.reshape(-1, channels).copy()
    expected[2400:2880] = expected[8640:] = 0
    np.testing.assert_array_equal(out, expected)


def test_nothing_is_let_go_of_twice_or_before_its_time():
    backlog = Backlog(1)
    backlog.add(np.ones(100, np.int16))
    assert len(backlog.release(-5, [])) == 0
    assert len(backlog.release(60, [])) == 60
    assert len(backlog.release(60, [])) == 0
    assert len(backlog.peek([])) == 40
    backlog.release(100, [])
    backlog.skip(1000)
    backlog.add(np.ones(10, np.int16))
    assert (backlog.start, backlog.end) == (1100, 1110)


def test_what_waits_is_not_silenced_before_its_time():
    """All that comes now may be made up, for all that is known; the next look may say otherwise."""
    backlog = Backlog(1)
    backlog.add(np.ones(960, np.int16))
    assert not backlog.peek([(0.0, 9.0)]).any()
    assert not backlog.release(480, [(0.0, 9.0)]).any()
    assert backlog.release(960, []).all()


def activity(*loud: tuple[float, float], seconds: float = 4.0, **options) -> Activity:
    """Return what is noted of a sound that is loud there, in frames of an odd length."""
    sound = np.zeros(round(seconds * WEBRTC_RATE), np.int16)
    for start, end in loud:
        sound[round(start * WEBRTC_RATE) : round(end * WEBRTC_RATE)] = -40
    noted = Activity(1, **options)
    for start in range(0, len(sound), 777):
        noted.note(start, sound[start : start + 777])
    return noted


def spans(gaps: list[Gap]) -> list[tuple[float, float]]:
    return [(round(gap.start, 3), round(gap.end, 3)) for gap in gaps]


def test_a_gap_is_cut_where_there_is_sound():
    noted = activity((0.9, 1.255), (1.8, 3.0))
    gap = Gap(1.0, 2.0, Reason.MUTED)
    assert spans(noted.outside([gap])) == [(1.255, 1.8)]
    assert noted.outside([gap])[0].reason is Reason.MUTED
    assert spans(noted.outside([Gap(1.3, 1.7, Reason.LEFT)])) == [(1.3, 1.7)]
    assert noted.outside([Gap(1.0, 1.2, Reason.MUTED)]) == []
    assert spans(noted.outside([Gap(3.5, 9.0, Reason.LEFT)])) == [(3.5, 9.0)]


def test_sound_in_the_middle_of_a_gap_makes_two_of_it():
    noted = activity((1.5, 1.52))
    assert spans(noted.outside([Gap(1.0, 2.0, Reason.MUTED)])) == [(1.0, 1.5), (1.52, 2.0)]
    blurred = activity((1.5, 1.52), blurred=True)
    assert spans(blurred.outside([Gap(1.0, 2.0, Reason.MUTED)])) == [(1.0, 1.49), (1.53, 2.0)]


def test_what_is_below_60_dbfs_is_no_sound():
    noted = Activity(2)
    quiet = np.full(2 * WEBRTC_RATE, 31, np.int16)
    quiet[::2] = -32
    noted.note(0, quiet)
    gap = Gap(0.0, 1.0, Reason.MUTED)
    assert noted.outside([gap]) == [gap]
    lowest = Activity(1)
    lowest.note(0, np.full(960, -32768, np.int16))
    assert lowest.outside([Gap(0.0, 0.02, Reason.MUTED)]) == []


def test_what_is_forgotten_does_not_move_the_rest():
    noted = activity((1.0, 1.5), (3.0, 3.5))
    noted.forget(2.005)
    assert spans(noted.outside([Gap(2.5, 4.0, Reason.MUTED)])) == [(2.5, 3.0), (3.5, 4.0)]
    noted.note(4 * WEBRTC_RATE, np.full(480, 1000, np.int16))
    assert spans(noted.outside([Gap(3.9, 4.5, Reason.LEFT)])) == [(3.9, 4.0), (4.01, 4.5)]
