"""The exit codes, and whose counts when there are several."""

from enum import IntEnum


class Exit(IntEnum):
    """What an exit code of our own means."""

    MET = 0
    UNMET = 1
    MISUSED = 2
    INCOMPLETE = 3


def after_command(verdict: Exit, command: int) -> int:
    """The code of a run: incomplete evidence counts most, then the command's own, then ours."""
    return verdict if verdict is Exit.INCOMPLETE else command or verdict
