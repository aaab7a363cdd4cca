"""The live picture of what is heard."""
