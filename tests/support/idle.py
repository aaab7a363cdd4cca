"""How long this machine lets a process wait."""

from __future__ import annotations

import threading
import time

__all__ = ["Waiting"]


class Waiting(threading.Thread):
    """Tells how long the machine lets a process wait that has next to nothing to do."""

    def __enter__(self):
        self.longest, self._over = 0.0, threading.Event()
        self.start()
        return self

    def run(self):
        while not self._over.is_set():
            began = time.monotonic()
            time.sleep(0.01)
            self.longest = max(self.longest, time.monotonic() - began - 0.01)

    def __exit__(self, *_exc):
        self._over.set()
        self.join()
