"""Capture: a participant's live track becomes numpy, on one clock, nothing lost silently."""

from .one_track import record

__all__ = ["record"]
