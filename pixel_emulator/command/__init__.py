"""Run a command with its pixels led to the emulator."""
