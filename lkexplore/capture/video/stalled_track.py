"""A track that is received and decoded, but handed to nobody: found out, and subscribed to again.

On a busy computer it happened to a few tracks in a hundred, when one of ours was published just
after they had come: WebRTC went on decoding, but no stream of that track, not even one opened
later, gave a picture again. Subscribing again helped each time.
"""

from __future__ import annotations

import time
import weakref

from livekit import rtc

from ...sdk.find_track import Changes, find_track
from ...sdk.media_loop import finish_within
from ...sdk.participants import Track

__all__ = ["StalledTrack", "given_up", "subscribe_again"]

DECODED = 10
"""Pictures decoded, while none is handed over, after which a track counts as stalled."""

MOST_TRIES = 3
"""Subscriptions in a row without a picture after which no more are tried."""

LET_GO_SECONDS = 1.0
"""Seconds that the SDK may take to let go of a track that was unsubscribed from."""

RENEW_SECONDS = 5.0
"""Seconds that unsubscribing and subscribing again may take."""

LOOK_AGAIN = 0.02
"""Seconds between two looks whether the SDK has let go of the track."""

_given_up: weakref.WeakSet[rtc.Track] = weakref.WeakSet()


class StalledTrack:
    """Tells when a track has stopped giving the pictures that it decodes."""

    def __init__(self) -> None:
        self._before: int | None = None
        self._suspected = False
        self._tries = 0

    def moved(self) -> None:
        """Take note of a picture."""
        self._before, self._suspected, self._tries = None, False, 0

    def is_one(self, decoded: int) -> bool:
        """Return whether the track is stalled; ask every half second, between looks for a picture.

        It must seem so twice in a row, since pictures may wait after the loop itself stood still.
        After three times in a row without a picture the answer is always no.

        Parameters
        ----------
        decoded : int
            Number of pictures that were decoded so far.
        """
        if self._before is None or decoded < self._before:
            self._before, self._suspected = decoded, False
            return False
        if decoded - self._before < DECODED or self._tries >= MOST_TRIES:
            return False
        if not self._suspected:
            self._suspected = True
            return False
        self._before, self._suspected, self._tries = None, False, self._tries + 1
        return True


def given_up(track: rtc.Track) -> bool:
    """Return whether any caller's `subscribe_again` has unsubscribed from a track."""
    return track in _given_up


async def subscribe_again(
    room: rtc.Room, view: Track, track: rtc.Track, timeout: float
) -> tuple[rtc.Track, Track]:
    """Unsubscribe from a track and subscribe to it again; return it as `find_track` does.

    Others who watch the same track and ask for the same just wait with the first.
    """
    publication = view.publication
    if not isinstance(publication, rtc.RemoteTrackPublication):
        return await find_track(room, view, "video", timeout)
    if track in _given_up:
        await _gone(room, publication, track)
    else:
        # Never cancelled half way, or all others who watch the track would lose it.
        await finish_within(_renew(room, publication, track), RENEW_SECONDS, _nothing)
    return await find_track(room, publication, "video", timeout)


async def _renew(room: rtc.Room, publication: rtc.RemoteTrackPublication, track: rtc.Track) -> None:
    _given_up.add(track)
    publication.set_subscribed(False)
    # Without this wait, every third track did not come again.
    await _gone(room, publication, track)
    publication.set_subscribed(True)
    if publication.track is track:
        _given_up.discard(track)


async def _gone(room: rtc.Room, publication: rtc.RemoteTrackPublication, track: rtc.Track) -> None:
    deadline = time.monotonic() + LET_GO_SECONDS
    with Changes(room) as changes:
        while publication.track is track and time.monotonic() < deadline:
            await changes.wait(LOOK_AGAIN)


async def _nothing(_result: None) -> None:
    """Leave it as it is."""
