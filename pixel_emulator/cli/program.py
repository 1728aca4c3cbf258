"""The command line: all commands. A command's module is imported only when that command runs."""

import sys
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from importlib import import_module
from io import StringIO
from traceback import format_exc
from typing import Annotated, Any

import typer

from pixel_emulator.cli.terminal import ExitCode, print_message, print_result
from pixel_emulator.core.errors import InputError, SelectionError
from pixel_emulator.core.text.display import cut
from pixel_emulator.runtime.output import learn_from

COMMANDS = {
    "demo": "demo",
    "check": "check",
    "run": "run",
    "serve": "serve",
    "env": "serve",
    "verify": "verify_command",
    "decode": "decode",
    "encode": "decode",
    "explain": "decode",
    "scenario check": "scenario_commands",
    "scenario schema": "scenario_commands",
    "scenario new": "scenario_commands",
    "scenario update": "scenario_commands",
    "recording show": "recording_commands",
    "recording state": "recording_commands",
    "plan infer": "plan_commands",
    "plan diff": "plan_commands",
    "client": "snippet",
    "web": "mitm_commands",
    "console": "mitm_commands",
    "dump": "mitm_commands",
    "addon-path": "mitm_commands",
}
"""Each command, by group and name, with the module of this package that holds it."""

GROUPS = {
    "scenario": "Scenario files: check them, draft and update them.",
    "recording": "Recordings: show their calls, and what these mean to Segment.",
    "plan": "Tracking plans: draft one, compare two.",
}

# Some versions of Typer depend on Click, others have a copy of it; this finds the one in use.
_CLICK_ERROR: type[Exception] = next(
    base for base in typer.BadParameter.__mro__ if Exception in base.__bases__
)

_PASS_ALL_OPTIONS: dict[str, Any] = {"ignore_unknown_options": True, "help_option_names": []}
_CONTEXTS: dict[str, dict[str, Any]] = {
    "run": {"allow_interspersed_args": False},  # options behind the command are the command's
    **dict.fromkeys(("web", "console", "dump"), _PASS_ALL_OPTIONS),  # all options are mitmproxy's
}


def application(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """Return the Typer application with these commands."""
    app = typer.Typer(
        name="pixel-emulator",
        help=_root_command.__doc__,
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback(invoke_without_command=True)(
        _root_command
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
        where.command(last, context_settings=_CONTEXTS.get(name))(_with_exit_code(command))
    for group_app in groups.values():
        if group_app.registered_commands:
            app.add_typer(group_app)
    return app


_MAX_ISSUE = 4_000
"""Characters of one input issue that are shown."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code.

    The code is 0 for met, 1 for unmet, 2 for a mistake of the user, 3 for incomplete evidence, or
    that of a wrapped command.
    """
    words = sys.argv[1:] if arguments is None else arguments
    # Import one module instead of all, so that `decode` starts fast.
    command = next((name for n in (1, 2) if (name := " ".join(words[:n])) in COMMANDS), None)
    names = [command] if command else COMMANDS
    learn_from(*words)
    try:
        code = application(names)(words, prog_name="pixel-emulator", standalone_mode=False)
    except _CLICK_ERROR as error:
        return _usage_error(error)
    except typer.Abort:
        print_message("Aborted.")
        return ExitCode.UNMET
    except InputError as error:
        for issue in error.issues:
            print_message(f"pixel-emulator: {cut(str(issue), _MAX_ISSUE)}")
        return ExitCode.INCOMPLETE if isinstance(error, SelectionError) else ExitCode.MISUSED
    except OSError as error:  # above all a stdout that is full or closed
        print_message(f"pixel-emulator: {error}")
        return ExitCode.INCOMPLETE
    except SystemExit as error:
        return int(error.code or 0)
    except Exception:  # noqa: BLE001 - a failure of ours must not exit with 1, which is "unmet"
        print_message(f"pixel-emulator: a failure of the emulator itself\n{format_exc()}")
        return ExitCode.INCOMPLETE
    return code if isinstance(code, int) else 0


def _usage_error(error: Any) -> int:
    """Print Click's message about wrong arguments, and return its exit code."""
    message = StringIO()
    error.show(message)
    print_message(message.getvalue().rstrip("\n"))
    code: int = error.exit_code
    return code


def _root_command(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Segment tracking pixels, as a test double: intercept, decode, classify, record, assert."""
    if version:
        from importlib.metadata import version as version_of

        print_result(version_of("pixel-emulator"))
        raise typer.Exit


def _with_exit_code(command: Callable[..., int]) -> Callable[..., None]:
    @wraps(command)
    def run(*args: object, **options: object) -> None:
        raise typer.Exit(command(*args, **options))

    return run
