"""Nothing is overwritten: names that are taken, and programs that want the same one at once."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lkexplore.errors import FileError, LkExploreError
from lkexplore.files import SoundWriter, load, save, sidecar_path
from lkexplore.files.new_file import reserve

MOMENT = datetime(2026, 11, 28, 12, 2, 3, tzinfo=UTC)
STAMP = f"{MOMENT.astimezone():%Y-%m-%d %H.%M.%S}"


def test_a_file_that_is_there_is_refused_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    save(([0.25], 48000), path, sidecar=True)
    before = path.read_bytes(), sidecar_path(path).read_bytes()
    for again in (
        lambda: save(([0.5, 0.5], 48000), path),
        lambda: save(([0.5, 0.5], 48000), path, sidecar=True),
        lambda: SoundWriter(path, 48000, 1),
    ):
        with pytest.raises(FileError, match=r"x\.wav exists already: give another name, or over"):
            again()
    assert (path.read_bytes(), sidecar_path(path).read_bytes()) == before
    save(([0.5, 0.5], 48000), path, overwrite=True)
    assert load(path).samples.tolist() == [[0.5, 0.5]]


def test_what_is_no_switch_does_not_overwrite(tmp_path: Path) -> None:
    save(([0.25], 48000), tmp_path / "x.wav")
    with pytest.raises(LkExploreError, match="overwrite must be True or False, not 'no'"):
        save(([0.5], 48000), tmp_path / "x.wav", overwrite="no")
    assert load(tmp_path / "x.wav").samples.tolist() == [[0.25]]


@pytest.mark.parametrize("write", [save, lambda sound, path: SoundWriter(path, 48000, 1)])
def test_a_sidecar_without_its_sound_is_not_lost(tmp_path: Path, write: Callable) -> None:
    path = tmp_path / "x.flac"
    save(([0.25], 48000), path, sidecar=True)
    path.unlink()
    with pytest.raises(FileError, match=r"x\.flac\.json exists already"):
        write(([0.5], 48000), path)
    assert json.loads(sidecar_path(path).read_text())["sample_rate"] == 48000


def test_another_programs_json_is_in_the_way_of_a_sidecar_only(tmp_path: Path) -> None:
    path = tmp_path / "x.flac"
    sidecar_path(path).write_text("{}")
    with pytest.raises(FileError, match=r"x\.flac\.json exists already"):
        save(([0.5], 48000), path, sidecar=True)
    save(([0.5], 48000), path)
    assert sidecar_path(path).read_text() == "{}"


def test_names_of_their_own(tmp_path: Path) -> None:
    names = [reserve(tmp_path, "a_mic", ".flac", MOMENT).name for _ in range(4)]
    stamped = f"a_mic {STAMP}"
    assert names == ["a_mic.flac", f"{stamped}.flac", f"{stamped} 2.flac", f"{stamped} 3.flac"]
    (tmp_path / "b_mic.flac.json").write_text("{}")
    assert reserve(tmp_path, "b_mic", ".flac", MOMENT).name == f"b_mic {STAMP}.flac"
    with pytest.raises(FileError, match="cannot be written"):
        reserve(tmp_path / "none", "a", ".flac", MOMENT)


RACE = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from lkexplore.errors import FileError
from lkexplore.files import save
from lkexplore.files.new_file import reserve
folder, mine = Path(sys.argv[1]), int(sys.argv[2])
moment = datetime(2026, 11, 28, tzinfo=UTC)
print("ready", flush=True)
sys.stdin.readline()
for number in range(40):
    print("reserved", reserve(folder, f"r{number}", ".flac", moment).name)
    try:
        save(([mine / 10], 48000), folder / f"s{number}.wav")
        print("saved", number)
    except FileError as error:
        assert "exists already" in str(error) or "File exists" in str(error), error
"""


def test_two_programs_never_get_the_same_name(tmp_path: Path) -> None:
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, str(tmp_path), str(mine)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for mine in (1, 2)
    ]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    said = [racer.communicate(timeout=60)[0].splitlines() for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0]
    reserved, saved = ([{x for x in one if x.startswith(w)} for one in said] for w in ("r", "s"))
    assert not reserved[0] & reserved[1]
    assert len(reserved[0] | reserved[1]) == 80
    # Of each file, one of them has been told that it is theirs, and it is.
    assert not saved[0] & saved[1]
    assert len(saved[0] | saved[1]) == 40
    for mine, files in enumerate(saved, 1):
        for line in files:
            sound = load(tmp_path / f"s{line.split()[1]}.wav")
            assert sound.samples[0, 0] == pytest.approx(mine / 10)
    assert not list(tmp_path.glob("*.part"))


def test_a_disk_without_links_keeps_the_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_paths: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", no_links)
    save(([0.25], 48000), tmp_path / "x.wav")
    assert load(tmp_path / "x.wav").samples.tolist() == [[0.25]]
    with pytest.raises(FileError, match="exists already"):
        save(([0.5], 48000), tmp_path / "x.wav")
    assert [path.name for path in tmp_path.iterdir()] == ["x.wav"]


@pytest.mark.parametrize("path", [5, 0, None, b"x.wav", ["x.wav"], "a\0b.wav"])
def test_what_is_no_path_is_refused(path: object) -> None:
    for write in (lambda: save(([0.0], 48000), path), lambda: SoundWriter(path, 48000, 1)):
        with pytest.raises(FileError, match="is no path of a file"):
            write()
