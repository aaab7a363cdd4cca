"""Widgets for notebooks: they drive the rest of the package and hold no signal code."""
