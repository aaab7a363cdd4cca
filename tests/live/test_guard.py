"""The parts of a live filter, without a room: no clicks, no holes, no exceptions."""

from __future__ import annotations

import logging
import time

import numpy as np
import pytest

from lkexplore.filters import Filter, gain, lowpass, pan
from lkexplore.filters.engine.swap import Swap
from lkexplore.live.guard import Guard

RATE, BLOCK = 48_000, 480


def sine(hz: float, seconds: float, level: float = 0.5) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE))[None].astype(
        "f4"
    )


def blocks(sound: np.ndarray) -> list[np.ndarray]:
    return [sound[:, i : i + BLOCK] for i in range(0, sound.shape[1], BLOCK)]


def beside(sound: np.ndarray, hz: float = 1000.0, start: float = 0.0, end: float | None = None):
    """Return the energy outside a tenth around a tone, in dB of it, between two times."""
    x = sound[0].astype(np.float64)
    edge = np.clip(np.minimum(np.arange(x.size), np.arange(x.size)[::-1]) / (0.2 * x.size), 0, 1)
    spectrum = np.fft.rfft(x * (0.5 - 0.5 * np.cos(np.pi * edge)))
    frequencies = np.fft.rfftfreq(x.size, 1 / RATE)
    inside = np.abs(frequencies - hz) < 0.1 * hz
    rest = np.fft.irfft(np.where(inside, 0, spectrum), x.size)
    part = slice(round(start * RATE), None if end is None else round(end * RATE))
    return float(10 * np.log10(np.mean(rest[part] ** 2) / np.mean(x**2)))


class Failing(Filter):
    """Fails at its third block."""

    def __init__(self) -> None:
        self.count = 0

    def process(self, block):
        self.count += 1
        if self.count >= 3:
            raise ZeroDivisionError("of its own making")
        return -block


def test_a_filter_that_fails_is_passed_by_told_once_and_does_not_click(caplog):
    guard = Guard(Swap(Failing()), 1, RATE)
    sound = sine(1000, 0.2)
    with caplog.at_level(logging.ERROR):
        out = np.concatenate([guard.process(block) for block in blocks(sound)], axis=1)
    assert (guard.blocks, guard.bypassed) == (20, 18)
    assert "of its own making" in guard.error
    assert len([r for r in caplog.records if "of its own making" in r.getMessage()]) == 1
    np.testing.assert_allclose(out[:, 3 * BLOCK :], sound[:, 3 * BLOCK :])
    assert np.abs(np.diff(out)).max() < 1.2 * np.abs(np.diff(sound)).max()


def test_a_filter_put_in_again_is_tried_again():
    guard = Guard(Swap(Failing()), 1, RATE)
    for block in blocks(sine(1000, 0.1)):
        guard.process(block)
    guard.put(gain(-6))
    out = np.concatenate([guard.process(block) for block in blocks(sine(1000, 0.2))], axis=1)
    assert guard.error == ""
    assert np.abs(out[:, -2400:]).max() == pytest.approx(0.25, rel=0.01)


class Slow(Filter):
    """Takes longer than the sound lasts."""

    def process(self, block):
        time.sleep(0.012)
        return block


def test_a_filter_that_is_too_slow_is_passed_by(caplog):
    guard = Guard(Swap(Slow()), 1, RATE)
    for block in blocks(sine(1000, 1.5)):
        guard.process(block)
    assert "of the time that the sound lasts" in guard.error
    assert 30 <= guard.bypassed < 60


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_sound_is_not_passed_on(value):
    class Odd(Filter):
        def process(self, block):
            return np.full_like(block, value)

    guard = Guard(Swap(Odd()), 1, RATE)
    out = guard.process(sine(1000, 0.01))
    assert np.isfinite(out).all()
    assert guard.bypassed == 1


def test_bypass_does_not_click_and_keeps_time():
    """A filter that is late by 100 samples, and the same sound as it is, are one sound."""

    class Late(Filter):
        latency = 100

        def __init__(self):
            self.reset()

        def reset(self):
            self.held = np.zeros((1, 100), np.float32)

        def process(self, block):
            whole = np.concatenate((self.held, block), axis=1)
            self.held = whole[:, -100:]
            return whole[:, :-100]

    guard, sound, out = Guard(Swap(Late()), 1, RATE), sine(1000, 0.6), []
    for n, block in enumerate(blocks(sound)):
        guard.bypass = 20 <= n < 40
        out.append(guard.process(block))
    whole = np.concatenate(out, axis=1)
    np.testing.assert_allclose(whole[:, 100:], sound[:, :-100], atol=1e-6)


def test_bypass_of_an_audible_filter_is_a_fade():
    guard, sound, out = Guard(Swap(lowpass(3000)), 1, RATE), sine(1000, 1.0), []
    for n, block in enumerate(blocks(sound)):
        guard.bypass = n >= 50
        out.append(guard.process(block))
    whole = np.concatenate(out, axis=1)
    assert beside(whole, start=0.49, end=0.54) < -60
    np.testing.assert_allclose(whole[:, -4800:], sound[:, -4800:])


@pytest.mark.parametrize("how", ["swap", "parameter"])
def test_another_filter_and_a_parameter_act_within_a_fade(how):
    """A block, and 20 ms for the fade; what is heard beside the tone stays 60 dB under it."""
    first = gain(0)
    guard, sound, out = Guard(Swap(first), 1, RATE), sine(1000, 1.0), []
    for n, block in enumerate(blocks(sound)):
        if n == 50 and how == "swap":
            guard.put(gain(-6))
        elif n == 50:
            first.db = -6
        out.append(guard.process(block))
    whole, turn = np.concatenate(out, axis=1), 50 * BLOCK
    np.testing.assert_allclose(whole[:, :turn], sound[:, :turn], atol=1e-6)
    np.testing.assert_allclose(whole[:, turn + 960 :], 0.501187 * sound[:, turn + 960 :], atol=1e-5)
    assert beside(whole, start=0.49, end=0.54) < -60


def test_one_channel_becomes_two_where_they_begin_to_differ():
    guard, sound = Guard(Swap(gain(-6)), 1, RATE), sine(1000, 0.1)
    for block in blocks(sound):
        guard.process(block)
    guard.widen()
    both = np.concatenate((sound, -sound))
    out = np.concatenate([guard.process(block) for block in blocks(both)], axis=1)
    np.testing.assert_allclose(out, 0.501187 * both, atol=1e-4)


def test_a_filter_that_makes_two_channels_of_one_is_heard_in_two():
    """The sound as it is goes to both, the change is a fade, and it stays in two channels."""
    guard, sound = Guard(Swap(gain(0)), 1, RATE), sine(1000, 2.0)
    out = []
    for n, block in enumerate(blocks(sound)):
        if n == 50:
            guard.put(pan(-1))
        if n == 150:
            guard.put(gain(-6))
        guard.bypass = 100 <= n < 120
        out.append(guard.process(block))
    assert guard.error == ""
    assert [len(block) for block in out] == [1] * 50 + [2] * 150
    whole = np.concatenate([np.broadcast_to(block, (2, BLOCK)) for block in out], axis=1)
    left, right = whole
    middle = slice(60 * BLOCK, 100 * BLOCK)
    np.testing.assert_allclose(left[middle], sound[0, middle], atol=1e-6)
    assert np.abs(right[middle]).max() < 1e-6
    np.testing.assert_allclose(right[105 * BLOCK : 120 * BLOCK], sound[0, 105 * BLOCK : 57600])
    half = 0.501187 * sound[0, 160 * BLOCK :]
    np.testing.assert_allclose(whole[:, 160 * BLOCK :], [half, half], atol=1e-5)
    for start in (0.49, 0.99, 1.19, 1.49):
        for channel in whole:
            assert beside(channel[None], start=start, end=start + 0.05) < -60


def test_a_filter_of_two_channels_that_fails_leaves_both():
    class Twice(Failing):
        def process(self, block):
            return np.repeat(super().process(block), 2, axis=0)

    guard, sound = Guard(Swap(Twice()), 1, RATE), sine(1000, 0.2)
    out = np.concatenate([guard.process(block) for block in blocks(sound)], axis=1)
    np.testing.assert_allclose(out[:, 3 * BLOCK :], np.repeat(sound, 2, axis=0)[:, 3 * BLOCK :])
    assert np.abs(np.diff(out)).max() < 1.2 * np.abs(np.diff(sound)).max()


@pytest.mark.parametrize("shape", [(1, BLOCK // 2), (3, BLOCK), (2, BLOCK - 1), (BLOCK,)])
def test_any_other_shape_is_passed_by(shape):
    class Odd(Filter):
        def process(self, block):
            return np.zeros(shape, np.float32)

    guard, sound = Guard(Swap(Odd()), 1, RATE), sine(1000, 0.1)
    out = [guard.process(block) for block in blocks(sound)]
    assert f"it made {shape} of a block of shape (1, {BLOCK})" in guard.error
    np.testing.assert_allclose(np.concatenate(out, axis=1)[:, 2 * BLOCK :], sound[:, 2 * BLOCK :])


class Clock:
    """Time that passes only when somebody works, on however busy a machine."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(time, "perf_counter", made)
    return made


class Heavy(Filter):
    """Takes a share of the time that the sound lasts, and turns its sign."""

    def __init__(self, share: float, clock: Clock) -> None:
        self.share, self.clock = share, clock
        self.heard: list[int] = []

    def reset(self) -> None:
        self.heard.clear()

    def process(self, block):
        self.clock.now += self.share * block.shape[1] / RATE
        self.heard.append(block.shape[1])
        return -block


def through_with_pauses(guard, sound, load=np.inf):
    """Send sound through; return it, and how much the coming filter heard during each block."""
    out, heard, clock = [], [], time.perf_counter
    for block in blocks(sound):
        before = sum(guard.filter.heard)
        out.append(guard.process(block))
        heard.append(sum(guard.filter.heard) - before)
        began = clock()
        guard.prepare(0.005, load)
        assert clock() - began <= 0.005
    return np.concatenate(out, axis=1), heard


def test_a_filter_that_takes_long_hears_the_past_between_the_blocks(clock):
    """No block waits for it: it has heard the last half second when it comes, without a click."""
    heavy, sound = Heavy(0.3, clock), sine(1000, 3.0)
    guard = Guard(Swap(gain(0), patient=True), 1, RATE)
    for block in blocks(sound[:, :RATE]):
        guard.process(block)
    guard.put(heavy)
    out, heard = through_with_pauses(guard, sound[:, RATE:])
    came = next(n for n, count in enumerate(heard) if count)
    assert set(heard[:came]) == {0}
    assert set(heard[came:]) == {BLOCK}
    # The half second before it first had time, and all that came then.
    assert sum(heavy.heard) == RATE // 2 + 199 * BLOCK
    np.testing.assert_allclose(out[:, : came * BLOCK], sound[:, RATE : RATE + came * BLOCK])
    np.testing.assert_allclose(out[:, -4800:], -sound[:, -4800:], atol=1e-6)
    assert beside(out, start=came / 100 - 0.01, end=came / 100 + 0.04) < -60


def test_an_ordinary_filter_hears_the_past_at_once():
    guard = Guard(Swap(gain(0), patient=True), 1, RATE)
    for block in blocks(sine(1000, 1.0)):
        guard.process(block)
    for filter in (lowpass(3000, order=6), gain(-6)):
        guard.put(filter)
        guard.prepare(1.0, 0.5)
        guard.process(sine(1000, 0.02))
        assert guard.coming_load == 0
        out = guard.process(sine(1000, 0.02))
    assert np.abs(out).max() == pytest.approx(0.25, rel=0.05)


def test_a_filter_waits_for_the_cushion_but_not_for_ever(clock):
    heavy, sound = Heavy(0.1, clock), sine(1000, 2.0)
    guard = Guard(Swap(gain(0), patient=True), 1, RATE)
    guard.process(sound[:, :BLOCK])
    guard.put(heavy)
    _, heard = through_with_pauses(guard, sound, load=0.001)
    came = next(n for n, count in enumerate(heard) if count)
    assert 99 <= came <= 102


def test_a_filter_that_fails_on_the_past_is_passed_by():
    guard, sound = Guard(Swap(gain(0), patient=True), 1, RATE), sine(1000, 0.5)
    for block in blocks(sound):
        guard.process(block)
    failing = Failing()
    failing.count = 2
    guard.put(failing)
    guard.prepare(1.0, np.inf)
    assert "of its own making" in guard.error
    assert guard.filter is failing
    out = np.concatenate([guard.process(block) for block in blocks(sound)], axis=1)
    np.testing.assert_allclose(out[:, 2 * BLOCK :], sound[:, 2 * BLOCK :])
    assert np.abs(np.diff(out)).max() < 1.2 * np.abs(np.diff(sound)).max()


def test_a_filter_that_fails_makes_way_for_the_one_that_is_to_come():
    guard, sound = Guard(Swap(Failing(), patient=True), 1, RATE), sine(1000, 0.4)
    parts = blocks(sound)
    out = [guard.process(part) for part in parts[:2]]
    guard.put(gain(-6))
    out += [guard.process(part) for part in parts[2:]]
    whole = np.concatenate(out, axis=1)
    assert (guard.error, guard.bypassed) == ("", 1)
    np.testing.assert_allclose(whole[:, 9600:], 0.501187 * sound[:, 9600:], atol=1e-5)
    assert np.abs(np.diff(whole)).max() < 1.2 * np.abs(np.diff(sound)).max()
