"""What a live filter has done so far."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LiveStats"]


@dataclass(frozen=True)
class LiveStats:
    """What a live filter has done so far.

    Attributes
    ----------
    blocks : int
        Number of blocks of 20 ms that came in (of pictures, for live video).
    bypassed : int
        Number of those that were passed on unfiltered: the filter failed, was too slow or was off.
    dropped : int
        Number of those that were lost because the SDK took no more for a second (or because a
        newer picture had come).
    late : int
        Number of blocks that were sent more than 20 ms after their time, as on a busy computer: the
        jitter buffers of listeners grow after such a block, and then even it out.
    process_ms : tuple of float
        Milliseconds that the filter took for a block: median, 99th percentile and maximum of the
        last 3000.
    latency_ms : float
        Milliseconds from the time at which the sound was due to the time at which it was sent: the
        filter's own latency, its work and other delays, averaged over the last second.

    Notes
    -----
    Taught in ``notebooks/05_live_filter.ipynb``.
    """

    blocks: int
    bypassed: int
    dropped: int
    late: int
    process_ms: tuple[float, float, float]
    latency_ms: float

    def __repr__(self) -> str:
        took = ", ".join(f"{each:.2f}" for each in self.process_ms)
        counts = ", ".join(
            f"{name}={getattr(self, name)}" for name in ("blocks", "bypassed", "dropped", "late")
        )
        return f"LiveStats({counts}, process_ms=({took}), latency_ms={self.latency_ms:.2f})"
