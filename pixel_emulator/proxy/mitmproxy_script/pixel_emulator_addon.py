"""For `mitmdump -s FILE`: mitmproxy takes a file, from a folder that it puts on the path."""

from pixel_emulator.proxy.addon_options import addons

__all__ = ["addons"]
