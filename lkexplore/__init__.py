"""lkexplore: capture, see, hear, filter and publish live audio in LiveKit rooms.

Examples
--------
In a notebook::

    import lkexplore as lk

    room = await lk.connect("lesson-1")
    voice = await room.record("alice", seconds=5)
    clean = voice | lk.filters.bandpass(300, 3400)
    await room.publish(clean, name="clean")

Everything is loaded on first use, so that importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import bots as bots
    from . import errors as errors
    from . import filters as filters
    from . import measure as measure
    from . import plot as plot
    from .capture import record as record
    from .connecting import connect as connect
    from .errors import LkExploreError as LkExploreError
    from .files import load as load
    from .loop import run as run
    from .publishing import publish as publish
    from .recording import Gap as Gap
    from .recording import Recording as Recording
    from .room import Room as Room
    from .samples import sample as sample
    from .samples import sample_names as sample_names
    from .widgets import FilterLab as FilterLab

__version__ = "0.1.0"

_MODULES = ("bots", "errors", "filters", "measure", "plot")
_HOMES = {
    # Modules are not called what they export: importing one would hide the function.
    "connect": "connecting",
    "publish": "publishing",
    "record": "capture",
    "run": "loop",
    "load": "files",
    "sample": "samples",
    "sample_names": "samples",
    "Gap": "recording",
    "Recording": "recording",
    "Room": "room",
    "LkExploreError": "errors",
    "FilterLab": "widgets",
}

__all__ = [
    "FilterLab",
    "Gap",
    "LkExploreError",
    "Recording",
    "Room",
    "bots",
    "connect",
    "errors",
    "filters",
    "load",
    "measure",
    "plot",
    "publish",
    "record",
    "run",
    "sample",
    "sample_names",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
