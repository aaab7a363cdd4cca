"""Video: a participant's camera becomes RGB arrays, timed, or an MP4 with its sound in sync."""

from .frames import VideoFrames, capture_image
from .picture import VideoFrame
from .record import record_av, record_video
from .saved_video import SavedVideo
from .video_recording import VideoRecording

__all__ = [
    "SavedVideo",
    "VideoFrame",
    "VideoFrames",
    "VideoRecording",
    "capture_image",
    "record_av",
    "record_video",
]
