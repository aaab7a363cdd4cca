"""What cannot be is refused in one line that says what came and what may come."""

from __future__ import annotations

import numpy as np
import pytest

import lkexplore as lk
import lkexplore.filters as f
from lkexplore.errors import FilterError, SoundError
from lkexplore.filters import Filter

RATE = 48000
MADE = {
    "lowpass": lambda: f.lowpass(1000),
    "fir": lambda: f.fir_lowpass(1000),
    "gain": lambda: f.gain(0),
    "delay": lambda: f.delay(0.01),
    "compressor": lambda: f.compressor(),
    "limiter": lambda: f.limiter(true_peak=True),
    "pan": lambda: f.pan(0),
    "denoise": lambda: f.denoise(),
    "webrtc": lambda: f.webrtc(),
    "nlms": lambda: f.nlms(),
    "chain": lambda: f.gain(0) | f.lowpass(1000),
    "parallel": lambda: f.parallel(f.gain(0), f.lowpass(1000)),
    "function": lambda: f.from_function(np.tanh),
}
BLOCKS = [
    (np.zeros((0, 10), np.float32), "no channel"),
    (np.zeros((100, 10), np.float32), "100 channels"),
    (np.zeros(10, np.float32), r"block\[None, :\]"),
    (np.full((1, 10), np.nan, np.float32), "NaN"),
    (np.zeros((1, 10), complex), "complex128"),
    (np.array([["a", "b"]]), "<U1"),
    ("sound", "str cannot be filtered"),
    (None, "NoneType cannot be filtered"),
    (0.5, "float cannot be filtered"),
    ([[0.0, 1.0], [1.0]], "different lengths"),
]


def refusal(make, *kinds: type[Exception]) -> str:
    with pytest.raises(kinds or (FilterError, SoundError)) as raised:
        make()
    text = str(raised.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize(("block", "words"), BLOCKS)
def test_no_block_of_sound(name: str, block: object, words: str) -> None:
    with pytest.raises((FilterError, SoundError), match=words) as raised:
        MADE[name]().process(block)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", MADE)
def test_other_kinds_of_numbers_are_sound(name: str) -> None:
    for block in (np.zeros((1, 10)), np.zeros((1, 10), np.int16), [[0.0] * 10]):
        out = MADE[name]().process(block)
        assert out.dtype == np.float32
        assert not out.any()


@pytest.mark.parametrize("rate", [0, -1, 48000.5, "48000", None, np.nan, 10**9])
@pytest.mark.parametrize("name", MADE)
def test_no_sample_rate(name: str, rate: object) -> None:
    made = MADE[name]()
    text = refusal(lambda: setattr(made, "sample_rate", rate), SoundError)
    assert repr(rate) in text
    assert made.sample_rate == RATE


@pytest.mark.parametrize(
    "make",
    [
        lambda: f.lowpass(20_000),
        lambda: f.fir_bandpass(300, 20_000),
        lambda: f.peaking(20_000, 3),
        lambda: f.gain(0) | f.high_shelf(20_000, 3),
        lambda: f.parallel(f.gain(0), f.notch(20_000)),
        lambda: f.mix(f.allpass(20_000)),
    ],
)
def test_a_frequency_beyond_half_of_a_new_rate(make) -> None:
    made: Filter = make()
    made.process(np.zeros((1, 10), np.float32))
    text = refusal(lambda: setattr(made, "sample_rate", 16_000), FilterError)
    assert "=20000 Hz is not below 8000 Hz" in text
    assert made.sample_rate == RATE
    assert made.process(np.zeros((1, 10), np.float32)).shape == (1, 10)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: f.delay(1e6), "from 0.001 to 5 s"),
        (lambda: f.comb(1e9), "from 0.0001 to 1 s"),
        (lambda: f.lowpass("1 kHz"), "from 1 to 384000 Hz"),
        (lambda: f.fir_lowpass(1000, taps=10**9), "taps=1000000000"),
        (lambda: f.limiter(lookahead="long"), "lookahead='long' cannot be: give a number from"),
        (lambda: f.limiter(lookahead=None), "from 0.0005 to 0.1 s"),
        (lambda: f.limiter(true_peak="off"), "give True or False"),
        (lambda: f.webrtc(noise_suppression="off"), "noise_suppression='off' cannot be"),
        (lambda: f.webrtc(agc=1), "give True or False"),
        (lambda: f.graphic_eq(3), "3 gains cannot be: give 10"),
        (lambda: f.graphic_eq(None), "None gains cannot be: give 10"),
        (lambda: f.gain("loud"), "from -120 to 60 dB"),
        (lambda: f.lowpass(100).response("low"), "'low' are no frequencies"),
        (lambda: f.delay(0.1).response([None, "a"]), "are no frequencies"),
        (lambda: f.mix(f.gain(0)).group_delay("low"), "are no frequencies"),
        (lambda: f.parallel(f.gain(0)).response(None), "outside 0 to 24000 Hz"),
        (lambda: f.lowpass(100).impulse_response(10**10), "from 1 to 10000000"),
        (lambda: lk.check(f.gain(0), seconds="long"), "give a number from 0.1 to 60 s"),
        (lambda: lk.check(f.gain(0), seed=-1), "seed=-1 cannot be"),
        (lambda: lk.check(f.gain(0), seed="x"), "seed='x' cannot be"),
    ],
)
def test_no_value_for_it(make, words: str) -> None:
    assert words in refusal(make, FilterError)
