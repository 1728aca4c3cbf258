"""The door to mitmproxy: the emulator, its addon, its locks, and mitmproxy's own tools."""
