"""The sound of an MP4 stands where it was put, to the sample, and so do its pictures."""

from __future__ import annotations

import av
import numpy as np
import pytest
from scipy.signal import correlate

from lkexplore.capture.video.growing_mp4 import Mp4File
from lkexplore.capture.video.soundtrack import read_sound

RATE = 48_000
PLACES = [4800 + 12_000 * n for n in range(8)]


@pytest.mark.parametrize("finished", [True, False])
def test_what_aac_puts_before_the_sound_moves_nothing(tmp_path, finished):
    click = (9000 * np.random.default_rng(0).standard_normal(240)).astype(np.int16)
    sound = np.zeros((2 * RATE, 2), np.int16)
    for place in PLACES:
        sound[place : place + len(click)] = click[:, None]
    path = tmp_path / "film.mp4"
    file = Mp4File(path, (64, 64), 2)
    grey = np.full((96, 64), 100, np.uint8)
    for number in range(60):
        file.add_picture(grey, number / 30)
        file.add_sound(sound[number * 1600 : (number + 1) * 1600])
    if finished:
        file.close(2.0)
    else:
        file.abandon()
    heard = read_sound(path, 2.0).samples.mean(axis=0)
    score = np.abs(correlate(heard, click.astype(np.float64), "valid"))
    known = PLACES if finished else PLACES[:3]
    for place in known:
        around = score[place - 2400 : place + 2400]
        assert abs(int(np.argmax(around)) - 2400) <= 1
    with av.open(str(path)) as container:
        times = [frame.time for frame in container.decode(video=0)][:60]
    assert len(times) >= 25
    np.testing.assert_allclose(times, np.arange(len(times)) / 30, atol=1e-3)
