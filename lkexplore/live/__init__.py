"""Live: a filter between a track and the room, changed while people listen."""

from .audio import Live, live
from .stats import LiveStats
from .video import LiveVideo, live_video

__all__ = ["Live", "LiveStats", "LiveVideo", "live", "live_video"]
