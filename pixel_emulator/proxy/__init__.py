"""mitmproxy: the emulator, its addon, its egress guard, and mitmproxy's own tools."""
