"""The project's own files: they agree with each other and with what is installed."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.realtime

ROOT = Path(__file__).resolve().parents[2]
CONDA_NAMES = {"soundfile": "pysoundfile", "soxr": "soxr-python"}
SPLIT = re.compile(r"^([A-Za-z0-9_.-]+)\s*([^;]*)(?:;\s*(.*))?$")


def requirement(text):
    name, version, marker = SPLIT.match(text).groups()
    return name.lower(), version.strip(), (marker or "").strip()


def pyproject():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_conda_environment_asks_for_what_the_package_asks_for():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    from_pip = next(entry["pip"] for entry in environment if isinstance(entry, dict))
    from_conda = [entry for entry in environment if isinstance(entry, str)]
    offered = {requirement(entry) for entry in [*from_conda, *from_pip] if entry != "-e ."}
    # Its npm fetches the client for browsers.
    offered -= {("pip", "", ""), ("nodejs", ">=18", "")}
    wanted = {("python", pyproject()["requires-python"], "")}
    for entry in pyproject()["dependencies"]:
        name, version, marker = requirement(entry)
        wanted.add((CONDA_NAMES.get(name, name), version, marker))
    assert offered == wanted
    assert "-e ." in from_pip


def test_the_version_is_said_once_more_and_the_same():
    import lkexplore

    assert lkexplore.__version__ == pyproject()["version"]


def test_importing_the_package_loads_nothing_heavy():
    code = (
        "import sys, lkexplore\n"
        "heavy = {'librosa', 'numba', 'matplotlib', 'av', 'aiortc', 'scipy', 'livekit',"
        " 'soundfile', 'soxr', 'ipywidgets', 'IPython', 'lkexplore.server'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_joining_code_loads_neither_plots_nor_the_server():
    code = (
        "import sys, lkexplore as lk\n"
        "lk.connect, lk.record, lk.Recording, lk.filters, lk.bots\n"
        "heavy = {'librosa', 'numba', 'matplotlib', 'av', 'aiortc', 'lkexplore.server'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_every_public_name_is_there_and_documented():
    import lkexplore

    for name in lkexplore.__all__:
        assert getattr(lkexplore, name).__doc__, name


def test_what_lies_beneath_is_free_of_the_sdk():
    code = (
        "import sys\n"
        "from lkexplore import files, filters, plot, measure\n"
        "from lkexplore.notebook.player import player\n"
        "from lkexplore.sound import recording\n"
        "recording.Recording([0.0], 8000) | filters.lowpass(100)\n"
        "print([m for m in sys.modules if m.split('.')[0] == 'livekit'])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_the_server_stands_alone():
    own = {"errors"}
    for module in (ROOT / "lkexplore" / "server").rglob("*.py"):
        text = module.read_text()
        outside = set(re.findall(r"from lkexplore\.(\w+)", text)) - {"server"}
        assert outside <= own, module


@pytest.mark.parametrize("ending", ["lkexplore demo", "python -m pytest"])
def test_the_readme_has_each_command_on_one_line_in_a_venv(ending):
    lines = (ROOT / "README.md").read_text().splitlines()
    found = [line for line in lines if line.startswith("python3 ") and line.endswith(ending)]
    assert len(found) == 1
    assert " -m venv .venv " in found[0]


def test_the_readme_names_only_files_that_are_there():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / target).exists(), target
