"""The command `pixel-emulator`, and `python -m pixel_emulator`."""

import gc
import sys

# What the imports create lives on: Python's default of 2,000 has it searched for garbage 11 times.
gc.set_threshold(50_000)

from pixel_emulator.cli.program import main  # noqa: E402 - imports are what the setting is for


def run() -> None:
    """Run the command line, and exit with its code."""
    code = main()
    gc.freeze()  # the search for garbage at the exit frees nothing that the exit does not
    sys.exit(code)


if __name__ == "__main__":
    run()
