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
        Blocks that came in, of 20 ms each (pictures, of a live video).
    bypassed : int
        Of those, passed on as they were: the filter failed on them, is too slow, or is off.
    dropped : int
        Of those, lost because the SDK took no more for a second (or because a newer picture had
        come).
    late : int
        Blocks that were sent more than 20 ms after their time, as a busy computer may do: listeners
        even that out with larger jitter buffers, once they have heard it.
    process_ms : tuple of float
        Milliseconds that the filter took for a block: median, 99th percentile, and longest, of
        the last 3000.
    latency_ms : float
        Milliseconds that the sound is held here, from when it was due to when it is sent: the
        filter's own latency, its work, and what held them up, averaged over the last second.

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
