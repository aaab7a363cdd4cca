"""A name that is taken gets the time: nothing is ever overwritten."""

import re

import numpy as np
import pytest

import lkexplore as lk
from lkexplore.errors import FileError
from lkexplore.notebook.shared.saving import save_beside

TIME = r"\d{4}-\d\d-\d\d \d\d\.\d\d\.\d\d"
SOUND = lk.Recording(np.full(80, 0.5, "f4"), 8000)


def test_a_name_that_is_taken_gets_the_time_and_then_a_number(tmp_path):
    wanted = tmp_path / "alice.b-0.flac"
    names = [save_beside(SOUND, str(wanted)) for _ in range(4)]
    assert names[0] == str(wanted)
    assert len(set(names)) == 4
    for name in names[1:]:
        assert re.fullmatch(rf"alice\.b-0 {TIME}( \d)?\.flac", name.rpartition("/")[2])
    assert {lk.load(name).duration for name in names} == {SOUND.duration}


def test_a_name_without_a_folder_is_in_the_kernels(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert save_beside(SOUND, "alice-0.flac") == "alice-0.flac"
    assert lk.load(tmp_path / "alice-0.flac").duration == SOUND.duration


def test_a_link_that_leads_nowhere_is_something_too(tmp_path):
    (tmp_path / "link.wav").symlink_to(tmp_path / "away.wav")
    save_beside(SOUND, str(tmp_path / "link.wav"))
    assert not (tmp_path / "away.wav").exists()


@pytest.mark.parametrize("name", ["sound.txt", "sound", "", "no such folder/sound.wav"])
def test_what_cannot_be_saved_leaves_nothing(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileError) as told:
        save_beside(SOUND, name)
    assert len(str(told.value).splitlines()) == 1
    assert not list(tmp_path.iterdir())
