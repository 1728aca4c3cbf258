"""State of one run: journal, sessions, recording, settings, clock."""
