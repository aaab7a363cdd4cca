"""The links of one participant: packets on their way, in the hands of a model of a bad link."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Literal

from ..transport import Transport
from ..transport.failures import FailureLog
from .impairment import NOTHING, Impairment, LinkModel

Direction = Literal["up", "down"]
DIRECTIONS: tuple[Direction, ...] = ("up", "down")

MAX_WAITING = 8192
"""Packets under way in one direction; further ones are dropped. At most 16 MB."""

_EARLY = 0.0005
"""Timers are no finer than a millisecond: what is due within half of one goes now."""

_Deliver = Callable[[bytes], None]


class Line:
    """One direction of a participant's link: in-order, bounded, dropped packets are counted.

    Parameters
    ----------
    seed : str
        See `LinkModel`; every change of the impairment starts over with it.
    failures : FailureLog
        Counts what a delivery raises.

    Attributes
    ----------
    packets, dropped, delayed : int
        Packets sent into it, those that did not come out, and those that had to wait.
    """

    def __init__(self, seed: str, failures: FailureLog) -> None:
        self.packets = self.dropped = self.delayed = 0
        self._seed, self._failures = seed, failures
        self._model = LinkModel(NOTHING, seed)
        self._waiting: deque[tuple[float, _Deliver, bytes]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    @property
    def impairment(self) -> Impairment:
        """What is wrong with it now."""
        return self._model.impairment

    @impairment.setter
    def impairment(self, wanted: Impairment) -> None:
        if wanted == self.impairment:
            return
        # What is under way comes out now: waiting it out would hold up what follows.
        self._release(float("inf"))
        self._model = LinkModel(wanted, self._seed)

    def carry(self, packet: bytes, deliver: _Deliver) -> None:
        """Hand a packet to `deliver`, at once, later or never."""
        now = self._loop.time()
        self.packets += 1
        arrival = self._model.arrival(now, len(packet))
        if arrival is None or len(self._waiting) >= MAX_WAITING:
            self.dropped += 1
        elif arrival <= now and not self._waiting:
            deliver(packet)
        else:
            self.delayed += 1
            self._waiting.append((arrival, deliver, packet))
            self._wait()

    def close(self) -> None:
        """Forget what is under way."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        if self._timer is None and self._waiting:
            self._timer = self._loop.call_at(self._waiting[0][0], self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        self._release(self._loop.time() + _EARLY)

    def _release(self, until: float) -> None:
        waiting = self._waiting
        while waiting and waiting[0][0] <= until:
            _, deliver, packet = waiting.popleft()
            try:
                deliver(packet)
            except Exception:
                self._failures.report("a delayed packet")
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._wait()


class Lines:
    """Both directions of a participant's link; its transports share them.

    Parameters
    ----------
    transports : iterable of Transport
        All of the participant's transports.
    seed : str
        What makes this link differ from others.
    """

    def __init__(self, transports: Iterable[Transport], seed: str) -> None:
        self._transports = list(transports)
        failures = self._transports[0].mux.failures
        self._lines = {way: Line(f"{seed}/{way}", failures) for way in DIRECTIONS}

    def __getitem__(self, direction: Direction) -> Line:
        return self._lines[direction]

    def impair(self, direction: Direction, impairment: Impairment) -> None:
        """Make one direction as bad as this, from now on."""
        line = self._lines[direction]
        line.impairment = impairment
        used = None if impairment.is_none else line
        for transport in self._transports:
            if direction == "up":
                transport.uplink = used
            else:
                transport.downlink = used

    def close(self) -> None:
        """Take the lines away, with what is under way."""
        for direction in DIRECTIONS:
            self._lines[direction].close()
            self.impair(direction, NOTHING)
