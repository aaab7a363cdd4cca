"""The methods of a room take what the functions take that they stand for."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from lkexplore.capture.audio.frames import capture_frames, frames
from lkexplore.capture.audio.record import record
from lkexplore.capture.audio.record_all import record_all, start_recording
from lkexplore.capture.video.frames import VideoFrames, capture_image
from lkexplore.capture.video.record import record_av, record_video
from lkexplore.live.audio import live
from lkexplore.live.video import live_video
from lkexplore.publishing.publish import publish
from lkexplore.room.impair import impair
from lkexplore.room.room import Room
from lkexplore.sdk.find_track import find_track

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "capture_frames": capture_frames,
    "capture_image": capture_image,
    "frames": frames,
    "impair": impair,
    "live": live,
    "live_video": live_video,
    "publish": publish,
    "record": record,
    "record_all": record_all,
    "record_av": record_av,
    "record_video": record_video,
    "start_recording": start_recording,
    "wait_for_track": find_track,
}
OF_THE_ROOM = {"self", "room", "credentials"}
WITHOUT_FUNCTION = {"close", "last", "set_e2ee_key"}
# Sound and pictures come from two functions: the method takes either's arguments.
ONLY_IN_THE_METHOD = {"frames": {"video"}}
CALLED_OTHERWISE = {"identity": "source"}


def parameters(function: Callable[..., Any], without: set[str]) -> list[tuple[str, Any, Any]]:
    """Return name, kind and default of each parameter, those by keyword in alphabetical order."""
    found = [
        (CALLED_OTHERWISE.get(name, name), parameter.kind, parameter.default)
        for name, parameter in inspect.signature(function).parameters.items()
        if name not in without
    ]
    by_keyword = [one for one in found if one[1] is inspect.Parameter.KEYWORD_ONLY]
    return [one for one in found if one not in by_keyword] + sorted(by_keyword, key=lambda x: x[0])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_method_takes_what_its_function_takes(name: str) -> None:
    method = parameters(getattr(Room, name), OF_THE_ROOM | ONLY_IN_THE_METHOD.get(name, set()))
    assert method == parameters(FUNCTIONS[name], OF_THE_ROOM)


def test_frames_of_video_take_what_the_iterator_takes() -> None:
    of_pictures = {one[0]: one for one in parameters(VideoFrames, OF_THE_ROOM)}
    shared = [one for one in parameters(Room.frames, OF_THE_ROOM) if one[0] in of_pictures]
    assert shared == [of_pictures["source"], of_pictures["timeout"]]


def test_each_method_has_a_function() -> None:
    methods = {
        name for name, _ in inspect.getmembers(Room, inspect.isfunction) if not name.startswith("_")
    }
    assert methods == FUNCTIONS.keys() | WITHOUT_FUNCTION


@pytest.mark.parametrize("name", [*FUNCTIONS, *sorted(WITHOUT_FUNCTION)])
def test_each_method_says_what_to_see_also(name: str) -> None:
    assert "See Also\n--------\n" in (inspect.getdoc(getattr(Room, name)) or "")
