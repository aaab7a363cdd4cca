"""Sounds between which one switches while they play: A/B, and blind as A/B/X."""
