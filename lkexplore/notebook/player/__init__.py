"""A recording in a notebook, to be heard."""
