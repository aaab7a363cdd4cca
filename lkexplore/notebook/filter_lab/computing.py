"""The computations of a filter lab after a move of a slider, the most urgent first."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import FilterError, SoundError
from ...filters import Filter
from ...sound.recording import Recording
from .curves import COLUMNS, LOWEST_HZ, ROWS, gain_db, levels, measures, pieces, roots

__all__ = ["Send", "Task", "run", "send_before", "send_sound"]

HEARD_SECONDS = 60.0
"""Most seconds of a sound that the page can play."""

RESTED_SECONDS = 2.0
"""Seconds without another move after which the saved picture is drawn."""

_DRAW_SECONDS = 0.04
"""Least seconds between two messages with a part of the picture: a message costs the server and the
page as much as filtering a second of sound."""

Send = Callable[[dict[str, Any], list[bytes]], None]
"""Sends a message and its buffers to the page."""

Stale = Callable[[], bool]
"""Tells whether a newer move has come."""


class Task(NamedTuple):
    """A filter to show on a sound.

    Attributes
    ----------
    before : Recording
        The unfiltered sound.
    filter : Filter
        A copy of the filter that nobody else uses.
    number : int
        The page's number of the move, which goes back to it with the result.
    send : callable
        Function that takes a message and its buffers.
    done : callable
        Function called with the filtered recording.
    rested : callable
        Function called when no other move came for `RESTED_SECONDS`.
    """

    before: Recording
    filter: Filter
    number: int
    send: Send
    done: Callable[[Recording], None]
    rested: Callable[[], None]


def run(task: Task, stale: Stale) -> None:
    """Show a filter: response, filtered sound piece by piece, then what takes longer."""
    task.filter.sample_rate = task.before.sample_rate
    try:
        _send_curve(task)
        after = _filtered(task, stale)
    except FilterError as error:
        task.send({"is": "error", "text": str(error)}, [])
        after = None
    except Exception as error:
        # A user's filter may raise anything, and the person wants to see what it was.
        task.send({"is": "error", "text": f"{type(error).__name__}: {error}"}, [])
        after = None
    if after is not None:
        task.done(after)
        task.send({"is": "measures", "of": "after", "values": _finite(measures(after))}, [])
    task.send({"is": "shown", "number": task.number}, [])
    if after is None or stale():
        return
    send_sound(task.send, "after", after)
    _rest(task, stale)


def send_before(send: Send, before: Recording) -> None:
    """Send the picture, the sound and the measures of the unfiltered sound."""
    count, each = columns_of(before)
    found = levels(before.samples, before.sample_rate, 0, count, each) if count else _none()
    told = {"is": "before", "columns": count, "rows": ROWS, "seconds": before.duration}
    told |= {"low": LOWEST_HZ, "high": before.sample_rate / 2}
    send(told, [found.tobytes()])
    send_sound(send, "before", before)
    send({"is": "measures", "of": "before", "values": _finite(measures(before))}, [])


def send_sound(send: Send, side: str, recording: Recording) -> None:
    """Send sound to play, at most its first minute and two channels, in 16 bits."""
    heard = recording[:HEARD_SECONDS]
    heard = heard if heard.channels <= 2 else heard.mono()
    told = {"is": "sound", "side": side, "rate": heard.sample_rate, "channels": heard.channels}
    send(told | {"whole": heard.duration == recording.duration}, [heard.to_int16().tobytes()])


def columns_of(recording: Recording) -> tuple[int, float]:
    """Return the number of columns of a picture, and the width of each in samples."""
    length = recording.samples.shape[1]
    count = min(COLUMNS, length // 8)
    return count, length / max(count, 1)


def _filtered(task: Task, stale: Stale) -> Recording | None:
    """Filter piece by piece, and show now and then what there is; return None if out of date."""
    before = task.before
    count, each = columns_of(before)
    length, drawn, at = before.samples.shape[1], 0, time.monotonic()
    out = np.zeros((before.channels, length), np.float32)
    for piece in pieces(before, task.filter):
        if stale():
            return None
        if len(piece.samples) != len(out):
            out = np.zeros((len(piece.samples), length), np.float32)
        known = piece.start + piece.samples.shape[1]
        out[:, piece.start : known] = piece.samples
        ready = count if known == length else int(known / each) - 1
        if ready > drawn and (known == length or time.monotonic() - at > _DRAW_SECONDS):
            found = levels(out[:, :known], before.sample_rate, drawn, ready - drawn, each)
            told = {"is": "columns", "from": drawn, "count": ready - drawn, "number": task.number}
            task.send(told, [found.tobytes()])
            drawn, at = ready, time.monotonic()
    try:
        return before.replace(samples=out)
    except SoundError as error:
        raise FilterError(f"{task.filter!r} put out what is no sound: {error}") from None


def _send_curve(task: Task) -> None:
    gains, found = gain_db(task.filter), roots(task.filter)
    poles, zeros = found if found is not None else (gains[:0], gains[:0])
    told = {"is": "curve", "number": task.number, "poles": len(poles), "zeros": len(zeros)}
    task.send(told, [gains.tobytes(), poles.tobytes() + zeros.tobytes()])


def _rest(task: Task, stale: Stale) -> None:
    deadline = time.monotonic() + RESTED_SECONDS
    while time.monotonic() < deadline:
        if stale():
            return
        time.sleep(0.02)
    # On its own, or a move would wait for it.
    threading.Thread(target=task.rested, name="filter lab picture", daemon=True).start()


def _finite(values: dict[str, float]) -> dict[str, float | None]:
    return {name: value if np.isfinite(value) else None for name, value in values.items()}


def _none() -> NDArray[np.uint8]:
    return np.zeros((0, ROWS), np.uint8)
