"""Wrong arguments: one line of ours, at once, before anything is waited for or written."""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import lkexplore as lk
from lkexplore.capture.audio.last_minute import Memory, checked_memory
from lkexplore.capture.audio.record_all import record_all, start_recording
from lkexplore.errors import FileError, LkExploreError
from lkexplore.publishing.publish import publish
from lkexplore.room.room import Room

SOUND = np.zeros(480), 48000


def nobody() -> Any:
    """Return a room that has nobody in it, and fails when something is done with it."""
    return SimpleNamespace(remote_participants={})


ROOM = nobody()
METHODS = Room.__new__(Room)
METHODS.rtc = ROOM

SECONDS = ["5", -1, math.nan, math.inf, [5], b"5", True, 5j]
TIMEOUT = ["10", None, -1, math.nan, [10], True]
CHANNELS = ["2", None, 0, 3, 1.5, [1], True, math.nan]
RATE = ["48k", "48000", None, 0, -8000, 0.5, math.inf, [48000], 10**9]
PATH = [5, 0, b"x.flac", ["x.flac"], "a\0b.flac", "x.txt", "no/such/folder/x.flac", "", "."]
FILM = [5, 0, b"x.mp4", ["x.mp4"], "a\0b.mp4", "x.flac", "no/such/folder/x.mp4", ""]
FOLDER = [5, 0, b"folder", ["folder"], "a\0b"]
FLAG = ["no", None, 0, 1, [], "False"]
NUMBER = ["5", None, -1, 1.5, math.nan, True, [5]]
NAME = [5, b"alice", ["alice"]]
NO_ROOM = ["lesson", 5, ["room"]]

SOUND_OPTIONS = {"sample_rate": RATE, "channels": CHANNELS, "timeout": TIMEOUT}
FILE_OPTIONS = {"seconds": SECONDS, "overwrite": FLAG, "timeout": TIMEOUT}
TO_SOUND, TO_FILM = {"path": "x.flac"}, {"path": "x.mp4"}

CASES: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any], dict[str, list[Any]]]] = [
    (
        lk.record,
        ("alice",),
        TO_SOUND,
        {**FILE_OPTIONS, **SOUND_OPTIONS, "path": PATH, "room": NO_ROOM},
    ),
    (METHODS.record, ("alice",), TO_SOUND, {**FILE_OPTIONS, **SOUND_OPTIONS, "path": PATH}),
    (
        record_all,
        (METHODS,),
        {"seconds": 1.0},
        {
            **SOUND_OPTIONS,
            "seconds": [*SECONDS, None],
            "overwrite": FLAG,
            "folder": FOLDER,
            "settling": TIMEOUT,
        },
    ),
    (
        start_recording,
        (METHODS,),
        {},
        {**SOUND_OPTIONS, "overwrite": FLAG, "folder": FOLDER, "identity": NAME},
    ),
    (lk.frames, ("alice",), {}, {**SOUND_OPTIONS, "block": [*NUMBER, 0], "room": NO_ROOM}),
    (
        lk.capture_frames,
        ("alice",),
        {"count": 1},
        {**SOUND_OPTIONS, "block": [*NUMBER, 0], "count": NUMBER, "room": NO_ROOM},
    ),
    (
        lk.record_video,
        ("alice",),
        {},
        {
            "seconds": SECONDS,
            "timeout": [*TIMEOUT, math.inf],
            "max_bytes": ["1e9", None, 0, -1, math.nan, math.inf, [1]],
            "path": FILM,
            "room": NO_ROOM,
        },
    ),
    (lk.record_video, ("alice",), TO_FILM, {**FILE_OPTIONS, "seconds": [*SECONDS, 0]}),
    (
        lk.record_av,
        ("alice",),
        {"room": ROOM, **TO_FILM},
        {
            **FILE_OPTIONS,
            "seconds": [*SECONDS, 0],
            "path": [*FILM, None],
            "room": [*NO_ROOM, None],
        },
    ),
    (
        publish,
        (),
        {"room": ROOM, "sound": SOUND},
        {
            "room": [*NO_ROOM, None],
            "name": NAME,
            "timeout": TIMEOUT,
            "wait": FLAG,
            "loop": FLAG,
            "microphone": FLAG,
        },
    ),
    (checked_memory, (), {}, {"seconds": [*SECONDS, None, 4000]}),
    (
        Memory.last,
        (SimpleNamespace(seconds=60.0), "alice"),
        {},
        {"seconds": [*SECONDS, None, 0, 61]},
    ),
    (lk.run, (), {}, {"awaitable": [5, None, "room", ROOM]}),
]


def wrong_calls() -> list[Any]:
    return [
        pytest.param(
            function,
            args,
            {**good, name: value},
            id=f"{getattr(function, '__name__', function)}-{name}-{value!r}".replace("\0", "0"),
        )
        for function, args, good, wrong in CASES
        for name, values in wrong.items()
        for value in values
    ]


async def awaited(function: Callable[..., Any], args: Any, options: dict[str, Any]) -> Any:
    result = function(*args, **options)
    return await result if asyncio.iscoroutine(result) else result


@pytest.mark.parametrize(("function", "args", "options"), wrong_calls())
async def test_a_wrong_argument_is_one_line_at_once(
    function, args, options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    began = time.monotonic()
    with pytest.raises(LkExploreError) as caught:
        await awaited(function, args, options)
    assert time.monotonic() - began < 0.5
    said = str(caught.value)
    assert "\n" not in said
    assert 20 < len(said) < 250
    assert "NoneType" not in said
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("sound", [5, None, "none.wav", b"x", [], (1, 2, 3), ("x", 48000), {}])
async def test_what_is_no_sound_is_not_played(sound) -> None:
    room = Room.__new__(Room)
    with pytest.raises(LkExploreError) as caught:
        await publish(room, sound)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("made", ["x.flac", "x.flac.json"])
async def test_a_file_that_exists_is_refused_before_anyone_is_waited_for(tmp_path, made) -> None:
    (tmp_path / made).write_text("{}")
    for record in (lk.record, METHODS.record):
        with pytest.raises(FileError, match=f"{made} exists already: give another name"):
            await record("alice", path=tmp_path / "x.flac")
    assert (tmp_path / made).read_text() == "{}"
    (tmp_path / "x.mp4").write_text("a film")
    for film in (lk.record_video, lk.record_av):
        with pytest.raises(FileError, match="is there already: choose another name"):
            await film("alice", room=ROOM, path=tmp_path / "x.mp4")
    assert (tmp_path / "x.mp4").read_text() == "a film"
