"""Connection quality: how much of a participant's media is lost on the way."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from livekit.protocol import models as m
from livekit.protocol import rtc

if TYPE_CHECKING:
    from .subscriptions import Subscriptions
    from .uplink import Uplink

_Quality = m.ConnectionQuality

_LOST_SECONDS = 8.0
"""Seconds without a sign of a connected client after which its link counts as lost."""

_STEPS = ((0.02, _Quality.EXCELLENT, 5.0), (0.08, _Quality.GOOD, 3.5), (1.1, _Quality.POOR, 2.0))
"""The share (0 to 1) of lost packets up to which a link is of a quality, and its score (0 to 5)."""


class LinkQuality:
    """Judges a participant by its loss since the last look, in both directions.

    Parameters
    ----------
    sid : str
        The participant's session id.
    uplink : Uplink
        The tracks that it publishes.
    subscriptions : Subscriptions
        The tracks that it receives.
    """

    def __init__(self, sid: str, uplink: Uplink, subscriptions: Subscriptions) -> None:
        self._sid, self._uplink, self._subscriptions = sid, uplink, subscriptions
        self._before = (0, 0)

    def look(self) -> rtc.ConnectionQualityInfo:
        """Return the quality since the last call."""
        expected, lost = self._uplink.loss()
        sent, missed = expected - self._before[0], lost - self._before[1]
        self._before = (expected, lost)
        share = max(0.0, missed / sent) if sent > 0 else 0.0
        share = max(share, self._subscriptions.worst_loss())
        quality, score = next((q, score) for limit, q, score in _STEPS if share <= limit)
        transport = self._uplink.transport
        silent = time.monotonic() - transport.last_check
        if transport.state == "connected" and silent > _LOST_SECONDS:
            quality, score = _Quality.LOST, 0.0
        return rtc.ConnectionQualityInfo(participant_sid=self._sid, quality=quality, score=score)
