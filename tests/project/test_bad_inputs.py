"""Whatever comes in place of a sound or a number is taken, or refused in one line of our own."""

from __future__ import annotations

import inspect
import io
import math
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

import lkexplore as lk

RATE = 8000
SECOND = np.arange(RATE) / RATE
NOISE = 0.1 * np.random.default_rng(1).standard_normal(RATE)
VOICE = lk.Recording(0.5 * np.sin(2 * np.pi * 440 * SECOND) + NOISE, RATE)


async def recorded() -> lk.Recording:
    """Stand for ``room.record(...)`` without await."""
    return VOICE


def plain(block: np.ndarray) -> np.ndarray:
    """Filter nothing."""
    return block


class Thing:
    """An object that is neither sound nor filter."""

    def __repr__(self) -> str:
        return "a thing\nof two lines"


WRONG: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "text": lambda: "5",
    "coroutine": recorded,
    "function": lambda: plain,
    "bytes": lambda: b"RIFF of no use",
    "BytesIO": lambda: io.BytesIO(b"RIFF of no use"),
    "address": lambda: "https://example.com/a.wav",
    "missing file": lambda: Path("no folder", "no file.wav"),
    "recordings": lambda: [VOICE, VOICE],
    "NaN": lambda: math.nan,
    "inf": lambda: math.inf,
    "-inf": lambda: -math.inf,
    "0-d": lambda: np.array(0.5),
    "3-d": lambda: np.zeros((2, 2, 2)),
    "rows": lambda: np.linspace(0, 1, 60).reshape(3, 20),
    "empty": lambda: np.empty(0),
    "object": Thing,
    "class": lambda: Thing,
    "True": lambda: True,
    "complex": lambda: 1 + 2j,
    "huge": lambda: 10**400,
    "dictionary": lambda: {"a": 1},
    "pair of nothing": lambda: (None, None),
    "empty recording": lambda: lk.Recording(np.empty(0), RATE),
}

NEEDED: dict[str, Any] = {
    "hz": 440.0,
    "cutoff": 1000.0,
    "low": 300.0,
    "high": 3400.0,
    "seconds": 0.01,
    "db": -6.0,
    "gain_db": 3.0,
    "position": 0.5,
    "b": [1.0, 0.5],
    "sections": [[1, 0, 0, 1, -0.5, 0]],
    "function": plain,
    "filter": plain,
    "thing": plain,
    "one": lk.filters.lowpass(1000),
    "sound": VOICE,
    "reference": VOICE,
    "test": VOICE,
    "before": VOICE,
    "after": VOICE,
    "recordings": [VOICE],
    "samples": np.zeros(8),
    "sample_rate": RATE,
    "name": "hum",
    "board": plain,
    "path": "x.wav",
    "filters": lk.filters.lowpass(1000),
}
"""What is right for each argument that has no default."""


def functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Give every public function that needs no room, with its name."""
    for home in (lk.filters, lk.measure, lk.plot):
        for name in home.__all__:
            if inspect.isfunction(found := getattr(home, name)):
                yield f"{home.__name__.removeprefix('lkexplore.')}.{name}", found
    for name in ("load", "sample", "compare", "check", "Recording"):
        yield name, getattr(lk, name)
    for name, found in vars(lk.Recording).items():
        # A player makes a page, which is tested with the widgets.
        if inspect.isfunction(found) and not name.startswith("_") and name != "play":
            yield f"voice.{name}", getattr(VOICE, name)


FUNCTIONS = dict(functions())
SLOW = {"check": {"budget": 0.2, "seconds": 0.1}}
"""Options of what would otherwise take long."""


def needed(function: Callable[..., Any]) -> dict[str, Any]:
    """Return right values for the arguments that have no default."""
    return {
        name: NEEDED[name]
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }


def first_place(function: Callable[..., Any]) -> str | None:
    """Return the name of the first argument, if it may be given by its place."""
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD):
            return parameter.name
    return None


def numbers(function: Callable[..., Any]) -> list[str]:
    """Return the names of the parameters that take a number."""
    return [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if any(word in str(parameter.annotation) for word in ("float", "int"))
        and parameter.kind is not parameter.VAR_POSITIONAL
    ]


def outcome(call: Callable[[], object]) -> str | None:
    """Return what is wrong with how a call ends, or None."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            call()
    except lk.LkExploreError as error:
        text = str(error)
        if not text.strip() or "\n" in text or len(text) < 20 or len(text) > 500:
            return f"{type(error).__name__} of {len(text)} letters: {text!r}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def tried(function: Callable[..., Any], options: dict[str, Any], place: str | None) -> list[str]:
    """Call a function with each wrong value, by name or as its first argument."""
    found = []
    for kind, make in WRONG.items():
        value = make()
        try:
            if place is None:
                first = first_place(function)
                rest = {name: right for name, right in options.items() if name != first}
                said = outcome(lambda v=value, r=rest: function(v, **r))
            else:
                said = outcome(lambda v=value: function(**{**options, place: v}))
        finally:
            if inspect.iscoroutine(value):
                value.close()
            plt.close("all")
        if said:
            found.append(f"{place or 'first argument'} = {kind}: {said}")
    return found


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", [n for n, f in FUNCTIONS.items() if first_place(f)])
def test_anything_in_place_of_the_first_argument(name: str) -> None:
    function = FUNCTIONS[name]
    assert tried(function, needed(function) | SLOW.get(name, {}), None) == []


@pytest.mark.parametrize("name", [n for n, f in FUNCTIONS.items() if numbers(f)])
def test_anything_in_place_of_a_number(name: str) -> None:
    function = FUNCTIONS[name]
    options = needed(function) | SLOW.get(name, {})
    found = [line for place in numbers(function) for line in tried(function, options, place)]
    assert found == []


@pytest.mark.parametrize("kind", WRONG)
def test_anything_after_a_recording_or_a_filter(kind: str) -> None:
    value = WRONG[kind]()
    filter = lk.filters.gain(0)
    try:
        calls = (lambda: VOICE | value, lambda: filter | value, lambda: value | filter)
        assert [outcome(call) for call in calls] == [None] * 3
        assert outcome(lambda: VOICE[value]) is None
        assert outcome(lambda: VOICE[value:]) is None
    finally:
        if inspect.iscoroutine(value):
            value.close()


@pytest.mark.parametrize(
    "call",
    [
        lk.plot.waveform,
        lk.measure.tone_hz,
        lk.load,
        lk.filters.gain,
        lambda coroutine: lk.compare(coroutine, VOICE),
        lambda coroutine: lk.compare(VOICE, coroutine),
        lambda coroutine: lk.Recording(coroutine, RATE),
        lambda coroutine: VOICE | coroutine,
        lambda coroutine: lk.filters.gain(0)(coroutine),
    ],
)
def test_a_forgotten_await_is_told(call: Callable[[Any], Any]) -> None:
    coroutine = recorded()
    try:
        with pytest.raises(lk.LkExploreError, match="put await in front of it"):
            call(coroutine)
    finally:
        coroutine.close()
