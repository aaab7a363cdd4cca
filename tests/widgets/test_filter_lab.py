"""The filter lab, driven as its sliders drive it."""

import io

import ipywidgets
import matplotlib.image
import numpy as np
import pytest

import lkexplore as lk
from lkexplore.errors import FilterError, SoundError


@pytest.fixture
def noisy():
    return lk.sample("speech_noisy")[0:2]


def sliders(lab):
    found = {}
    pending = [lab]
    while pending:
        widget = pending.pop()
        pending += getattr(widget, "children", ())
        if hasattr(widget, "min"):
            found[widget.description] = widget
    return found


def picture(lab):
    [image] = [w for w in lab.children if isinstance(w, ipywidgets.Image)]
    return matplotlib.image.imread(io.BytesIO(image.value))


def test_moving_a_slider_changes_the_filter_the_sound_and_the_picture(noisy):
    lab = lk.FilterLab(noisy)
    before, shown = lab.after, picture(lab)
    sliders(lab)["high (Hz)"].value = 1000.0
    assert lab.filter.high == pytest.approx(1000)
    above = lk.filters.highpass(2500)
    assert (lab.after | above).rms_dbfs < (before | above).rms_dbfs - 20
    assert lab.after == noisy | lab.filter
    assert np.abs(picture(lab) - shown).max() > 0.1


def test_a_value_that_the_filter_refuses_is_said_and_taken_back(noisy):
    lab = lk.FilterLab(noisy, lk.filters.bandpass(300, 3400))
    low = sliders(lab)["low (Hz)"]
    low.value = 5000.0
    assert lab.filter.low == 300
    assert low.value == pytest.approx(300)
    assert any("5000" in w.value for w in lab.children if isinstance(w, ipywidgets.HTML))


def test_choosing_another_filter_brings_its_sliders(noisy):
    lab = lk.FilterLab(noisy)
    lab.children[0].value = "notch"
    assert set(sliders(lab)) == {"hz (Hz)", "q"}
    assert isinstance(lab.filter, lk.filters.Notch)


def test_every_filter_of_the_list_is_heard_and_has_sliders(noisy):
    lab = lk.FilterLab(noisy)
    heard = []
    for name in lab.children[0].options:
        lab.children[0].value = name
        assert sliders(lab), name
        assert lab.after == noisy | lab.filter, name
        assert lab.after.rms_dbfs > -60, name
        heard.append(lab.after.samples)
    assert len(heard) > 5
    for filtered in heard[:3]:
        assert np.abs(filtered - noisy.samples).max() > 0.01


def test_a_chain_has_the_sliders_of_all_its_members(noisy):
    chain = lk.filters.highpass(100) | lk.filters.gain(3)
    lab = lk.FilterLab(noisy, chain)
    assert set(sliders(lab)) == {"highpass.cutoff (Hz)", "highpass.order", "gain.db (dB)"}
    sliders(lab)["gain.db (dB)"].value = -20.0
    assert lab.after.rms_dbfs < noisy.rms_dbfs - 15
    assert lab.filter is chain


def test_a_filter_of_ones_own_without_a_response_is_shown(noisy):
    class Clip:
        def process(self, block):
            return np.clip(block, -0.1, 0.1)

    lab = lk.FilterLab(noisy, Clip())
    assert np.abs(lab.after.samples).max() == pytest.approx(0.1)
    assert picture(lab).std() > 0.1


def test_what_is_no_sound_or_no_filter_is_refused(noisy):
    with pytest.raises(SoundError):
        lk.FilterLab("speech")
    with pytest.raises(FilterError):
        lk.FilterLab(noisy, "lowpass")
