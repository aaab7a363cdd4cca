"""Sounds that come with the package, to try everything on."""

from __future__ import annotations

from pathlib import Path

from ..errors import FileError
from ..sound.recording import Recording
from .load_save import load

__all__ = ["sample", "sample_names"]

_PACKAGE = Path(__file__).resolve().parent.parent
# In an installed package, and in a checkout of the project.
_FOLDERS = (_PACKAGE / "_data", _PACKAGE.parent / "data")


def sample_names() -> tuple[str, ...]:
    """Return the names that :func:`sample` takes, in alphabetical order.

    Returns
    -------
    tuple of str
        Empty only if the package's data are missing.

    Examples
    --------
    >>> "speech" in sample_names()
    True
    """
    return tuple(sorted(_files()))


def sample(name: str) -> Recording:
    """Return a sound that comes with the package.

    Parameters
    ----------
    name : str
        ``"speech"``, ``"speech_noisy"``, ``"plucked"``, ``"chirp"``, ``"clicks"``, ``"sweep"`` or
        ``"hum"``; what each one is stands in ``data/README.md``.

    Returns
    -------
    Recording
        Mono, 2 to 7 seconds, at 8000 to 48000 Hz, named after the sample.

    Raises
    ------
    FileError
        If there is no such sample.

    Notes
    -----
    Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> sample("hum").channels
    1
    """
    files = _files()
    if name not in files:
        known = ", ".join(sorted(files)) or "none, for the package's data are missing: reinstall it"
        raise FileError(f"there is no sample {name!r}: use one of {known}")
    return load(files[name])


def _files() -> dict[str, Path]:
    for folder in _FOLDERS:
        found = {path.stem: path for path in folder.glob("*.flac")}
        if found:
            return found
    return {}
