"""Identifiers with the prefixes of the LiveKit protocol."""

from __future__ import annotations

import secrets
import string

_ALPHABET = string.ascii_letters + string.digits

ROOM, PARTICIPANT = "RM_", "PA_"
AUDIO_TRACK, VIDEO_TRACK, DATA_TRACK = "TR_AM", "TR_VC", "DTR_"


def new_sid(prefix: str, length: int = 12) -> str:
    """Return `prefix` followed by `length` random letters and digits."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(length))
