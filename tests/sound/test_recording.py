from __future__ import annotations

import copy
import dataclasses
import pickle
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkexplore.errors import SoundError
from lkexplore.sound.as_recording import as_recording
from lkexplore.sound.recording import Gap, Recording


def ramp(length: int = 1000, rate: int = 1000, channels: int = 1, **meta: object) -> Recording:
    x = np.arange(length * channels, dtype=np.float32).reshape(channels, length) / 1e6
    return Recording(x, rate, **meta)


def test_float32_of_the_right_shape_is_shared_not_copied() -> None:
    mono, stereo = np.zeros(100, np.float32), np.zeros((2, 100), np.float32)
    assert np.shares_memory(Recording(mono, 48000).samples, mono)
    assert np.shares_memory(Recording(stereo, 48000).samples, stereo)
    assert mono.flags.writeable
    assert stereo.flags.writeable


def test_samples_are_two_dimensional_float32_contiguous_and_read_only() -> None:
    for given_ in ([0.5, 0.25], np.zeros((10, 2)).T, np.zeros(4, ">f4"), np.zeros(4, np.float16)):
        samples = Recording(given_, 8000).samples
        assert samples.dtype == np.float32
        assert samples.dtype.isnative
        assert samples.ndim == 2
        assert samples.flags.c_contiguous
        with pytest.raises(ValueError, match="read-only"):
            samples[0, 0] = 1


def test_nothing_can_be_assigned() -> None:
    recording = ramp()
    for field in ("samples", "sample_rate", "gaps", "identity", "anything"):
        with pytest.raises((dataclasses.FrozenInstanceError, TypeError, AttributeError)):
            setattr(recording, field, None)


def test_int16_is_divided_by_32768() -> None:
    x = np.array([-32768, -1, 0, 1, 32767], np.int16)
    assert Recording(x, 8000).samples.tolist() == [
        [-1.0, -1 / 32768, 0.0, 1 / 32768, 32767 / 32768]
    ]
    assert Recording.from_int16(x, 8000, identity="alice").identity == "alice"


def test_int16_comes_back_as_it_was() -> None:
    x = np.arange(-32768, 32768).astype(np.int16).reshape(2, -1)
    assert np.array_equal(Recording.from_int16(x, 8000).to_int16(), x)


def test_to_int16_clips_and_never_wraps() -> None:
    values = Recording([1.0, 1.2, 1e30, -1.0, -1.2, -1e30, 0.99999], 8000).to_int16()
    assert values.tolist() == [[32767, 32767, 32767, -32768, -32768, -32768, 32767]]


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (np.float32(0.5), r"shape \(\)"),
        (np.zeros((2, 2, 2)), r"\(channels, n\)"),
        (np.zeros((0, 10)), "no channel"),
        (np.zeros((48000, 2)), r"pass samples\.T"),
        (np.zeros((100, 100)), "at most 64"),
        (np.zeros(4, bool), "bool"),
        (np.zeros(4, complex), r"samples\.real"),
        (np.array([0.5, None]), "object"),
        (["a", "b"], "<U1"),
        ([[0.0], [0.0, 1.0]], "cannot be made an array"),
        (np.zeros(4, np.int32), "2147483648"),
        (np.zeros(4, np.uint8), "- 128"),
        ([1, 2], "int64"),
        (None, "shape"),
        ([0.0, np.nan, np.nan, np.inf], "2 NaN and 1 inf, the first in channel 0 at sample 1"),
        ([[0.0, 0.0], [0.0, -np.inf]], "1 inf, the first in channel 1 at sample 1"),
        ([1e300], "1 inf"),
    ],
)
def test_what_is_no_sound_is_refused_in_one_line(samples: object, words: str) -> None:
    with pytest.raises(SoundError, match=words) as caught:
        Recording(samples, 48000)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "rate", [0, -1, 768001, 44100.5, True, "48000", None, np.nan, np.inf, 2**70]
)
def test_wrong_rates_are_refused(rate: object) -> None:
    with pytest.raises(SoundError, match="1 to 768000"):
        Recording([0.0], rate)


@pytest.mark.parametrize("rate", [1, 768000, 48000.0, np.int64(48000), np.float32(8000)])
def test_whole_rates_of_any_type_are_taken(rate: object) -> None:
    assert type(Recording([0.0], rate).sample_rate) is int


def test_from_int16_refuses_floats() -> None:
    with pytest.raises(SoundError, match="float64"):
        Recording.from_int16([0.5], 8000)


def test_times_are_kept_in_utc_and_need_a_zone() -> None:
    noon = datetime(2024, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    started = Recording([0.0], 8000, started_at=noon).started_at
    assert started == noon
    assert started is not None
    assert started.tzinfo is UTC
    with pytest.raises(SoundError, match="time zone"):
        Recording([0.0], 8000, started_at=datetime(2024, 1, 1))
    with pytest.raises(SoundError, match="seconds"):
        Recording([0.0], 8000, started_monotonic=float("nan"))


def test_slicing_moves_times_and_cuts_gaps() -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    gaps = [Gap(0.6, 0.9, "b"), Gap(0.0, 0.3, "a")]
    recording = ramp(started_at=start, started_monotonic=5.0, identity="alice", gaps=gaps)
    assert [gap.reason for gap in recording.gaps] == ["a", "b"]
    part = recording[0.2:0.7]
    assert part.samples.tolist() == recording.samples[:, 200:700].tolist()
    assert part.started_at == start + timedelta(seconds=0.2)
    assert part.started_monotonic == pytest.approx(5.2)
    assert part.identity == "alice"
    assert [(g.start, g.end) for g in part.gaps] == [
        (0.0, pytest.approx(0.1)),
        (pytest.approx(0.4), pytest.approx(0.5)),
    ]
    assert np.shares_memory(part.samples, recording.samples)


@pytest.mark.parametrize(
    ("cut", "wanted"),
    [
        (slice(None), (0, 1000)),
        (slice(0.5, None), (500, 1000)),
        (slice(None, 0.5), (0, 500)),
        (slice(-0.25, None), (750, 1000)),
        (slice(None, -0.25), (0, 750)),
        (slice(-5, 5), (0, 1000)),
        (slice(0.7, 0.2), (700, 700)),
        (slice(2, 3), (1000, 1000)),
        (slice(0.0004, 0.0016), (0, 2)),
        (slice(np.float32(0.5), np.inf), (500, 1000)),
        (slice(0, 1), (0, 1000)),
    ],
)
def test_slices_count_in_seconds(cut: slice, wanted: tuple[int, int]) -> None:
    recording = ramp()
    expected = recording.samples[:, wanted[0] : wanted[1]]
    assert np.array_equal(recording[cut].samples, expected)


@pytest.mark.parametrize("cut", [3, 1.0, "a", slice(0, 1, 2), slice("a", None), slice(np.nan, 1)])
def test_other_indices_are_refused(cut: object) -> None:
    with pytest.raises(SoundError):
        ramp()[cut]


def test_a_recording_is_not_iterated_by_mistake() -> None:
    with pytest.raises(TypeError):
        list(ramp())


@given(st.floats(0, 1), st.floats(0, 1))
def test_cut_parts_join_to_the_whole(first: float, second: float) -> None:
    low, high = sorted((first, second))
    recording = ramp(channels=2)
    parts = [recording[:low], recording[low:high], recording[high:]]
    joined = np.concatenate([part.samples for part in parts], axis=1)
    assert np.array_equal(joined, recording.samples)


def test_gaps_are_clipped_to_the_recording() -> None:
    recording = ramp(gaps=[Gap(0.9, 7.0, "late"), Gap(3.0, 4.0, "after the end")])
    assert recording.gaps == (Gap(0.9, 1.0, "late"),)


@pytest.mark.parametrize(("start", "end"), [(-1, 1), (2, 1), (0, np.inf), (np.nan, 1)])
def test_impossible_gaps_are_refused(start: float, end: float) -> None:
    with pytest.raises(SoundError):
        Gap(start, end, "x")


def test_mono_is_the_mean_and_cannot_overflow() -> None:
    recording = Recording([[1.0, 0.5], [0.0, -0.5]], 8000, identity="alice")
    assert recording.mono().samples.tolist() == [[0.5, 0.0]]
    assert recording.mono().identity == "alice"
    huge = Recording(np.full((4, 2), 3e38, np.float32), 8000)
    assert huge.mono().samples == pytest.approx(3e38)
    mono = ramp()
    assert mono.mono() is mono


def test_equality_is_of_values_and_gives_one_truth() -> None:
    assert ramp() == ramp()
    assert hash(ramp()) == hash(ramp())
    assert ramp() != ramp(identity="alice")
    assert ramp() != ramp(rate=500)
    assert ramp() != ramp(gaps=[Gap(0, 1, "x")])
    assert ramp() != Recording(np.zeros(1000), 1000)
    assert ramp() != "ramp"


def test_copies_and_pickles_stay_read_only() -> None:
    recording = ramp(identity="alice", gaps=[Gap(0.1, 0.2, "x")])
    copies = [copy.deepcopy(recording), copy.copy(recording)]
    copies.append(pickle.loads(pickle.dumps(recording)))
    for other in copies:
        assert other == recording
        assert not other.samples.flags.writeable


def test_replace_keeps_the_rest() -> None:
    recording = ramp(identity="alice", started_monotonic=1.0, gaps=[Gap(0.1, 0.2, "x")])
    other = recording.replace(name="new")
    assert other.name == "new"
    assert other == recording.replace(name="new")
    assert other.gaps == recording.gaps
    assert np.shares_memory(other.samples, recording.samples)
    with pytest.raises(TypeError):
        recording.replace(rate=1)


def test_numpy_takes_the_samples() -> None:
    recording = ramp(channels=2)
    assert np.shares_memory(np.asarray(recording), recording.samples)
    assert np.asarray(recording, dtype=np.float64).dtype == np.float64
    assert np.array_equal(np.abs(recording), recording.samples)


def test_repr_is_one_readable_line() -> None:
    recording = Recording(
        np.full((2, 48000), 0.5), 48000, identity="al\nice", gaps=[Gap(0.1, 0.2, "x")]
    )
    assert repr(recording) == (
        "Recording(1.000 s, stereo, 48000 Hz, from 'al\\nice', peak -6.0 dBFS, 1 gap (0.100 s))"
    )
    assert repr(Recording([], 8000)) == "Recording(0.000 s, mono, 8000 Hz, peak -inf dBFS)"


def test_a_recording_without_samples_can_do_everything() -> None:
    empty = Recording([], 48000, started_at=datetime.now(UTC), gaps=[Gap(0, 1, "x")])
    assert empty.duration == 0
    assert empty.gaps == ()
    assert empty[1:2] == empty[:]
    assert empty.mono() == empty
    assert empty.resample(16000).samples.shape == (1, 0)
    assert empty.to_int16().shape == (1, 0)
    assert empty.peak_dbfs == empty.rms_dbfs == -np.inf


def test_sound_is_a_recording_or_a_pair() -> None:
    recording = ramp()
    assert as_recording(recording) is recording
    assert as_recording((recording.samples, 1000)) == recording
    for wrong in (recording.samples, [0.0], ([0.0], 8000, 1), "speech", None):
        with pytest.raises(SoundError, match="Recording or a pair"):
            as_recording(wrong)


def test_importing_a_recording_is_cheap() -> None:
    code = (
        "import sys, lkexplore.sound.recording\n"
        "heavy = {'scipy', 'matplotlib', 'soundfile', 'soxr', 'librosa', 'livekit'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", ["plot", "spectrogram"])
def test_drawing_takes_what_the_plot_takes(name):
    """Tab and Shift-Tab show the plot's own parameters and defaults."""
    import inspect

    import lkexplore as lk

    plot = {"plot": lk.plot.waveform, "spectrogram": lk.plot.spectrogram}[name]
    of_plot = [(p.name, p.kind, p.default) for p in inspect.signature(plot).parameters.values()]
    method = inspect.signature(getattr(Recording, name)).parameters.values()
    assert [(p.name, p.kind, p.default) for p in method][1:] == of_plot[1:]
