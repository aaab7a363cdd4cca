"""The buffer of a recording: whatever is written in whatever pieces comes out the same."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lkexplore.capture.audio.buffer import SampleBuffer

pieces = st.lists(
    st.tuples(st.sampled_from(["int16", "float", "silence"]), st.integers(0, 300)), max_size=12
)


@given(
    channels=st.integers(1, 3),
    limit=st.none() | st.integers(0, 1500),
    reserve=st.integers(0, 400),
    pieces=pieces,
    seed=st.integers(0, 2**32 - 1),
)
def test_what_goes_in_comes_out(channels, limit, reserve, pieces, seed):
    rng = np.random.default_rng(seed)
    buffer = SampleBuffer(channels, limit, reserve)
    expected = [np.zeros((channels, 0), np.float32)]
    for kind, count in pieces:
        if kind == "silence":
            buffer.silence(count)
            expected.append(np.zeros((channels, count), np.float32))
        elif kind == "float":
            block = rng.standard_normal((channels, count)).astype(np.float32)
            buffer.write(block)
            expected.append(block)
        else:
            integers = rng.integers(-32768, 32768, (count, channels), np.int16)
            buffer.write_int16(integers.ravel())
            expected.append((integers.T / np.float32(32768)).astype(np.float32))
    whole = np.concatenate(expected, axis=1)[:, :limit]
    taken = buffer.take()
    assert taken.dtype == np.float32
    assert taken.flags.c_contiguous
    np.testing.assert_array_equal(taken, whole)


def test_channels_longer_than_a_piece_move_together_in_order():
    """More samples than are moved at a time, in a reserve larger and smaller than they are."""
    count = (1 << 16) * 3 + 777
    sound = np.arange(2 * count, dtype=np.float32).reshape(2, count)
    for reserve in (count - 5000, count + 5000, 4 * count, 1000):
        buffer = SampleBuffer(2, None, reserve)
        for start in range(0, count, 50_000):
            buffer.write(sound[:, start : start + 50_000])
        np.testing.assert_array_equal(buffer.take(), sound)


@given(length=st.integers(0, 200))
def test_the_length_can_be_set(length):
    buffer = SampleBuffer(2, None, 10)
    buffer.write(np.ones((2, 100), np.float32))
    buffer.set_length(length)
    taken = buffer.take()
    assert taken.shape == (2, length)
    assert taken[:, :100].all()
    assert not taken[:, 100:].any()
