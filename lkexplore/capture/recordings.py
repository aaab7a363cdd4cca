"""The recordings of several participants together, by participant and track, on one clock."""

from __future__ import annotations

import html
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from ..errors import FileError, TrackNotFound
from ..files import SavedRecording
from ..files.new_file import reserve
from ..sound.arguments import as_flag
from ..sound.in_words import shown
from ..sound.recording import Recording

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Recordings", "file_name"]

Key: TypeAlias = tuple[str, str]
"""Identity of a participant and name of a track."""

T = TypeVar("T", bound=Recording | SavedRecording)


class Recordings(Mapping[Key, T], Generic[T]):
    """Recordings by participant and track name; of the same length and on one clock.

    Parameters
    ----------
    recordings : mapping of (identity, track name) to Recording or SavedRecording
        The recordings, of one length and on one clock.
    problems : iterable of str
        What could not be recorded, and why.

    Attributes
    ----------
    problems : tuple of str
        What could not be recorded, and why; the recording has warned of each.

    Notes
    -----
    ``recordings["alice", "voice"]``, or ``recordings["alice"]`` when alice has one only. Taught in
    ``notebooks/02_recording.ipynb``.

    Examples
    --------
    >>> recordings = await room.record_all(10)           # doctest: +SKIP
    >>> recordings.plot()                                # doctest: +SKIP
    """

    def __init__(self, recordings: Mapping[Key, T], *, problems: Iterable[str] = ()) -> None:
        self._by_key: dict[Key, T] = dict(recordings)
        self.problems = tuple(problems)

    def __getitem__(self, key: Key | str) -> T:
        if isinstance(key, str):
            found = [name for name in self._by_key if name[0] == key]
            if len(found) == 1:
                return self._by_key[found[0]]
            tracks = ", ".join(repr(name[1]) for name in found)
            if found:
                raise TrackNotFound(
                    f"{key!r} has {len(found)} recordings: add the track, one of {tracks}, as in "
                    f"recordings[{key!r}, {found[0][1]!r}]"
                )
        elif key in self._by_key:
            return self._by_key[key]
        there = ", ".join(map(repr, self._by_key)) or "nothing"
        why = "".join(f"; {problem}" for problem in self.problems)
        raise TrackNotFound(f"no recording of {shown(key)}; recorded: {there}{why}")

    def __contains__(self, key: object) -> bool:
        return key in self._by_key or any(key == identity for identity, _ in self._by_key)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._by_key)

    def __len__(self) -> int:
        return len(self._by_key)

    def load(self) -> Recordings[Recording]:
        """Read all recordings that are in files into memory.

        Returns
        -------
        Recordings

        Raises
        ------
        FileError
            If a file cannot be read.
        """
        loaded = {key: _in_memory(value) for key, value in self._by_key.items()}
        return Recordings(loaded, problems=self.problems)

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw all of them on one time axis; see :func:`lkexplore.plot.timeline`."""
        from ..plot import timeline

        return timeline(self.load(), ax, **options)

    def save(self, folder: str | os.PathLike[str], *, overwrite: bool = False) -> list[Path]:
        """Write each to a flac file of its own, with a sidecar, into a folder that may be new.

        Parameters
        ----------
        folder : str or path-like
            The folder to write to. Where a name is taken, the time is added to it, as in
            ``alice_mic 2026-11-28 01.02.03.flac``: nothing is overwritten.
        overwrite : bool
            Whether existing files may be replaced instead.

        Returns
        -------
        list of Path
            The files.

        Raises
        ------
        FileError
            If a file cannot be written.
        """
        overwrite = as_flag("overwrite", overwrite)
        target, taken, now = as_folder(folder), set[str](), datetime.now(UTC)
        paths = []
        for key, recording in self.load().items():
            stem = file_name(key, taken)
            if overwrite:
                paths.append(target / f"{stem}.flac")
                recording.save(paths[-1], sidecar=True, overwrite=True)
            else:
                paths.append(_save_new(recording, target, stem, now))
        return paths

    def __repr__(self) -> str:
        parts = [f"{key!r}: {value!r}" for key, value in self._by_key.items()]
        return f"Recordings({', '.join([*parts, *self.problems])})"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{html.escape(identity)}</th><td>{html.escape(name)}</td>"
            f"<td>{recording._repr_html_()}</td></tr>"
            for (identity, name), recording in self._by_key.items()
        )
        return (
            "<table><thead><tr><th>who</th><th>track</th><th>recording</th></tr></thead>"
            f"<tbody>{rows}</tbody></table>"
            + "".join(f"<p>{html.escape(problem)}</p>" for problem in self.problems)
        )


def _in_memory(value: Recording | SavedRecording) -> Recording:
    return value.load() if isinstance(value, SavedRecording) else value


def _save_new(recording: Recording, folder: Path, stem: str, moment: datetime) -> Path:
    """Write a recording to a file that is there for it alone."""
    path = reserve(folder, stem, ".flac", moment)
    try:
        recording.save(path, sidecar=True, overwrite=True)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def as_folder(folder: str | os.PathLike[str]) -> Path:
    """Return a folder, made if it does not exist, or raise FileError."""
    if not isinstance(folder, str | os.PathLike) or "\0" in os.fspath(folder):
        raise FileError(f"{shown(folder)} is no path of a folder: give text, or a Path")
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{target} cannot be made a folder: {error.strerror or error}") from None
    return target


def file_name(key: Key, taken: set[str]) -> str:
    """Return a name for the file of a recording, without suffix: from who and what, kept safe.

    The name differs from all that are `taken`, also without regard to case, and is added to them.
    """
    identity, name = (re.sub(r"[^\w.@+-]+", "-", part).strip("-.") for part in key)
    stem = found = f"{_short(identity) or 'unknown'}_{_short(name) or 'track'}"
    again = 2
    while found.lower() in taken:
        found, again = f"{stem}-{again}", again + 1
    taken.add(found.lower())
    return found


def _short(part: str) -> str:
    # File systems count bytes, most of them up to 255.
    return part.encode()[:80].decode(errors="ignore")
