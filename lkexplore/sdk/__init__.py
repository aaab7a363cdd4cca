"""LiveKit's SDK, as the rest of the package sees it: its loop, participants and tracks."""
