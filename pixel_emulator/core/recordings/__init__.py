"""The recording format, and what may leave the building in it."""
