"""The parts of a live filter, without a room: no clicks, no holes, no exceptions."""

from __future__ import annotations

import logging
import time

import numpy as np
import pytest

from lkexplore.filters import Filter, gain, lowpass
from lkexplore.filters.swap import Swap
from lkexplore.live.cushion import Cushion
from lkexplore.live.guard import Guard
from lkexplore.live.stretch import Stretch

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


@pytest.mark.parametrize("hz", [120, 440, 1000])
def test_a_tone_stretched_again_and_again_stays_one(hz):
    stretch, sound = Stretch(1, RATE), sine(hz, 4)
    steps = {10: stretch.lengthen, 30: stretch.shorten}
    out = np.concatenate(
        [steps.get(n % 40, stretch.keep)(block) for n, block in enumerate(blocks(sound))], axis=1
    )
    assert np.abs(np.diff(out)).max() < 1.1 * np.abs(np.diff(sound)).max()
    assert beside(out[:, RATE : 2 * RATE], hz) < -45


def test_silence_can_be_stretched():
    stretch, block = Stretch(2, RATE), np.zeros((2, BLOCK), np.float32)
    longer, shorter = stretch.lengthen(block), stretch.shorten(block)
    assert longer.shape[1] > BLOCK > shorter.shape[1]
    assert not longer.any()


def test_noise_is_shortened_only_after_a_while():
    stretch = Stretch(1, RATE)
    noise = np.random.default_rng(1).standard_normal((100, 1, BLOCK)).astype("f4")
    lengths = [stretch.shorten(block).shape[1] for block in noise]
    first = next(n for n, length in enumerate(lengths) if length < BLOCK)
    assert 10 < first < 100
    assert lengths[first + 1] == BLOCK


def test_what_is_put_in_is_short_where_that_will_do():
    """A 1 kHz tone repeats itself at once; one of 60 Hz takes a whole period."""
    for hz, most in ((1000, 0.0101), (60, 0.0171)):
        stretch = Stretch(1, RATE)
        for block in blocks(sine(hz, 0.1)):
            stretch.keep(block)
        assert stretch.lengthen(sine(hz, 0.01)).shape[1] - BLOCK <= most * RATE


def test_a_cushion_grows_when_blocks_come_late_and_shrinks_again():
    cushion, queued, now = Cushion(), 0.02, 100.0
    lateness = [0.0] * 50 + [0.04, 0.05, 0.06] * 20 + [0.0] * 9000
    held = []
    for late in lateness:
        now += 0.02
        step = cushion.note(max(queued - late, 0.0), now)
        if step == "shorten":
            cushion.shortened(now)
        queued += {"lengthen": 0.01, "shorten": -0.005, "keep": 0.0}[step]
        held.append(queued)
    assert 0.06 < max(held) < 0.12
    assert held[-1] < 0.03
    assert cushion.late < 10


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
    guard, stretch, sound = Guard(Swap(gain(-6)), 1, RATE), Stretch(1, RATE), sine(1000, 0.1)
    for block in blocks(sound):
        stretch.keep(guard.process(block))
    guard.widen()
    stretch.widen()
    both = np.concatenate((sound, -sound))
    out = np.concatenate([guard.process(block) for block in blocks(both)], axis=1)
    np.testing.assert_allclose(out, 0.501187 * both, atol=1e-4)
    assert stretch.lengthen(both[:, :BLOCK]).shape[0] == 2
