"""What may be given as a sound file: a path, or the contents of one; and why something is none."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..errors import FileError
from ..sound.in_words import kind_of, shown

__all__ = ["as_contents", "as_source", "check_contents", "for_library", "printable", "put_down"]

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
"""How an address begins, in contrast to a path."""

_PAGES = (b"<!doctype", b"<html", b"<?xml", b"<head")
"""How a web page begins, in lower case: what a failed download leaves under a sound's name."""

_HEAD = 512
"""Bytes of a file that are looked at."""


def as_contents(given: object) -> bytes | None:
    """Return the contents of a file that is given as bytes or as an open file, otherwise None.

    Parameters
    ----------
    given : object
        Bytes, or something with ``read()``, such as ``io.BytesIO``.

    Returns
    -------
    bytes or None
        The bytes, of an open file from where it stands.

    Raises
    ------
    FileError
        If an open file cannot be read, or gives text.

    Examples
    --------
    >>> import io
    >>> as_contents(io.BytesIO(b"RIFF"))
    b'RIFF'
    """
    if isinstance(given, bytes | bytearray | memoryview):
        return bytes(given)
    read = getattr(given, "read", None)
    if not callable(read) or isinstance(given, type):
        return None
    try:
        contents = read()
    except Exception as error:
        # Whose file it is, and what goes wrong in it, cannot be known.
        why = " ".join(str(error).split()) or type(error).__name__
        raise FileError(f"{type(given).__name__} cannot be read: {why}") from None
    if not isinstance(contents, bytes | bytearray | memoryview):
        raise FileError(
            f"{type(given).__name__} gives {kind_of(contents)}: open it for bytes, with mode 'rb'"
        )
    return bytes(contents)


def as_source(given: object) -> Path:
    """Return a path to read from, or say in a FileError why something is none."""
    if isinstance(given, str) and _ADDRESS.match(given):
        raise FileError(
            f"{shown(given)} is an address: download it first, for example with "
            "urllib.request.urlretrieve(address, 'sound.wav'), and load the file"
        )
    if not isinstance(given, str | os.PathLike) or isinstance(os.fspath(given), bytes):
        raise FileError(
            f"{kind_of(given)} is no sound file: give the path of one, as text or a Path, or its "
            "contents, as bytes or an open file"
        )
    if "\0" in str(given) or not str(given):
        raise FileError(f"{shown(given)} is no path: give that of a sound file")
    return Path(given)


@contextlib.contextmanager
def put_down(contents: bytes) -> Iterator[Path]:
    """Give a file with such contents, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="lkexplore-") as folder:
        path = Path(folder, "contents")
        path.write_bytes(contents)
        try:
            yield path
        except FileError as error:
            raise FileError(str(error).replace(str(path), "what was given")) from None


def check_contents(source: Path) -> None:
    """Raise a FileError for a file that is certainly no sound with a header.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    if source.suffix.lower() == ".raw":
        raise FileError(
            f"{printable(source)} has no header that says its rate and channels: read it with "
            "numpy, as in lkexplore.Recording(numpy.fromfile(path, 'int16'), 48000)"
        )
    with source.open("rb") as file:
        head = file.read(_HEAD).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith(_PAGES):
        raise FileError(
            f"{printable(source)} is a web page and no sound: download the sound itself"
        )


def for_library(source: Path) -> str | bytes:
    """Return a path as libsndfile takes it, whatever bytes its name is made of."""
    return os.fsencode(source) if os.name == "posix" else str(source)


def printable(path: object) -> str:
    r"""Return a path or a name as text that can be printed, whatever its bytes are.

    Examples
    --------
    >>> printable(b"Gr\xfc\xdfe.wav".decode("utf-8", "surrogateescape"))
    'Gr??e.wav'
    """
    return str(path).encode("utf-8", "replace").decode()
