"""Giving the media thread its turn: a short thread switch interval while media runs."""

from __future__ import annotations

import sys
import threading

__all__ = ["MediaUse", "media_runs"]

SWITCH_INTERVAL = 0.0005
"""Seconds between offers of the interpreter to another thread while media runs.

Python's default of 5 ms lets a busy main thread starve the media thread (frames arrive every
10 ms and each needs the interpreter several times).
"""


class _SwitchInterval:
    """Shortens the interpreter's thread switch interval while anything holds it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders = 0
        self._before = 0.0

    def acquire(self) -> None:
        with self._lock:
            if self._holders == 0:
                self._before = sys.getswitchinterval()
                sys.setswitchinterval(min(SWITCH_INTERVAL, self._before))
            self._holders += 1

    def release(self) -> None:
        with self._lock:
            self._holders -= 1
            # Someone who set another interval meanwhile keeps theirs.
            if self._holders == 0 and sys.getswitchinterval() <= SWITCH_INTERVAL * 1.01:
                sys.setswitchinterval(self._before)

    @property
    def held(self) -> bool:
        return self._holders > 0


_interval = _SwitchInterval()


def media_runs() -> bool:
    """Return whether a room is joined or a track is in use: then the SDK's threads call Python."""
    return _interval.held


class MediaUse:
    """One use of the media loop (a room, a capture): keeps the thread switch interval short.

    `end` may be called any number of times, from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active = True
        _interval.acquire()

    def end(self) -> None:
        """Give the use back; the last one restores the interval."""
        with self._lock:
            active, self._active = self._active, False
        if active:
            _interval.release()

    def __enter__(self) -> MediaUse:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.end()
