"""Pan, mix, delay and echo against what they are by definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import freqz, group_delay, lfilter

from lkexplore.errors import FilterError
from lkexplore.filters import (
    delay,
    echo,
    from_ba,
    gain,
    highpass,
    limiter,
    lowpass,
    mix,
    pan,
)
from lkexplore.sound.recording import Recording

RATE = 48000


@pytest.mark.parametrize(
    ("position", "left", "right"),
    [(-1, 1, 0), (0, 0.5**0.5, 0.5**0.5), (1, 0, 1), (0.5, 0.382683, 0.92388)],
)
def test_one_channel_is_placed_at_equal_power(position, left, right, noise) -> None:
    x = noise(1000)
    out = pan(position).process(x)
    assert out == pytest.approx(np.array([[left], [right]]) * x, abs=1e-6)
    assert np.sum(out.astype(float) ** 2) == pytest.approx(np.sum(x.astype(float) ** 2), rel=1e-5)


@pytest.mark.parametrize(("position", "left", "right"), [(0, 1, 1), (-1, 1, 0), (1, 0, 1)])
def test_two_channels_are_balanced(position, left, right, noise) -> None:
    x = noise(1000, channels=2)
    assert pan(position).process(x) == pytest.approx(np.array([[left], [right]]) * x, abs=1e-6)


def test_a_recording_becomes_stereo_and_more_channels_are_refused(noise) -> None:
    assert (Recording(noise(10), RATE) | pan(0)).samples.shape == (2, 10)
    assert pan(0).process(noise(0)).shape == (2, 0)
    with pytest.raises(FilterError, match="3 channels"):
        pan(0).process(noise(10, channels=3))


def test_a_mix_is_a_share_of_both(noise) -> None:
    x = noise(5000, channels=2)
    wet = lowpass(500).process(x)
    assert mix(lowpass(500), 0.3).process(x) == pytest.approx(0.7 * x + 0.3 * wet, abs=1e-6)


def test_a_mix_keeps_a_late_filter_in_step(noise) -> None:
    x = noise(5000)
    made = mix(limiter(0), 0.5)
    out = made.process(x)
    assert made.latency == 240
    assert out[:, 240:] == pytest.approx(x[:, :-240], abs=1e-6)
    assert (Recording(x, RATE) | made).samples == pytest.approx(x, abs=1e-6)


def test_a_mix_lists_the_parameters_of_its_filter(noise) -> None:
    made = mix(gain(0) | lowpass(300), 0.5)
    assert list(made.parameters) == ["wet", "gain.db", "lowpass.cutoff", "lowpass.order"]
    assert "lowpass.cutoff" in mix(lowpass(300)).parameters
    made.parameters["gain.db"].value = -6
    assert made.filter.filters[0].db == -6
    made.copy().parameters["gain.db"].value = -12
    assert made.filter.filters[0].db == -6


def test_a_mix_passes_the_rate_on_or_stays_as_it_was() -> None:
    made = mix(lowpass(10_000))
    with pytest.raises(FilterError, match="16000 Hz"):
        made.sample_rate = 16000
    assert made.sample_rate == made.filter.sample_rate == RATE
    made.sample_rate = 44100
    assert made.filter.sample_rate == 44100


HZ = np.linspace(10, 23_000, 500)


@pytest.mark.parametrize("filter", [mix(highpass(1000), 0.4), delay(0.001, -0.5, 0.3), echo(0.002)])
def test_responses_are_those_of_the_impulse_response(filter) -> None:
    answer = filter.impulse_response(4096)
    fed = np.zeros((1, 4096), np.float32)
    fed[0, 0] = 1
    assert filter.copy().process(fed)[0] == pytest.approx(answer, abs=1e-6)
    _, wanted = freqz(answer, worN=HZ, fs=RATE)
    assert filter.response(HZ) == pytest.approx(wanted, abs=1e-6)
    _, late = group_delay((answer, 1), w=HZ, fs=RATE)
    assert filter.group_delay(HZ) == pytest.approx(late, abs=1e-2)


@pytest.mark.parametrize(
    "made",
    [
        *(mix(highpass(1000), wet) for wet in (0, 0.4, 1)),
        mix(from_ba(np.hanning(41) / 20, latency=20), 0.3),
        mix(gain(-6) | lowpass(500, 2), 0.8),
        *(delay(0.001, back, wet) for back in (0, 0.5, -0.5) for wet in (0, 0.3, 1)),
        delay(0.001, 0.25, 0.2),
        echo(0.002),
    ],
)
def test_poles_and_zeros_make_the_response(made) -> None:
    found = made.poles_zeros()
    assert np.all(np.abs(found.poles) < 1)
    turn = np.exp(2j * np.pi * HZ / RATE)
    over = np.prod(turn[:, np.newaxis] - found.zeros, axis=1)
    under = np.prod(turn[:, np.newaxis] - found.poles, axis=1)
    assert found.gain * over / under == pytest.approx(made.response(HZ), abs=1e-6)


def test_a_delay_too_long_for_its_roots_is_told() -> None:
    with pytest.raises(FilterError, match="too many zeros"):
        delay(1).poles_zeros()


@pytest.mark.parametrize(
    ("seconds", "feedback", "amount"), [(0.001, 0, 1), (0.0213, 0.9, 0.5), (0.3, -0.7, 0.35)]
)
def test_a_delay_is_its_difference_equation(seconds, feedback, amount, noise) -> None:
    x = noise(2 * RATE, channels=2)
    late = round(seconds * RATE)
    b, a = np.zeros(late + 1), np.zeros(late + 1)
    a[0], a[-1], b[-1] = 1, -feedback, 1
    wanted = (1 - amount) * x + amount * lfilter(b, a, x.astype(float), axis=1)
    out = (Recording(x, RATE) | delay(seconds, feedback, amount)).samples
    assert out == pytest.approx(wanted, abs=1e-6)


def test_a_new_delay_time_is_reached_and_reads_what_was_before(noise) -> None:
    x = noise(2 * RATE)
    made = delay(0.1)
    first = made.process(x[:, :RATE])
    made.seconds = 0.5
    second = made.process(x[:, RATE:])
    assert first[:, 4800:] == pytest.approx(x[:, : RATE - 4800])
    done = round(0.03 * RATE)
    assert second[:, done:] == pytest.approx(x[:, RATE // 2 + done : RATE + RATE // 2])


def test_the_longest_delay_keeps_all_of_it(noise) -> None:
    x = noise(12 * RATE)
    out = np.concatenate(list(_blocks(delay(5), x)), axis=1)
    assert not out[:, : 5 * RATE].any()
    assert out[:, 5 * RATE :] == pytest.approx(x[:, : 7 * RATE])


def _blocks(made, x):
    for begin in range(0, x.shape[1], 7777):
        yield made.process(x[:, begin : begin + 7777])


def test_an_echo_dies_away_to_zeros(noise) -> None:
    made = echo(0.01, 0.5)
    made.process(noise(1000))
    for _ in range(10):
        last = made.process(np.zeros((1, 9600), np.float32))
    assert not last.any()
