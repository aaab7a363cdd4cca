"""Sound files: read, written whole, or streamed to while sound comes in."""

from .sound_file import ClippedWarning, load, save

__all__ = ["ClippedWarning", "load", "save"]
