"""The filter lab: choose a filter, move its sliders, see and hear what it does."""
