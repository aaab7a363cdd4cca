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
    from . import errors as errors
    from . import filters as filters
    from . import measure as measure
    from . import plot as plot
    from .capture.audio.frames import capture_frames as capture_frames
    from .capture.audio.frames import frames as frames
    from .capture.audio.record import record as record
    from .capture.recordings import Recordings as Recordings
    from .capture.video.frames import VideoFrames as VideoFrames
    from .capture.video.frames import capture_image as capture_image
    from .capture.video.picture import VideoFrame as VideoFrame
    from .capture.video.record import record_av as record_av
    from .capture.video.record import record_video as record_video
    from .capture.video.saved_video import SavedVideo as SavedVideo
    from .capture.video.video_recording import VideoRecording as VideoRecording
    from .checking.check import check as check
    from .checking.report import Check as Check
    from .errors import LkExploreError as LkExploreError
    from .files.load_save import load as load
    from .files.sample_sounds import sample as sample
    from .files.sample_sounds import sample_names as sample_names
    from .files.saved_recording import SavedRecording as SavedRecording
    from .live.frame_processor import as_frame_processor as as_frame_processor
    from .notebook.ab.ab_player import ab as ab
    from .notebook.ab.abx import ABX as ABX
    from .notebook.ab.abx import abx as abx
    from .notebook.browser_participant.browser_participant import (
        BrowserParticipant as BrowserParticipant,
    )
    from .notebook.filter_lab.filter_lab import FilterLab as FilterLab
    from .notebook.recorder_panel.recorder_panel import RecorderPanel as RecorderPanel
    from .notebook.scope.scope import Scope as Scope
    from .plot.comparison import Comparison as Comparison
    from .plot.comparison import compare as compare
    from .publishing.publish import publish as publish
    from .room import bots as bots
    from .room.connect import connect as connect
    from .room.room import Room as Room
    from .sdk.synchronous import run as run
    from .sound.reasons import Reason as Reason
    from .sound.recording import Recording as Recording
    from .sound.timing import Concealment as Concealment
    from .sound.timing import Gap as Gap
    from .sound.timing import Timing as Timing

__version__ = "0.1.0"

_MODULES = {
    "bots": "room.bots",
    "errors": "errors",
    "filters": "filters",
    "measure": "measure",
    "plot": "plot",
}
_HOMES = {
    "ABX": "notebook.ab.abx",
    "BrowserParticipant": "notebook.browser_participant.browser_participant",
    "Check": "checking.report",
    "Comparison": "plot.comparison",
    "Concealment": "sound.timing",
    "FilterLab": "notebook.filter_lab.filter_lab",
    "Gap": "sound.timing",
    "LkExploreError": "errors",
    "Reason": "sound.reasons",
    "RecorderPanel": "notebook.recorder_panel.recorder_panel",
    "Recording": "sound.recording",
    "Recordings": "capture.recordings",
    "Room": "room.room",
    "SavedRecording": "files.saved_recording",
    "SavedVideo": "capture.video.saved_video",
    "Scope": "notebook.scope.scope",
    "Timing": "sound.timing",
    "VideoFrame": "capture.video.picture",
    "VideoFrames": "capture.video.frames",
    "VideoRecording": "capture.video.video_recording",
    "ab": "notebook.ab.ab_player",
    "abx": "notebook.ab.abx",
    "as_frame_processor": "live.frame_processor",
    "capture_frames": "capture.audio.frames",
    "capture_image": "capture.video.frames",
    "check": "checking.check",
    "compare": "plot.comparison",
    "connect": "room.connect",
    "frames": "capture.audio.frames",
    "load": "files.load_save",
    "publish": "publishing.publish",
    "record": "capture.audio.record",
    "record_av": "capture.video.record",
    "record_video": "capture.video.record",
    "run": "sdk.synchronous",
    "sample": "files.sample_sounds",
    "sample_names": "files.sample_sounds",
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
        value: Any = importlib.import_module(f".{_MODULES[name]}", __name__)
    elif name in _HOMES:
        value = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
