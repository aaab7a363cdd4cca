"""What WebRTC's statistics tell of a live track: its delay, what was concealed, what arrived.

The one reader of them, for sound and for pictures.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import statistics
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from livekit import rtc
from livekit.rtc._proto.stats_pb2 import RtcStats

from ..sdk.participants import kind_of
from ..sound.convert import WEBRTC_RATE
from ..sound.reasons import Reason

__all__ = ["PACKET", "RESOLUTION", "STALLED", "Look", "OnLook", "TrackStatistics", "watch"]

WATCHFUL = 0.2
"""Seconds between two looks while the track is new or in trouble."""

RESOLUTION = 0.4
"""Seconds between two looks otherwise, to which the places of concealed sound are known."""

STALLED = 0.06
"""Seconds without a packet after which the next one is late."""

GIVE_UP = 2.0
"""Seconds that the SDK may take to answer a question for statistics, or a last one to end."""

SOON = 0.1
"""Seconds that the last question about a track that is going away may take."""

RECENT = 12
"""Latest looks, whose median delay counts."""

ENCODING = 0.010
"""Seconds of delay that the jitter buffer of sound does not count: the 6.5 ms by which Opus looks
ahead (RFC 7845, 4.2), and the mean wait of sender and receiver for their next block of 10 ms."""

RENDERING = 0.010
"""Seconds that WebRTC reserves for drawing: pictures are handed over this much early."""

START_UP = 2.5
"""Seconds in which a new track's jitter buffer shrinks from a large delay to its target."""

NEAR_TARGET = 0.025
"""Seconds above its target delay below which a jitter buffer counts as settled."""

PACKET = 0.020
"""Seconds of sound in a packet, unless its sender was configured otherwise."""

_INBOUND = "inbound_rtp"
"""Name of the SDK's entry with the statistics of a received track."""

_log = logging.getLogger("lkexplore")


@dataclass(frozen=True, slots=True)
class Look:
    """The statistics of one track at one time, against those of the look before.

    Attributes
    ----------
    start, time : float
        Monotonic times in seconds of the look before, and of this one.
    delay : float
        Seconds from a sound at its sender to its place in the stream, without the time on the
        network, or from a picture's arrival to the time at which it is due.
    settled : bool
        Whether the jitter buffer is done with adapting to a new track.
    concealed : float
        Seconds between the two looks that the decoder made up.
    last_packet : float
        Monotonic time in seconds at which the last packet arrived.
    first_packet : float
        Monotonic time in seconds, roughly, at which the first packet since the look before
        arrived; infinite when none has.
    decoded : int
        Pictures that were decoded so far.
    missing : Reason
        The reason to give where no packet came that could be decoded.
    """

    start: float
    time: float
    delay: float
    settled: bool
    concealed: float
    last_packet: float
    first_packet: float
    decoded: int = 0
    missing: Reason = Reason.NOTHING_ARRIVED


OnLook: TypeAlias = Callable[[Look], None]
"""Takes a look, on the media loop."""


@dataclass(frozen=True, slots=True)
class _Counters:
    """WebRTC's running totals (W3C, Identifiers for WebRTC's Statistics API), times in seconds."""

    time: float
    delay: float
    target: float
    emitted: float
    concealed: float
    packets: int
    last_packet: float
    decoded: int
    decoding: float


class TrackStatistics:
    """Looks at a track's statistics, again and again, for all who want to know.

    Parameters
    ----------
    track : rtc.Track
        A received track; for a track of our own there are no such statistics.

    Attributes
    ----------
    latest : Look or None
        The latest look.
    listeners : tuple of callable
        Functions that are called with each look.
    encrypted : bool
        Whether the track is end-to-end encrypted: then packets of which no sound comes count as
        missing, for our key does not fit them. The SDK does not tell of that.
    """

    def __init__(self, track: rtc.Track) -> None:
        self.latest: Look | None = None
        self.listeners: tuple[OnLook, ...] = ()
        self.encrypted = False
        self._of_all = 0.0
        self._added = RENDERING if kind_of(track) == "video" else ENCODING
        self._recent: deque[Look] = deque(maxlen=RECENT)
        self._track = track
        self._wanted = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._watch())

    @property
    def delay(self) -> float:
        """Median delay of the last looks, in seconds; once settled, of the settled ones only.

        Before there are two looks to compare, it is the mean delay since the track began.
        """
        settled = [look.delay for look in self._recent if look.settled]
        delays = settled or [look.delay for look in self._recent]
        return statistics.median(delays) if delays else self._of_all

    @property
    def stalled_since(self) -> float:
        """When the last packet came, if the latest look saw none coming any more; else infinity."""
        look = self.latest
        stalled = look is not None and look.time - look.last_packet > STALLED
        return look.last_packet if look is not None and stalled else math.inf

    def look_now(self) -> None:
        """Look without waiting for the next turn."""
        self._wanted.set()

    async def close(self) -> None:
        """Look no more."""
        self._task.cancel()
        await asyncio.wait([self._task], timeout=GIVE_UP)

    async def _watch(self) -> None:
        before: _Counters | None = None
        while True:
            # Nobody needs the statistics of a track that has ended, and the SDK complains.
            now = await self._counters() if self.listeners else None
            if now is not None and (before is None or now.time > before.time):
                if before is None:
                    self._of_all = _delay(_Counters(*[0] * 9), now, self._added) or 0.0
                else:
                    look = _compare(before, now, self.latest, self._added)
                    if self.encrypted and kind_of(self._track) == "audio":
                        look = _of_decrypted(look, before, now, self.latest)
                    self.latest = look
                    self._recent.append(self.latest)
                    for on_look in self.listeners:
                        on_look(self.latest)
                before = now
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._wanted.wait()
            self._wanted.clear()

    async def last_packet(self) -> float:
        """Return when the last packet came, infinity if that cannot be read any more."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SOON):
                now = await self._counters()
                if now is not None and now.packets:
                    return now.last_packet
        return math.inf

    def _pause(self) -> float:
        look = self.latest
        if look is None or look.concealed > 0 or math.isinf(look.first_packet):
            return WATCHFUL
        if not look.settled and self._added == ENCODING:
            return WATCHFUL
        return RESOLUTION

    async def _counters(self) -> _Counters | None:
        try:
            async with asyncio.timeout(GIVE_UP):
                entries = await self._track.get_stats()
        except TimeoutError:
            return None
        except Exception as error:
            # The SDK raises bare exceptions. A track that is going away has no statistics;
            # others find out that it has ended.
            _log.debug("no statistics of a track: %s", error)
            return None
        found = (entry.inbound_rtp for entry in entries if entry.WhichOneof("stats") == _INBOUND)
        return next((_read(inbound) for inbound in found), None)


@contextlib.asynccontextmanager
async def watch(track: rtc.Track) -> AsyncIterator[TrackStatistics]:
    """Look at a track's statistics until left."""
    vitals = TrackStatistics(track)
    vitals.listeners = (lambda _: None,)
    try:
        yield vitals
    finally:
        await vitals.close()


def _read(found: RtcStats.InboundRtp) -> _Counters:
    wall = time.time() - time.monotonic()
    inbound = found.inbound
    return _Counters(
        time=found.rtc.timestamp / 1e6 - wall,
        delay=inbound.jitter_buffer_delay,
        target=inbound.jitter_buffer_target_delay,
        emitted=float(inbound.jitter_buffer_emitted_count),
        concealed=inbound.concealed_samples / WEBRTC_RATE,
        packets=found.received.packets_received,
        last_packet=inbound.last_packet_received_timestamp / 1e3 - wall,
        decoded=inbound.frames_decoded,
        decoding=inbound.total_decode_time,
    )


def _delay(before: _Counters, now: _Counters, added: float) -> float | None:
    """Return the mean delay of what came out between the two, None if nothing did."""
    emitted = now.emitted - before.emitted
    if emitted <= 0:
        return None
    decoded = now.decoded - before.decoded
    decoding = (now.decoding - before.decoding) / decoded if decoded > 0 else 0.0
    return (now.delay - before.delay) / emitted + decoding + added


def _compare(before: _Counters, now: _Counters, latest: Look | None, added: float) -> Look:
    delay, settled = (latest.delay, latest.settled) if latest else (added, False)
    found = _delay(before, now, added)
    if found is not None:
        delay = found
        target = (now.target - before.target) / (now.emitted - before.emitted)
        settled = found - added - target < NEAR_TARGET and now.emitted > START_UP * WEBRTC_RATE
    packets = now.packets - before.packets
    first = now.last_packet - PACKET * (packets - 1) if packets else math.inf
    return Look(
        start=before.time,
        time=now.time,
        delay=delay,
        settled=settled,
        concealed=max(0.0, now.concealed - before.concealed),
        last_packet=now.last_packet,
        first_packet=max(first, before.time) if packets else first,
        decoded=now.decoded,
    )


def _of_decrypted(look: Look, before: _Counters, now: _Counters, latest: Look | None) -> Look:
    """Return a look that counts only packets of which sound came out."""
    if now.emitted > before.emitted or now.packets == before.packets:
        return look
    return replace(
        look,
        last_packet=latest.last_packet if latest is not None else before.time,
        first_packet=math.inf,
        missing=Reason.ENCRYPTED,
    )
