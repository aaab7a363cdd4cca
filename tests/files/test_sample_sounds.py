from __future__ import annotations

import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest

import lkexplore.files.sample_sounds
from lkexplore.errors import FileError
from lkexplore.files import load
from lkexplore.files.sample_sounds import sample, sample_names
from lkexplore.measure import lag_seconds, rms_dbfs, snr_db, tone_hz

DATA = Path(__file__).resolve().parents[2] / "data"
NAMES = ("chirp", "clicks", "hum", "plucked", "speech", "speech_noisy", "sweep")
SYNTHETIC = ("chirp", "clicks", "hum", "plucked", "sweep")


def test_all_samples_are_there_and_small() -> None:
    assert sample_names() == NAMES
    assert sum(path.stat().st_size for path in DATA.glob("*.flac")) < 600_000


@pytest.mark.parametrize("name", NAMES)
def test_each_is_mono_named_and_unclipped(name: str) -> None:
    sound = sample(name)
    assert sound.name == name
    assert sound.channels == 1
    assert 2 <= sound.duration <= 8
    assert -35 < sound.peak_dbfs < -1


def test_unknown_names_are_answered_with_the_known_ones() -> None:
    with pytest.raises(FileError, match="chirp, clicks, hum, plucked, speech, speech_noisy, sweep"):
        sample("speach")


def test_missing_data_say_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(lkexplore.files.sample_sounds, "_FOLDERS", (tmp_path,))
    assert sample_names() == ()
    with pytest.raises(FileError, match="reinstall"):
        sample("speech")


def made(folder: Path) -> dict[str, object]:
    program = runpy.run_path(str(DATA / "make_samples.py"))
    program["main"](folder)
    return program


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("samples")
    made(path)
    return path


@pytest.mark.parametrize("name", SYNTHETIC)
def test_the_program_makes_the_same_sounds_again(folder: Path, name: str) -> None:
    # A sine of another libm may round to the next 16-bit step.
    again, kept = load(folder / f"{name}.flac"), sample(name)
    assert again.sample_rate == kept.sample_rate
    assert again.to_int16().shape == kept.to_int16().shape
    difference = again.to_int16().astype(int) - kept.to_int16()
    assert np.abs(difference).max() <= 1


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng, which speaks, is not there")
@pytest.mark.parametrize("name", ["speech", "speech_noisy"])
def test_the_program_speaks_the_same_again(folder: Path, name: str) -> None:
    # Versions of espeak-ng differ a little in timing: the same words, not the same samples.
    again, kept = load(folder / f"{name}.flac"), sample(name)
    assert again.sample_rate == kept.sample_rate
    assert again.duration == pytest.approx(kept.duration, rel=0.1)
    assert rms_dbfs(again) == pytest.approx(rms_dbfs(kept), abs=0.1)


def test_the_same_machine_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    made(tmp_path)
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first


def test_the_readme_tells_the_truth() -> None:
    table = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (DATA / "README.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    ]
    assert sorted(row[0] for row in table) == [f"`{name}.flac`" for name in NAMES]
    for file, _, rate, length, _ in table:
        sound = load(DATA / file.strip("`"))
        assert rate == f"{sound.sample_rate} Hz"
        assert float(length.split()[0]) == pytest.approx(sound.duration, abs=0.05)


def test_speech_and_its_noisy_twin_differ_by_the_stated_noise() -> None:
    clean, noisy = sample("speech"), sample("speech_noisy")
    assert rms_dbfs(clean) == pytest.approx(-23, abs=0.01)
    assert snr_db(clean, noisy, align=False, gain=False) == pytest.approx(5.83, abs=0.1)
    assert abs(lag_seconds(clean, noisy)) < 1e-5
    noise = (noisy.samples - clean.samples, clean.sample_rate)
    assert tone_hz(noise) == pytest.approx(50, abs=0.01)


def test_the_sounds_are_what_they_are_called() -> None:
    assert tone_hz(sample("hum")) == pytest.approx(50, abs=0.001)
    assert tone_hz(sample("plucked")) == pytest.approx(22050 / 100.5, abs=0.05)
    clicks = sample("clicks")
    places = np.flatnonzero(clicks.samples[0]) / clicks.sample_rate
    assert places == pytest.approx(0.125 + 0.25 * np.arange(12))
    for name, start, end in (("sweep", 20, 20_000), ("chirp", 200, 3800)):
        sound = sample(name)
        length = 4.0 if name == "sweep" else 0.5
        at = length / 2
        middle = np.sqrt(start * end) if name == "sweep" else (start + end) / 2
        near = sound[at - 0.01 : at + 0.01]
        assert tone_hz(near) == pytest.approx(middle, rel=0.03)
