"""All commands, put together; a command's module is imported when it is asked for."""

import sys
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from importlib import import_module
from io import StringIO
from traceback import format_exc
from typing import Annotated, Any

import typer

from pixel_emulator.cli.terminal import Exit, say, show
from pixel_emulator.core.errors import InputError, SelectionError
from pixel_emulator.core.text.display import cut
from pixel_emulator.runtime.output import learn_from

COMMANDS = {
    "demo": "demo",
    "check": "check",
    "run": "run",
    "serve": "serve",
    "env": "serve",
    "verify": "verify",
    "decode": "decode",
    "encode": "decode",
    "scenario check": "scenario",
    "scenario schema": "scenario",
    "scenario new": "scenario",
    "scenario update": "scenario",
    "recording show": "recording",
    "recording state": "recording",
    "plan infer": "plan",
    "plan diff": "plan",
    "client": "snippet",
    "web": "mitm_commands",
    "console": "mitm_commands",
    "dump": "mitm_commands",
    "addon-path": "mitm_commands",
}
"""Each command, by group and name, and the module of this package that holds it."""

GROUPS = {
    "scenario": "Scenario files: check them, draft and update them.",
    "recording": "Recordings: show their calls, and what these mean to Segment.",
    "plan": "Tracking plans: draft one, compare two.",
}

# Some versions of Typer bring Click, and some a copy of it: it is found where it is used.
_CLICK_ERROR: type[Exception] = next(
    each for each in typer.BadParameter.__mro__ if Exception in each.__bases__
)

_TOOL: dict[str, Any] = {"ignore_unknown_options": True, "help_option_names": []}
_CONTEXTS: dict[str, dict[str, Any]] = {
    "run": {"allow_interspersed_args": False},  # options behind the command are the command's
    **dict.fromkeys(("web", "console", "dump"), _TOOL),  # all options are mitmproxy's
}


def application(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """The Typer application with these commands."""
    app = typer.Typer(
        name="pixel-emulator",
        help="Segment tracking pixels, as a test double: intercept, decode, judge, record, assert.",
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback(invoke_without_command=True)(
        _program
    )  # so that a single command is still a command
    groups = {
        group: typer.Typer(name=group, help=words, no_args_is_help=True, rich_markup_mode=None)
        for group, words in GROUPS.items()
    }
    for name in names:
        module = import_module(f"pixel_emulator.cli.{COMMANDS[name]}")
        *group, last = name.split()
        command = getattr(module, last.replace("-", "_"))
        where = groups[group[0]] if group else app
        where.command(last, context_settings=_CONTEXTS.get(name))(_exiting(command))
    for each in groups.values():
        if each.registered_commands:
            app.add_typer(each)
    return app


_LONGEST = 4_000
"""Characters of one mistake that are shown."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code.

    0 met, 1 unmet, 2 a mistake of the user, 3 incomplete evidence, or a wrapped command's own.
    """
    given = sys.argv[1:] if arguments is None else arguments
    # One module instead of all: `decode` has to start fast.
    asked = next((name for n in (1, 2) if (name := " ".join(given[:n])) in COMMANDS), None)
    known = [asked] if asked else COMMANDS
    learn_from(*given)
    try:
        code = application(known)(given, prog_name="pixel-emulator", standalone_mode=False)
    except _CLICK_ERROR as error:
        return _misused(error)
    except typer.Abort:
        say("Aborted.")
        return Exit.UNMET
    except InputError as error:
        for issue in error.issues:
            say(f"pixel-emulator: {cut(str(issue), _LONGEST)}")
        return Exit.INCOMPLETE if isinstance(error, SelectionError) else Exit.MISUSED
    except OSError as error:  # above all a stdout that is full or closed
        say(f"pixel-emulator: {error}")
        return Exit.INCOMPLETE
    except SystemExit as leaving:
        return int(leaving.code or 0)
    except Exception:  # noqa: BLE001 - a failure of ours must not read as "unmet", which is 1
        say(f"pixel-emulator: a failure of the emulator itself\n{format_exc()}")
        return Exit.INCOMPLETE
    return code if isinstance(code, int) else 0


def _misused(error: Any) -> int:
    """Say what Click says of arguments that are wrong; returns its exit code."""
    said = StringIO()
    error.show(said)
    say(said.getvalue().rstrip("\n"))
    code: int = error.exit_code
    return code


def _program(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Segment tracking pixels, as a test double: intercept, decode, judge, record, assert."""
    if version:
        from importlib.metadata import version as version_of

        show(version_of("pixel-emulator"))
        raise typer.Exit


def _exiting(command: Callable[..., int]) -> Callable[..., None]:
    @wraps(command)
    def run(*args: object, **options: object) -> None:
        raise typer.Exit(command(*args, **options))

    return run
