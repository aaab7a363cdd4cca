"""Lost packets of a publisher's stream, and when to ask for them again."""

from __future__ import annotations

MAX_MISSING = 256
"""Missing packets of one stream that are remembered; the oldest is given up first."""

MAX_GAP = 128
"""Packets missing in a row from which on none is asked for: a key frame mends that sooner."""

MAX_TRIES = 10
"""Requests for one packet, after which it is given up."""

FIRST_INTERVAL = 0.05
"""Seconds from the first request for a packet to the second; each interval is twice the last."""

MAX_INTERVAL = 0.4
"""The longest time in seconds between two requests for one packet."""


class Chase:
    """The sequence numbers of one stream that did not arrive.

    Examples
    --------
    >>> chase = Chase()
    >>> chase.miss(10, 13, now=1.0)
    >>> chase.due(now=1.0), chase.due(now=1.01)
    ([11, 12], [])
    >>> chase.arrived(11)
    >>> chase.due(now=1.06)
    [12]
    """

    __slots__ = ("_missing", "_next")

    def __init__(self) -> None:
        # Number: tries so far, and when to ask next.
        self._missing: dict[int, tuple[int, float]] = {}
        self._next = 0.0

    def __contains__(self, sequence: int) -> bool:
        return sequence in self._missing

    def miss(self, before: int, newest: int, now: float) -> None:
        """Note that after packet `before` came `newest`."""
        count = (newest - before - 1) & 0xFFFF
        if not 0 < count <= MAX_GAP:
            return
        for step in range(count):
            self._missing[(before + 1 + step) & 0xFFFF] = (0, now)
        while len(self._missing) > MAX_MISSING:
            del self._missing[next(iter(self._missing))]
        self._next = now

    def arrived(self, sequence: int) -> None:
        """Note a packet that came late."""
        self._missing.pop(sequence, None)

    def due(self, now: float) -> list[int]:
        """Return the numbers to ask for now; those asked for often enough are given up."""
        if not self._missing or now < self._next:
            return []
        due = [number for number, (_, when) in self._missing.items() if when <= now]
        for number in due:
            tries = self._missing[number][0] + 1
            if tries > MAX_TRIES:
                del self._missing[number]
                continue
            interval = min(MAX_INTERVAL, FIRST_INTERVAL * 2 ** (tries - 1))
            self._missing[number] = (tries, now + interval)
        self._next = min((when for _, when in self._missing.values()), default=0.0)
        return [number for number in due if number in self._missing]
