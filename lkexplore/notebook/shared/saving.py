"""Saving a sound by a button, which overwrites nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from ...files.new_file import reserve
from ...sound.recording import Recording

__all__ = ["save_beside"]


def save_beside(recording: Recording, path: str) -> str:
    """Save a recording; if the name is taken, under the same name with the time.

    Parameters
    ----------
    recording : Recording
        The sound.
    path : str
        Path that ends in a suffix of :func:`lkexplore.files.save`.

    Returns
    -------
    str
        The path that it is saved under, as ``"alice-0 2026-11-28 01.02.03.flac"``.

    Raises
    ------
    FileError
        If the sound cannot be written there; nothing is left behind then.
    """
    wanted = Path(path)
    place = reserve(wanted.parent, wanted.stem, wanted.suffix, datetime.now(UTC), sidecar=False)
    try:
        recording.save(place, overwrite=True)
    except BaseException:
        place.unlink(missing_ok=True)
        raise
    return str(place)
