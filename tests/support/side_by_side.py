"""Runs tests side by side with ``pytest -n auto``, each with its share of the machine.

Most tests of rooms wait for sound, which takes its time, and leave the machine idle; others
compute, and what measures time wants the machine for itself. So each test takes its share of the
machine before it begins, across the processes of pytest-xdist, and gives it back at its end.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from xdist.scheduler import LoadFileScheduling

SHARES = 20
"""Into how many parts the machine is divided."""

WAITING = 4
"""Parts that a test takes which waits in real time: sound flows, and little is computed."""

TIMED = 8
"""Parts that a test takes which measures time in rooms."""

TIMED_FOLDERS = ("capture", "live")
"""Folders of tests whose rooms are for measuring time: when sound came, and how late it is."""

COMPUTING = 4
"""Parts that a test takes which computes; it gives way to all others."""

BROWSING = 8
"""Parts that a test takes which runs a browser."""

BROWSER_FILES = "_in_browser.py"
"""How the names of files end whose tests run a browser: one process has one JupyterLab for all."""

PROCESSES_PER_CORE = 2
"""How many processes run tests for each core; most of them wait."""

LOOK_SECONDS = 0.02
"""Seconds between two looks whether parts are free."""

REAL_TIME = frozenset(("server", "target", "kernel", "browser", "lab", "clients", "besieged"))
"""Fixtures of tests that take the time that sound, servers, kernels or browsers take."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "realtime: waits for sound, a server, a kernel or a browser")
    config.addinivalue_line("markers", "timed: measures time in rooms")
    config.addinivalue_line("markers", "long: the file takes minutes, and begins first")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    """Give each process whole files in our order, and one of them all that run a browser."""
    config.option.loadscopereorder = False
    return _Files(config, log)


class _Files(LoadFileScheduling):
    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return BROWSER_FILES if file.endswith(BROWSER_FILES) else file


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return how many processes run tests; 0 for a few that are named."""
    named = any("::" in argument or argument.endswith(".py") for argument in config.args)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return 0 if named else PROCESSES_PER_CORE * (cores or 1)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is real time, and mix files that wait with files that compute."""
    files: dict[str, list[pytest.Item]] = {}
    for item in items:
        if REAL_TIME & set(getattr(item, "fixturenames", ())) or item.get_closest_marker("timed"):
            item.add_marker(pytest.mark.realtime)
            if set(item.path.relative_to(item.config.rootpath).parts) & set(TIMED_FOLDERS):
                item.add_marker(pytest.mark.timed)
        files.setdefault(str(item.path), []).append(item)
    if hasattr(items[0].config if items else None, "workerinput"):
        items[:] = [item for file in _mixed(list(files.values())) for item in file]


def _mixed(files: list[list[pytest.Item]]) -> list[list[pytest.Item]]:
    """Return first what takes minutes; of all else, every kind from the beginning to the end."""
    kinds: dict[int, list[list[pytest.Item]]] = {}
    for file in files:
        is_long = _is_browser(file[0]) or file[0].get_closest_marker("long")
        kinds.setdefault(0 if is_long else max(map(_parts, file)), []).append(file)
    first = kinds.pop(0, [])
    placed = [
        (place / len(same), file) for same in kinds.values() for place, file in enumerate(same)
    ]
    placed.sort(key=lambda found: found[0])
    return [*first, *(file for _, file in placed)]


def _is_browser(item: pytest.Item) -> bool:
    return "browser" in getattr(item, "fixturenames", ())


def _parts(item: pytest.Item) -> int:
    if item.get_closest_marker("timed"):
        return TIMED
    if _is_browser(item):
        return BROWSING
    return WAITING if item.get_closest_marker("realtime") else COMPUTING


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Run a test once its parts of the machine are free; its time limit begins then."""
    if not hasattr(item.config, "workerinput"):
        return (yield)
    folder = _folder(os.getppid())
    folder.mkdir(exist_ok=True)
    parts = _parts(item)
    with _taken(folder, parts), _giving_way(parts == COMPUTING):
        return (yield)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remove the locks, once all processes have ended."""
    if not hasattr(session.config, "workerinput"):
        shutil.rmtree(_folder(os.getpid()), ignore_errors=True)


def _folder(main_process: int) -> Path:
    return Path(tempfile.gettempdir()) / f"side-by-side-{main_process}"


@contextlib.contextmanager
def _giving_way(gives: bool) -> Iterator[None]:
    """Compute only while no test of sound wants the core."""
    if not gives or not hasattr(os, "SCHED_IDLE"):
        yield
        return
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


@contextlib.contextmanager
def _taken(folder: Path, parts: int) -> Iterator[None]:
    """Hold so many parts; a process that is killed gives them back."""
    while (held := _try_take(folder, parts)) is None:
        time.sleep(LOOK_SECONDS)
    with held:
        yield


def _try_take(folder: Path, parts: int) -> contextlib.ExitStack | None:
    """Lock so many parts, or none; one process at a time tries."""
    with _locked(folder / "turn"), contextlib.ExitStack() as taken:
        for part in range(SHARES):
            if parts and (file := _try_lock(folder / f"{part}")) is not None:
                taken.enter_context(file)
                parts -= 1
        return None if parts else taken.pop_all()


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _try_lock(path: Path) -> IO[str] | None:
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file
