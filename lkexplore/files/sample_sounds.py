"""Sounds that come with the package, to try everything on."""

from __future__ import annotations

from pathlib import Path

from ..errors import FileError
from ..sound.in_words import shown
from ..sound.recording import Recording
from .load_save import load

__all__ = ["sample", "sample_names"]

_PACKAGE = Path(__file__).resolve().parent.parent
"""Folder of the package."""

_FOLDERS = (_PACKAGE / "_data", _PACKAGE.parent / "data")
"""Folders that the sounds may be in: in an installed package, and in a checkout of the project."""


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
        Name of the sound: ``"speech"``, ``"speech_noisy"``, ``"plucked"``, ``"chirp"``,
        ``"clicks"``, ``"sweep"`` or ``"hum"``; ``data/README.md`` describes each.

    Returns
    -------
    Recording
        Mono, 2 to 7 seconds, at 8000 to 48000 Hz, named after the sample.

    Raises
    ------
    FileError
        If there is no such sample.

    See Also
    --------
    sample_names : The names that it takes.
    lkexplore.load : A sound from a file of your own.

    Notes
    -----
    Taught in ``notebooks/01_quickstart.ipynb``.

    Examples
    --------
    >>> sample("hum").channels
    1
    """
    files = _files()
    if not isinstance(name, str) or name not in files:
        known = ", ".join(sorted(files)) or "none, for the package's data are missing: reinstall it"
        raise FileError(f"there is no sample {shown(name)}: use one of {known}")
    return load(files[name])


def _files() -> dict[str, Path]:
    for folder in _FOLDERS:
        found = {path.stem: path for path in folder.glob("*.flac")}
        if found:
            return found
    return {}
