"""Active speakers and connection quality: what is told of levels and of losses."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from livekit.protocol import models as m

from lkexplore.server.media import connection_quality as quality
from lkexplore.server.media.active_speakers import ACTIVE_LEVEL, ActiveSpeakers
from lkexplore.server.media.connection_quality import LinkQuality


def level(db: float) -> float:
    return float(10 ** (db / 20))


class Track:
    """A track of which only the level matters."""

    def __init__(self, kind: str = "audio") -> None:
        self.kind, self.now = kind, 0.0

    def take_level(self) -> float:
        return self.now


class Voice:
    """Somebody with tracks."""

    def __init__(self, sid: str, *tracks: Track) -> None:
        self.sid = sid
        self.uplink = SimpleNamespace(tracks={str(n): track for n, track in enumerate(tracks)})


class Stage:
    """Speakers, and what is told of them."""

    def __init__(self, *voices: Voice) -> None:
        self.voices, self.speakers = list(voices), ActiveSpeakers()

    def look(self) -> dict[str, m.SpeakerInfo]:
        changed = self.speakers.update(cast("Any", self.voices))
        return {info.sid: info for info in changed}


def test_silence_is_not_mentioned() -> None:
    stage = Stage(Voice("a", Track()), Voice("b"))
    assert [stage.look() for _ in range(5)] == [{}] * 5


def test_a_speaker_comes_and_goes() -> None:
    track = Track()
    stage = Stage(Voice("a", track), Voice("b", Track()))
    track.now = level(-10)
    told = stage.look()
    assert set(told) == {"a"}
    assert told["a"].active
    assert told["a"].level == pytest.approx(level(-10) / 2)
    for _ in range(10):
        last = stage.look() or {}
        told |= last
    assert told["a"].level == pytest.approx(level(-10), abs=0.02)
    assert stage.look() == {}
    track.now = 0.0
    seen = list(itertools.chain(*(stage.look().values() for _ in range(20))))
    assert not seen[-1].active
    assert seen[-1].level == 0.0
    assert stage.look() == {}


@pytest.mark.parametrize(("db", "active"), [(-34, True), (-36, False), (-127, False)])
def test_who_counts_as_a_speaker(db: float, active: bool) -> None:
    assert pytest.approx(level(-35)) == ACTIVE_LEVEL
    track = Track()
    stage = Stage(Voice("a", track))
    track.now = level(db)
    told = [stage.look() for _ in range(30)]
    assert any("a" in t and t["a"].active for t in told) is active


def test_the_loudest_sound_counts_and_pictures_do_not() -> None:
    quiet, loud, picture = Track(), Track(), Track("video")
    quiet.now, loud.now, picture.now = level(-30), level(-10), 1.0
    told = Stage(Voice("a", quiet, loud, picture)).look()
    assert told["a"].level == pytest.approx(level(-10) / 2)


def test_who_has_left_is_forgotten() -> None:
    track = Track()
    stage = Stage(Voice("a", track))
    track.now = level(-10)
    stage.look()
    stage.speakers.forget("a")
    stage.speakers.forget("nobody")
    assert stage.speakers._smoothed == {}
    assert stage.speakers._reported == {}


@dataclass
class Link:
    """A participant of whom only the link matters."""

    sid: str = "PA_one"
    expected: int = 0
    lost: int = 0
    down: float = 0.0
    transport: Any = field(
        default_factory=lambda: SimpleNamespace(state="connected", last_check=1000.0)
    )

    @property
    def uplink(self) -> Any:
        return SimpleNamespace(loss=lambda: (self.expected, self.lost), transport=self.transport)

    @property
    def subscriptions(self) -> Any:
        return SimpleNamespace(worst_loss=lambda: self.down)


def judge_of(link: Link) -> LinkQuality:
    return LinkQuality(link.sid, link.uplink, link.subscriptions)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=1001.0)
    monkeypatch.setattr(quality.time, "monotonic", lambda: clock.now)
    return clock


Q = m.ConnectionQuality


@pytest.mark.parametrize(
    ("percent", "expected"),
    [(0, Q.EXCELLENT), (2, Q.EXCELLENT), (3, Q.GOOD), (8, Q.GOOD), (9, Q.POOR), (100, Q.POOR)],
)
@pytest.mark.parametrize("direction", ["up", "down"])
def test_quality_is_a_matter_of_loss(percent: int, expected: int, direction: str) -> None:
    link = Link(expected=1000)
    judge = judge_of(link)
    assert judge.look().quality == Q.EXCELLENT
    link.expected += 1000
    if direction == "up":
        link.lost += 10 * percent
    else:
        link.down = percent / 100
    told = judge.look()
    assert told.quality == expected
    assert told.participant_sid == "PA_one"
    assert 0 < told.score <= 5


def test_only_the_last_interval_counts() -> None:
    link = Link(expected=1000, lost=500)
    judge = judge_of(link)
    assert judge.look().quality == Q.POOR
    link.expected += 100
    assert judge.look().quality == Q.EXCELLENT


def test_figures_that_go_backwards_do_no_harm() -> None:
    link = Link(expected=1000, lost=500)
    judge = judge_of(link)
    judge.look()
    link.expected, link.lost = 10, 0
    assert judge.look().quality == Q.EXCELLENT


def test_a_silent_link_is_lost(clock: SimpleNamespace) -> None:
    link = Link()
    judge = judge_of(link)
    clock.now = 1009.0
    told = judge.look()
    assert (told.quality, told.score) == (Q.LOST, 0.0)
    link.transport.state = "new"
    assert judge.look().quality == Q.EXCELLENT
