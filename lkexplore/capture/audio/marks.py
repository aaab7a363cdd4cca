"""The marks on a recording in the making: where sound was concealed or is missing."""

from __future__ import annotations

import math

from ...sound.reasons import Reason
from ...sound.timing import Concealment, Gap
from ..statistics import PACKET, RESOLUTION, STALLED, Look

__all__ = ["LONGEST_PAUSE", "Marks"]

LONGEST_PAUSE = 0.6
"""Seconds without a packet after which none is coming.

In silence, Opus may send only one packet in 400 ms (discontinuous transmission, RFC 6716, 2.1.9).
"""

AT_THE_END = 0.5
"""Seconds below which a gap at the very end is not marked: the track has just ended."""

FADE_IN = 0.02
"""Seconds by which the place where the first packet's sound begins is uncertain: so much of what
the decoder made up before it is kept."""

EDGE = 0.04
"""Seconds by which concealment may begin before, or end after, the gap that explains it."""


class Marks:
    """Collects gaps and concealment, in seconds from the start of a recording.

    Attributes
    ----------
    gaps : list of Gap
        The gaps that are over.
    concealed : list of Concealment
        All concealed parts, those within gaps included; `within` leaves these out.
    observed : bool
        Whether there were statistics, which alone tell of concealment.
    """

    def __init__(self) -> None:
        self.gaps: list[Gap] = []
        self.concealed: list[Concealment] = []
        self.observed = False
        self._open: dict[Reason, float] = {}
        self._last_packet = math.inf
        self._guesses: list[tuple[float, float]] = []
        self._guessing: float | None = None

    def begin(self, reason: Reason, at: float) -> None:
        """Begin a gap, unless one for that reason is under way."""
        self._open.setdefault(reason, max(at, 0.0))

    def end(self, reason: Reason, at: float) -> None:
        """End a gap, if there was one."""
        start = self._open.pop(reason, None)
        if start is not None and at > start:
            self.add(start, at, reason)

    def add(self, start: float, end: float, reason: Reason) -> None:
        """Mark a gap; one that goes on where the last one ended becomes part of it."""
        last = self.gaps[-1] if self.gaps else None
        if last is not None and last.reason == reason and abs(last.end - start) < 1e-6:
            start = self.gaps.pop().start
        if end > start:
            self.gaps.append(Gap(start, end, reason))

    @property
    def guessing(self) -> bool:
        """Whether the samples that come now are the decoder's guess."""
        return self._guessing is not None

    def note(self, look: Look, started: float, delay: float, muted: bool = False) -> None:
        """Learn from a look at the statistics.

        Parameters
        ----------
        look : Look
            The statistics at one time.
        started, delay : float
            Monotonic time in seconds at which the sound at 0 s was sent, and the seconds after
            which it came out. A gap is placed by time alone; the place of the decoder's guesses
            in the samples depends on the delay at that moment, too.
        muted : bool
            Whether the track was muted meanwhile: then no packet follows a short pause.
        """
        self.observed = True
        zero = started + delay
        start, end = look.start - zero, look.time - zero
        if look.concealed > 0 and end > 0:
            seconds = min(look.concealed, end - max(start, 0.0))
            self.concealed.append(Concealment(max(start, 0.0), end, seconds))
        if math.isfinite(look.first_packet):
            if muted and look.first_packet - self._last_packet > STALLED:
                # The pause was over before anyone looked.
                self.guess_from(self._last_packet + look.delay - zero)
            self.end(Reason.NOTHING_ARRIVED, look.first_packet - PACKET - started)
            self.end(Reason.ENCRYPTED, look.first_packet - PACKET - started)
            self.guess_until(look.first_packet + look.delay - zero)
        pause = look.time - look.last_packet
        if pause > (STALLED if muted else LONGEST_PAUSE):
            self.guess_from(look.last_packet + look.delay - zero)
        if pause > LONGEST_PAUSE:
            self.begin(look.missing, look.last_packet - started)
        self._last_packet = look.last_packet

    def guess_from(self, place: float) -> None:
        """Note that the samples from here on are the decoder's guess."""
        if self._guessing is None:
            self._guessing = max(place, 0.0)

    def guess_until(self, place: float) -> None:
        """Note that the samples from here on are sound that came."""
        if self._guessing is not None and place - FADE_IN > self._guessing:
            self._guesses.append((self._guessing, place - FADE_IN))
        self._guessing = None

    def guesses(self, end: float) -> list[tuple[float, float]]:
        """Return where the samples are no sound that came, in seconds up to an end."""
        since = self._guessing
        return self._guesses + ([(since, end)] if since is not None and since < end else [])

    def forgive(self, end: float) -> None:
        """Take back what was marked at the very end: the track ended there, nothing is missing."""
        brief = [why for why, start in self._open.items() if end - start < AT_THE_END]
        for why in brief:
            start = self._open.pop(why)
            if self.gaps and abs(self.gaps[-1].end - start) < 1e-6:
                # A gap was under way already, and goes on to the end.
                self.gaps[-1] = Gap(self.gaps[-1].start, end, self.gaps[-1].reason)
        if self._guessing is not None and end - self._guessing < AT_THE_END:
            self._guessing = None

    def forget_guesses(self, before: float) -> None:
        """Drop the guesses that were over before a time."""
        self._guesses = [guess for guess in self._guesses if guess[1] > before]

    def forget(self, before: float) -> None:
        """Drop what was over before a time."""
        self.gaps = [gap for gap in self.gaps if gap.end > before]
        self.concealed = [hidden for hidden in self.concealed if hidden.end > before]

    def within(self, end: float) -> tuple[list[Gap], list[Concealment]]:
        """Return the gaps, those under way ending now, and the concealment outside them."""
        gaps = _without_doubles(self._until(end))
        return gaps, [hidden for hidden in self.concealed if not _explained(hidden, gaps)]

    def _until(self, end: float) -> list[Gap]:
        under_way = list(self._open.items())
        return self.gaps + [Gap(start, end, why) for why, start in under_way if start < end]


def _explained(hidden: Concealment, gaps: list[Gap]) -> bool:
    """Whether a gap is what made the decoder conceal: it lies there, or at its edge."""
    slack = RESOLUTION + EDGE
    return any(
        gap.start - slack <= hidden.start and hidden.end <= gap.end + 2 * slack for gap in gaps
    )


def _without_doubles(gaps: list[Gap]) -> list[Gap]:
    """Nothing arrives, too, while a track is muted or gone: keep the better reason."""
    known = [gap for gap in gaps if gap.reason != Reason.NOTHING_ARRIVED]
    kept = list(known)
    for gap in gaps:
        if gap.reason is Reason.NOTHING_ARRIVED:
            kept += _remainder(gap, known)
    return sorted(kept)


def _remainder(gap: Gap, known: list[Gap]) -> list[Gap]:
    pieces = [gap]
    for other in known:
        cut = []
        for piece in pieces:
            if other.end <= piece.start or other.start >= piece.end:
                cut.append(piece)
                continue
            if other.start - piece.start > LONGEST_PAUSE / 2:
                cut.append(Gap(piece.start, other.start, piece.reason))
            if piece.end - other.end > LONGEST_PAUSE / 2:
                cut.append(Gap(other.end, piece.end, piece.reason))
        pieces = cut
    return pieces
