"""Why sound or pictures are missing, and why something ended: one list for the whole package."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

__all__ = ["Reason", "as_reason"]


class Reason(StrEnum):
    """Why sound or pictures are missing, or why a recording, film or live filter has ended.

    Each is a string, so that ``gap.reason == "muted"`` and ``gap.reason is Reason.MUTED`` say the
    same. What a gap can say:

    ``muted``
        Its publisher has muted the track.
    ``unpublished``
        Its publisher has taken the track back.
    ``left``
        Its publisher is not in the room.
    ``reconnecting``
        Our own connection was lost, and is being made again.
    ``unsubscribed``
        We have let the track go, or the server does not hand it over any more.
    ``forbidden``
        Our permission to subscribe was taken away.
    ``encrypted``
        The track is end-to-end encrypted with a key that we lack: what comes would be noise.
    ``nothing arrived``
        The track was there, and no packets came.
    ``not there yet``
        The recording began before the track did.

    What only an end can say:

    ``complete``
        All that was asked for is there.
    ``saved``
        It was written from memory.
    ``stopped``
        It was cancelled, interrupted or closed.
    ``disconnected``
        Our connection to the room was lost for good, or we have left.
    ``silent``
        A track that no room tells of, or that never gave anything, has gone silent.
    ``full``
        There is no more memory for it.
    ``failed``
        An error ended it, which is told with it.

    Attributes
    ----------
    words : str
        The same as the rest of a sentence: ``"track 'voice' of 'alice' " + reason.words``.

    Notes
    -----
    Taught in ``notebooks/02_recording.ipynb``.

    Examples
    --------
    >>> Reason("left")
    'left'
    >>> Reason.LEFT.words
    'ended, they left'
    """

    words: str

    def __new__(cls, value: str, words: str = "") -> Self:
        """Make a member of its text and its words."""
        member = str.__new__(cls, value)
        member._value_, member.words = value, words
        return member

    MUTED = "muted", "is muted"
    """The publisher has muted the track."""

    UNPUBLISHED = "unpublished", "was unpublished"
    """The publisher has taken the track back."""

    LEFT = "left", "ended, they left"
    """The publisher is not in the room."""

    RECONNECTING = "reconnecting", "was lost while we reconnected"
    """Our own connection was lost, and is being made again."""

    UNSUBSCRIBED = "unsubscribed", "was unsubscribed"
    """We have let the track go, or the server does not hand it over any more."""

    FORBIDDEN = "forbidden", "may not be heard by us any more (canSubscribe was taken away)"
    """Our permission to subscribe was taken away."""

    ENCRYPTED = "encrypted", "is end-to-end encrypted with a key that we lack"
    """The track is encrypted, and we have no key that fits."""

    NOTHING_ARRIVED = "nothing arrived", "gave nothing any more"
    """The track was there, and no packets came."""

    NOT_THERE_YET = "not there yet", "was not there yet"
    """The recording began before the track did."""

    COMPLETE = "complete", "is complete"
    """All that was asked for is there."""

    SAVED = "saved", "was saved"
    """It was written from memory."""

    STOPPED = "stopped", "was stopped"
    """It was cancelled, interrupted or closed."""

    DISCONNECTED = "disconnected", "was lost with our connection"
    """Our connection to the room was lost for good, or we have left."""

    SILENT = "silent", "went silent"
    """A track that no room tells of, or that never gave anything, has gone silent."""

    FULL = "full", "has filled the memory that it may take"
    """There is no more memory for it."""

    FAILED = "failed", "failed"
    """An error ended it, which is told with it."""

    def __repr__(self) -> str:
        return repr(self.value)


def as_reason(text: str) -> Reason | str:
    """Return the reason that a text means; one that is none of them stays as it is."""
    try:
        return Reason(text)
    except ValueError:
        return text
