"""Sound files: read, written whole, or streamed to while sound comes in."""

from .load_save import ClippedWarning, load, save
from .saved_recording import SavedRecording
from .sidecar import Facts, SidecarWarning, read_sidecar, sidecar_path, write_sidecar
from .stream_writer import SoundWriter, check_stream_path

__all__ = [
    "ClippedWarning",
    "Facts",
    "SavedRecording",
    "SidecarWarning",
    "SoundWriter",
    "check_stream_path",
    "load",
    "read_sidecar",
    "save",
    "sidecar_path",
    "write_sidecar",
]
