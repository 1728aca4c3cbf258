"""The exit codes of our own."""

from enum import IntEnum


class Exit(IntEnum):
    """What an exit code of our own means."""

    MET = 0
    UNMET = 1
    MISUSED = 2
    INCOMPLETE = 3
