"""Writing pictures that are already in memory as an MP4."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, cast

from ...errors import FileError, LkExploreError
from ...files.new_file import put_in_place
from .growing_mp4 import Mp4File, checked_path
from .saved_video import SavedVideo

if TYPE_CHECKING:
    from .picture import Image
    from .video_recording import VideoRecording

__all__ = ["save"]


def save(video: VideoRecording, path: str | os.PathLike[str], overwrite: bool) -> SavedVideo:
    """Write a recording as an MP4; see `VideoRecording.save`."""
    import numpy as np

    if not len(video):
        raise LkExploreError("a recording without pictures cannot be saved as MP4")
    target = checked_path(path, overwrite)
    width, height = (side // 2 * 2 for side in video.size)
    if not (width and height):
        raise LkExploreError(f"pictures of {video.size} cannot be MP4: at least 2x2")
    part = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.part")
    file = Mp4File(part, (width, height))
    try:
        for image, moment in zip(video.frames, video.timestamps, strict=True):
            # Players begin with the first picture, whatever its time.
            file.add_picture(_planes(image[:height, :width]), float(moment) if file.times else 0.0)
        file.close(video.duration)
        put_in_place(part, target, overwrite=overwrite)
    except FileExistsError:
        raise FileError(f"{target} is there already: choose another name") from None
    except FileError as error:
        raise FileError(str(error).replace(str(part), str(target))) from None
    except OSError as error:
        raise FileError(f"{target} cannot be written: {error.strerror or error}") from None
    finally:
        if not file.closed:
            file.abandon()
        part.unlink(missing_ok=True)
    return SavedVideo(
        target,
        video.duration,
        (width, height),
        np.array(file.times),
        started_at=video.started_at,
        started_monotonic=video.started_monotonic,
        identity=video.identity,
        track=video.track,
        name=video.name,
        gaps=video.gaps,
    )


def _planes(image: Image) -> Image:
    import av
    import numpy as np

    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
    planes = frame.reformat(format="yuv420p", dst_colorspace="ITU601")
    return cast("Image", planes.to_ndarray())
