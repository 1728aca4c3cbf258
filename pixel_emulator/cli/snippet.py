"""`client` prints a file that tests in other languages, or without this package, keep beside
them."""

import sys
from importlib.resources import files

from pixel_emulator.cli.commands import argument, command, option
from pixel_emulator.cli.terminal import print_result
from pixel_emulator.core.errors import InputError, InputIssue, did_you_mean

SNIPPETS = {
    "playwright-ts": ("pixels.ts", "Playwright in TypeScript; Node 22.18 runs it as it is"),
    "playwright-py": ("pixels.py", "Playwright in Python, sync and async"),
}
"""Each snippet by name: its file, and its users."""


@command(example="pixel-emulator client playwright-ts > pixels.ts")
@argument("name", metavar="NAME", required=False, help="Which one; see --list.", choices=SNIPPETS)
@option("--list", is_flag=True, help="Say which clients there are.")
def client(name: str | None, *, list: bool) -> int:
    """Print a client that tests keep beside them."""
    if list:
        for snippet, (file, users) in SNIPPETS.items():
            print_result(f"{snippet}  {file}  {users}")
        return 0
    known = ", ".join(SNIPPETS)
    if name is None:
        raise InputError(InputIssue(f"client: say which one; there are {known}"))
    if name not in SNIPPETS:
        raise InputError(
            InputIssue(
                f'client: there is no "{name}"{did_you_mean(name, SNIPPETS)}; there are {known}'
            )
        )
    sys.stdout.write((files("pixel_emulator.snippets") / SNIPPETS[name][0]).read_text("utf-8"))
    return 0
