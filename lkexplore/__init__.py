"""lkexplore: capture, see, hear, filter and publish live audio in LiveKit rooms.

Examples
--------
In a notebook::

    import lkexplore as lk

    room = await lk.connect("lesson-1")
    voice = await room.record("alice", seconds=5)
    clean = voice | lk.filters.bandpass(300, 3400)
    await room.publish(clean, name="clean")

Everything is loaded on first use, so that importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import bots as bots
    from . import errors as errors
    from . import filters as filters
    from . import measure as measure
    from . import plot as plot
    from .capture import Recordings as Recordings
    from .capture import capture_frames as capture_frames
    from .capture import frames as frames
    from .capture import record as record
    from .checking import Check as Check
    from .checking import check as check
    from .comparing import Comparison as Comparison
    from .comparing import compare as compare
    from .connecting import connect as connect
    from .errors import LkExploreError as LkExploreError
    from .files import SavedRecording as SavedRecording
    from .files import load as load
    from .loop import run as run
    from .plugs import as_frame_processor as as_frame_processor
    from .publishing import publish as publish
    from .reasons import Reason as Reason
    from .recording import Recording as Recording
    from .room import Room as Room
    from .samples import sample as sample
    from .samples import sample_names as sample_names
    from .timeline import Concealment as Concealment
    from .timeline import Gap as Gap
    from .timeline import Timing as Timing
    from .video import SavedVideo as SavedVideo
    from .video import VideoFrame as VideoFrame
    from .video import VideoFrames as VideoFrames
    from .video import VideoRecording as VideoRecording
    from .video import capture_image as capture_image
    from .video import record_av as record_av
    from .video import record_video as record_video
    from .widgets.ab_blind import ABX as ABX
    from .widgets.ab_blind import abx as abx
    from .widgets.ab_player import ab as ab
    from .widgets.browser_participant import BrowserParticipant as BrowserParticipant
    from .widgets.filter_lab import FilterLab as FilterLab
    from .widgets.recorder_panel import RecorderPanel as RecorderPanel
    from .widgets.scope import Scope as Scope

__version__ = "0.1.0"

_MODULES = ("bots", "errors", "filters", "measure", "plot")
_HOMES = {
    # Modules are not called what they export: importing one would hide the function.
    "connect": "connecting",
    "publish": "publishing",
    "Check": "checking",
    "Comparison": "comparing",
    "as_frame_processor": "plugs",
    "capture_frames": "capture",
    "check": "checking",
    "compare": "comparing",
    "capture_image": "video",
    "frames": "capture",
    "record": "capture",
    "record_av": "video",
    "record_video": "video",
    "run": "loop",
    "load": "files",
    "sample": "samples",
    "sample_names": "samples",
    "Concealment": "timeline",
    "Gap": "timeline",
    "Reason": "reasons",
    "Recording": "recording",
    "Recordings": "capture",
    "SavedRecording": "files",
    "SavedVideo": "video",
    "Timing": "timeline",
    "VideoFrame": "video",
    "VideoFrames": "video",
    "VideoRecording": "video",
    "Room": "room",
    "RecorderPanel": "widgets.recorder_panel",
    "Scope": "widgets.scope",
    "LkExploreError": "errors",
    "ABX": "widgets.ab_blind",
    "BrowserParticipant": "widgets.browser_participant",
    "ab": "widgets.ab_player",
    "abx": "widgets.ab_blind",
    "FilterLab": "widgets.filter_lab",
}

__all__ = [
    "ABX",
    "BrowserParticipant",
    "Check",
    "Comparison",
    "Concealment",
    "FilterLab",
    "Gap",
    "LkExploreError",
    "Reason",
    "RecorderPanel",
    "Recording",
    "Recordings",
    "Room",
    "SavedRecording",
    "SavedVideo",
    "Scope",
    "Timing",
    "VideoFrame",
    "VideoFrames",
    "VideoRecording",
    "ab",
    "abx",
    "as_frame_processor",
    "bots",
    "capture_frames",
    "capture_image",
    "check",
    "compare",
    "connect",
    "errors",
    "filters",
    "frames",
    "load",
    "measure",
    "plot",
    "publish",
    "record",
    "record_av",
    "record_video",
    "run",
    "sample",
    "sample_names",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
