"""The person at the notebook, in the room with their own microphone and camera."""
