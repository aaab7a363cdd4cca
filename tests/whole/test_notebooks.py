"""The notebooks run from top to bottom in a real kernel, and what they make is right."""

import json
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
def quickstart(tmp_path_factory, server):
    folder = tmp_path_factory.mktemp("quickstart")
    keep = """
        for kept, recording in {"voice": voice, "clean": clean, "heard": heard}.items():
            recording.save(f"{kept}.wav")
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIVEKIT_URL", server.url)
        patch.setenv("LIVEKIT_API_KEY", server.api_key)
        patch.setenv("LIVEKIT_API_SECRET", server.api_secret)
        book = execute("01_quickstart.ipynb", folder, keep)
    sounds = {name: lk.load(folder / f"{name}.wav") for name in ("voice", "clean", "heard")}
    return book, sounds


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Run it where nothing is set up: on a server of its own, which can be a bad network."""
    folder = tmp_path_factory.mktemp("recording")
    keep = """
        import json
        from pathlib import Path

        everyone.save("everyone")
        coming_and_going.save("gaps")
        last = room.last("alice", 10)
        for kept, sound_of in {"good": good, "bad": bad, "last": last}.items():
            sound_of.save(f"{kept}.flac", sidecar=True)
        facts = {
            "levels": [float(level) for level in levels],
            "image": [image.shape, image[100, [80, 240, 400, 560]].tolist()],
            "film": [film.frames.shape, film.timestamps.tolist()],
            "apart": [float(one) for one in apart],
        }
        Path("facts.json").write_text(json.dumps(facts))
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in ("URL", "TOKEN", "API_KEY", "API_SECRET"):
            patch.delenv(f"LIVEKIT_{name}", raising=False)
        book = execute("02_recording.ipynb", folder, keep)
    return book, folder, json.loads((folder / "facts.json").read_text())


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


def shown(book):
    return [o.data for c in book.cells if c.cell_type == "code" for o in c.outputs if "data" in o]


def like_speech(recording):
    """Return how much of a recording is the sample that a bot repeats, as a ratio in dB."""
    sample = lk.sample("speech")
    looped = sample.replace(samples=np.tile(sample.samples, 4))
    start = -lk.measure.lag_seconds(looped, recording)
    played = looped[max(0.0, start) : start + recording.duration]
    return lk.measure.segmental_snr_db(played, recording[max(0.0, -start) :], drift=0.15)


def test_everyone_is_on_one_clock(recording):
    _, folder, _ = recording
    everyone = [lk.load(path) for path in sorted((folder / "everyone").glob("*.flac"))]
    assert [one.identity for one in everyone] == ["alice", "bob", "carol"]
    assert {one.samples.shape for one in everyone} == {(1, 6 * 48_000)}
    assert len({one.started_monotonic for one in everyone}) == 1
    assert like_speech(everyone[0]) > 10
    string = everyone[1] | lk.filters.lowpass(300)
    assert lk.measure.tone_hz(string) == pytest.approx(219.4, abs=2)
    assert all(0 < one.timing.delay < 1 for one in everyone)


def test_the_mute_is_a_gap(recording):
    _, folder, _ = recording
    bob = lk.load(folder / "gaps" / "bob_plucked.flac")
    [muted] = [gap for gap in bob.gaps if gap.reason == "muted"]
    assert muted.start == pytest.approx(2.0, abs=0.5)
    assert 1.9 < muted.duration < 4
    assert bob[muted.start + 0.2 : muted.end - 0.2].peak_dbfs < -60
    assert bob[: muted.start].rms_dbfs > -40
    assert bob[muted.end + 0.2 :].rms_dbfs > -40
    dave = lk.load(folder / "gaps" / "dave_sweep.flac")
    assert dave.gaps[0].reason == "not there yet"
    assert lk.load(folder / "gaps" / "carol_chirp.flac").duration < dave.duration - 1.5


def test_the_bad_network_is_concealed_and_heard(recording):
    _, folder, _ = recording
    good, bad, last = (lk.load(folder / f"{name}.flac") for name in ("good", "bad", "last"))
    assert good.duration == bad.duration == 7.0
    made_up = [sum(part.seconds for part in one.concealed) for one in (good, bad)]
    assert made_up[1] > made_up[0] + 0.15
    assert made_up[1] < 4
    assert like_speech(bad) < like_speech(good) - 3
    assert last.duration == 10.0
    assert like_speech(last[5:]) > like_speech(bad)


def test_the_busy_kernel_lost_nothing_on_disk(recording):
    _, folder, _ = recording
    alice, bob = (
        lk.load(folder / "lesson-2" / f"{n}.flac") for n in ("alice_speech", "bob_plucked")
    )
    assert alice.gaps == ()
    assert like_speech(alice) > 10
    assert [gap.reason for gap in bob.gaps] == ["muted"]
    assert bob.gaps[0].duration == pytest.approx(3.0, abs=0.5)


def test_levels_and_pictures_are_right(recording):
    _, _, facts = recording
    assert len(facts["levels"]) == 150
    assert -40 < max(facts["levels"]) < -5
    shape, colours = facts["image"]
    assert shape == [360, 640, 3]
    wanted = [[192, 192, 192], [192, 192, 0], [0, 192, 192], [0, 192, 0]]
    assert np.abs(np.array(colours) - wanted).max() < 30
    shape, times = facts["film"]
    assert shape == [len(times), 360, 640, 3]
    assert len(times) > 30
    assert times[-1] == pytest.approx(2.0, abs=0.2)
    assert len(facts["apart"]) >= 3
    assert np.median(np.abs(facts["apart"])) < 60


def test_what_was_recorded_is_shown(recording):
    book, _, _ = recording
    data = shown(book)
    assert sum("image/png" in d for d in data) >= 7
    assert sum(d.get("text/html", "").count("<audio") for d in data) >= 8
    assert sum("<video" in d.get("text/html", "") for d in data) == 1
    assert sum("recorded" in d.get("text/html", "") for d in data) >= 3
    assert not re.search(r"eyJ[\w-]+\.eyJ", nbformat.writes(book))


def test_pictures_and_players_are_shown_and_no_token(quickstart, server):
    book, _ = quickstart
    data = shown(book)
    assert sum("image/png" in d for d in data) >= 3
    assert sum("<audio" in d.get("text/html", "") for d in data) >= 3
    text = nbformat.writes(book)
    assert not re.search(r"eyJ[\w-]+\.eyJ", text)
    assert server.api_secret not in text


def test_the_notebooks_are_kept_without_outputs():
    for path in NOTEBOOKS.glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            assert not cell.get("outputs"), path.name
