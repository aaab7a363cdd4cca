"""One stream of RTP as it arrives: its numbers, and which packets are missing."""

from __future__ import annotations

from . import rtcp
from .retransmission_requests import Chase

_RANK = {"q": 0, "h": 1, "f": 2}
"""Rank by the name of a simulcast layer: a quarter, half or all of the picture's size."""


class Layer:
    """One stream that a publisher sends: the track itself, or one of its simulcast layers."""

    __slots__ = (
        "chase",
        "cycles",
        "expected_before",
        "first",
        "highest",
        "is_broken",
        "last_arrival",
        "last_pli",
        "nacked",
        "pli_due",
        "rank",
        "received",
        "received_before",
        "report",
        "report_arrival",
        "rid",
        "ssrc",
    )

    def __init__(self, ssrc: int, rid: str = "") -> None:
        self.ssrc, self.rid, self.rank = ssrc, rid, _RANK.get(rid, 0)
        self.first: int | None = None
        self.highest = self.cycles = self.received = 0
        self.expected_before = self.received_before = 0
        self.last_arrival = self.last_pli = 0.0
        self.pli_due = self.is_broken = False
        self.chase = Chase()
        self.nacked: dict[int, float] = {}
        self.report: rtcp.SenderReport | None = None
        self.report_arrival = 0.0

    def count(self, sequence: int, now: float) -> bool:
        """Note the arrival of a packet; return whether it is the newest."""
        self.last_arrival = now
        self.received += 1
        if self.first is None:
            self.first = self.highest = sequence
        elif 0 < (sequence - self.highest) & 0xFFFF < 0x8000:
            if sequence < self.highest:
                self.cycles += 1
            self.highest = sequence
        else:
            return False
        return True

    def extended(self, sequence: int) -> int:
        """Return a number near the highest one, counted on through its wrap-arounds."""
        ahead = (sequence - self.highest + 0x8000) % 0x10000 - 0x8000
        return (self.cycles << 16) + self.highest + ahead

    @property
    def expected(self) -> int:
        """Number of packets that were sent, judged by their sequence numbers."""
        return 0 if self.first is None else (self.cycles << 16) + self.highest - self.first + 1

    @property
    def lost(self) -> int:
        """Number of packets that were sent and have not come in."""
        return max(0, self.expected - self.received)

    def report_block(self, now: float) -> rtcp.ReportBlock:
        """Return the block of a receiver report, and start its next interval."""
        expected, received = self.expected, self.received
        interval = expected - self.expected_before
        lost = max(0, interval - (received - self.received_before))
        self.expected_before, self.received_before = expected, received
        delay = int((now - self.report_arrival) * 65536) if self.report else 0
        return rtcp.ReportBlock(
            self.ssrc,
            min(255, 256 * lost // interval) if interval > 0 else 0,
            min(self.lost, 0x7FFFFF),
            (self.cycles & 0xFFFF) << 16 | self.highest,
            last_report=self.report.middle_ntp if self.report else 0,
            delay=delay & 0xFFFFFFFF,
        )
