"""A/B/X: whether one hears which of two sounds a third one is, or guesses."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import comb
from typing import Any

import anywidget
import numpy as np
import traitlets
from numpy.typing import NDArray

from ...errors import SoundError
from ...sound.as_recording import Sound, as_recording
from ...sound.recording import Recording
from ..page import module, style
from ..player.player import cut, waveform_svg
from ..shared.still_picture import WithPicture, close_earlier, image_of
from .ab_player import levels_db, names_of

__all__ = ["ABX", "Answer", "abx", "chance_of_guessing"]

_MOST_TRIALS = 100
"""Most trials of a test."""

_MOST_SECONDS = 120.0
"""Most seconds of a sound."""

_LOWEST_RATE = 8_000
"""Lowest sample rate in Hz at which sound is sent to the page."""

_HIGHEST_RATE = 192_000
"""Highest sample rate in Hz at which sound is sent to the page."""

_HEIGHT = 48
"""Height of a waveform in pixels."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One trial of an A/B/X test.

    Attributes
    ----------
    x, said : str
        The sound that X was, and the one that it was taken for: ``"A"`` or ``"B"``.
    """

    x: str
    said: str

    @property
    def right(self) -> bool:
        """Whether X was recognised."""
        return self.x == self.said


class ABX(WithPicture, anywidget.AnyWidget):
    """A blind test by ear; made by :func:`lkexplore.abx`.

    Attributes
    ----------
    answers : tuple of Answer
        The trials so far.
    right : int
        Number of right answers.
    chance : float
        Probability, 0 to 1, that guessing gets as many right, or more.
    trials : int
        Number of trials in the test.
    levels_db : tuple of float
        Gains in dB with which A and B are played; 0 unless matched.
    """

    _esm = module("page/element.js", "page/sound.js", "player/player.js", "ab/ab.js")
    _css = style("page/common.css", "player/player.css")

    trials = traitlets.Int(10).tag(sync=True)

    def __init__(
        self, sounds: Sequence[Recording], names: Sequence[str], *, trials: int, match: bool
    ) -> None:
        if not isinstance(trials, int) or not 1 <= trials <= _MOST_TRIALS:
            raise SoundError(f"trials={trials!r} cannot be: give 1 to {_MOST_TRIALS}")
        for letter, sound in zip("AB", sounds, strict=True):
            if sound.duration > _MOST_SECONDS:
                raise SoundError(
                    f"sound {letter} has {sound.duration:.1f} s, and the page gets every sample: "
                    f"give up to {_MOST_SECONDS:g} s, as in sound[60:90]"
                )
        self._sounds, self.names = list(sounds), tuple(names)
        self.levels_db, self._how = levels_db(sounds) if match else ((0.0, 0.0), "")
        self._answers: list[Answer] = []
        self._x = secrets.choice("AB")
        super().__init__(trials=trials)
        self.on_msg(self._heard)
        close_earlier(self)

    @property
    def answers(self) -> tuple[Answer, ...]:
        """The trials so far."""
        return tuple(self._answers)

    @property
    def right(self) -> int:
        """Number of right answers."""
        return sum(answer.right for answer in self._answers)

    @property
    def chance(self) -> float:
        """Probability that guessing gets as many right, or more."""
        return chance_of_guessing(self.right, len(self._answers))

    def result(self) -> str:
        """Return the result in one line."""
        said = f"{self.right} of {len(self._answers)} right"
        if not self._answers:
            return f"0 of {self.trials} trials answered"
        return f"{said}; guessing gets as many or more in {100 * self.chance:.3g} % of such tests"

    def still(self) -> str:
        """Return what an exported notebook shows: the waveforms and the result."""
        pictures = "".join(
            f"<p><b>{escape(f'{letter}: {cut(name)}')}</b></p>"
            + image_of(waveform_svg(sound, height=_HEIGHT), "waveform", _HEIGHT)
            for letter, name, sound in zip("AB", self.names, self._sounds, strict=True)
        )
        return (
            f'<div class="lkx-still lkx-still-{self.model_id}" '
            'style="max-width:640px;font-size:0.85em">'
            f'{pictures}<div style="opacity:0.8">A/B/X test: {escape(self.result())}</div></div>'
        )

    def __repr__(self) -> str:
        # A notebook keeps the text from before the test, so it does not tell the result.
        return f"ABX({' or '.join(map(cut, self.names))}, {self.trials} trials)"

    def _heard(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        """Answer the page."""
        if content.get("ask") == "sounds":
            self._send_sounds(content.get("rate"))
        # A page shown twice may answer twice.
        elif content.get("trial") == len(self._answers) < self.trials:
            said = content.get("said")
            if said in ("A", "B"):
                self._answers.append(Answer(self._x, said))
                self._x = secrets.choice("AB")
                self.renew_still()
        if "ask" in content or "said" in content:
            self.send({"trial": self._trial()})

    def _trial(self) -> dict[str, Any]:
        done = len(self._answers) >= self.trials
        text = self.result() if done else f"trial {len(self._answers) + 1} of {self.trials}"
        return {"number": len(self._answers), "x": "AB".index(self._x), "text": text, "done": done}

    def _send_sounds(self, rate: Any) -> None:
        """Send the samples at the page's rate, since the page converts rates less well."""
        if not isinstance(rate, int | float):
            return
        rate = int(min(max(rate, _LOWEST_RATE), _HIGHEST_RATE))
        told, buffers = [], []
        longest = max(sound.duration for sound in self._sounds)
        for name, sound, level in zip(self.names, self._sounds, self.levels_db, strict=True):
            samples = _samples(sound, rate)
            share = sound.duration / longest
            told.append(
                {
                    "name": cut(name),
                    "level": 10 ** (level / 20),
                    "channels": len(samples),
                    "share": share,
                    "picture": waveform_svg(sound, height=_HEIGHT),
                }
            )
            buffers.append(samples.tobytes())
        face = {"seconds": longest, "matched": self._matched(), "id": self.model_id}
        face["rate"] = rate
        self.send({"sounds": told, **face}, buffers)

    def _matched(self) -> str:
        if not self._how:
            return ""
        said = (
            f"{letter} is played {-level:.1f} dB softer"
            for letter, level in zip("AB", self.levels_db, strict=True)
            if round(level, 1)
        )
        return f"{', '.join(said) or 'both are played as they are'} ({self._how})"


def abx(
    a: Sound,
    b: Sound,
    *,
    trials: int = 10,
    match: bool = False,
    names: Sequence[str] | None = None,
) -> ABX:
    """Return a blind test of whether one hears which of two sounds X is.

    Parameters
    ----------
    a, b : Recording or (samples, sample_rate)
        The sounds to tell apart, up to two minutes each.
    trials : int
        Number of times that X is drawn, 1 to 100. Whether the answers were right is told at the
        end.
    match : bool
        Whether to play both at the loudness of the softer; otherwise a louder sound can be
        recognised by its loudness alone.
    names : sequence of str, optional
        Names of the two sounds; by default their own names.

    Returns
    -------
    ABX
        A widget; its ``.answers``, ``.right`` and ``.chance`` follow.

    Raises
    ------
    SoundError
        If one is no sound, has no samples or is too long, or ``trials`` is out of range.

    See Also
    --------
    lkexplore.ab : Switches between sounds that are named.
    lkexplore.compare : Two sounds in figures and numbers.

    Notes
    -----
    Keys: A, B and X to switch, the rest as in :func:`lkexplore.ab`. The probability is that of at
    least as many heads when a coin is thrown once for each trial. After D. Clark,
    "High-resolution subjective testing using a double-blind comparator", J. Audio Eng. Soc.
    30(5), 1982. Taught in ``notebooks/04_filters.ipynb``.

    Examples
    --------
    >>> test = lk.abx(voice, voice | lk.filters.lowpass(8000))     # doctest: +SKIP
    >>> test                                                       # doctest: +SKIP
    >>> test.right, test.chance                                    # doctest: +SKIP
    """
    sounds = [as_recording(a), as_recording(b)]
    return ABX(sounds, names_of(sounds, names), trials=trials, match=match)


def chance_of_guessing(right: int, trials: int) -> float:
    """Return the probability that guessing gets at least that many of the trials right.

    Parameters
    ----------
    right, trials : int
        Numbers of right answers and of trials, ``0 <= right <= trials``.

    Returns
    -------
    float
        The upper tail of the binomial distribution for 1/2.

    Examples
    --------
    >>> round(chance_of_guessing(9, 10), 4)
    0.0107
    """
    return sum(comb(trials, count) for count in range(right, trials + 1)) / (1 << trials)


def _samples(sound: Recording, rate: int) -> NDArray[np.float32]:
    pair = sound.mono() if sound.channels > 2 else sound
    return np.ascontiguousarray(pair.resample(rate).samples, dtype=np.float32)
