"""``lkexplore lab``: JupyterLab on a copy of the notebooks."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import FileError

__all__ = ["Brought", "copy_notebooks", "find_notebooks", "lab_folder", "run_lab"]

FOLDER = "lkexplore-notebooks"
"""Folder, in the current one, that the notebooks are copied to; what they save goes there, too."""

RECORD = ".lkexplore.json"
"""File in that folder with the SHA-256 of each notebook as it was brought, by its name."""


@dataclass
class Brought:
    """What `copy_notebooks` has done.

    Attributes
    ----------
    copied : list of Path
        Notebooks that were not there before.
    replaced : list of Path
        Notebooks that nobody had changed, and that are now the newer version.
    beside : list of Path
        Newer versions of notebooks that somebody has changed, beside those.
    newer : list of Path
        Notebooks of which there is a newer version that was not asked for.
    """

    copied: list[Path] = field(default_factory=list)
    replaced: list[Path] = field(default_factory=list)
    beside: list[Path] = field(default_factory=list)
    newer: list[Path] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return what to tell, one line for each kind of thing done."""
        kinds = (
            (self.copied, "copied"),
            (self.replaced, "replaced by newer versions (nobody had changed them)"),
            (self.beside, "put beside the ones that were changed"),
            (self.newer, "in a newer version: 'lkexplore lab --update' brings it"),
        )
        return [f"{_names(paths)} {what}" for paths, what in kinds if paths]


def find_notebooks() -> Path:
    """Return the folder of the notebooks: of the checkout, else of the installed package.

    Raises
    ------
    FileError
        When neither is there.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package.parent / "notebooks", package / "_notebooks"):
        if any(folder.glob("*.ipynb")):
            return folder
    raise FileError("the notebooks are missing from this installation: install lkexplore again")


def lab_folder(current: Path) -> Path:
    """Return the folder for the copies: in the current folder, or that one if it is one."""
    is_one = current.name == FOLDER and (current / RECORD).is_file()
    return current if is_one else current / FOLDER


def copy_notebooks(source: Path, destination: Path, *, update: bool = False) -> Brought:
    """Copy the notebooks that `destination` lacks, and newer versions of the others if wanted.

    A notebook that somebody has changed always stays as it is: its newer version is put beside
    it, as ``01_quickstart (new).ipynb``.

    Parameters
    ----------
    source, destination : Path
        Folder of the notebooks, and folder for the copies, which is made if it does not exist.
    update : bool
        Whether to bring newer versions of notebooks that are there already.

    Returns
    -------
    Brought
        What was copied, and what could be.

    Raises
    ------
    FileError
        If the folder cannot be written.
    """
    brought = Brought()
    try:
        destination.mkdir(parents=True, exist_ok=True)
        record = _read_record(destination / RECORD)
        before = dict(record)
        for notebook in sorted(source.glob("*.ipynb")):
            _bring(notebook.read_bytes(), destination / notebook.name, record, update, brought)
        if record != before:
            _write(destination / RECORD, json.dumps(record, indent=1).encode())
    except OSError as error:
        raise FileError(
            f"the notebooks could not be copied to {destination}: {error.strerror}; "
            "go to a folder that you may write to"
        ) from error
    return brought


def _bring(
    newest: bytes, target: Path, record: dict[str, str], update: bool, brought: Brought
) -> None:
    wanted, known = _digest(newest), record.get(target.name)
    present = _digest(target.read_bytes()) if target.exists() else None
    if present == wanted:
        record[target.name] = wanted
        return
    if present is not None and known == wanted:
        # Somebody has changed the newest one, or has been given it beside theirs.
        return
    if present is not None and not update:
        brought.newer.append(target)
        return
    if present in (None, known):
        (brought.copied if present is None else brought.replaced).append(target)
        _write(target, newest)
    else:
        place = _free_beside(target, wanted)
        if not place.exists():
            _write(place, newest)
        brought.beside.append(place)
    record[target.name] = wanted


def _free_beside(target: Path, wanted: str) -> Path:
    """Return where a newer version goes: a free name, or one that holds just this version."""
    number = 1
    while True:
        words = "new" if number == 1 else f"new {number}"
        place = target.with_name(f"{target.stem} ({words}){target.suffix}")
        if not place.exists() or _digest(place.read_bytes()) == wanted:
            return place
        number += 1


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read_record(path: Path) -> dict[str, str]:
    """Return the record; one that is missing or damaged makes every notebook a changed one."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return {str(name): str(of) for name, of in found.items()} if isinstance(found, dict) else {}


def _write(path: Path, content: bytes) -> None:
    """Write a file in one step, so that a full disk spoils nothing."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _names(paths: Sequence[Path]) -> str:
    return ", ".join(path.name for path in paths)


def run_lab(arguments: Sequence[str] = (), *, update: bool = False) -> int:
    """Open JupyterLab on a copy of the notebooks, in this process, until it is ended.

    The notebooks are copied to ``lkexplore-notebooks`` in the current folder first, from a
    checkout as from an installed package, so that nothing tracked is changed. The lessons save
    there, too.

    Parameters
    ----------
    arguments : sequence of str
        Options for JupyterLab.
    update : bool
        Whether to bring newer versions of the notebooks, see `copy_notebooks`.

    Returns
    -------
    int
        Exit status.
    """
    folder = lab_folder(Path.cwd())
    for line in copy_notebooks(find_notebooks(), folder, update=update).lines():
        print(line)
    print(f"opening {folder}: what the lessons save goes there, too", flush=True)
    from jupyterlab.labapp import LabApp

    # In this process, which gets the signals that are meant for JupyterLab.
    LabApp.launch_instance([f"--ServerApp.root_dir={folder}", *arguments])
    return 0
