"""A bad link in numbers: which packets it loses, and when it delivers the others.

Nothing here waits or sends: the same packets at the same times have the same fate.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from lkexplore.errors import ImpairmentError

MAX_DELAY_MS = 5000.0
"""The longest delay, and the longest jitter, in milliseconds."""

MIN_RATE_KBPS = 1.0
"""The lowest rate of a link in kilobits (1000 bits) per second."""

MAX_RATE_KBPS = 1_000_000.0
"""The highest rate of a link in kilobits (1000 bits) per second."""

QUEUE_SECONDS = 0.3
"""Seconds that a packet may have to wait for a link of limited rate; beyond that it is dropped."""

JITTER_SLOT = 0.01
"""Seconds during which all packets meet the same extra delay, as in one queue on the way."""

OVERHEAD_BYTES = 28
"""Bytes of the IPv4 and UDP headers, which a link of limited rate carries too."""


@dataclass(frozen=True, slots=True)
class Impairment:
    """What is wrong with one direction of a link.

    Parameters
    ----------
    loss : float
        Probability that a packet is lost, 0 to 1, independent of all others.
    delay_ms : float
        Delay of every packet in milliseconds, 0 to 5000.
    jitter_ms : float
        Largest extra delay in milliseconds, 0 to 5000: uniform from 0 to this, drawn anew
        every 10 ms. Packets never overtake each other.
    rate_kbps : float, optional
        Most kilobits (1000 bits) a second, IP and UDP headers included, 1 to 1000000; None for
        no limit. What would have to wait longer than 300 ms is dropped.

    Raises
    ------
    ImpairmentError
        If a value is no number, or out of its range.

    Examples
    --------
    >>> Impairment(loss=0.05, jitter_ms=40)
    Impairment(loss=0.05, delay_ms=0.0, jitter_ms=40.0, rate_kbps=None)
    """

    loss: float = 0.0
    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    rate_kbps: float | None = None

    def __post_init__(self) -> None:
        ranges = (
            ("loss", 0.0, 1.0),
            ("delay_ms", 0.0, MAX_DELAY_MS),
            ("jitter_ms", 0.0, MAX_DELAY_MS),
            ("rate_kbps", MIN_RATE_KBPS, MAX_RATE_KBPS),
        )
        for name, lowest, highest in ranges:
            given = getattr(self, name)
            if name == "rate_kbps" and given is None:
                continue
            object.__setattr__(self, name, _number(name, given, lowest, highest))

    def __str__(self) -> str:
        parts = [
            f"{100 * self.loss:g} % loss" if self.loss else "",
            f"{self.delay_ms:g} ms delay" if self.delay_ms else "",
            f"{self.jitter_ms:g} ms jitter" if self.jitter_ms else "",
            f"{self.rate_kbps:g} kbit/s" if self.rate_kbps is not None else "",
        ]
        return ", ".join(part for part in parts if part) or "nothing"

    @property
    def is_none(self) -> bool:
        """Whether nothing is wrong."""
        return self == NOTHING


def _number(name: str, given: object, lowest: float, highest: float) -> float:
    is_number = isinstance(given, (int, float)) and not isinstance(given, bool)
    # Huge integers do not fit a float; they are out of range anyway.
    if not is_number or not lowest <= given <= highest or not math.isfinite(given):  # type: ignore[operator,arg-type]
        what = repr(given) if len(repr(given)) <= 40 else f"a {type(given).__name__}"
        raise ImpairmentError(
            f"{name} must be a number from {lowest:.0f} to {highest:.0f}, not {what}"
        )
    return float(given)  # type: ignore[arg-type]


NOTHING = Impairment()
"""The impairment of a link with which nothing is wrong."""


class LinkModel:
    """Decides the fate of each packet of one direction of a link.

    Parameters
    ----------
    impairment : Impairment
        What is wrong with the link.
    seed : str
        Start value of the random losses and delays: the same seed and the same packets give the
        same fate. Whether a packet is lost depends on its number only.

    Attributes
    ----------
    lost, overflowed : int
        Packets lost at random, and those for which the queue of a slow link was full.

    Examples
    --------
    >>> link = LinkModel(Impairment(delay_ms=80), "seed")
    >>> link.arrival(10.0, 100)
    10.08
    """

    def __init__(self, impairment: Impairment, seed: str) -> None:
        self.impairment = impairment
        self.lost = self.overflowed = 0
        self._losses = random.Random(seed + "/loss")
        self._delays = random.Random(seed + "/jitter")
        self._delay = impairment.delay_ms / 1000
        self._jitter = impairment.jitter_ms / 1000
        self._free_at = self._last = -math.inf
        self._slot, self._extra = -1, 0.0

    def arrival(self, now: float, size: int) -> float | None:
        """Return when a packet comes out at the other end, or None when it never does.

        Parameters
        ----------
        now : float
            Time in seconds at which it is sent; never earlier than that of the packet before.
        size : int
            Bytes of the packet, without IP and UDP headers.
        """
        given = self.impairment
        if given.loss and self._losses.random() < given.loss:
            self.lost += 1
            return None
        time = now
        if given.rate_kbps is not None:
            start = max(now, self._free_at)
            if start - now > QUEUE_SECONDS:
                self.overflowed += 1
                return None
            time = self._free_at = start + (size + OVERHEAD_BYTES) * 8 / (given.rate_kbps * 1000)
        if self._jitter:
            slot = int(time / JITTER_SLOT)
            if slot != self._slot:
                self._slot, self._extra = slot, self._delays.uniform(0.0, self._jitter)
            time += self._extra
        self._last = max(self._last, time + self._delay)
        return self._last
