from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from embedded_sound import heard

from lkexplore.errors import SoundError
from lkexplore.files.sample_sounds import sample
from lkexplore.measure import peak_dbfs, rms_dbfs, snr_db
from lkexplore.notebook.player.player import Player, describe, waveform_svg
from lkexplore.sound.recording import Gap, Recording


@pytest.fixture(scope="module")
def speech_30s() -> Recording:
    speech = sample("speech").resample(48_000)
    return Recording(np.tile(speech.samples, 5)[:, : 30 * 48_000], 48_000)


def well_formed(html: str) -> ET.Element:
    without = re.sub(r"<(script|style)>.*?</\1>", "", html, flags=re.DOTALL)
    return ET.fromstring(without.replace("<audio controls ", '<audio controls="" '))


def test_a_short_sound_is_embedded_without_loss_and_not_normalised(tone) -> None:
    quiet = tone(440, peak=0.01)
    kind, sound = heard(quiet._repr_html_())
    assert kind == "flac"
    assert sound.sample_rate == 48000
    assert np.array_equal(sound.to_int16(), quiet.to_int16())


@pytest.mark.parametrize("seconds", [1, 8, 30, 90, 600])
@pytest.mark.parametrize("channels", [1, 2, 3, 64])
def test_the_html_stays_small_whatever_the_length(noise, seconds: int, channels: int) -> None:
    if seconds * channels > 1200:
        seconds = 1200 // channels
    piece = noise(48000, channels)
    recording = Recording(np.tile(piece, seconds), 48000)
    html = recording._repr_html_()
    assert len(html) <= 300_000
    _, sound = heard(html)
    assert sound.duration >= min(seconds, 20) - 0.001
    assert well_formed(html) is not None


def test_a_preview_says_what_it_is_and_begins_at_the_beginning(noise) -> None:
    recording = Recording(np.tile(noise(48000), 300), 48000)
    player = Player(recording)
    seconds = float(re.search(r"only the first ([\d.]+) s", player.note)[1])  # type: ignore[index]
    assert 20 < seconds < 300
    kind, sound = heard(player.html)
    assert kind == "ogg"
    assert sound.duration == pytest.approx(seconds, abs=0.05)
    assert "recording[60:90]" in player.html
    wanted = recording[:5].resample(sound.sample_rate)
    assert snr_db(wanted, sound[:5]) > 3


def test_the_level_of_compressed_sound_is_kept(tone) -> None:
    recording = Recording(np.tile(tone(440, peak=0.1).samples, 60), 48000)
    _, sound = heard(recording.play(max_bytes=200_000).html)
    assert rms_dbfs(sound[1:10]) == pytest.approx(-20, abs=0.3)


@pytest.mark.parametrize("rate", [1, 50, 1000, 7999, 11025, 48000, 96000, 768000])
def test_every_rate_is_played_at_one_that_browsers_play(tone, rate: int) -> None:
    recording = tone(rate / 10, seconds=max(0.2, 8 / rate), rate=rate, peak=0.5)
    _, sound = heard(recording._repr_html_())
    assert 3000 <= sound.sample_rate <= 48000
    assert sound.duration == pytest.approx(recording.duration, abs=1e-3)


def test_beyond_full_scale_is_clipped_and_said() -> None:
    loud = Recording(np.array([2.0, -2.0] * 4000), 8000)
    assert "clipped" in Player(loud).note
    _, sound = heard(loud._repr_html_())
    assert np.abs(sound.samples).max() <= 1
    assert sound.samples[0, 0] > 0.99


def test_names_are_escaped_and_nothing_is_fetched() -> None:
    nasty = '<img src=x onerror="alert(1)">&\'"'
    recording = Recording(
        np.zeros(800), 8000, identity=nasty, name=nasty, track=nasty, gaps=[Gap(0, 0.01, nasty)]
    )
    html = recording._repr_html_()
    root = well_formed(html)
    assert {element.tag.split("}")[-1] for element in root.iter()} == {
        *("div", "svg", "rect", "title", "path", "audio")
    }
    links = re.findall(r'(?:src|href)\s*=\s*"([^"]{0,20})', ET.tostring(root, encoding="unicode"))
    assert all(link.startswith("data:") for link in links)
    assert "http" not in html.replace("http://www.w3.org/2000/svg", "")


def test_endless_names_and_many_gaps_stay_small() -> None:
    gaps = [Gap(i / 1000, i / 1000 + 0.0005, "x") for i in range(10_000)]
    recording = Recording(np.zeros(80_000), 8000, identity="x" * 10**6, gaps=gaps)
    assert len(recording._repr_html_()) < 300_000
    assert len(repr(recording)) < 200


def test_a_recording_without_samples_has_no_player() -> None:
    html = Recording([], 48000)._repr_html_()
    assert "<audio" not in html
    assert "nothing to play" in html
    assert well_formed(html) is not None


def test_too_small_a_player_is_refused() -> None:
    with pytest.raises(SoundError, match="at least"):
        Recording([0.0], 8000).play(max_bytes=1000)


@pytest.mark.parametrize("max_bytes", [float("nan"), float("inf"), "300000", None])
def test_what_is_no_size_is_refused(max_bytes: object) -> None:
    with pytest.raises(SoundError, match="at least 100000"):
        Recording([0.0], 8000).play(max_bytes=max_bytes)  # type: ignore[arg-type]


def test_play_is_shown_by_jupyter_as_a_bare_recording_is(tone) -> None:
    sound = tone()
    player = sound.play()
    assert player._repr_html_() == player.html == sound._repr_html_()
    assert "<svg" not in Player(sound, waveform=False).html


def test_it_is_normalised_only_when_asked(tone) -> None:
    quiet = tone(440, peak=0.01)
    player = quiet.play(normalise=True)
    _, sound = heard(player.html)
    assert peak_dbfs(sound) == pytest.approx(-1, abs=0.01)
    assert "normalised by +39.0 dB" in player.html
    assert "peak -40.0 dBFS" in player.html
    assert "+0.0 dB" in Recording(np.zeros(800), 8000).play(normalise=True).note


def test_ten_players_of_half_a_minute_of_speech_stay_below_three_megabytes(speech_30s) -> None:
    player = speech_30s.play()
    assert 10 * len(player.html.encode()) < 3_000_000
    _, sound = heard(player.html)
    assert sound.duration == pytest.approx(speech_30s.duration, abs=0.01)
    assert snr_db(speech_30s[5:8].resample(sound.sample_rate), sound[5:8]) > 10


def test_the_script_cannot_end_early_and_stands_alone() -> None:
    html = Recording(np.zeros(800), 8000)._repr_html_()
    script = re.search(r"<script>(.*)</script>", html, re.DOTALL)
    assert script
    assert "</" not in script[1]
    assert "import" not in script[1]
    assert "fetch" not in script[1]


def test_the_picture_has_the_extremes_and_the_gaps() -> None:
    x = np.zeros(64_000, np.float32)
    x[32_000], x[48_000] = 1.0, -1.0
    recording = Recording(x, 8000, gaps=[Gap(2.0, 4.0, "nothing arrived")])
    root = ET.fromstring(waveform_svg(recording, width=640, height=64))
    path = root.find("{*}path")
    assert path is not None
    points = np.array(
        [[float(v) for v in point.split(",")] for point in path.attrib["d"][1:-1].split()]
    )
    top, bottom = points[np.argmin(points[:, 1])], points[np.argmax(points[:, 1])]
    assert top == pytest.approx([320, 0.5], abs=1)
    assert bottom == pytest.approx([480, 63.5], abs=1)
    gap = root.find("{*}rect")
    assert gap is not None
    assert (gap.attrib["x"], gap.attrib["width"]) == ("160", "160")


def test_the_description_names_what_matters() -> None:
    recording = Recording(np.ones((3, 8000)), 8000, name="speech", identity="alice")
    assert describe(recording) == (
        "'speech', 1.000 s, 3 channels, 8000 Hz, from 'alice', peak 0.0 dBFS"
    )
