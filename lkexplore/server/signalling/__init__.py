"""Signalling: who comes in, what they ask for, and what they are told."""
