"""Files on disk: recordings, scenarios and what they include."""
