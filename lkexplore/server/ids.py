"""Identifiers with the prefixes of the LiveKit protocol."""

from __future__ import annotations

import secrets
import string

_ALPHABET = string.ascii_letters + string.digits
"""Characters of the random part of an identifier."""

# Prefixes by which the LiveKit protocol tells what an identifier stands for.
ROOM = "RM_"
PARTICIPANT = "PA_"
AUDIO_TRACK = "TR_AM"
VIDEO_TRACK = "TR_VC"
DATA_TRACK = "DTR_"


def new_sid(prefix: str, length: int = 12) -> str:
    """Return `prefix` followed by `length` random letters and digits."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(length))
