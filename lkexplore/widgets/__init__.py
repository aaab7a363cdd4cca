"""Widgets for notebooks: they drive the rest of the package and hold no signal code."""

from .filter_lab import FilterLab

__all__ = ["FilterLab"]
