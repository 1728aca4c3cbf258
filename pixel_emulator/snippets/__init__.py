"""Files that users copy beside their tests; `pixel-emulator client NAME` prints them."""
