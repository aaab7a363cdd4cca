"""Joined rooms: connecting, credentials, what a room can do, bots and bad networks."""
