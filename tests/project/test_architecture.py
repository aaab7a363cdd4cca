"""The import arrows of the package go one way, those inside functions and for typing included."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_folders_import_one_way_and_modules_in_no_circle():
    # The contracts, with the few exceptions by name, stand in pyproject.toml. In a process of its
    # own, because import-linter switches off the loggers of the one that it runs in.
    code = "import sys; from importlinter.cli import lint_imports as lint; sys.exit(lint())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
