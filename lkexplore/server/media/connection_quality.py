"""Connection quality: how much of a participant's media is lost on the way."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from livekit.protocol import models as m
from livekit.protocol import rtc

if TYPE_CHECKING:
    from ..participant import Participant

_Quality = m.ConnectionQuality
_LOST_SECONDS = 8.0
_STEPS = ((0.02, _Quality.EXCELLENT, 5.0), (0.08, _Quality.GOOD, 3.5), (1.1, _Quality.POOR, 2.0))
"""The share of lost packets up to which a link is of this quality, and its score (0 to 5)."""


class LinkQuality:
    """Judges a participant by its loss since the last look, in both directions."""

    def __init__(self, participant: Participant) -> None:
        self._participant = participant
        self._before = (0, 0)

    def look(self) -> rtc.ConnectionQualityInfo:
        """Return the quality since the last call."""
        participant = self._participant
        expected, lost = participant.uplink.loss()
        sent, missed = expected - self._before[0], lost - self._before[1]
        self._before = (expected, lost)
        share = max(0.0, missed / sent) if sent > 0 else 0.0
        share = max(share, participant.subscriptions.worst_loss())
        quality, score = next((q, score) for limit, q, score in _STEPS if share <= limit)
        silent = time.monotonic() - participant.publisher_transport.last_check
        if participant.publisher_transport.state == "connected" and silent > _LOST_SECONDS:
            quality, score = _Quality.LOST, 0.0
        return rtc.ConnectionQualityInfo(
            participant_sid=participant.sid, quality=quality, score=score
        )
