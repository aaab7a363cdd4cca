"""The panel that records."""
