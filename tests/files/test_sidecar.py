from __future__ import annotations

import json
import math
import subprocess
import sys
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lkexplore.errors import FileError, SoundError
from lkexplore.files import (
    Facts,
    SavedRecording,
    SidecarWarning,
    SoundWriter,
    load,
    read_sidecar,
    save,
    sidecar_path,
    write_sidecar,
)
from lkexplore.sound.recording import Concealment, Gap, Recording, Timing

START = datetime(2024, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
TIMING = Timing(delay=0.08, residual=0.002, rate=48000.25, resolution=0.2)


def known(seconds: float = 4.0, rate: int = 8000, **changes: object) -> Recording:
    """A recording that knows everything about itself; a tone of 440 Hz on the left."""
    t = np.arange(round(seconds * rate)) / rate
    sound = np.stack([0.5 * np.sin(2 * np.pi * 440 * t), 0.25 * np.cos(2 * np.pi * 100 * t)])
    return Recording(
        sound,
        rate,
        started_at=START,
        started_monotonic=1234.5678901,
        identity="Zoë \ud83d 'a'",
        track="TR_1",
        name="mic\n2",
        gaps=[Gap(0.5, 1.0, "muted"), Gap(3.0, 3.5, "nothing arrived")],
        concealed=[Concealment(1.0, 2.0, 0.1), Concealment(2.5, 3.0, 0.02)],
        timing=TIMING,
    ).replace(**changes)


def facts_and_file(path: Path, recording: Recording) -> SavedRecording:
    """Stream a recording to a file, as a recording to disk does."""
    facts = Facts.of(recording)
    with SoundWriter(path, recording.sample_rate, recording.channels, exact16=False) as file:
        write_sidecar(path, facts)
        file.write(recording.samples)
    ended = Facts.of(recording, "complete")
    write_sidecar(path, ended)
    figures = {"sample_rate": recording.sample_rate, "channels": recording.channels}
    return SavedRecording(file.path, duration=file.seconds, **figures, **ended.meta())


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"timing": None},
        {"timing": Timing(0.0, math.inf, 8000.0, math.inf)},
        {"gaps": (), "concealed": ()},
        {"started_at": None, "started_monotonic": None},
        {"identity": None, "track": None, "name": None},
    ],
)
def test_a_saved_recording_comes_back_the_same(tmp_path: Path, changes: dict[str, object]) -> None:
    recording = known(**changes)
    recording.save(tmp_path / "x.wav", sidecar=True)
    assert (tmp_path / "x.wav.json").is_file()
    assert load(tmp_path / "x.wav") == recording


def test_parts_are_those_of_the_whole(tmp_path: Path) -> None:
    recording = known()
    for suffix in ("wav", "flac", "ogg"):
        path = tmp_path / f"x.{suffix}"
        save(recording, path, sidecar=True)
        whole = load(path)
        for start, end in ((0.75, 2.75), (None, 1.25), (-1.5, None), (3.9, 9.0), (2.0, 1.0)):
            assert load(path, start=start, end=end) == whole[start:end]
        part = load(path, start=0.75)
        assert part.started_at == START + timedelta(seconds=0.75)
        assert part.gaps[0] == Gap(0.0, 0.25, "muted")
    with pytest.raises(SoundError, match="is no time"):
        load(path, start=math.nan)


def test_the_sidecar_can_be_read_by_people_and_programs(tmp_path: Path) -> None:
    known(identity="Zoë").save(tmp_path / "x.flac", sidecar=True)
    text = (tmp_path / "x.flac.json").read_text(encoding="utf-8")
    content = json.loads(text)
    assert '"identity": "Zoë",\n' in text
    assert content["lkexplore"] == 1
    assert content["sample_rate"] == 8000
    assert content["started_at"] == "2024-05-01T12:00:00.123456+00:00"
    assert content["gaps"][0] == {"start": 0.5, "end": 1.0, "reason": "muted"}
    assert content["concealed"][1] == {"start": 2.5, "end": 3.0, "seconds": 0.02}
    assert content["timing"]["rate"] == 48000.25
    assert content["ended"] == "saved"


def test_without_a_sidecar_a_file_is_named_after_itself(tmp_path: Path) -> None:
    known().save(tmp_path / "x.wav")
    back = load(tmp_path / "x.wav")
    assert (back.name, back.identity, back.gaps, back.timing) == ("x", None, (), None)


def test_an_old_sidecar_does_not_outlive_its_file(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    known().save(path, sidecar=True)
    known().save(path, overwrite=True)
    assert not sidecar_path(path).exists()
    known().save(path, sidecar=True, overwrite=True)
    with SoundWriter(path, 8000, 1, overwrite=True):
        assert not sidecar_path(path).exists()
    sidecar_path(path).write_text('{"made by": "another program"}')
    known().save(path, overwrite=True)
    assert sidecar_path(path).exists()


BROKEN = {
    "": "Expecting value",
    "{": "Expecting",
    "[1, 2]": "no JSON object",
    "{}": "another program",
    '{"take": 3}': "another program",
    '{"lkexplore": 99}': "version 99",
    '{"lkexplore": 1}': "started_at",
    "[" * 100_000: "",
    "\x00\xff": "",
}


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_or_foreign_sidecar_costs_a_warning_only(tmp_path: Path, content: str) -> None:
    known().save(tmp_path / "x.wav")
    sidecar_path(tmp_path / "x.wav").write_text(content, encoding="latin-1")
    with pytest.warns(SidecarWarning, match=BROKEN[content]) as caught:
        back = load(tmp_path / "x.wav")
    assert len(caught) == 1
    assert "\n" not in str(caught[0].message)
    assert caught[0].filename == __file__
    assert np.array_equal(back.samples, known().samples)
    assert back.name == "x"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sample_rate", 44100),
        ("sample_rate", "8000"),
        ("started_at", "yesterday"),
        ("started_at", "2024-05-01T12:00:00"),
        ("started_at", 5),
        ("started_monotonic", "soon"),
        ("started_monotonic", math.nan),
        ("identity", 7),
        ("gaps", [{"start": 2, "end": 1, "reason": "x"}]),
        ("gaps", [{"start": 2}]),
        ("gaps", 5),
        ("concealed", [{"start": 0, "end": 1, "seconds": "all"}]),
        ("concealed", [{"start": 0, "end": 1, "loss": 1}]),
        ("timing", {"delay": -1, "residual": 0, "rate": 1, "resolution": 1}),
        ("timing", {"delay": 1}),
        ("timing", "good"),
    ],
)
def test_no_wrong_value_gets_in(tmp_path: Path, field: str, value: object) -> None:
    known().save(tmp_path / "x.wav", sidecar=True)
    place = sidecar_path(tmp_path / "x.wav")
    place.write_text(json.dumps(json.loads(place.read_bytes()) | {field: value}))
    with pytest.warns(SidecarWarning):
        back = load(tmp_path / "x.wav")
    assert (back.identity, back.gaps) == (None, ())


def test_gaps_beyond_what_was_written_are_cut(tmp_path: Path) -> None:
    save(known(2.0), tmp_path / "x.wav")
    write_sidecar(tmp_path / "x.wav", Facts.of(known()))
    back = load(tmp_path / "x.wav")
    assert back.gaps == (Gap(0.5, 1.0, "muted"),)
    assert back.concealed == (Concealment(1.0, 2.0, 0.1),)


def test_a_sidecar_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    write_sidecar(tmp_path / "x.wav", Facts(8000, identity="old"))
    code = (
        "import resource, sys\n"
        "from lkexplore.files import Facts, write_sidecar\n"
        "from lkexplore.errors import FileError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50, resource.RLIM_INFINITY))\n"
        "try:\n"
        "    write_sidecar(sys.argv[1], Facts(8000, identity='new' * 100))\n"
        "except FileError as error:\n"
        "    print(error)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "x.wav")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "cannot be written" in done.stdout
    facts = read_sidecar(tmp_path / "x.wav")
    assert facts is not None
    assert (facts.identity, facts.ended) == ("old", None)
    assert [path.name for path in tmp_path.iterdir()] == ["x.wav.json"]
    with pytest.raises(FileError, match="cannot be written"):
        write_sidecar(tmp_path / "nowhere" / "x.wav", Facts(8000))


def test_a_recording_on_disk_has_no_gaps_beyond_its_end(tmp_path: Path) -> None:
    meta = {"gaps": [Gap(1, 3, "muted"), Gap(5, 6, "x")], "concealed": [Concealment(1, 3, 1)]}
    saved = SavedRecording(tmp_path / "x.wav", 48000, 1, 2.0, **meta)
    assert saved.gaps == (Gap(1, 2, "muted"),)
    assert saved.concealed == (Concealment(1, 2, 0.5),)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_a_recording_on_disk_is_read_as_it_was(tmp_path: Path, suffix: str) -> None:
    recording = known()
    saved = facts_and_file(tmp_path / f"x.{suffix}", recording)
    back = saved.load()
    assert back.replace(samples=recording.samples) == recording
    assert back.samples == pytest.approx(recording.samples, abs=2**-23)
    assert load(saved.path) == back
    assert saved.load(0.75, 3.25) == back[0.75:3.25]
    assert saved.load(start=-1) == back[-1.0:]
    assert saved.facts == read_sidecar(saved.path)
    # What it knows does not depend on what is beside the file.
    sidecar_path(saved.path).write_text("{")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert saved.load() == back


def test_a_recording_on_disk_says_what_it_is(tmp_path: Path) -> None:
    saved = facts_and_file(tmp_path / "x.flac", known(identity="<alice>"))
    for words in ("x.flac", "4.000 s", "stereo", "8000 Hz", "'<alice>'", "2 gaps (1.000 s)"):
        assert words in repr(saved)
    assert "0.120 s concealed, ended: complete)" in repr(saved)
    html = saved._repr_html_()
    assert "<audio" in html
    assert "&lt;alice&gt;" in html
    assert "<alice>" not in html
    saved.path.unlink()
    assert "<audio" not in saved._repr_html_()
    assert "there is no file" in saved._repr_html_()
    with pytest.raises(FileError, match="there is no file"):
        saved.load()


def test_a_long_one_is_not_read_to_be_shown(tmp_path: Path) -> None:
    saved = SavedRecording(tmp_path / "gone.wav", 48000, 1, 3600.0, error="the disk is full")
    html = saved._repr_html_()
    assert "load(start, end)" in html
    assert "error: the disk is full" in html


def test_another_file_in_its_place_is_noticed(tmp_path: Path) -> None:
    saved = facts_and_file(tmp_path / "x.wav", known())
    known(rate=16_000).save(saved.path, overwrite=True)
    with pytest.raises(FileError, match="16000 Hz instead of 8000 Hz"):
        saved.load()


def test_files_that_others_left_unfinished_are_read(tmp_path: Path, noise) -> None:
    x = noise(60_000)
    save((x, 48000), tmp_path / "x.flac", subtype="PCM_16")
    data = bytearray((tmp_path / "x.flac").read_bytes())
    # As an encoder leaves it that was killed: the count of samples is not known.
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    (tmp_path / "whole.flac").write_bytes(data)
    (tmp_path / "cut.flac").write_bytes(data[: len(data) // 2])
    assert np.array_equal(load(tmp_path / "whole.flac").samples, load(tmp_path / "x.flac").samples)
    with pytest.warns(UserWarning, match="is broken after 0") as caught:
        part = load(tmp_path / "cut.flac")
    assert "\n" not in str(caught[0].message)
    assert caught[0].filename == __file__
    assert 0.4 < part.duration < 0.7
    assert part.samples[0] == pytest.approx(x[0, : part.samples.shape[1]], abs=2**-15)
    assert load(tmp_path / "whole.flac", start=1.0).duration == pytest.approx(0.25)


def wav_that_says(path: Path, x: np.ndarray, whole: int, data: int, after: bytes = b"") -> None:
    """Write a 16-bit WAV file with sizes of one's own."""
    soundfile.write(path, x, 48000, subtype="PCM_16")
    content = bytearray(path.read_bytes()) + after
    content[4:8] = whole.to_bytes(4, "little")
    place = content.index(b"data") + 4
    content[place : place + 4] = data.to_bytes(4, "little")
    path.write_bytes(content)


@pytest.mark.parametrize(("whole", "data"), [(0, 0), (36, 0), (2**32 - 1, 2**32 - 1), (0, 2**31)])
def test_a_wav_that_does_not_know_its_length_is_read(
    tmp_path: Path, noise, whole: int, data: int
) -> None:
    x = noise(10_000)[0]
    wav_that_says(tmp_path / "x.wav", x, whole, data)
    before = (tmp_path / "x.wav").read_bytes()
    back = load(tmp_path / "x.wav")
    assert back.samples[0] == pytest.approx(x, abs=2**-15)
    assert load(tmp_path / "x.wav", start=0.1, end=0.15) == back[0.1:0.15]
    assert (tmp_path / "x.wav").read_bytes() == before


def test_an_empty_wav_with_a_comment_stays_empty(tmp_path: Path) -> None:
    after = b"LIST" + (4).to_bytes(4, "little") + b"INFO"
    wav_that_says(tmp_path / "x.wav", np.zeros(0), 36 + len(after), 0, after)
    assert load(tmp_path / "x.wav").samples.shape == (1, 0)
