"""Changing a live filter while people listen: how soon it acts, and that it leaves no click."""

import asyncio
import time

import numpy as np
import pytest
from faulty import eventually
from sounds import RATE, beside, sine

import lkexplore as lk
from lkexplore.sound.recording import Recording

pytestmark = pytest.mark.timed


class Leaving:
    """What leaves a live filter, and when: each millisecond's peak, a whole period of 1 kHz."""

    def __init__(self, live):
        self.live, self.peaks = live, []
        self._push = live._outlet.push
        live._outlet.push = self._noted

    def _noted(self, block):
        leaves = time.monotonic()
        first = block[0, : block.shape[1] // 48 * 48]
        peaks = np.abs(first).reshape(-1, 48).max(axis=1)
        self.peaks += [(leaves + (n + 1) / 1000, peak) for n, peak in enumerate(peaks)]
        self._push(block)

    async def after(self, change, before, after):
        """Return how long a change of level took until 1 dB of it had left, and 90 %."""
        self.peaks.clear()
        began = time.monotonic()
        change()
        await asyncio.sleep(0.3)
        way = [(at - began, (peak - before) / (after - before)) for at, peak in list(self.peaks)]
        first = (before * 10 ** (np.sign(after - before) / 20) - before) / (after - before)
        return [next((at for at, done in way if done >= share), np.inf) for share in (first, 0.9)]


async def changes(live, took):
    """Measure each kind of change again and again, but for late blocks; add to `took`."""

    def bypass(value):
        live.bypass = value

    def swap():
        live.filter = lk.filters.gain(-20)

    def turn():
        live.filter.db = 0

    orders = {
        "swap": (swap, 0.5, 0.05),
        "bypass": (lambda: bypass(True), 0.05, 0.5),
        "back": (lambda: bypass(False), 0.5, 0.05),
        "turn": (turn, 0.05, 0.5),
    }
    leaving, random = Leaving(live), np.random.default_rng(len(took["swap"]))
    while min(map(len, took.values())) < 8:
        for name, order in orders.items():
            await asyncio.sleep(random.uniform(0, 0.02))  # at any time between two blocks
            late = live.stats.late
            seconds = await leaving.after(*order)
            if live.stats.late == late:
                took[name].append(seconds)


async def test_changes_act_within_40_ms(join, send):
    """From the order until it begins to be heard in what leaves: a block, and the fade."""
    await send(Recording(sine(1000, 1.0), RATE))
    room = await join("me")
    took = {name: [] for name in ("swap", "bypass", "back", "turn")}
    for _ in range(20):
        async with await room.live("alice", lk.filters.gain(0)) as live:
            await asyncio.sleep(1.5)
            await changes(live, took)
        if min(map(len, took.values())) >= 6:
            break
    assert min(map(len, took.values())) >= 6, took
    medians = {name: np.median(seconds, axis=0).tolist() for name, seconds in took.items()}
    shown = f"until it begins to be heard, and until 90 % are there: {medians}, of {took}"
    assert max(begins for begins, _ in medians.values()) <= 0.040, shown


def rises_and_falls(samples):
    """Return the samples at which a tone becomes much louder or softer."""
    loudness = np.sqrt((samples[: samples.size // 480 * 480].reshape(-1, 480) ** 2).mean(axis=1))
    middle = 0.5 * (loudness.max() + np.median(np.sort(loudness)[: loudness.size // 3]))
    turns = 480 * (np.flatnonzero(np.diff(loudness > middle)) + 1)
    return turns[(turns > 4800) & (turns < samples.size - 4800)]


async def test_no_change_clicks_at_the_listener(join, send):
    """What is beside the tone around a change is what the codec makes all the time.

    A click of ours would be there each time; the jitter buffer of a busy machine is at work at
    one time or another.
    """
    await send(Recording(sine(1000, 1.0), RATE))
    room, ear = await join("me"), await join("ear")
    live = await room.live("alice", lk.filters.gain(-12))
    await asyncio.sleep(2.0)
    around = [[], [], [], []]
    for _ in range(3):
        await changes_heard(live, ear, around)
        if min(map(len, around)) >= 3:
            break
    assert min(map(len, around)) >= 3
    assert max(map(min, around)) < -40, around


async def changes_heard(live, ear, around):
    """Record three of each kind of change; add to `around` what is beside the tone at each."""
    orders = (
        lambda: setattr(live, "filter", lk.filters.gain(0)),
        lambda: setattr(live.filter, "db", -12),
        lambda: setattr(live, "bypass", True),
        lambda: setattr(live, "bypass", False),
    )
    listening = asyncio.create_task(ear.record("me", 6))
    await asyncio.sleep(0.5)
    ordered = []
    for n in range(12):
        ordered.append(time.monotonic())
        orders[n % 4]()
        await asyncio.sleep(0.4)
    samples = (await listening).samples[0]
    turns = rises_and_falls(samples)
    if not turns.size:
        return
    places = turns[0] + RATE * (np.array(ordered) - ordered[0])
    for n, place in enumerate(places):
        turn = turns[np.argmin(np.abs(turns - place))]
        if abs(turn - place) < 0.1 * RATE:
            around[n % 4].append(beside(samples[turn - 2400 : turn + 2400]))


class Heavy:
    """Takes three tenths of the time that the sound lasts, and halves it."""

    def __init__(self):
        self.heard = 0

    def reset(self):
        self.heard = 0

    def process(self, block):
        until = time.perf_counter() + 0.3 * block.shape[1] / RATE
        while time.perf_counter() < until:
            pass
        self.heard += block.shape[1]
        return block / 2


async def test_a_filter_that_takes_long_is_put_in_without_a_hole(join, send):
    """It hears the last half second, 150 ms of work, before it comes; no block waits for that."""
    await send(Recording(sine(1000, 1.0), RATE))
    room = await join("me")
    live = await room.live("alice", lk.filters.gain(0))
    await asyncio.sleep(1.5)
    late, leaving = [], Leaving(live)
    for _ in range(10):
        before = live.stats.late
        live.filter = heavy = Heavy()
        assert await eventually(lambda: live.error or heavy.heard > 0.6 * RATE)  # noqa: B023
        assert await eventually(lambda: live.error or not live._guard.coming_load)
        await asyncio.sleep(0.3)
        # On a machine that is too busy, three tenths may become nine.
        if not live.error:
            late.append(live.stats.late - before)
            assert np.median([peak for _, peak in leaving.peaks[-50:]]) < 0.3
        live.filter = lk.filters.gain(0)
        await asyncio.sleep(0.5)
    # And it may be late now and then, whatever is put in.
    assert late, live.error
    assert np.median(late) == 0, (late, live.stats)
