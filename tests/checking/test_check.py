"""A check passes what is right, and finds and explains what is wrong."""

from __future__ import annotations

import time
import tracemalloc
from functools import partial

import numpy as np
import pytest
from scipy.signal import butter, filtfilt, firwin, lfilter

from lkexplore.checking import check as check_in_time
from lkexplore.errors import FilterError, SoundError
from lkexplore.filters import Filter, bandpass, from_function, gain, highpass, lowpass, notch

# A busy machine must not leave anything out.
check = partial(check_in_time, budget=600)

RATE = 48000
B, A = butter(2, 0.1)
FIR = firwin(301, 4000, fs=RATE)


class Kept:
    """A filter as one would write it with scipy: right."""

    def __init__(self, b=B, a=A) -> None:
        self.b, self.a = b, a
        self.reset()

    def reset(self) -> None:
        self.zi: np.ndarray | None = None

    def process(self, block: np.ndarray) -> np.ndarray:
        if not block.shape[1]:
            return block
        if self.zi is None:
            size = max(len(np.atleast_1d(self.a)), len(self.b)) - 1
            self.zi = np.zeros((len(block), size))
        out, self.zi = lfilter(self.b, self.a, block, zi=self.zi)
        return out


class Delay:
    def __init__(self, samples: int, latency: int = 0) -> None:
        self.samples, self.latency = samples, latency
        self.reset()

    def reset(self) -> None:
        self.past: np.ndarray | None = None

    def process(self, block: np.ndarray) -> np.ndarray:
        if self.past is None:
            self.past = np.zeros((len(block), self.samples), np.float32)
        joined = np.concatenate((self.past, block), axis=1)
        self.past = joined[:, block.shape[1] :]
        return joined[:, : block.shape[1]]


def text(thing: object, name: str = "live = offline") -> str:
    """Return what is said of a failure."""
    finding = check(thing)[name]
    assert finding.verdict == "failed", finding
    return finding.text


@pytest.mark.parametrize(
    "filter",
    [
        lowpass(1000),
        highpass(50, 2),
        bandpass(300, 3400),
        notch(50),
        gain(-6) | lowpass(4000),
        Kept(),
        Delay(480, 480),
        np.tanh,
        lambda block: 0.5 * block,
    ],
)
def test_what_is_right_passes(filter) -> None:
    report = check(filter, seconds=1)
    assert report.ok, report
    assert report
    assert report.first_difference is None
    assert report["live = offline"].verdict == "ok"


class TestForgottenState:
    def test_a_function_that_forgets_is_told_so_and_where(self) -> None:
        def smooth(block):
            return lfilter(B, A, block)

        report = check(smooth)
        assert not report.ok
        assert report.first_difference == 480
        found = report["live = offline"]
        assert "It forgets its state between blocks" in found.text
        assert "sample 480 (10 ms), sample 0 of block 2" in found.text
        assert [f.name for f in report.findings if f.verdict == "failed"] == ["live = offline"]

    def test_the_numbers_shown_are_those_of_the_filter(self) -> None:
        def smooth(block):
            return lfilter(B, A, block)

        shown = text(smooth)
        from lkexplore.checking.block_sizes import noise

        x = noise(2.0, RATE, 0)
        whole, alone = smooth(x)[:, 480], smooth(x[:, 480:960])[:, 0]
        channel = int(np.argmax(np.abs(whole - alone) > 1e-6))
        assert f"{whole[channel]:.6g} as a whole, {alone[channel]:.6g} in blocks" in shown

    def test_an_object_that_forgets_is_told_so(self) -> None:
        class Forgets(Kept):
            def process(self, block):
                self.reset()
                return super().process(block)

        assert "It forgets its state between blocks" in text(Forgets())

    def test_a_filter_without_its_last_samples_is_told_so(self) -> None:
        def echo(block):
            return block + 0.5 * np.pad(block, ((0, 0), (100, 0)))[:, : block.shape[1]]

        assert "It forgets its state between blocks" in text(echo)

    def test_the_same_function_with_its_state_passes(self) -> None:
        def smooth(block, zi):
            return lfilter(B, A, block, zi=zi)

        assert check(from_function(smooth, lambda channels: np.zeros((channels, 2)))).ok

    def test_state_that_is_kept_wrongly_is_something_else(self) -> None:
        class Wrong(Kept):
            def process(self, block):
                out = super().process(block)
                if self.zi is not None:
                    self.zi = 0.5 * self.zi
                return out

        said = text(Wrong())
        assert "something of what it remembers is not carried over" in said
        assert "forgets its state" not in said


class TestOtherMistakes:
    def test_what_depends_on_the_block_as_a_whole(self) -> None:
        def normalised(block):
            return block / max(float(np.max(np.abs(block), initial=0.0)), 1e-9)

        assert "the output depends on the block as a whole" in text(normalised)

        def spectrum(block):
            return np.fft.irfft(np.fft.rfft(block) * 0.9, block.shape[1]) - block.mean()

        assert "the output depends on the block as a whole" in text(spectrum)

    def test_what_looks_ahead(self) -> None:
        def centred(block):
            out = [np.convolve(row, np.ones(31) / 31, "full") for row in block]
            return np.stack(out)[:, 15 : 15 + block.shape[1]]

        assert "samples that come only with the next block" in text(centred)

    def test_what_fails_on_short_blocks_alone(self) -> None:
        class Picky(Kept):
            def process(self, block):
                if block.shape[1] == 1:
                    raise ValueError("too short for me")
                return super().process(block)

        said = text(Picky())
        assert "In single samples it raised ValueError (too short for me)" in said
        assert "(2, 1)" in said

    def test_both_are_told_where_both_are_so(self) -> None:
        said = text(lambda block: filtfilt(B, A, block))
        assert "samples that come only with the next block" in said
        assert "In single samples it raised ValueError" in said

    @pytest.mark.parametrize(
        ("wrong", "word"),
        [
            (lambda block: block[:, ::2], "(2, 48000)"),
            (lambda block: block[0], "(96000,)"),
            (lambda block: None, "returned NoneType"),
            (lambda block: block + 1j, "complex"),
            (lambda block: 1 / 0, "ZeroDivisionError"),
        ],
    )
    def test_what_is_no_output_ends_the_check(self, wrong, word: str) -> None:
        report = check(wrong)
        assert [finding.name for finding in report.findings] == ["runs"]
        assert word in report["runs"].text

    def test_chance_is_found(self) -> None:
        rng = np.random.default_rng()
        said = text(lambda block: block + 1e-3 * rng.standard_normal(block.shape), "runs")
        assert "random numbers" in said

    def test_reset_that_is_missing_or_does_nothing(self) -> None:
        class NoReset(Kept):
            reset = None

            def __init__(self) -> None:
                self.b, self.a, self.zi = B, A, None

        class Idle(Kept):
            def __init__(self) -> None:
                self.b, self.a, self.zi = B, A, None

            def reset(self) -> None:
                pass

        assert "write reset()" in text(NoReset(), "reset")
        assert "set all that it remembers back" in text(Idle(), "reset")

    def test_a_function_with_state_of_its_own_is_right_live_and_told_of_the_rest(self) -> None:
        kept = Kept()

        def remembers(block):
            return kept.process(block)

        report = check(remembers)
        assert report["live = offline"].verdict == "ok"
        assert report["reset"].verdict == "note"
        assert "cannot be told to forget" in report["reset"].text

    def test_silence_that_becomes_nan(self) -> None:
        with np.errstate(all="ignore"):
            said = text(lambda block: block / np.abs(block), "silence")
        assert "NaN" in said

    def test_mono_or_stereo_that_fails(self) -> None:
        assert "mono: it raised IndexError" in text(lambda block: block[[0, 1]], "channels")
        mono = check(lambda block: block.mean(axis=0, keepdims=True))
        assert mono["channels"].verdict == "note"
        assert "stereo 1" in mono["channels"].text

    @pytest.mark.parametrize(
        "a",
        [
            [1, -1],  # an integrator
            [1, -2 * 1.0005 * np.cos(0.3), 1.0005**2],
            [1, -1.00001],
        ],
    )
    def test_what_is_unstable(self, a: list[float]) -> None:
        assert "pole" in text(Kept([1.0], a), "stability")

    @pytest.mark.realtime
    @pytest.mark.parametrize(
        "a", [[1, -0.9999], [1, -2 * 0.9995 * np.cos(0.3), 0.9995**2], np.r_[1, [0] * 999, -0.9]]
    )
    def test_what_is_slow_to_settle_is_not_unstable(self, a: list[float]) -> None:
        assert check(Kept([0.01], a))["stability"].verdict == "ok"

    def test_a_nan_that_stays(self) -> None:
        found = check(Kept())["NaN"]
        assert found.verdict == "note"
        assert "stays in its memory" in found.text
        assert "refused" in check(lowpass(1000))["NaN"].text
        assert check(np.tanh)["NaN"].verdict == "ok"

    def test_a_filter_that_takes_no_empty_blocks(self) -> None:
        class Strict(Filter):
            def process(self, block):
                if not block.shape[1]:
                    raise SoundError("no sound: give some")
                return block

        assert "give some" in text(Strict(), "empty blocks")

        class Own:
            def process(self, block):
                return block / block.shape[1] * block.shape[1] if block.max() < 9 else block

        assert check(Own())["empty blocks"].verdict == "note"

    def test_one_that_changes_what_it_is_given(self) -> None:
        def half(block):
            block *= 0.5
            return block

        report = check(half)
        assert report.ok
        assert report["input kept"].verdict == "note"
        assert check(np.tanh)["input kept"].verdict == "ok"


@pytest.mark.realtime
class TestFigures:
    @pytest.mark.parametrize("samples", [0, 1, 480, 4800, 12_345])
    def test_a_declared_latency_is_confirmed(self, samples: int) -> None:
        report = check(Delay(samples, samples))
        assert report.latency == report.measured_latency == samples
        assert report["latency"].verdict == "ok"

    def test_one_that_is_not_declared_is_found(self) -> None:
        report = check(Delay(480))
        assert report["latency"].verdict == "note"
        assert "set latency = 480" in report["latency"].text
        report = check(Kept(FIR, 1.0))
        assert report.measured_latency == 150
        assert "set latency = 150" in report["latency"].text

    @pytest.mark.parametrize("hz", [100, 1000, 8000, 20_000])
    def test_the_phase_of_a_recursive_filter_is_no_latency(self, hz: float) -> None:
        assert check(lowpass(hz), seconds=0.5)["latency"].verdict == "ok"

    def test_the_tail_of_a_known_decay(self) -> None:
        # 80 dB down after ln(1e4) time constants, and 0.1 s of nothing first.
        pole = np.exp(-1 / (0.05 * RATE))
        report = check(Kept([1 - pole], [1, -pole]))
        assert report.tail_seconds == pytest.approx(0.05 * np.log(1e4), rel=0.35)
        assert check(Delay(4800, 4800)).tail_seconds == pytest.approx(0.1, abs=0.001)
        assert check(np.tanh).tail_seconds == 0
        assert check(Kept([1.0], [1, -1.99999, 0.99999])).tail_seconds == np.inf

    def test_memory_that_is_hoarded_is_found(self) -> None:
        heard: list[np.ndarray] = []

        def hoard(block):
            heard.append(block)
            return block

        report = check(hoard)
        assert report["memory"].verdict == "note"
        assert report.kept_bytes == pytest.approx(480 * 2 * 4, rel=0.2)
        assert check(np.tanh).kept_bytes < 100
        assert check(lambda block: block + np.zeros((50, 48_000)).sum()).block_bytes > 19_000_000

    def test_tracing_goes_on_if_it_went_on_before(self) -> None:
        tracemalloc.start()
        try:
            check(np.tanh, seconds=0.2)
            assert tracemalloc.is_tracing()
        finally:
            tracemalloc.stop()
        check(np.tanh, seconds=0.2)
        assert not tracemalloc.is_tracing()

    def test_the_speed_is_that_of_the_blocks(self) -> None:
        def slow(block):
            if block.shape[1] == 480:
                time.sleep(0.002)
            return block

        report = check(slow, seconds=0.2)
        assert report.block_ms >= 2
        assert report.real_time_factor == pytest.approx(10 / report.block_ms)
        assert report.block_ms_p99 >= report.block_ms


class TestHandling:
    def test_a_filter_in_use_is_left_alone(self, noise) -> None:
        x = noise(2000)
        used, untouched = lowpass(1000), lowpass(1000)
        used.process(x[:, :1000])
        untouched.process(x[:, :1000])
        check(used, seconds=0.2, sample_rate=16_000)
        assert used.sample_rate == RATE
        assert np.array_equal(used.process(x[:, 1000:]), untouched.process(x[:, 1000:]))

    def test_it_is_checked_at_the_rate_asked_for(self) -> None:
        rates = []

        class Seen(Kept):
            sample_rate = RATE

            def process(self, block):
                rates.append(self.sample_rate)
                return super().process(block)

        assert check(Seen(), sample_rate=16_000, seconds=0.3).sample_rate == 16_000
        assert set(rates) == {16_000}
        chosen = lowpass(10_000)
        chosen.sample_rate = RATE
        with pytest.raises(FilterError, match="half the sample rate"):
            check(chosen, sample_rate=16_000)

    def test_what_cannot_be_copied_is_reset(self) -> None:
        class Single(Kept):
            def __deepcopy__(self, memo):
                raise TypeError("there is only one")

        assert check(Single()).ok

    def test_what_cannot_be_checked(self) -> None:
        for thing in (None, 3, "lowpass", Kept):
            with pytest.raises(FilterError):
                check(thing)
        for wrong in (0, np.nan, 100):
            with pytest.raises(FilterError, match="seconds"):
                check(np.tanh, seconds=wrong)
        with pytest.raises(SoundError):
            check(np.tanh, sample_rate=0)
        with pytest.raises(KeyError, match="was not tried"):
            check(np.tanh, seconds=0.2)["colour"]


class OneState(Kept):
    """A filter whose one state serves all channels in turn."""

    def process(self, block: np.ndarray) -> np.ndarray:
        if self.zi is None:
            self.zi = np.zeros(2)
        out = np.empty_like(block)
        for channel, row in enumerate(block):
            out[channel], self.zi = lfilter(self.b, self.a, row, zi=self.zi)
        return out


class OneSample(Kept):
    """The same, but sample by sample, so that cuts make no difference."""

    def process(self, block: np.ndarray) -> np.ndarray:
        out = np.empty_like(block)
        last = 0.0 if self.zi is None else self.zi
        for place in np.ndindex(*block.T.shape):
            out.T[place] = last = 0.5 * block.T[place] + 0.5 * last
        self.zi = last
        return out


class TestChannels:
    @pytest.mark.parametrize("thing", [OneState(), OneState().process])
    def test_a_state_that_leaks_into_the_other_channel_is_named(self, thing) -> None:
        report = check(thing)
        assert "leaks from one channel into the other" in report["live = offline"].text
        assert report["channels"].verdict == "note"
        assert "one state serves both channels" in report["channels"].text

    @pytest.mark.realtime
    def test_one_that_leaks_at_every_sample_is_named_too(self) -> None:
        report = check(OneSample(), seconds=0.1)
        assert report["live = offline"].verdict == "ok"
        assert "comes out of the other too" in report["channels"].text

    @pytest.mark.parametrize("filter", [Kept(), gain(0), lambda block: block[::-1]])
    def test_what_keeps_them_apart_or_only_moves_them_is_fine(self, filter) -> None:
        assert check(filter, seconds=0.3)["channels"].verdict == "ok"


class TestIntegersAndGain:
    def test_integers_are_told_and_are_no_gain(self) -> None:
        report = check(lambda block: (block * 32767).astype(np.int16), seconds=0.3)
        assert report["integers"].verdict == "note"
        assert report["integers"].text.startswith("int16 comes out")
        assert report["full scale"].text == "peak +0.0 dBFS"
        assert report["gain"].verdict == "ok"

    def test_integers_within_a_chain_are_told(self) -> None:
        chain = gain(-6) | (lambda block: (block * 32767).astype(np.int16)) | gain(0)
        assert check(chain, seconds=0.3)["integers"].verdict == "note"
        assert [f.name for f in check(np.tanh, seconds=0.3).findings].count("integers") == 0

    def test_other_integers_are_refused(self) -> None:
        said = text(lambda block: (block * 32767).astype(np.int32), "runs")
        assert "int32 cannot be used" in said

    @pytest.mark.parametrize(("db", "verdict"), [(19.5, "ok"), (20.5, "note"), (90, "note")])
    def test_a_gain_over_20_db_is_warned_of(self, db: float, verdict: str) -> None:
        factor = 10 ** (db / 20)
        found = check(lambda block: block * factor, seconds=0.3)["gain"]
        assert found.verdict == verdict
        assert f"{db:.1f} dB" in found.text


@pytest.mark.realtime
class TestBudget:
    def test_a_slow_filter_is_told_so_within_the_budget(self) -> None:
        def slow(block):
            time.sleep(0.03)
            return block

        began = time.monotonic()
        report = check_in_time(slow, budget=2.0)
        assert time.monotonic() - began < 4
        assert "too slow to run live" in report["speed"].text
        assert report.block_ms >= 30
        assert "1 of 9 ways" in report["live = offline"].text
        assert "memory" in report.left_out
        assert report["left out"].verdict == "note"
        assert "memory" in report["left out"].text
        assert "budget=2 s" in report["left out"].text

    def test_its_mistakes_are_found_all_the_same(self) -> None:
        def slow(block):
            time.sleep(0.03)
            return lfilter(B, A, block)

        report = check_in_time(slow, budget=2.0)
        assert "It forgets its state between blocks" in report["live = offline"].text

    def test_one_that_takes_longer_than_the_sound_is_too_slow(self) -> None:
        def slower(block):
            time.sleep(1.5 * block.shape[1] / RATE)
            return block

        report = check_in_time(slower, seconds=0.5, budget=0.5)
        assert "times as long as the sound lasts" in report["speed"].text

    def test_with_time_enough_nothing_is_left_out(self) -> None:
        assert check(np.tanh, seconds=0.2).left_out == ()
        with pytest.raises(FilterError, match="budget='long' cannot be"):
            check_in_time(np.tanh, budget="long")


def test_functions_with_a_state_are_checked_like_filters() -> None:
    def smooth(block, zi):
        return lfilter(B, A, block, zi=np.zeros((len(block), 2)) if zi is None else zi)

    assert check(smooth, seconds=0.5).ok
    for wrong in (lambda: 0, lambda block, zi, more: block):
        with pytest.raises(FilterError, match="takes \\(block\\), or \\(block, state\\)"):
            check(wrong)
