"""What a scope makes of a track's frames."""

import numpy as np
import pytest
from livekit import rtc

from lkexplore.notebook.scope.lane import BINS, Lane, bin_edges_hz, labels
from lkexplore.sdk.participants import Track

RATE = 48000


def frames(samples, channels=2, length=960):
    whole = (samples.clip(-1, 1) * 32767).astype(np.int16)
    for begin in range(0, len(whole) - length + 1, length):
        part = np.repeat(whole[begin : begin + length, None], channels, axis=1)
        yield rtc.AudioFrame(part.tobytes(), RATE, channels, length)


def lane(seconds=2.0):
    return Lane(Track("TR_1", "voice", "audio", "microphone", False, "opus", "alice"), seconds)


def tone(hz, level=0.5, seconds=1.0):
    return level * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)


@pytest.mark.parametrize("hz", [100, 440, 1000, 6000, 15000])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_tone_is_where_it_belongs(hz, channels):
    one = lane()
    for frame in frames(tone(hz), channels):
        one.on_frame(frame)
    news = one.news()
    assert news.envelope.shape == (100, 2)
    assert news.spectrum.shape == (100, BINS)
    brightest = int(news.spectrum[50].argmax())
    edges = bin_edges_hz()
    # Low bins are narrower than the window can tell apart.
    step = RATE / 2048
    assert edges[brightest] - step <= hz <= edges[brightest + 1] + step
    # -6 dBFS of -100 to 0.
    assert news.spectrum[50].max() == pytest.approx(255 * (1 - 6 / 100), abs=5)
    assert news.rms_dbfs == pytest.approx(-6, abs=0.1)
    assert news.peak_dbfs == pytest.approx(-6, abs=0.1)
    assert news.envelope[50].tolist() == [pytest.approx(-64, abs=1), pytest.approx(63, abs=1)]


def test_nothing_is_lost_or_told_twice():
    """In whatever portions it is asked for, the columns are those of the whole."""
    rng = np.random.default_rng(1)
    sound = 0.3 * rng.standard_normal(RATE)
    whole, parts = lane(), lane()
    pieces = []
    for number, frame in enumerate(frames(sound)):
        whole.on_frame(frame)
        parts.on_frame(frame)
        if number % 3 == 1 and (news := parts.news()) is not None:
            pieces.append(news)
    pieces += [rest] if (rest := parts.news()) is not None else []
    expected = whole.news()
    assert np.array_equal(np.concatenate([p.envelope for p in pieces]), expected.envelope)
    assert np.array_equal(np.concatenate([p.spectrum for p in pieces]), expected.spectrum)


def test_it_says_nothing_of_less_than_a_column():
    one = lane()
    assert one.news() is None
    one.on_frame(next(frames(tone(1000), length=240)))
    assert one.news() is None
    one.on_frame(next(frames(tone(1000), length=240)))
    assert len(one.news().envelope) == 1


def test_what_nobody_asks_for_is_bounded():
    one = lane(seconds=1.0)
    for frame in frames(tone(440, seconds=10.0)):
        one.on_frame(frame)
    assert sum(len(part) for part in one._new) <= 100 * 960
    assert len(one.news().envelope) <= 200
    kept = one.last()
    assert kept.duration == 1.0
    assert kept.identity == "alice"
    assert kept.rms_dbfs == pytest.approx(-6, abs=0.1)


def test_silence_is_the_floor():
    one = lane()
    for frame in frames(np.zeros(RATE)):
        one.on_frame(frame)
    news = one.news()
    assert news.rms_dbfs == news.peak_dbfs == -100
    assert not news.spectrum.any()


def test_what_cancels_in_a_sum_is_seen_and_captured_in_stereo():
    one = lane()
    left = (tone(1000) * 32767).astype(np.int16)
    for begin in range(0, RATE, 960):
        part = np.stack((left[begin : begin + 960], -left[begin : begin + 960]), axis=1)
        one.on_frame(rtc.AudioFrame(part.tobytes(), RATE, 2, 960))
    news = one.news()
    assert news.rms_dbfs == pytest.approx(-6, abs=0.1)
    assert news.peak_dbfs == pytest.approx(-6, abs=0.1)
    assert news.spectrum[50].max() == pytest.approx(255 * (1 - 6 / 100), abs=5)
    kept = one.last()
    assert kept.channels == 2
    assert np.array_equal(kept.samples[0], -kept.samples[1])


def test_one_side_alone_is_as_loud_as_it_is():
    one = lane()
    right = (tone(1000) * 32767).astype(np.int16)
    for begin in range(0, RATE, 960):
        part = np.stack((np.zeros(960, np.int16), right[begin : begin + 960]), axis=1)
        one.on_frame(rtc.AudioFrame(part.tobytes(), RATE, 2, 960))
    assert one.news().peak_dbfs == pytest.approx(-6, abs=0.1)


def test_no_two_lanes_are_called_the_same():
    views = [("alice", "voice"), ("alice", "music"), ("bob", "x"), ("carol", "x"), ("carol", "x")]
    lanes = {
        f"TR_{n}": Lane(Track(f"TR_{n}", name, "audio", "microphone", False, "opus", who), 1.0)
        for n, (who, name) in enumerate(views)
    }
    called = list(labels(lanes).values())
    assert called == ["alice: voice", "alice: music", "bob", "carol: x (TR_3)", "carol: x (TR_4)"]
