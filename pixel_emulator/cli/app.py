"""All commands, put together."""

from collections.abc import Callable, Sequence
from functools import wraps

import typer

from pixel_emulator.cli.check import check
from pixel_emulator.cli.decode import decode, encode
from pixel_emulator.cli.serve import env, serve
from pixel_emulator.cli.terminal import say
from pixel_emulator.core.mistakes import InputError

COMMANDS = (check, decode, encode, serve, env)


def application() -> typer.Typer:
    """The Typer application with every command."""
    app = typer.Typer(
        name="pixel-emulator",
        help="Segment tracking pixels, as a test double: intercept, decode, judge, record, assert.",
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    for command in COMMANDS:
        app.command()(_exiting(command))
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code.

    0 met, 1 unmet, 2 a mistake of the user, 3 incomplete evidence, or a wrapped command's own.
    """
    try:
        application()(arguments, prog_name="pixel-emulator")
    except InputError as error:
        for mistake in error.mistakes:
            say(f"pixel-emulator: {mistake}")
        return 2
    except SystemExit as leaving:
        return int(leaving.code or 0)
    return 0


def _exiting(command: Callable[..., int]) -> Callable[..., None]:
    @wraps(command)
    def run(*args: object, **options: object) -> None:
        raise typer.Exit(command(*args, **options))

    return run
