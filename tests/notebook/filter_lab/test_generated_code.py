"""The Python that makes a filter makes an equal one."""

import numpy as np
import pytest
from scipy.signal import butter

import lkexplore as lk
from lkexplore import filters
from lkexplore.errors import FilterError
from lkexplore.notebook.filter_lab.generated_code import code_of

FILTERS = [
    filters.lowpass(1234.5678, 7, "elliptic", ripple_db=1.5, stop_db=70),
    filters.bandstop(300, 3400, order=2),
    filters.fir_bandpass(300, 3400, taps=101, stop_db=80),
    filters.fir_lowpass(3000, 101, "parks-mcclellan"),
    filters.high_shelf(3000, -7.25),
    filters.graphic_eq({125: -6, 4000: 3.5}),
    filters.parametric_eq((1000, 3), (50, -6, 4), low=(100, 2)),
    filters.feedback_comb(0.01, -0.5),
    filters.limiter(-3, lookahead=0.01),
    filters.compressor(ratio=8),
    filters.denoise(reduction=12.5),
    filters.pan(0.3),
    filters.mix(filters.lowpass(500) | filters.gain(-3), 0.25),
    filters.parallel(filters.gain(-6), filters.lowpass(300) | filters.gain(3)),
    filters.from_sos(butter(3, 1000, output="sos", fs=48000), sample_rate=48000),
    filters.from_ba([0.25] * 4, latency=2),
    filters.from_ba([0.5, 0.1], [1.0, -0.5]),
    filters.highpass(80) | filters.notch(50, 12.5) | filters.peaking(2000, 3) | filters.gain(-1.5),
]


@pytest.mark.parametrize("made", FILTERS, ids=lambda one: type(one).__name__)
def test_run_it_makes_an_equal_filter(made):
    names = {}
    exec(code_of(made), names)
    again = names["filter"]
    assert type(again) is type(made)
    values = [{n: p.value for n, p in one.parameters.items()} for one in (made, again)]
    assert values[0] == values[1]
    noise = lk.Recording(np.random.default_rng(1).normal(0, 0.1, (1, 9600)), 48000)
    assert noise | again == noise | made


def test_long_chains_are_broken_into_lines():
    code = code_of(FILTERS[-1])
    assert max(map(len, code.splitlines())) < 89
    assert code.count("\n    | ") == 3


def test_what_cannot_be_written_says_so():
    noise = lk.Recording(np.random.default_rng(1).normal(0, 0.1, (1, 48000)), 48000)
    for one in (filters.from_function(lambda block: block), filters.denoise(noise)):
        with pytest.raises(FilterError, match="cannot be written as Python"):
            code_of(one)
