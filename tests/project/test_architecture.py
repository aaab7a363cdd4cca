"""The import arrows of the package go one way, those inside functions and for typing included."""

from __future__ import annotations

from pathlib import Path

from importlinter.cli import lint_imports

SETTINGS = Path(__file__).resolve().parents[2] / "pyproject.toml"


def test_folders_import_one_way_and_modules_in_no_circle(capsys):
    # The contracts, with the few exceptions by name, stand in pyproject.toml.
    outcome = lint_imports(config_filename=str(SETTINGS), no_cache=True, no_logo=True)
    assert outcome == 0, capsys.readouterr().out
