"""The clock of a stream: when its samples came out, from when its frames arrived."""

from __future__ import annotations

from collections import deque

import numpy as np

from ..sound.convert import WEBRTC_RATE

__all__ = ["StreamClock"]


WINDOW = 1.0
"""Seconds of a window, in which only the earliest arrival counts."""

RECENT = 5
"""Windows whose earliest arrival tells what is on time now."""

KEPT = 600
"""Most windows that are kept for the fit."""

FITTED = 120
"""Windows, evenly spread, that the fit is made from at most."""


class StreamClock:
    """Turns sample numbers of a stream into times of this computer's monotonic clock.

    The SDK's frames carry no time. They can come late, but never early: within each second the
    earliest arrival, against the count of samples, is the one that was not held up.
    """

    def __init__(self) -> None:
        self.count = 0
        self._windows: deque[tuple[float, float]] = deque(maxlen=KEPT)
        self._window_end = 0.0
        self._earliest = float("inf")
        self._origin = 0.0
        self._floor = float("inf")

    @property
    def seconds(self) -> float:
        """Seconds of sound that has come, by its samples."""
        return self.count / WEBRTC_RATE

    def note(self, samples: int, arrival: float) -> float:
        """Count a frame that arrived at a time; return the time of its first sample."""
        start = self.count
        self.count += samples
        self._earliest = min(self._earliest, arrival - self.count / WEBRTC_RATE)
        if arrival >= self._window_end:
            if self._window_end:
                self._windows.append((self.seconds, self._earliest))
                self._earliest = arrival - self.seconds
                self._floor = min(offset for _, offset in self._recent())
            self._window_end = arrival + WINDOW
        self._origin = min(self._earliest, self._floor)
        return self.time_of(start)

    def time_of(self, count: int) -> float:
        """Return when a sample came out."""
        return self._origin + count / WEBRTC_RATE

    def _recent(self) -> list[tuple[float, float]]:
        last = [self._windows[-n] for n in range(1, min(RECENT, len(self._windows)) + 1)]
        return last or [(0.0, self._earliest)]

    def fit(self) -> tuple[float, float]:
        """Fit a straight line through the windows' earliest arrivals.

        Returns
        -------
        rate : float
            Samples per second of this computer's clock: the median of the slopes between all
            pairs of windows (Theil, 1950; Sen, 1968), which a few late ones do not move.
        residual : float
            95th percentile of the distances from that line, in seconds.
        """
        if len(self._windows) < 3:
            return float(WEBRTC_RATE), 0.0
        step = -(-len(self._windows) // FITTED)
        position, offset = np.array(list(self._windows)[::step]).T
        first, second = np.triu_indices(len(position), 1)
        slope = np.median((offset[second] - offset[first]) / (position[second] - position[first]))
        rest = offset - slope * position
        distances = np.abs(rest - np.median(rest))
        return WEBRTC_RATE / (1 + float(slope)), float(np.quantile(distances, 0.95))
