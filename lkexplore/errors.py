"""The package's own errors: one line each, saying what came, what is allowed and what to do."""

from __future__ import annotations


class LkExploreError(Exception):
    """Base of every error that lkexplore raises on purpose."""


class SoundError(LkExploreError, ValueError):
    """Samples, a sample rate or a channel count that lkexplore cannot work with."""


class FilterError(LkExploreError, ValueError):
    """A filter parameter outside its range, or a filter that does not fit the sound."""


class FileError(LkExploreError, OSError):
    """A sound file that cannot be read or written."""


class ConnectError(LkExploreError, ConnectionError):
    """A room that could not be joined: the server was not reached, or it refused."""


class TokenError(ConnectError):
    """The server was reached and refused the token, the key or the permission."""


class ServerError(LkExploreError, RuntimeError):
    """The embedded server could not start, or has ended."""


class ParticipantNotFound(LkExploreError, LookupError):
    """Nobody with that identity is in the room."""


class TrackNotFound(LkExploreError, LookupError):
    """The participant is there, but has no track of the wanted kind."""


class RoomClosed(LkExploreError, ConnectionError):
    """The room was left, or the connection to it is gone for good."""


class WaitTimeout(LkExploreError, TimeoutError):
    """Something did not happen within its timeout."""


class NotAwaited(LkExploreError, AttributeError):
    """What an async function was to return was used before it was awaited."""


class EncryptionError(LkExploreError):
    """A track that is end-to-end encrypted with a key that we lack, or a key that is none."""


class ImpairmentError(LkExploreError, ValueError):
    """A network impairment outside its range, or asked of a server that offers none."""


class MissingExtra(LkExploreError, ImportError):
    """An optional package that is not installed, or cannot be loaded."""


class MissingBundle(LkExploreError, ImportError):
    """The widgets' part for the browser, which the package's build makes, is not there."""
