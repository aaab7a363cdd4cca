"""Comparing by ear: what is embedded, at which levels, and how a blind test counts."""

from __future__ import annotations

import re

import numpy as np
import pytest
from embedded_sound import heard

from lkexplore.errors import SoundError
from lkexplore.files.sample_sounds import sample
from lkexplore.measure import loudness_lufs, rms_dbfs
from lkexplore.notebook.ab.ab_player import ab
from lkexplore.notebook.ab.abx import ABX, Answer, abx, chance_of_guessing
from lkexplore.sound.recording import Recording


def embedded(html: str) -> list[tuple[str, Recording, float]]:
    """Return kind, sound and level of each sound in a player."""
    return [
        (*heard(tag), float(re.search(r'data-level="([^"]+)"', tag)[1]))  # type: ignore[index]
        for tag in re.findall(r"<audio[^>]*>", html)
    ]


def test_two_sounds_are_embedded_without_loss_and_at_their_level(tone) -> None:
    first, second = tone(440, peak=0.1), tone(880, peak=0.5)
    sounds = embedded(ab(first, second).html)
    assert [kind for kind, _, _ in sounds] == ["flac", "flac"]
    assert [level for _, _, level in sounds] == [1, 1]
    for (_, got, _), wanted in zip(sounds, (first, second), strict=True):
        assert np.array_equal(got.to_int16(), wanted.to_int16())


def test_matching_makes_all_as_loud_as_the_softest() -> None:
    speech = sample("speech")
    quiet = speech.replace(samples=speech.samples / 4)
    made = ab(speech, quiet, match=True, names=["loud", "quiet"])
    assert made.levels_db == pytest.approx((-12.04, 0), abs=0.1)
    assert "A: loud: &#x27;speech&#x27;" in made.html
    assert "12.0 dB softer (for equal loudness in LUFS)" in made.html
    found = [
        loudness_lufs(s.replace(samples=s.samples * level)) for _, s, level in embedded(made.html)
    ]
    assert found[0] == pytest.approx(found[1], abs=0.1)


def test_what_is_too_short_for_loudness_is_matched_by_rms(tone) -> None:
    made = ab(tone(1000, seconds=0.1), tone(1000, seconds=0.1, peak=0.1), match=True)
    assert made.levels_db == pytest.approx((-20, 0), abs=0.01)
    assert "RMS" in made.html


def test_stereo_and_mono_are_matched_as_they_are_heard(tone) -> None:
    mono = tone(1000)
    stereo = mono.replace(samples=np.tile(mono.samples, (2, 1)))
    assert ab(mono, stereo, match=True).levels_db == pytest.approx((0, 0), abs=0.01)


def test_silence_matches_nothing(tone) -> None:
    silence = Recording(np.zeros(48000), 48000)
    assert ab(tone(), silence, match=True).levels_db == (0, 0)
    assert ab(silence, silence, match=True).levels_db == (0, 0)


def test_long_sounds_are_all_compressed_in_one_way(noise) -> None:
    long, short = (Recording(np.tile(noise(48000), n), 48000) for n in (60, 30))
    made = ab(long, short, max_bytes=800_000)
    assert len(made.html) <= 800_000
    kinds = {(kind, sound.sample_rate) for kind, sound, _ in embedded(made.html)}
    assert len(kinds) == 1
    assert kinds.pop()[0] == "ogg"


def test_a_short_sound_beside_a_long_one_has_a_lane_as_short(tone) -> None:
    html = ab(tone(seconds=2), tone(seconds=0.5)).html
    assert 'data-lane="0" style="width:100%"' in html
    assert 'data-lane="1" style="width:25%"' in html


@pytest.mark.parametrize(
    ("sounds", "options", "said"),
    [
        (9, {}, "too many"),
        (2, {"names": ["one"]}, "one for each"),
        (2, {"max_bytes": 1000}, "at least 150000"),
    ],
)
def test_what_cannot_be_compared_is_refused(tone, sounds: int, options, said: str) -> None:
    with pytest.raises(SoundError, match=said):
        ab(*[tone()] * sounds, **options)


def test_a_sound_without_samples_is_refused(tone) -> None:
    with pytest.raises(SoundError, match="sound B has no samples"):
        ab(tone(), Recording([], 48000))


@pytest.mark.parametrize(
    ("right", "trials", "chance"), [(0, 0, 1), (0, 5, 1), (5, 5, 1 / 32), (9, 10, 11 / 1024)]
)
def test_the_chance_of_guessing_is_the_binomial_tail(right, trials, chance) -> None:
    assert chance_of_guessing(right, trials) == chance


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict, list[bytes]]]:
    """Keep what the kernel sends to the page."""
    sent: list[tuple[dict, list[bytes]]] = []
    monkeypatch.setattr(ABX, "send", lambda _, said, buffers=None: sent.append((said, buffers)))
    return sent


def test_answers_are_counted_against_what_x_was(tone, told) -> None:
    test = abx(tone(440), tone(880), trials=20)
    test._heard(test, {"ask": "sounds", "rate": 48000}, [])
    xs = []
    for number in range(20):
        xs.append("AB"[told[-1][0]["trial"]["x"]])
        test._heard(test, {"trial": number, "said": "A"}, [])
    assert test.answers == tuple(Answer(x, "A") for x in xs)
    assert set(xs) == {"A", "B"}
    assert test.right == xs.count("A")
    assert test.chance == chance_of_guessing(test.right, 20)
    assert told[-1][0]["trial"]["done"]
    assert f"{test.right} of 20 right" in test.result()
    assert f"{test.right} of 20 right" in test.still()


def test_a_second_answer_to_one_trial_and_nonsense_do_not_count(tone, told) -> None:
    test = abx(tone(440), tone(880), trials=2)
    nonsense = (
        {"said": "A"},
        {"trial": 0, "said": "C"},
        {"trial": 5, "said": "A"},
        {},
        {"trial": 0},
    )
    for content in nonsense:
        test._heard(test, content, [])
    test._heard(test, {"ask": "sounds", "rate": "48000"}, [])
    assert test.answers == ()
    for _ in range(2):
        test._heard(test, {"trial": 0, "said": "A"}, [])
    assert len(test.answers) == 1


def test_the_page_gets_samples_at_its_rate_and_matched(tone, told) -> None:
    low = tone(440, rate=22050, peak=0.5)
    test = abx(low, low.replace(samples=low.samples / 2), match=True)
    test._heard(test, {"ask": "sounds", "rate": 44100}, [])
    said, buffers = told[0]
    assert "A is played 6.0 dB softer" in said["matched"]
    for sound, buffer in zip(said["sounds"], buffers, strict=True):
        samples = np.frombuffer(buffer, np.float32) * sound["level"]
        assert samples.size == 44100
        assert rms_dbfs((samples, 44100)) == pytest.approx(-12.04, abs=0.05)
    assert "x" not in test.get_state()


@pytest.mark.parametrize("trials", [0, 101, -1, 2.5])
def test_the_number_of_trials_has_bounds(tone, trials: int) -> None:
    with pytest.raises(SoundError, match="1 to 100"):
        abx(tone(), tone(), trials=trials)


@pytest.mark.parametrize("sounds", [2, 8])
def test_many_channels_leave_room_for_the_sound(noise, sounds: int) -> None:
    most = 100_000 + 50_000 * (sounds - 1)
    player = ab(*[Recording(noise(48_000, 8), 48_000)] * sounds, max_bytes=most)
    assert len(player.html.encode()) <= most
    assert len(embedded(player.html)) == sounds


def test_endless_names_stay_small(tone) -> None:
    sounds = [tone(440).replace(name="\U0001f600" * 100_000), tone(880)]
    for names in (None, ["x" * 10**6, '"><script>']):
        player = ab(*sounds, names=names, max_bytes=300_000)
        assert len(player.html.encode()) <= 300_000
        assert len(repr(player)) < 300
        assert '"><script>' not in player.html


def test_a_blind_test_of_an_hour_is_refused(tone) -> None:
    long = Recording(np.zeros(8000 * 121), 8000)
    with pytest.raises(SoundError, match="up to 120 s"):
        abx(long, tone())
