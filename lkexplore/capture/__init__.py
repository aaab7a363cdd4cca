"""Capture: a participant's live track becomes numpy, on one clock, nothing lost silently."""

from .blocks import DroppedWarning, Frames, capture_frames, frames
from .one_track import record
from .recordings import Recordings
from .session import RecordingSession

__all__ = [
    "DroppedWarning",
    "Frames",
    "RecordingSession",
    "Recordings",
    "capture_frames",
    "frames",
    "record",
]
