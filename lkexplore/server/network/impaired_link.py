"""The links of one participant: packets on their way, held up or dropped by a model."""

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
"""Both directions: from the participant to the server, and from the server to it."""

MAX_WAITING = 8192
"""Packets that may be under way in one direction (16 MB at most); further ones are dropped."""

_EARLY = 0.0005
"""Seconds by which a packet may go too early, since timers are no finer than a millisecond."""

_Deliver = Callable[[bytes], None]


class Line:
    """One direction of a participant's link: it keeps packets in order and counts what it drops.

    Parameters
    ----------
    seed : str
        Start value of the random losses and delays (see `LinkModel`); every change of the
        impairment starts over with it.
    failures : FailureLog
        The log that counts exceptions of a delivery.

    Attributes
    ----------
    packets, dropped, delayed : int
        Packets that were sent into it, that did not come out, and that had to wait.
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
        """What is wrong with the link now."""
        return self._model.impairment

    @impairment.setter
    def impairment(self, wanted: Impairment) -> None:
        if wanted == self.impairment:
            return
        # The packets under way come out now: later ones would have to wait behind them.
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
        """Drop the packets under way."""
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
        All transports of the participant.
    seed : str
        A text that differs from link to link, the start value of its random losses and delays.
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
        """Take the lines away from the transports, and drop the packets under way."""
        for direction in DIRECTIONS:
            self._lines[direction].close()
            self.impair(direction, NOTHING)
