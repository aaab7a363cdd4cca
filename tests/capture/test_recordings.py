"""Several recordings as one value: saving them, and what could not be recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

import lkexplore as lk
from lkexplore.capture.recordings import Recordings
from lkexplore.errors import FileError, LkExploreError, TrackNotFound
from lkexplore.sound.recording import Recording


def recorded(level: float) -> Recordings:
    return Recordings(
        {
            (who, "mic"): Recording([level] * 800, 8000, identity=who, name="mic")
            for who in ("alice", "bob")
        }
    )


def test_saving_again_overwrites_nothing(tmp_path: Path) -> None:
    first = recorded(0.125).save(tmp_path)
    (tmp_path / "alice_mic.flac").unlink()  # its sidecar stays, and is not about the next one
    again = [recorded(level).save(tmp_path) for level in (0.25, 0.5)]
    assert [path.name for path in first] == ["alice_mic.flac", "bob_mic.flac"]
    everything = {path for paths in again for path in paths}
    assert len(everything) == 4
    assert all(" 20" in path.name for path in everything)
    for level, paths in zip((0.25, 0.5), again, strict=True):
        for path, who in zip(paths, ("alice", "bob"), strict=True):
            sound = lk.load(path)
            assert sound.identity == who
            assert sound.samples.max() == pytest.approx(level)
            assert path.with_name(path.name + ".json").is_file()
    assert lk.load(first[1]).samples.max() == pytest.approx(0.125)
    names = {path.name for path in tmp_path.iterdir()}
    replaced = recorded(0.75).save(tmp_path, overwrite=True)
    assert replaced == first
    assert lk.load(first[1]).samples.max() == pytest.approx(0.75)
    assert {path.name for path in tmp_path.iterdir()} == names | {"alice_mic.flac"}


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    for folder in (5, None, b"x", "a\0b"):
        with pytest.raises(FileError, match="is no path of a folder"):
            recorded(0.5).save(folder)
    with pytest.raises(LkExploreError, match="overwrite must be True or False"):
        recorded(0.5).save(tmp_path / "new", overwrite=1)
    assert not (tmp_path / "new").exists()


def test_what_went_wrong_is_in_the_result() -> None:
    none = Recordings({}, problems=["nothing was recorded: nobody called 'alcie' is here"])
    assert "nobody called 'alcie'" in repr(none)
    assert "nobody called &#x27;alcie&#x27;" in none._repr_html_()
    assert none.load().problems == none.problems
    with pytest.raises(TrackNotFound, match="recorded: nothing; nothing was recorded: nobody"):
        none["alcie"]
