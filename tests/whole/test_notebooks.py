"""The notebooks run from top to bottom in a real kernel, and what they make is right."""

import re
import textwrap
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

import lkexplore as lk

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


def execute(name, folder, more=""):
    book = nbformat.read(NOTEBOOKS / name, as_version=4)
    if more:
        place = next(i for i, c in enumerate(book.cells) if "room.close()" in c.source)
        book.cells.insert(place, nbformat.v4.new_code_cell(textwrap.dedent(more)))
    NotebookClient(book, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    return book


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quickstart")
    keep = """
        for kept, recording in {"voice": voice, "clean": clean, "heard": heard}.items():
            recording.save(f"{kept}.wav")
    """
    book = execute("01_quickstart.ipynb", folder, keep)
    sounds = {name: lk.load(folder / f"{name}.wav") for name in ("voice", "clean", "heard")}
    return book, sounds


@pytest.fixture(autouse=True)
def on_this_server(monkeypatch, request):
    server = request.getfixturevalue("server")
    for name, value in (
        ("URL", server.url),
        ("API_KEY", server.api_key),
        ("API_SECRET", server.api_secret),
    ):
        monkeypatch.setenv(f"LIVEKIT_{name}", value)


def test_the_recorded_track_is_the_sample(quickstart):
    _, sounds = quickstart
    sample = lk.sample("speech_noisy")
    looped = sample.replace(samples=np.tile(sample.samples, 3))
    voice = sounds["voice"]
    assert voice.duration == 5.0
    start = -lk.measure.lag_seconds(looped, voice)
    played = looped[max(0.0, start) : start + voice.duration]
    # A server that takes one channel has it encoded as speech, which filters what is low.
    band = lk.filters.bandpass(400, 4000)
    assert lk.measure.segmental_snr_db(played | band, voice | band, drift=0.15) > 5


def test_the_published_track_is_the_filtered_one(quickstart):
    _, sounds = quickstart
    assert sounds["clean"].duration == 5.0
    assert lk.measure.segmental_snr_db(sounds["clean"], sounds["heard"]) > 20
    lag = lk.measure.lag_seconds(sounds["clean"], sounds["heard"])
    assert 0 < lag < 3
    assert sounds["heard"].duration > lag + sounds["clean"].duration - 0.04


def test_the_hum_is_gone(quickstart):
    _, sounds = quickstart
    low = lk.filters.lowpass(80, order=8)
    assert (sounds["clean"] | low).rms_dbfs < (sounds["voice"] | low).rms_dbfs - 20


def test_pictures_and_players_are_shown_and_no_token(quickstart, server):
    book, _ = quickstart
    data = [o.data for c in book.cells if c.cell_type == "code" for o in c.outputs if "data" in o]
    assert sum("image/png" in d for d in data) >= 3
    assert sum("<audio" in d.get("text/html", "") for d in data) >= 3
    text = nbformat.writes(book)
    assert not re.search(r"eyJ[\w-]+\.eyJ", text)
    assert server.api_secret not in text


def test_the_notebooks_are_kept_without_outputs():
    for path in NOTEBOOKS.glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            assert not cell.get("outputs"), path.name
