"""Capture: a participant's live track becomes numpy, on one clock, nothing lost silently."""

from .audio.frames import DroppedWarning, Frames, capture_frames, frames
from .audio.record import record
from .audio.record_all import RecordingSession
from .recordings import Recordings

__all__ = [
    "DroppedWarning",
    "Frames",
    "RecordingSession",
    "Recordings",
    "capture_frames",
    "frames",
    "record",
]
