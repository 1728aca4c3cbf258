"""The recording format: entries, whole recordings, and files that are no recording."""
