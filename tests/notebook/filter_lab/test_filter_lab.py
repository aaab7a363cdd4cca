"""The filter lab, driven as its page drives it."""

import json
import time

import numpy as np
import pytest

import lkexplore as lk
from lkexplore.errors import FilterError, SoundError
from lkexplore.notebook.filter_lab import curves as bench

PATIENCE = 30.0


@pytest.fixture
def noisy():
    return lk.sample("speech_noisy")[0:2]


class Paper:
    """What a page would have been told by a lab."""

    def __init__(self, lab):
        self.lab, self.told = lab, []
        lab.send = lambda message, buffers=None: self.told.append((message, buffers))
        self.asks("look")
        self.rests()

    def asks(self, what, **more):
        self.lab._asked(self.lab, {"do": what, **more}, [])

    def moves(self, number=1, **values):
        named = {name.replace("__", "."): value for name, value in values.items()}
        self.asks("set", values=named, number=number)
        self.rests(number)

    def rests(self, number=0):
        """Wait until the newest filter is shown, with its sound."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            kinds = [(m["is"], m.get("of", m.get("number"))) for m, _ in list(self.told)]
            if kinds[-1:] == [("sound", None)] and ("shown", number) in kinds:
                return
            if kinds and kinds[-1] == ("shown", number) and self.lab._work.wait(0.2):
                return
            time.sleep(0.01)
        raise TimeoutError(f"nothing was shown: {kinds}")

    def last(self, kind, **having):
        found = [
            (message, buffers)
            for message, buffers in self.told
            if message["is"] == kind and having.items() <= message.items()
        ]
        return found[-1] if found else (None, None)

    def sliders(self):
        return {one["name"]: one for one in self.last("controls")[0]["sliders"]}

    def picture(self):
        """The levels after the filter, in dB, as they were drawn last: (columns, rows)."""
        count = self.last("before")[0]["columns"]
        drawn = np.zeros((count, bench.ROWS))
        for message, [raw] in [entry for entry in self.told if entry[0]["is"] == "columns"]:
            values = np.frombuffer(raw, np.uint8).reshape(message["count"], bench.ROWS)
            drawn[message["from"] : message["from"] + message["count"]] = values
        return bench.FLOOR_DB + drawn * (-bench.FLOOR_DB / 255)

    def sound(self, side):
        message, [raw] = self.last("sound", side=side)
        return np.frombuffer(raw, np.int16).reshape(message["channels"], -1) / 32768


def row_of(hz, sample_rate):
    edges = np.geomspace(bench.LOWEST_HZ, sample_rate / 2, bench.ROWS + 1)
    return int(np.searchsorted(edges, hz)) - 1


def test_moving_a_slider_changes_the_filter_the_sound_and_the_picture(noisy):
    lab = lk.FilterLab(noisy)
    page = Paper(lab)
    before, shown = lab.after, page.picture()
    page.moves(high=1000.0)
    assert lab.filter.high == pytest.approx(1000)
    above = lk.filters.highpass(2500)
    assert (lab.after | above).rms_dbfs < (before | above).rms_dbfs - 20
    assert lab.after == noisy | lab.filter
    row = row_of(4000, noisy.sample_rate)
    assert page.picture()[:, row].max() < shown[:, row].max() - 30
    row = row_of(600, noisy.sample_rate)
    assert page.picture()[:, row].max() == pytest.approx(shown[:, row].max(), abs=3)
    np.testing.assert_allclose(page.sound("after"), lab.after.samples, atol=2 / 32768)


def test_the_response_is_drawn_with_the_move(noisy):
    page = Paper(lk.FilterLab(noisy, lk.filters.lowpass(1000)))
    page.moves(cutoff=300.0)
    roots, [raw, places] = page.last("curve", number=1)
    db = np.frombuffer(raw, np.float32)
    hz = np.geomspace(20, noisy.sample_rate / 2, db.size)
    assert np.interp(300, hz, db) == pytest.approx(-3.01, abs=0.1)
    assert np.interp(1000, hz, db) < -35
    assert (roots["poles"], roots["zeros"]) == (4, 4)
    assert np.frombuffer(places, np.float32).reshape(-1, 2).shape == (8, 2)


def test_all_of_a_move_is_there_when_it_is_said_to_be_shown(noisy):
    page = Paper(lk.FilterLab(noisy))
    page.told.clear()
    page.moves(high=1000.0)
    kinds = [message["is"] for message, _ in page.told]
    assert kinds[:2] == ["values", "curve"]
    assert kinds[-4:] == ["columns", "measures", "shown", "sound"]
    pieces = [message for message, _ in page.told if message["is"] == "columns"]
    ends = [0, *np.cumsum([piece["count"] for piece in pieces]).tolist()]
    assert [piece["from"] for piece in pieces] == ends[:-1]
    assert ends[-1] == bench.COLUMNS
    loudness = page.last("measures", of="after")[0]["values"]["lufs"]
    assert loudness == pytest.approx(lk.measure.loudness_lufs(page.lab.after))


def test_of_many_moves_only_the_newest_has_to_be_shown(noisy):
    page = Paper(lk.FilterLab(noisy))
    for number in range(1, 40):
        page.asks("set", values={"high": 1000.0 + number}, number=number)
    page.rests(39)
    assert sum(message["is"] == "sound" for message, _ in page.told) < 20
    assert page.lab.filter.high == 1039
    np.testing.assert_allclose(page.sound("after"), page.lab.after.samples, atol=2 / 32768)


def test_a_value_that_the_filter_refuses_is_said_and_taken_back(noisy):
    lab = lk.FilterLab(noisy, lk.filters.bandpass(300, 3400))
    page = Paper(lab)
    page.moves(low=5000.0)
    assert lab.filter.low == 300
    assert page.sliders()["low"]["value"] == 300
    assert "5000" in page.last("error")[0]["text"]


def test_choosing_another_filter_brings_its_sliders(noisy):
    lab = lk.FilterLab(noisy)
    page = Paper(lab)
    page.asks("choose", name="notch")
    assert {name: one["unit"] for name, one in page.sliders().items()} == {"hz": "Hz", "q": ""}
    assert page.sliders()["hz"]["scale"] == "log"
    assert isinstance(lab.filter, lk.filters.Notch)


def test_every_filter_of_the_list_is_heard_and_has_sliders_and_code(noisy):
    lab = lk.FilterLab(noisy)
    page = Paper(lab)
    names = page.last("controls")[0]["choices"]
    assert len(names) > 10
    for name in names:
        page.told.clear()
        page.asks("look")
        page.asks("choose", name=name)
        page.rests()
        assert page.sliders(), name
        assert lab.after == noisy | lab.filter, name
        assert lab.after.rms_dbfs > -60, name
        made = {}
        exec(lab.code, made)
        assert type(made["filter"]) is type(lab.filter)
        assert noisy | made["filter"] == lab.after, name


def test_a_chain_has_the_sliders_of_all_its_members(noisy):
    chain = lk.filters.highpass(100) | lk.filters.gain(3)
    lab = lk.FilterLab(noisy, chain)
    page = Paper(lab)
    assert set(page.sliders()) == {"highpass.cutoff", "highpass.order", "gain.db"}
    page.moves(gain__db=-20.0)
    assert lab.after.rms_dbfs < noisy.rms_dbfs - 15
    assert lab.filter is chain


def test_what_was_set_in_python_counts(noisy):
    lab = lk.FilterLab(noisy, lk.filters.bandpass(300, 3400))
    page = Paper(lab)
    lab.filter.set(low=4000, high=6000)
    assert lab.after == noisy | lk.filters.bandpass(4000, 6000)
    lab.refresh()
    assert page.sliders()["low"]["value"] == 4000
    lab.filter = lk.filters.gain(-6)
    assert set(page.sliders()) == {"db"}
    assert lab.after.rms_dbfs == pytest.approx(noisy.rms_dbfs - 6, abs=0.01)


def test_a_filter_of_ones_own_without_a_response_is_shown(noisy):
    class Clip:
        def process(self, block):
            return np.clip(block, -0.1, 0.1)

    lab = lk.FilterLab(noisy, Clip())
    page = Paper(lab)
    assert np.abs(lab.after.samples).max() == pytest.approx(0.1)
    assert np.abs(page.sound("after")).max() == pytest.approx(0.1, abs=1e-4)
    assert page.last("curve")[1] == [b"", b""]
    page.asks("code")
    assert "of your own" in page.last("error")[0]["text"]


def test_what_a_filter_of_ones_own_raises_is_said(noisy):
    class Broken:
        def process(self, block):
            raise KeyError("nothing here")

    page = Paper(lk.FilterLab(noisy, Broken()))
    assert "KeyError" in page.last("error")[0]["text"]


def test_a_filter_that_makes_two_channels_is_heard_in_both(noisy):
    page = Paper(lk.FilterLab(noisy, lk.filters.pan(-1.0)))
    left, right = page.sound("after")
    assert np.abs(left).max() > 0.1
    assert np.abs(right).max() < 1e-3


def test_a_box_becomes_a_band_a_sound_and_a_cut(noisy):
    lab = lk.FilterLab(noisy)
    page = Paper(lab)
    page.asks("brush", box=[1.5, 0.5, 2000.0, 1000.0])
    assert lab.selection == (0.5, 1.5, 1000.0, 2000.0)
    assert lab.cut() == noisy[0.5:1.5]
    page.asks("hear")
    heard = lk.Recording(page.sound("selection"), noisy.sample_rate)
    assert heard.duration == pytest.approx(1.0)
    assert (heard | lk.filters.lowpass(500)).rms_dbfs < heard.rms_dbfs - 20
    page.asks("band", inverse=True)
    assert isinstance(lab.filter, lk.filters.Bandstop)
    page.asks("band", inverse=False)
    assert (lab.filter.low, lab.filter.high) == (1000, 2000)
    page.asks("cut")
    page.rests()
    assert lab.before == noisy[0.5:1.5]
    assert lab.after.duration == pytest.approx(1.0)
    page.asks("whole")
    assert lab.before == noisy


def test_a_box_outside_the_sound_is_refused(noisy):
    page = Paper(lk.FilterLab(noisy))
    page.asks("band")
    assert "nothing is selected" in page.last("error")[0]["text"]
    with pytest.raises(SoundError, match="takes in nothing"):
        page.lab.select(5.0, 6.0, 100, 200)


def test_saving_writes_the_filtered_sound(noisy, tmp_path):
    page = Paper(lk.FilterLab(noisy))
    page.asks("save", path=str(tmp_path / "clean.flac"))
    saved = lk.load(tmp_path / "clean.flac")
    np.testing.assert_allclose(saved.samples, page.lab.after.samples, atol=2 / 32768)
    # Again with another filter: what was saved stays.
    first = (tmp_path / "clean.flac").read_bytes()
    page.lab.filter = lk.filters.gain(-20)
    page.asks("save", path=str(tmp_path / "clean.flac"))
    (second,) = tmp_path.glob("clean *.flac")
    assert (tmp_path / "clean.flac").read_bytes() == first
    assert lk.load(second).rms_dbfs < saved.rms_dbfs - 10
    assert page.last("told")[0]["text"] == f"saved as {second}"


def test_all_that_is_told_is_plain_json_even_of_silence():
    lab = lk.FilterLab((np.zeros((1, 8000), "f4"), 8000))
    page = Paper(lab)
    for message, _ in page.told:
        json.dumps(message, allow_nan=False)
    assert page.last("measures", of="after")[0]["values"]["lufs"] is None


def test_no_sound_is_in_the_saved_state(noisy):
    lab = lk.FilterLab(noisy)
    Paper(lab)
    assert sum(len(str(value)) for name, value in lab.get_state().items() if name[0] != "_") < 500


def test_the_still_picture_shows_the_filter(noisy):
    lab = lk.FilterLab(noisy)
    response, *_ = lab.picture().axes
    assert "Bandpass" in response.get_title(loc="left")
    hz, db = response.lines[0].get_data()
    assert np.interp(1000, hz, db) == pytest.approx(0, abs=0.1)
    assert lab.model_id in lab.still()


def test_a_closed_lab_says_nothing_more(noisy):
    lab = lk.FilterLab(noisy)
    page = Paper(lab)
    lab.close()
    page.told.clear()
    page.asks("set", values={"high": 800.0}, number=2)
    lab._work.wait(10)
    assert page.told == []


def test_what_is_no_sound_or_no_filter_is_refused(noisy):
    with pytest.raises(SoundError):
        lk.FilterLab("speech")
    with pytest.raises(FilterError):
        lk.FilterLab(noisy, "lowpass")


def test_another_view_hears_what_was_moved(noisy):
    paper = Paper(lk.FilterLab(noisy, lk.filters.lowpass(8000)))
    paper.asks("set", values={"cutoff": 2000.0}, number=1, **{"from": "one"})
    message, _ = paper.last("values")
    assert message["values"]["cutoff"] == 2000
    assert message["from"] == "one"
    paper.lab.close()
