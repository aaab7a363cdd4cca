"""What a live filter puts out hurts no ears, whatever the filter does."""

from __future__ import annotations

import asyncio
import math

import numpy as np
import pytest
from sounds import RATE, sine

import lkexplore as lk
from lkexplore.errors import FilterError
from lkexplore.filters.engine.swap import Swap
from lkexplore.live.ears import Ears
from lkexplore.live.guard import Guard
from lkexplore.sound.recording import Recording

BLOCK = 960


def rms_dbfs(samples: np.ndarray) -> float:
    return 20 * np.log10(np.sqrt(np.mean(np.square(samples))) + 1e-12)


def run(guard: Guard, samples: np.ndarray) -> np.ndarray:
    blocks = samples.astype(np.float32).reshape(1, -1, BLOCK).transpose(1, 0, 2)
    return np.concatenate([guard.process(block) for block in blocks], axis=1)[0]


class Loud:
    """Louder by some decibels."""

    def __init__(self, db: float) -> None:
        self.factor = 10 ** (db / 20)

    def process(self, block: np.ndarray) -> np.ndarray:
        return block * self.factor


def test_a_filter_that_is_suddenly_far_too_loud_is_passed_by(caplog):
    guard = Guard(Swap(Loud(40), patient=True), 1, RATE)
    tone = 0.05 * sine(440, 1.0)
    out = run(guard, tone)
    assert rms_dbfs(out) == pytest.approx(rms_dbfs(tone), abs=0.5)
    assert np.abs(out).max() < 0.06
    assert "40 dB louder than what came in" in guard.error
    assert sum("passed by" in record.message for record in caplog.records) == 1


def test_a_loud_filter_is_let_through_where_that_is_wanted():
    guard = Guard(Swap(Loud(40), patient=True), 1, RATE)
    guard.ears.loudest_gain_db = math.inf
    out = run(guard, 0.05 * sine(440, 1.0))
    assert not guard.error
    assert rms_dbfs(out) > -6


def test_what_is_quiet_may_be_raised_far():
    guard = Guard(Swap(Loud(40), patient=True), 1, RATE)
    out = run(guard, 0.002 * sine(440, 1.0))
    assert not guard.error
    assert np.abs(out).max() == pytest.approx(0.2 * np.abs(sine(440, 1.0)).max(), rel=0.01)


def test_an_echo_after_a_loud_sound_is_no_fault():
    guard = Guard(Swap(lk.filters.delay(0.5), patient=True), 1, RATE)
    sound = np.concatenate((1.9 * sine(440, 0.4), np.zeros(RATE)))
    run(guard, sound[: sound.size // BLOCK * BLOCK])
    assert not guard.error


def test_output_above_full_scale_is_turned_down_and_stays_a_sine():
    guard = Guard(Swap(Loud(15), patient=True), 1, RATE)
    tone = sine(440, 2.0)
    out = run(guard, tone)
    assert not guard.error
    assert np.abs(out).max() <= 1.0
    settled = out[RATE // 2 :]
    spectrum = np.abs(np.fft.rfft(settled * np.hanning(settled.size))) ** 2
    hz = np.fft.rfftfreq(settled.size, 1 / RATE)
    beside = spectrum[np.abs(hz - 440) > 20].sum() / spectrum.sum()
    assert 10 * np.log10(beside) < -50


def test_sound_within_full_scale_is_not_touched():
    ears, block = Ears(RATE), np.float32(0.999) * sine(440, 0.02)[None].astype(np.float32)
    assert ears.limited(block) is block


async def test_integers_from_a_filter_do_not_hurt_in_a_room(join, send):
    """A function that returns 16-bit integers, as students write it."""
    tone = Recording(0.1 * sine(440, 1.0), RATE)
    await send(tone)
    room, ear = await join("me"), await join("ear")

    def halved(block):
        return (block * 0.5 * 32767).astype(np.int16)

    live = await room.live("alice", lk.filters.from_function(halved))
    await asyncio.sleep(1.5)
    heard = await ear.record("me", 1)
    assert live.error == ""
    assert heard.rms_dbfs == pytest.approx(tone.rms_dbfs - 6, abs=1)


async def test_an_attribute_that_is_not_there_is_refused(join, send):
    await send(Recording(0.1 * sine(440, 1.0), RATE))
    room = await join("me")
    async with await room.live("alice", lk.filters.gain(0)) as live:
        with pytest.raises(FilterError, match="Live has no 'gain'"):
            live.gain = 3
        with pytest.raises(FilterError, match="did you mean 'bypass'"):
            live.bypas = True
        with pytest.raises(FilterError, match="loudest_gain_db='a lot' cannot be"):
            live.loudest_gain_db = "a lot"
        live.loudest_gain_db = 30
        assert live.loudest_gain_db == 30
