"""New files: nothing is overwritten, also when two programs want the same name at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from ..errors import FileError
from .sidecar import is_sidecar, sidecar_path

__all__ = ["check_free", "put_in_place", "reserve"]

_MOST_TRIES = 1000
"""Most names that are tried for one file."""


def check_free(target: Path, *, sidecar: bool = False) -> None:
    """Raise a FileError if a file would have to be overwritten.

    Parameters
    ----------
    target : Path
        The file to write.
    sidecar : bool
        Whether a sidecar is to be written beside it, so that any file in its place counts;
        otherwise only a sidecar of ours counts, which would then be read with the new file.

    Raises
    ------
    FileError
        If the file, or its sidecar, is there.
    """
    for path in _in_the_way(target, sidecar):
        raise FileError(f"{path} exists already: give another name, or overwrite=True")


def reserve(
    folder: Path, stem: str, suffix: str, moment: datetime, *, sidecar: bool = True
) -> Path:
    """Make an empty file whose name was free, for one that is to be written in its place.

    Parameters
    ----------
    folder : Path
        The folder of the file.
    stem, suffix : str
        Its name. If that is taken, the time is added: ``alice_mic 2026-11-28 01.02.03.flac``, and
        a number if that is taken, too.
    moment : datetime
        The time to add.
    sidecar : bool
        Whether the place of its sidecar must be free as well.

    Returns
    -------
    Path
        The file. No other program that asks like this can have been given the same.

    Raises
    ------
    FileError
        If no file can be made there.
    """
    for name in _names(stem, moment):
        target = folder / f"{name}{suffix}"
        if any(_in_the_way(target, sidecar)):
            continue
        try:
            target.open("xb").close()
        except FileExistsError:
            continue
        except OSError as error:
            raise FileError(f"{target} cannot be written: {error.strerror or error}") from None
        return target
    raise FileError(f"{folder} has {_MOST_TRIES} files named {stem}: give another folder")


def put_in_place(part: Path, target: Path, *, overwrite: bool) -> None:
    """Give a finished file its name, in one step.

    Parameters
    ----------
    part : Path
        The file under another name in the same folder; it may be left there.
    target : Path
        The name that it is to have.
    overwrite : bool
        Whether a file of that name may be replaced.

    Raises
    ------
    FileExistsError
        If the name is taken, and `overwrite` is False.
    OSError
        If the folder does not take it.
    """
    if overwrite:
        os.replace(part, target)
        return
    try:
        os.link(part, target)
    except FileExistsError:
        raise
    except (OSError, NotImplementedError, AttributeError):
        # A file system without links: the name is taken first, and then given to the file.
        target.open("xb").close()
        os.replace(part, target)


def _in_the_way(target: Path, sidecar: bool) -> Iterator[Path]:
    beside = sidecar_path(target)
    if os.path.lexists(target):
        yield target
    elif os.path.lexists(beside) and (sidecar or is_sidecar(beside)):
        yield beside


def _names(stem: str, moment: datetime) -> Iterator[str]:
    yield stem
    # Colons cannot be in a file's name everywhere.
    stamped = f"{stem} {moment.astimezone():%Y-%m-%d %H.%M.%S}"
    yield stamped
    for number in range(2, _MOST_TRIES):
        yield f"{stamped} {number}"
