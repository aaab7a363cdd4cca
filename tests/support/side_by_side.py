"""Runs tests side by side, as many as the machine carries, each with its share of it.

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
from typing import IO

import pytest

SHARES = 20
"""Into how many parts the machine is divided."""

WAITING = 3
"""Parts that a test takes which waits in real time: sound flows, and little is computed."""

BROWSING = 6
"""Parts that a test takes which runs a browser."""

COMPUTING = 8
"""Parts that a test takes which computes, on one of two cores."""

TIMED = 11
"""Parts that a test takes which measures time in rooms: beside it others may only wait."""

ALONE = SHARES
"""Parts that a test takes which keeps all cores busy, or would be wrong if others did."""

PROCESSES_PER_CORE = 2.5
"""How many tests may run at once for each core; most of them wait."""

LOOK_SECONDS = 0.02
"""Seconds between two looks whether a part is free."""

REAL_TIME = frozenset(
    ("server", "target", "kernel", "browser", "lab", "clients", "besieged", "notebook")
)
"""Fixtures of tests that take the time that sound, servers, kernels or browsers take."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "realtime: waits for sound, a server, a kernel or a browser")
    config.addinivalue_line("markers", "timed: measures time, and others may only wait beside it")
    config.addinivalue_line("markers", "alone: has the machine for itself")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return how many processes run tests; 0 for a few that are named."""
    named = any("::" in argument or argument.endswith(".py") for argument in config.args)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return 0 if named else round(PROCESSES_PER_CORE * (cores or 1))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what is real time, group what shares a costly fixture, mix what waits and computes."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if fixtures & REAL_TIME or item.get_closest_marker("timed"):
            item.add_marker(pytest.mark.realtime)
        if group := _group(item):
            item.add_marker(pytest.mark.xdist_group(group))
    items[:] = _mixed(items)


def _group(item: pytest.Item) -> str:
    """Return whose process a test shares: that of the tests which need the same costly fixture."""
    if _is_browser(item):
        return "browser"
    found = getattr(item, "_fixtureinfo", None)
    shared = sorted(
        name
        for name, definitions in (found.name2fixturedefs if found else {}).items()
        if definitions[-1].scope in ("module", "class")
    )
    # Asked for its nodeid here, pytest would keep that, and xdist could not add the group.
    place = item.path.relative_to(item.config.rootpath).as_posix()
    return "-".join([place, *shared]) if shared else ""


def _mixed(items: list[pytest.Item]) -> list[pytest.Item]:
    """Return browsers first, for they take longest, then all else evenly, at last what is timed."""
    kinds: dict[int, list[pytest.Item]] = {}
    for item in items:
        kinds.setdefault(_parts(item), []).append(item)
    first = [item for item in items if _is_browser(item)]
    last = sorted(
        (item for item in items if _parts(item) >= TIMED and not _is_browser(item)), key=_parts
    )
    between = [
        (place / len(same), item)
        for same in kinds.values()
        for place, item in enumerate(same)
        if _parts(item) < TIMED and not _is_browser(item)
    ]
    between.sort(key=lambda found: found[0])
    return [*first, *(item for _, item in between), *last]


def _is_browser(item: pytest.Item) -> bool:
    return "browser" in getattr(item, "fixturenames", ())


def _parts(item: pytest.Item) -> int:
    if item.get_closest_marker("alone"):
        return ALONE
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
    with _taken(folder, _parts(item)):
        return (yield)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remove the locks, once all processes have ended."""
    if not hasattr(session.config, "workerinput"):
        shutil.rmtree(_folder(os.getpid()), ignore_errors=True)


def _folder(main_process: int) -> Path:
    return Path(tempfile.gettempdir()) / f"side-by-side-{main_process}"


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
