"""Text in and out: JSON, YAML, and values shown in sentences and on a terminal."""
