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

__all__ = ["E2eeKey", "encryption_options", "is_readable", "set_keys", "watch_encryption"]

E2eeKey: TypeAlias = str | bytes | Mapping[str, str | bytes]
"""A key that all participants share, or each participant's key by identity."""

KEY_INDEX = 0
"""Place in the SDK's ring of 16 keys; senders that rotate keys by hand use the same one again."""

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


def encryption_options(key: E2eeKey | None) -> rtc.E2EEOptions | None:
    """Return how to join an encrypted room; None for a room in the clear.

    Raises
    ------
    EncryptionError
        If the key is none.
    """
    if key is None:
        return None
    options = rtc.E2EEOptions()
    # Each participant's own key is told to the SDK once the room is joined.
    if not isinstance(key, Mapping):
        options.key_provider_options.shared_key = _as_bytes(key)
    else:
        for one in key.values():
            _as_bytes(one)
    return options


def set_keys(room: rtc.Room, key: E2eeKey) -> None:
    """Tell a joined room its key, or the keys of its participants; also to rotate them.

    Raises
    ------
    EncryptionError
        If the key is none, or the room was joined without encryption.
    """
    provider = room.e2ee_manager.key_provider if room.e2ee_manager.enabled else None
    if provider is None:
        raise EncryptionError(
            f"room {room.name!r} was joined without encryption: join it with e2ee_key="
        )
    if isinstance(key, Mapping):
        for identity, one in key.items():
            provider.set_key(identity, _as_bytes(one), KEY_INDEX)
    else:
        provider.set_shared_key(_as_bytes(key), KEY_INDEX)
    # Whether the new key fits is told with the next frame.
    _failing.get(room, set()).clear()


def watch_encryption(room: rtc.Room) -> None:
    """Note from now on whose media cannot be decrypted; asking again changes nothing."""
    if room in _failing:
        return
    failing = _failing[room] = set()

    def on_state(participant: rtc.Participant, state: int) -> None:
        if state in _UNREADABLE:
            failing.add(participant.identity)
        else:
            failing.discard(participant.identity)

    room.on("e2ee_state_changed", on_state)


def is_readable(room: rtc.Room, owner: rtc.Participant, track: rtc.TrackPublication) -> bool:
    """Tell whether what comes of a track can be decoded: it is in the clear, or our key fits."""
    if track.encryption_type == rtc.EncryptionType.NONE or owner is room.local_participant:
        return True
    if not room.e2ee_manager.enabled:
        return False
    return owner.identity not in _failing.get(room, ())


def _as_bytes(key: object) -> bytes:
    made = key.encode() if isinstance(key, str) else key
    if not isinstance(made, bytes) or not made:
        raise EncryptionError(
            f"e2ee_key cannot be {'empty' if made == b'' else type(key).__name__}: give the key that "
            "all share as str or bytes, or a dict of each participant's key by identity"
        )
    return made
