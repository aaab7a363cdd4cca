"""How long what was received has waited before it is shown or heard, from the statistics."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from livekit import rtc

__all__ = ["Delay"]

RENDER = 0.010
"""Seconds that WebRTC sets aside for drawing: pictures are handed over this much early."""

STATS_TIMEOUT = 1.0


class _Counters(NamedTuple):
    waited: float
    emitted: int
    decoding: float
    decoded: int


class Delay:
    """The time from a packet's arrival to its sound being heard, or its picture being due.

    Parameters
    ----------
    track : rtc.Track
        Whose statistics to read. A track of our own waits for nothing.

    Attributes
    ----------
    seconds : float
        The mean between the last two polls (over the track's life after the first one).
    decoded : int
        How many pictures were decoded until the last poll.
    """

    def __init__(self, track: rtc.Track) -> None:
        self.seconds, self.decoded = 0.0, 0
        self._track = track
        self._last = _Counters(0.0, 0, 0.0, 0)

    async def poll(self) -> None:
        """Read the statistics; what cannot be had leaves the delay as it was."""
        now = await _read(self._track)
        if now is None:
            return
        self.decoded = now.decoded
        if now.emitted == self._last.emitted:
            return
        last, self._last = self._last, now
        if now.emitted < last.emitted:
            return
        self.seconds = (now.waited - last.waited) / (now.emitted - last.emitted)
        if now.decoded > last.decoded:
            self.seconds += (now.decoding - last.decoding) / (now.decoded - last.decoded)
        if now.decoded:
            self.seconds += RENDER


async def _read(track: rtc.Track) -> _Counters | None:
    try:
        async with asyncio.timeout(STATS_TIMEOUT):
            reports = await track.get_stats()
    except Exception:  # the SDK raises a bare one for a track that is gone
        return None
    for report in reports:
        if report.WhichOneof("stats") == "inbound_rtp":
            inbound = report.inbound_rtp.inbound
            return _Counters(
                inbound.jitter_buffer_delay,
                inbound.jitter_buffer_emitted_count,
                inbound.total_decode_time,
                inbound.frames_decoded,
            )
    return None
