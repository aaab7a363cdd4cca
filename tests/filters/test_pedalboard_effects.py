"""Pedalboard's effects as filters: the same sound as from Pedalboard, at any block size."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from lkexplore.errors import FilterError
from lkexplore.filters import from_pedalboard, gain
from lkexplore.sound.recording import Recording

pedalboard = pytest.importorskip("pedalboard", reason="the extra 'pedalboard' is not installed")

RATE = 48000
EFFECTS = {
    "compressor": lambda: pedalboard.Compressor(-20, 4),
    "reverb": lambda: pedalboard.Reverb(0.7),
    "highpass": lambda: pedalboard.HighpassFilter(300),
    "peak": lambda: pedalboard.PeakFilter(800, 6, 2),
    "chorus": lambda: pedalboard.Chorus(),
    "resample": lambda: pedalboard.Resample(8000),
    "mp3": lambda: pedalboard.MP3Compressor(),
    "board": lambda: pedalboard.Pedalboard(
        [pedalboard.Gain(3), pedalboard.Delay(0.01), pedalboard.Limiter()]
    ),
}


@pytest.mark.parametrize("name", EFFECTS)
@pytest.mark.parametrize("channels", [1, 2])
def test_the_sound_is_pedalboards(name: str, channels: int, noise) -> None:
    x = noise(40_000, channels)
    wanted = EFFECTS[name]().process(x, RATE, buffer_size=64, reset=False)
    after = (Recording(x, RATE) | from_pedalboard(EFFECTS[name]())).samples
    length = min(wanted.shape[1], after.shape[1])
    assert length > 30_000
    assert after[:, :length] == pytest.approx(wanted[:, :length], abs=1e-6)


@pytest.mark.parametrize("name", EFFECTS)
@pytest.mark.parametrize("sizes", [[1] * 300, [480] * 20, [0, 2, 7000, 1, 3, 64]])
def test_blocks_of_any_size_give_the_whole(name: str, sizes: list[int], noise) -> None:
    x = noise(10_000, channels=2)
    whole = from_pedalboard(EFFECTS[name]()).process(x)
    made, out, begin = from_pedalboard(EFFECTS[name]()), [], 0
    for size in [*sizes, 10_000]:
        out.append(made.process(x[:, begin : begin + size]))
        begin += size
    assert np.concatenate(out, axis=1) == pytest.approx(whole, abs=1e-6)


@pytest.mark.parametrize("name", EFFECTS)
def test_reset_and_copy_start_afresh_and_leave_the_filter_alone(name: str, noise) -> None:
    x = noise(5000, channels=2)
    made, second = from_pedalboard(EFFECTS[name]()), from_pedalboard(EFFECTS[name]())
    first = made.process(x)
    second.process(x)
    assert made.copy().process(x) == pytest.approx(first, abs=1e-6)
    _ = Recording(x, RATE) | made
    assert made.process(x) == pytest.approx(second.process(x), abs=1e-6)
    made.reset()
    assert made.process(x) == pytest.approx(first, abs=1e-6)


def test_settings_stay_the_effects_own_and_are_copied(noise) -> None:
    x = noise(5000)
    board = pedalboard.Pedalboard([pedalboard.Gain(0)])
    made = from_pedalboard(board)
    board[0].gain_db = 20
    assert (Recording(x, RATE) | made).samples == pytest.approx(10 * x, rel=1e-3)
    assert made.copy().board[0].gain_db == 20
    assert made.copy().board[0] is not board[0]


def test_it_goes_into_chains(noise) -> None:
    x = noise(5000)
    chain = gain(6.0206) | from_pedalboard(pedalboard.Gain(6.0206))
    assert chain.latency == 63
    assert (Recording(x, RATE) | chain).samples == pytest.approx(4 * x, rel=1e-3)


def test_a_function_makes_what_cannot_be_made_twice(noise) -> None:
    class Odd:
        def __init__(self, need: int) -> None:
            self.inner = pedalboard.Gain(need)

        def process(self, *args, **options):
            return self.inner.process(*args, **options)

        def reset(self) -> None:
            self.inner.reset()

    x = noise(1000)
    with pytest.raises(FilterError, match="lambda"):
        Recording(x, RATE) | from_pedalboard(Odd(0))
    after = Recording(x, RATE) | from_pedalboard(lambda: Odd(0))
    assert after.samples == pytest.approx(x, abs=1e-6)


def test_what_is_no_board_is_refused() -> None:
    for wrong in (3, pedalboard.Gain, None):
        with pytest.raises(FilterError, match=r"Pedalboard|function"):
            from_pedalboard(wrong)
    with pytest.raises(FilterError, match=r"filter\.copy\(\)"):
        pickle.dumps(from_pedalboard(pedalboard.Gain()))
