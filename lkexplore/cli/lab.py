"""``lkexplore lab``: JupyterLab on the notebooks."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ..errors import FileError

__all__ = ["copy_notebooks", "find_notebooks", "run_lab"]

FOLDER = "lkexplore-notebooks"
"""Folder, in the current one, that the notebooks of an installed package are copied to."""


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


def copy_notebooks(source: Path, destination: Path) -> list[Path]:
    """Copy the notebooks that `destination` lacks; return what was copied.

    A notebook that is there already stays as it is: it may hold somebody's work.
    """
    copied = []
    try:
        destination.mkdir(parents=True, exist_ok=True)
        for notebook in sorted(source.glob("*.ipynb")):
            target = destination / notebook.name
            if not target.exists():
                shutil.copyfile(notebook, target)
                copied.append(target)
    except OSError as error:
        raise FileError(
            f"the notebooks could not be copied to {destination}: {error.strerror}; "
            "go to a folder that you may write to"
        ) from error
    return copied


def run_lab(arguments: Sequence[str] = ()) -> int:
    """Open JupyterLab on the notebooks and return its exit status.

    From a checkout its own folder is opened. From an installed package the notebooks are
    copied to ``lkexplore-notebooks`` in the current folder first.
    """
    source = find_notebooks()
    folder = source
    if source.name == "_notebooks":
        folder = Path.cwd() / FOLDER
        copied = copy_notebooks(source, folder)
        print(f"{len(copied)} notebooks copied to {folder}" if copied else f"opening {folder}")
    command = [sys.executable, "-m", "jupyterlab", *arguments, str(folder)]
    return subprocess.call(command)
