"""How much sound to keep queued for blocks that come late: as little as will do."""

from __future__ import annotations

from typing import Literal

__all__ = ["Cushion", "Step"]

Step = Literal["keep", "lengthen", "shorten"]

LEAST, MOST = 0.001, 0.004
"""Seconds that the queue should still hold when a block comes: below, it grows; if it has been
above all the time, it shrinks."""

BUSY, BUSY_AFTER = 0.040, 0.030
"""The least instead, once the kernel has been running something for so long."""

CARRIED, MARGIN = 0.001, 1.5
"""Seconds of work on a block for which nothing need be done before a new filter comes, and how
much more than what it takes is to be queued for one that takes longer."""

WATCHED, NEEDED, AGAIN = 5.0, 60.0, 1.0
"""Seconds without need after which some of it is given up, the same for its last `BUSY` seconds
once it was too little, and then until more is given up."""

MUCH = 0.05
"""Seconds of needless sound from which on it goes the faster, the more there is."""

LIMIT = 0.5


class Cushion:
    """Watches what is still queued when each block comes, and says what to do.

    Attributes
    ----------
    late : int
        Blocks that came when nothing was left: a hole was heard.
    """

    def __init__(self) -> None:
        self.late = 0
        self._least = LIMIT
        self._since = 0.0
        self._watched = WATCHED

    def note(self, queued: float, now: float, busy_for: float = 0.0, coming: float = 0.0) -> Step:
        """Return what to do with the block that comes now.

        Parameters
        ----------
        queued : float
            Seconds of sound that wait to be sent.
        now : float
            Monotonic time.
        busy_for : float
            Seconds that the kernel has been running something.
        coming : float
            Seconds that a filter which is to come will take for a block.
        """
        if queued <= 0:
            self.late += 1
        least = BUSY if busy_for > BUSY_AFTER else LEAST
        if coming > CARRIED:
            least = max(least, LEAST + MARGIN * coming)
        if queued < least:
            if least == LEAST:
                self._watched = NEEDED
            self._restart(now)
            return "lengthen"
        if not self._since or queued > LIMIT:
            self._restart(now)
            return "shorten" if queued > LIMIT else "keep"
        self._least = min(self._least, queued)
        watched = self._watched if self._least <= BUSY else WATCHED
        if now - self._since < watched / self._hurry():
            return "keep"
        if self._least > least + MOST - LEAST:
            return "shorten"
        self._restart(now)
        return "keep"

    def carries(self, queued: float) -> float:
        """Return for how many seconds a new filter may work on a block with so much queued."""
        return max(CARRIED, (queued - LEAST) / MARGIN)

    def shortened(self, now: float) -> None:
        """Tell that a block was made shorter: the next look is sooner than the first."""
        watched = self._watched if self._least <= BUSY else WATCHED
        done = (watched - AGAIN) / self._hurry()
        if self._least <= BUSY:
            self._watched = WATCHED
        self._least, self._since = LIMIT, now - done

    def _hurry(self) -> float:
        return max(1.0, self._least / MUCH)

    def _restart(self, now: float) -> None:
        self._least, self._since = LIMIT, now
