from __future__ import annotations

import copy
import math
import pickle
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkexplore.errors import SoundError
from lkexplore.sound.recording import Concealment, Gap, Recording, Timing

TIMING = Timing(delay=0.08, residual=0.002, rate=48000.3, resolution=0.2)


def lossy(**changes: object) -> Recording:
    """Ten seconds of stereo of which two stretches were partly made up."""
    concealed = [Concealment(6.0, 8.0, 0.5), Concealment(1.0, 2.0, 0.25)]
    samples = np.random.RandomState(0).uniform(-0.5, 0.5, (2, 10_000)).astype(np.float32)
    return Recording(samples, 1000, concealed=concealed, timing=TIMING).replace(**changes)


def test_what_was_concealed_is_in_order_and_within_the_recording() -> None:
    assert lossy().concealed == (Concealment(1.0, 2.0, 0.25), Concealment(6.0, 8.0, 0.5))
    late = lossy(concealed=[Concealment(9.0, 11.0, 0.4), Concealment(12.0, 13.0, 1.0)])
    assert late.concealed == (Concealment(9.0, 10.0, 0.2),)
    assert Recording([], 8000, concealed=[Concealment(0, 1, 1)]).concealed == ()


def test_cutting_scales_what_was_made_up() -> None:
    part = lossy()[1.5:7.0]
    assert [(c.start, c.end) for c in part.concealed] == [(0.0, 0.5), (4.5, 5.5)]
    assert [c.seconds for c in part.concealed] == pytest.approx([0.125, 0.25])
    assert part.timing == TIMING
    assert lossy()[2.0:6.0].concealed == ()


@given(st.floats(0, 10), st.floats(0, 10))
def test_cut_parts_hold_as_much_concealment_as_the_whole(first: float, second: float) -> None:
    low, high = sorted((first, second))
    whole = lossy()
    parts = [whole[:low], whole[low:high], whole[high:]]
    total = sum(c.seconds for part in parts for c in part.concealed)
    assert total == pytest.approx(0.75, abs=1e-6)
    for part in parts:
        assert all(0 < c.seconds <= c.duration for c in part.concealed)
        assert all(0 <= c.start < c.end <= part.duration for c in part.concealed)


def test_it_is_kept_by_what_keeps_the_time_and_compared() -> None:
    recording = lossy()
    for other in (recording.mono(), recording.resample(1500), recording.replace(name="new")):
        assert other.concealed == recording.concealed
        assert other.timing == TIMING
    copies = [copy.copy(recording), copy.deepcopy(recording)]
    copies.append(pickle.loads(pickle.dumps(recording)))
    for other in copies:
        assert other == recording
        assert (other.concealed, other.timing) == (recording.concealed, TIMING)
    assert recording != lossy(concealed=())
    assert recording != lossy(timing=None)
    assert (Recording([0.0], 8000).concealed, Recording([0.0], 8000).timing) == ((), None)


def test_filters_keep_it() -> None:
    from lkexplore.filters import gain

    quieter = lossy() | gain(-6)
    assert quieter.concealed == lossy().concealed
    assert quieter.timing == TIMING


def test_its_amount_is_in_the_description() -> None:
    assert "0.750 s concealed" in repr(lossy())
    both = lossy(gaps=[Gap(0.0, 0.5, "muted")])
    assert repr(both).endswith("1 gap (0.500 s), 0.750 s concealed)")
    assert "concealed" not in repr(lossy(concealed=()))


def test_the_small_picture_shows_it() -> None:
    from lkexplore.notebook.player.player import waveform_svg

    root = ElementTree.fromstring(waveform_svg(lossy(gaps=[Gap(3.0, 4.0, "muted")])))
    found = [(r[0].text, r.get("x"), r.get("width")) for r in root if r.tag.endswith("rect")]
    assert found == [("gap", "192", "64"), ("concealed", "64", "64"), ("concealed", "384", "128")]


def test_no_more_is_made_up_than_fits() -> None:
    assert Concealment(1.0, 1.5, 0.7).seconds == 0.5


@pytest.mark.parametrize(
    ("start", "end", "seconds"),
    [
        (1.0, 1.0, 0.1),
        (2.0, 1.0, 0.1),
        (-1.0, 1.0, 0.1),
        (0.0, math.inf, 0.1),
        (0.0, 1.0, 0.0),
        (0.0, 1.0, -0.1),
        (0.0, 1.0, math.nan),
        (math.nan, 1.0, 0.1),
    ],
)
def test_impossible_concealment_is_refused(start: float, end: float, seconds: float) -> None:
    with pytest.raises(SoundError, match="0 <= start < end") as caught:
        Concealment(start, end, seconds)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("delay", -0.1),
        ("delay", math.inf),
        ("residual", -0.001),
        ("residual", math.nan),
        ("rate", 0.0),
        ("rate", math.inf),
        ("resolution", -1.0),
        ("resolution", math.nan),
    ],
)
def test_impossible_timings_are_refused(field: str, value: float) -> None:
    good = {"delay": 0.08, "residual": 0.002, "rate": 48000.0, "resolution": math.inf}
    Timing(**good)
    with pytest.raises(SoundError, match=f"{field}="):
        Timing(**(good | {field: value}))
