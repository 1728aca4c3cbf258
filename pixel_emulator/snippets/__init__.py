"""Files that users keep beside their own tests; `pixel-emulator client NAME` prints them."""
