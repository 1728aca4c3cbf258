"""`client` prints a file that tests in other languages, or without this package, keep beside
them."""

import sys
from importlib.resources import files
from typing import Annotated

import typer

from pixel_emulator.cli.terminal import print_result
from pixel_emulator.core.errors import InputError, InputIssue, did_you_mean

SNIPPETS = {
    "playwright-ts": ("pixels.ts", "Playwright in TypeScript; Node 22.18 runs it as it is"),
    "playwright-py": ("pixels.py", "Playwright in Python, sync and async"),
}
"""Each snippet by name: its file, and its users."""


def client(
    name: Annotated[str | None, typer.Argument(help="Which one; see --list.")] = None,
    *,
    list: Annotated[bool, typer.Option("--list", help="Say which clients there are.")] = False,
) -> int:
    """Print a client that tests keep beside them: `client playwright-ts > pixels.ts`."""
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
