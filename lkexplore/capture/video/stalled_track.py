"""A track that is received and decoded, and yet handed to nobody: told, and asked for again.

On a busy computer it happened to a few tracks in a hundred, when one of ours was published just
after they had come: WebRTC went on decoding, and no stream of that track, nor any opened later,
gave a picture again. Subscribing anew helped each time.
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
"""Pictures that must be decoded, and none be handed over, before a track is held to be dead."""

MOST_TRIES = 3
LET_GO_SECONDS = 1.0
RENEW_SECONDS = 5.0
LOOK_AGAIN = 0.02

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
        """Return whether it does, to be asked every half second, between looks for a picture.

        It is told only when asked again, as pictures may wait after the loop itself stood still;
        and after three times in a row without a picture no more.

        Parameters
        ----------
        decoded : int
            How many pictures were decoded so far.
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
    """Return whether a track was unsubscribed from by `subscribe_again`, for whomever."""
    return track in _given_up


async def subscribe_again(
    room: rtc.Room, view: Track, track: rtc.Track, timeout: float
) -> tuple[rtc.Track, Track]:
    """Unsubscribe from a track and subscribe to it again; return it anew, as `find_track`.

    Others that watch the same track and ask for the same just wait along.
    """
    publication = view.publication
    if not isinstance(publication, rtc.RemoteTrackPublication):
        return await find_track(room, view, "video", timeout)
    if track in _given_up:
        await _gone(room, publication, track)
    else:
        # Never torn off half way: whoever else watches would be left without.
        await finish_within(_renew(room, publication, track), RENEW_SECONDS, _nothing)
    return await find_track(room, publication, "video", timeout)


async def _renew(room: rtc.Room, publication: rtc.RemoteTrackPublication, track: rtc.Track) -> None:
    _given_up.add(track)
    publication.set_subscribed(False)
    # Asked for in the same breath, every third track does not come again.
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
