"""Adaptive cancelling against the textbook's loop, and by what is left of the noise."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy.signal import lfilter

from lkexplore.errors import FilterError, SoundError
from lkexplore.filters import lms, nlms
from lkexplore.measure import rms_dbfs
from lkexplore.sound.recording import Recording

RATE = 48000
WAY = np.array([0.0, 0.6, -0.3, 0.0, 0.2, 0.1, -0.05])


def loop(sound, reference, taps: int, step: float, normalised: bool):
    """Haykin's equations 5.5 to 5.7 (and 6.15), one sample after another."""
    weights, seen, errors = np.zeros(taps), np.zeros(taps), []
    for heard, far in zip(sound.astype(float), reference.astype(float), strict=True):
        seen = np.concatenate(([far], seen[:-1]))
        error = heard - weights @ seen
        scale = step / (1e-6 + seen @ seen) if normalised else step
        weights = weights + scale * error * seen
        errors.append(error)
    return np.array(errors), weights


@pytest.mark.parametrize(("make", "step"), [(lms, 0.3), (nlms, 0.9)])
@pytest.mark.parametrize("taps", [1, 7, 100])
def test_it_is_the_textbooks_loop(make, step: float, taps: int, noise) -> None:
    far = noise(3000)
    sound = lfilter(WAY, 1, far).astype(np.float32) + 0.1 * noise(3000, seed=4)
    made = make(Recording(far, RATE), taps, step)
    errors, weights = loop(sound[0], far[0], taps, step, make is nlms)
    assert made.process(sound)[0] == pytest.approx(errors, abs=1e-6)
    assert made.weights == pytest.approx(weights[np.newaxis], abs=1e-6)


@pytest.mark.parametrize(("make", "step"), [(lms, 0.5), (nlms, 0.5)])
def test_the_weights_become_the_way_and_the_noise_goes(make, step: float, noise, tone) -> None:
    far = noise(3 * RATE)
    voice = tone(440, seconds=3, peak=0.02).samples
    sound = voice + lfilter(WAY, 1, far).astype(np.float32)
    made = make(Recording(far, RATE), 16, step / 10)
    after = made.process(sound)
    assert made.weights[0, : len(WAY)] == pytest.approx(WAY, abs=0.02)
    left = (after - voice)[:, RATE:]
    assert rms_dbfs((left, RATE)) < rms_dbfs(((sound - voice)[:, RATE:], RATE)) - 20


def test_channels_learn_their_own_way(noise) -> None:
    far = noise(RATE)
    made = nlms(Recording(far, RATE), 4)
    made.process(np.concatenate((0.5 * far, -0.25 * far)))
    assert made.weights[:, 0] == pytest.approx([0.5, -0.25], abs=1e-3)


def test_a_reference_fed_in_blocks_is_the_same_as_given_whole(noise) -> None:
    far, sound = noise(5000, channels=2), noise(5000, seed=2)
    whole = nlms(Recording(far, RATE)).process(sound)
    made, out = nlms(), []
    for begin in range(0, 5000, 480):
        made.far(far[:, begin : begin + 480])
        out.append(made.process(sound[:, begin : begin + 480]))
    assert np.concatenate(out, axis=1) == pytest.approx(whole, abs=1e-6)


def test_a_reference_at_another_rate_is_resampled(tone) -> None:
    hum = tone(100, rate=16000, seconds=3, peak=0.3)
    sound = tone(100, seconds=3, peak=0.1)
    after = sound | nlms(hum, 32, 0.05)
    assert rms_dbfs(after[1:2.9]) < -50


def test_no_reference_leaves_the_sound_alone(noise) -> None:
    x = noise(1000)
    assert np.array_equal(nlms().process(x), x)
    assert np.array_equal(lms(Recording(np.zeros(10), RATE)).process(x), x)


def test_too_large_a_step_is_said_and_begins_anew(noise) -> None:
    far = 5 * noise(20_000)
    made = lms(Recording(far, RATE), 64, 2.0)
    with pytest.raises(FilterError, match="smaller step"):
        made.process(far)
    assert not made.weights.any()
    made.step = 0.001
    assert np.isfinite(made.process(far)).all()


def test_what_cannot_be_is_refused(noise) -> None:
    for taps in (0, 4097, 2.5, True, "8"):
        with pytest.raises(FilterError, match="1 to 4096"):
            lms(taps=taps)
    with pytest.raises(FilterError, match="give a Recording"):
        nlms(noise(100))
    with pytest.raises(FilterError, match="reference already"):
        nlms(Recording([0.0], RATE)).far(noise(10))
    made = nlms()
    with pytest.raises(SoundError, match="NaN"):
        made.far(np.full((1, 4), np.nan))
    with pytest.raises(FilterError, match="in turns"):
        made.far(np.zeros((1, 601 * RATE), np.float32))


@pytest.mark.parametrize("taps", [64, 1024])
def test_it_keeps_to_its_own_thread(taps: int, noise) -> None:
    """Products spread over threads would take every core, and longer."""
    far = noise(4 * RATE, channels=2)
    made = nlms(Recording(far, RATE), taps)
    made.process(far[:, :480])
    everywhere, here = time.process_time(), time.thread_time()
    for begin in range(480, far.shape[1], 480):
        made.process(far[:, begin : begin + 480])
    here = time.thread_time() - here
    assert time.process_time() - everywhere < 1.5 * here
