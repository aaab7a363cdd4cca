"""A live track's sound: received, placed on one clock, and stored."""
