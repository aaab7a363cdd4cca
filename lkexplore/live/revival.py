"""A track that is received and decoded, and yet handed to nobody: told, and asked for again.

On a busy computer it happened to a few tracks in a hundred, when one of ours was published just
after they had come: WebRTC went on decoding, and no stream of that track, nor any opened later,
gave a picture again. Subscribing anew helped each time.
"""

from __future__ import annotations

import asyncio
import time

from livekit import rtc

from ..finding import Changes, find_track
from ..tracks import Track

__all__ = ["StandStill", "subscribe_again"]

STATS_TIMEOUT = 1.0
DECODED = 10
"""Pictures that must be decoded, and none be handed over, before a track is held to be dead."""

MOST_TRIES = 3
LET_GO_SECONDS = 1.0
LOOK_AGAIN = 0.02


class StandStill:
    """Tells when a track has stopped giving the pictures that it decodes."""

    def __init__(self) -> None:
        self._before: int | None = None
        self._tries = 0

    def moved(self) -> None:
        """Take note of a picture."""
        self._before, self._tries = None, 0

    async def is_one(self, track: rtc.Track) -> bool:
        """Return whether it does, to be asked whenever there was no picture for a while.

        After three times in a row without a picture it is no longer said.
        """
        now = await _decoded(track)
        if now is None or self._before is None or now < self._before:
            self._before = now
            return False
        if now - self._before < DECODED or self._tries >= MOST_TRIES:
            return False
        self._before, self._tries = None, self._tries + 1
        return True


async def _decoded(track: rtc.Track) -> int | None:
    """Return how many pictures of a track of somebody else were decoded."""
    try:
        async with asyncio.timeout(STATS_TIMEOUT):
            reports = await track.get_stats()
    except Exception:  # the SDK raises a bare one for a track that is gone
        return None
    for report in reports:
        if report.WhichOneof("stats") == "inbound_rtp":
            return report.inbound_rtp.inbound.frames_decoded
    return None


async def subscribe_again(room: rtc.Room, view: Track, timeout: float) -> tuple[rtc.Track, Track]:
    """Unsubscribe from a track and subscribe to it again; return it anew, as `find_track`."""
    publication = view.publication
    if isinstance(publication, rtc.RemoteTrackPublication):
        publication.set_subscribed(False)
        deadline = time.monotonic() + LET_GO_SECONDS
        with Changes(room) as changes:
            while publication.track is not None and time.monotonic() < deadline:
                await changes.wait(LOOK_AGAIN)
        publication.set_subscribed(True)
        return await find_track(room, publication, "video", timeout)
    return await find_track(room, view, "video", timeout)
