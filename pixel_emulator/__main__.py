"""`python -m pixel_emulator` is the command `pixel-emulator`."""

import sys

from pixel_emulator.cli.program import main

if __name__ == "__main__":
    sys.exit(main())
