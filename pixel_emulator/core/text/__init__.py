"""Text formats: JSON, YAML, and values in messages and on a terminal."""
