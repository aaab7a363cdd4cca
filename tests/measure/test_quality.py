"""Distances, distortion and intelligibility against known values and reference packages."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from lkexplore.errors import MissingExtra, SoundError
from lkexplore.files.sample_sounds import sample
from lkexplore.filters import lowpass
from lkexplore.measure import (
    lag_seconds,
    log_spectral_distance_db,
    pesq,
    si_sdr_db,
    snr_db,
    stoi,
    thd_db,
    thd_n_db,
)
from lkexplore.sound.recording import Recording

RATE = 48000
ROOT = Path(__file__).resolve().parents[2]


def wave(hz: float, *harmonics: float, seconds: float = 1.0, rate: int = RATE) -> np.ndarray:
    """Make a sine and, at given amplitudes, its second, third... harmonic."""
    phase = 2 * np.pi * hz * np.arange(round(seconds * rate)) / rate + 0.3
    return np.sin(phase) + sum(
        size * np.sin(k * phase + k) for k, size in enumerate(harmonics, start=2)
    )


class TestGccPhat:
    @pytest.mark.parametrize("shift", [0, 7, -133, 4000])
    def test_whole_lags_are_found(self, noise, shift: int) -> None:
        x = noise(RATE)[0]
        late = np.pad(x, (max(shift, 0), 0))[max(-shift, 0) :]
        lag = lag_seconds((x, RATE), (late, RATE), method="gcc-phat") * RATE
        assert lag == pytest.approx(shift, abs=1e-3)

    def test_the_direct_sound_is_found_where_the_plain_kind_follows_a_resonance(self, noise):
        from scipy.signal import lfilter

        source = noise(2 * RATE)[0].astype(float)
        pole = 0.999 * np.exp(2j * np.pi * 200 / RATE)
        hollow = lfilter([1], [1, -2 * pole.real, abs(pole) ** 2], source)
        hollow *= np.hanning(hollow.size)
        # The direct sound, and nearly as strong an echo.
        far = np.pad(hollow, (100, 30)) + 0.9 * np.pad(hollow, (130, 0))
        plain = lag_seconds((hollow, RATE), (far, RATE)) * RATE
        whitened = lag_seconds((hollow, RATE), (far, RATE), method="gcc-phat") * RATE
        assert whitened == pytest.approx(100, abs=0.5)
        assert abs(plain - 100) > 3

    def test_unknown_methods_are_refused(self, noise) -> None:
        x = (noise(1000), RATE)
        with pytest.raises(SoundError, match="gcc-phat"):
            lag_seconds(x, x, method="phat")


class TestSiSdr:
    @pytest.mark.parametrize("wanted", [40, 10, 0, -10])
    def test_it_is_the_papers_formula(self, noise, wanted: float) -> None:
        clean = noise(RATE)[0].astype(float)
        test = 0.3 * (clean + 10 ** (-wanted / 20) * noise(RATE, seed=5)[0])
        factor = test @ clean / (clean @ clean)
        rest = factor * clean - test
        expected = 10 * np.log10((factor * clean) @ (factor * clean) / (rest @ rest))
        assert si_sdr_db((clean, RATE), (test, RATE)) == pytest.approx(expected, abs=1e-3)
        assert expected == pytest.approx(wanted, abs=0.2)

    def test_a_known_angle_has_a_known_value(self) -> None:
        reference, test = np.array([1.0, 0.0] * 50), np.array([3.0, 1.0] * 50)
        assert si_sdr_db((reference, 100), (test, 100)) == pytest.approx(9.5424, abs=1e-3)

    def test_lateness_is_an_error_unless_aligned(self, noise) -> None:
        x = noise(RATE)
        late = np.pad(x, ((0, 0), (1, 0)))
        assert si_sdr_db((x, RATE), (late, RATE)) < -20
        assert si_sdr_db((x, RATE), (late, RATE), align=True) == snr_db((x, RATE), (late, RATE))


class TestDistortion:
    @pytest.mark.parametrize("hz", [100.0, 997.3, 1000.0, 3999.9])
    def test_known_harmonics(self, hz: float) -> None:
        sound = 0.7 * wave(hz, 0.003, 0.004), RATE
        assert thd_db(sound) == pytest.approx(20 * np.log10(0.005), abs=0.01)
        ratio = 0.005**2 / (1 + 0.005**2)
        assert thd_n_db(sound) == pytest.approx(10 * np.log10(ratio), abs=0.01)

    def test_a_pure_tone_has_next_to_none(self) -> None:
        for hz in (50.0, 1234.567, 11_000.1):
            sound = 0.1 + 0.5 * wave(hz), RATE
            assert thd_db(sound) < -120
            assert thd_n_db(sound) < -120

    def test_a_square_wave_has_that_of_its_series(self) -> None:
        partials = [0 if k % 2 == 0 else 1 / k for k in range(2, 11)]
        sound = wave(440, *partials), RATE
        expected = 10 * np.log10(sum(1 / k**2 for k in (3, 5, 7, 9)))
        assert thd_db(sound, harmonics=10) == pytest.approx(expected, abs=0.01)
        assert thd_db(sound, harmonics=4) == pytest.approx(20 * np.log10(1 / 3), abs=0.01)

    def test_clipping_is_what_its_fourier_series_says(self) -> None:
        # A sine cut at half its height: the amplitudes by numerical integration.
        phase = 2 * np.pi * (np.arange(100_000) + 0.5) / 100_000
        cut = np.clip(np.sin(phase), -0.5, 0.5)
        sizes = [2 * np.mean(cut * np.sin(k * phase)) for k in range(1, 11)]
        expected = 10 * np.log10(sum(s * s for s in sizes[1:]) / sizes[0] ** 2)
        sound = np.clip(wave(100), -0.5, 0.5), RATE
        assert thd_db(sound) == pytest.approx(expected, abs=0.05)

    def test_noise_counts_only_with_noise(self, noise) -> None:
        sound = wave(1000) + 0.1 * noise(RATE)[0], RATE
        assert thd_n_db(sound) == pytest.approx(-37, abs=0.1)
        assert thd_db(sound) < -70

    def test_a_weaker_tone_can_be_asked_for(self) -> None:
        sound = 0.1 * wave(1000, 0.01) + wave(60), RATE
        assert thd_db(sound, hz=1001) == pytest.approx(-40, abs=0.2)

    @pytest.mark.parametrize(
        ("hz", "options"),
        [
            (1000, {"hz": 0}),
            (1000, {"hz": 24_000}),
            (1000, {"harmonics": 1}),
            (1000, {"harmonics": 2.5}),
            (13_000, {}),
        ],
    )
    def test_what_cannot_be(self, hz: float, options: dict[str, float]) -> None:
        with pytest.raises(SoundError, match="give"):
            thd_db((wave(hz), RATE), **options)

    def test_too_short_and_silent(self) -> None:
        with pytest.raises(SoundError, match="ten periods"):
            thd_db((wave(50, seconds=0.1), RATE))
        with pytest.raises(SoundError):
            thd_n_db((np.zeros(RATE), RATE))


class TestSpectralDistance:
    def test_equal_sounds_are_at_no_distance(self, noise) -> None:
        x = noise(RATE), RATE
        assert log_spectral_distance_db(x, x) == 0

    @pytest.mark.parametrize("db", [-20, 3, 10])
    def test_a_change_of_level_is_its_decibels(self, noise, db: float) -> None:
        x = noise(RATE)
        test = x * 10 ** (db / 20)
        distance = log_spectral_distance_db((x, RATE), (test, RATE), floor_db=-150)
        assert distance == pytest.approx(abs(db), abs=1e-3)

    def test_a_filter_is_the_mean_of_its_response(self, noise) -> None:
        x = Recording(noise(4 * RATE), RATE)
        made = lowpass(4000, 1)
        hz = np.linspace(0, 23_950, 769)
        response = 20 * np.log10(np.abs(made.response(hz)))
        distance = log_spectral_distance_db(x, x | made, align=False, floor_db=-150)
        assert distance == pytest.approx(np.sqrt(np.mean(response**2)), rel=0.03)

    def test_lateness_does_not_matter_if_aligned(self, noise) -> None:
        x = noise(RATE)
        late = np.pad(x, ((0, 0), (3000, 0)))
        assert log_spectral_distance_db((x, RATE), (late, RATE)) == pytest.approx(0, abs=1e-3)
        assert log_spectral_distance_db((x, RATE), (late, RATE), align=False) > 3

    def test_what_cannot_be(self, noise) -> None:
        x = noise(RATE), RATE
        with pytest.raises(SoundError, match="floor_db"):
            log_spectral_distance_db(x, x, floor_db=1)
        with pytest.raises(SoundError, match=r"0\.032 s"):
            log_spectral_distance_db(x, (noise(1000), RATE), align=False)
        with pytest.raises(SoundError, match="silent"):
            log_spectral_distance_db(x, (np.zeros(RATE), RATE))


def noisy(snr: float, seed: int = 0) -> tuple[Recording, Recording]:
    voice = sample("speech").resample(16_000)
    hiss = np.random.RandomState(seed).standard_normal(voice.samples.shape)
    hiss *= 10 ** (-snr / 20) * voice.samples.std() / hiss.std()
    return voice, voice.replace(samples=voice.samples + hiss.astype(np.float32))


class TestStoi:
    @pytest.fixture(autouse=True)
    def package(self):
        return pytest.importorskip("pystoi", reason="pystoi is not installed")

    @pytest.mark.parametrize("extended", [False, True])
    def test_it_is_the_packages_value(self, package, extended: bool) -> None:
        clean, test = noisy(5)
        expected = package.stoi(clean.samples[0], test.samples[0], 16_000, extended=extended)
        assert stoi(clean, test, extended=extended) == pytest.approx(expected, abs=0.02)

    def test_more_noise_is_understood_less_and_lateness_does_not_matter(self) -> None:
        values = [stoi(*noisy(snr)) for snr in (30, 5, -15)]
        assert values[0] > 0.95 > values[1] > values[2]
        clean, test = noisy(5)
        late = test.replace(samples=np.pad(test.samples, ((0, 0), (1600, 0))))
        assert stoi(clean, late) == pytest.approx(values[1], abs=0.005)

    def test_too_little_speech(self) -> None:
        clean, test = noisy(5)
        with pytest.raises(SoundError, match="too little speech"):
            stoi(clean[0.5:0.7], test[0.5:0.7])


class TestPesq:
    @pytest.fixture(autouse=True)
    def package(self):
        return pytest.importorskip("pesq", reason="pesq is not installed")

    def test_it_is_the_packages_value(self, package) -> None:
        clean, test = noisy(10)
        expected = package.pesq(16_000, clean.samples[0], test.samples[0], "wb")
        assert pesq(clean, test) == pytest.approx(expected, abs=1e-6)
        clean8, test8 = clean.resample(8000), test.resample(8000)
        expected = package.pesq(8000, clean8.samples[0], test8.samples[0], "nb")
        assert pesq(clean, test, band="narrow") == pytest.approx(expected, abs=0.01)

    def test_the_scale(self) -> None:
        clean, test = noisy(0)
        assert pesq(clean, clean) > 4.5
        assert pesq(clean, test) < 1.5

    def test_what_cannot_be(self) -> None:
        clean, test = noisy(10)
        with pytest.raises(SoundError, match="'wide'"):
            pesq(clean, test, band="wb")
        with pytest.raises(SoundError, match="PESQ cannot tell"):
            pesq(clean[1:1.1], test[1:1.1])


@pytest.mark.parametrize(("measure", "package"), [(stoi, "pystoi"), (pesq, "pesq")])
def test_a_missing_package_is_named(monkeypatch, measure, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=r'pip install "lkexplore\[speech\]"') as raised:
        measure(*noisy(10))
    assert f"package {package!r}" in str(raised.value)
    assert "\n" not in str(raised.value)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert any(wanted.startswith(package) for wanted in extras["optional-dependencies"]["speech"])
