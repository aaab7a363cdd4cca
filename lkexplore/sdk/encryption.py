"""End-to-end encryption: which tracks we can read, and the keys of a room.

A track that is encrypted with a key that we lack arrives as noise, or not at all: it counts as
missing, and nothing of it is decoded, recorded or sent on.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import TypeAlias

from livekit import rtc

from ..errors import EncryptionError
from .participants import Track

__all__ = [
    "E2eeKey",
    "HiddenKey",
    "check_readable",
    "is_encrypted",
    "is_readable",
    "watch_encryption",
]

E2eeKey: TypeAlias = "str | bytes | Mapping[str, str | bytes] | HiddenKey"
"""A key that all participants share, or each participant's key by identity."""

KEY_INDEX = 0
"""Place in the SDK's ring of 16 keys; senders that rotate keys by hand use the same one again."""

RATCHET_STEPS = 0
"""Keys that the SDK derives from ours and tries when it does not fit: deriving each takes so long
that frames pile up, and neither the failure nor a new key is noticed for many seconds."""

ANY_NUMBER = -1
"""Frames in a row that may fail until the SDK gives a key up: there is no such number."""

_UNREADABLE = frozenset(
    (
        rtc.EncryptionState.DECRYPTION_FAILED,
        rtc.EncryptionState.MISSING_KEY,
        rtc.EncryptionState.INTERNAL_ERROR,
    )
)
"""States of a participant's encryption in which nothing of theirs can be decoded."""

_failing: weakref.WeakKeyDictionary[rtc.Room, set[str]] = weakref.WeakKeyDictionary()
"""Identities of those who could not be decrypted lately, by room."""


class HiddenKey:
    """The key of a room, or of each participant, that no traceback or repr shows.

    Parameters
    ----------
    key : str, bytes, mapping of str to str or bytes, or HiddenKey
        The key that all share, or each participant's key by identity.

    Raises
    ------
    EncryptionError
        If that is no key.
    """

    def __init__(self, key: E2eeKey) -> None:
        self._shared: bytes | None = None
        self._each: dict[str, bytes] = {}
        if isinstance(key, HiddenKey):
            self._shared, self._each = key._shared, key._each
        elif isinstance(key, Mapping):
            self._each = {str(identity): _as_bytes(one) for identity, one in key.items()}
        else:
            self._shared = _as_bytes(key)

    def options(self) -> rtc.E2EEOptions:
        """Return how to join an encrypted room."""
        # Each participant's own key is told to the SDK once the room is joined.
        hidden = _HiddenOptions(
            shared_key=self._shared,
            ratchet_window_size=RATCHET_STEPS,
            failure_tolerance=ANY_NUMBER,
        )
        return rtc.E2EEOptions(hidden)

    def tell(self, room: rtc.Room) -> None:
        """Tell a joined room the key, or the keys; also to change them.

        Raises
        ------
        EncryptionError
            If the room was joined without encryption.
        """
        manager = room.e2ee_manager
        provider = manager.key_provider if manager.enabled else None
        if provider is None:
            raise EncryptionError(
                f"room {room.name!r} was joined without encryption: join it with e2ee_key="
            )
        for identity, one in self._each.items():
            provider.set_key(identity, one, KEY_INDEX)
        if self._shared is not None:
            provider.set_shared_key(self._shared, KEY_INDEX)
        # Whether the new key fits is told with the next frame.
        _failing.get(room, set()).clear()

    def __repr__(self) -> str:
        return "<a key for end-to-end encryption>"


class _HiddenOptions(rtc.KeyProviderOptions):
    def __repr__(self) -> str:
        return "<a key for end-to-end encryption>"


def watch_encryption(room: rtc.Room) -> None:
    """Note from now on whose media cannot be decrypted; asking again changes nothing."""
    if room in _failing:
        return
    failing = _failing[room] = set()

    def on_state(participant: rtc.Participant | None, state: int) -> None:
        if participant is None:
            return
        if state in _UNREADABLE:
            failing.add(participant.identity)
        else:
            failing.discard(participant.identity)

    room.on("e2ee_state_changed", on_state)


def is_encrypted(track: rtc.TrackPublication | None) -> bool:
    """Tell whether a track is end-to-end encrypted."""
    return track is not None and track.encryption_type != rtc.EncryptionType.NONE


def is_readable(room: rtc.Room, owner: rtc.Participant, track: rtc.TrackPublication) -> bool:
    """Tell whether what comes of a track can be decoded: it is in the clear, or our key fits."""
    if not is_encrypted(track) or owner is room.local_participant:
        return True
    if not room.e2ee_manager.enabled:
        return False
    return owner.identity not in _failing.get(room, ())


def check_readable(room: rtc.Room | None, view: Track) -> None:
    """Refuse a track of which nothing could be decoded.

    Raises
    ------
    EncryptionError
        If the track is encrypted, and our key is missing or does not fit.
    """
    publication = view.publication
    owner = None if room is None else room.remote_participants.get(view.identity)
    if room is None or owner is None or publication is None:
        return
    if is_readable(room, owner, publication):
        return
    cure = (
        "our key does not fit: room.set_e2ee_key(...) with the right one"
        if room.e2ee_manager.enabled
        else "we joined without a key: join with e2ee_key="
    )
    raise EncryptionError(
        f"track {view.name!r} of {view.identity!r} is end-to-end encrypted, and {cure}"
    )


def _as_bytes(key: object) -> bytes:
    made = key.encode() if isinstance(key, str) else key
    if not isinstance(made, bytes) or not made:
        what = "empty" if made == b"" else f"of type {type(key).__name__}"
        raise EncryptionError(
            f"e2ee_key cannot be {what}: give the key that all share as str or bytes, or a dict of "
            "each participant's key by identity"
        )
    return made
