"""The command line: all commands. A command's module is imported only when that command runs."""

import sys
from collections.abc import Sequence
from importlib import import_module
from io import StringIO
from typing import Any

import click

from pixel_emulator.cli.commands import HELP_OPTIONS, Command, summary
from pixel_emulator.cli.terminal import ExitCode, print_message, print_result
from pixel_emulator.core.errors import InputError, SelectionError, did_you_mean
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
    "recording migrate": "recording_commands",
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
    "recording": "Recordings: show their calls, and what these mean to Segment; rewrite old ones.",
    "plan": "Tracking plans: draft one, compare two.",
}


class _Group(click.Group):
    """The commands of one of `GROUPS`; those at the top, and all groups, if `path` is empty."""

    def __init__(self, path: str, words: str, **attributes: Any) -> None:
        super().__init__(path, help=words, **attributes)
        self.no_args_is_help = True
        members = [name.rpartition(" ") for name in COMMANDS]
        self._names = [last for group, _, last in members if group == path]
        self._groups = {} if path else {name: _Group(name, words) for name, words in GROUPS.items()}

    def get_help_option_names(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - Click's
        """Return the options that print the help."""
        return [*HELP_OPTIONS]

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - Click's signature
        """Return the names of the commands and groups."""
        return [*self._names, *self._groups]

    def get_command(  # the name of the parameter is Click's
        self,
        ctx: click.Context,  # noqa: ARG002
        cmd_name: str,
    ) -> click.Command | None:
        """Return the command or group, or None if there is none of this name."""
        if cmd_name in self._names:
            return load_command(f"{self.name} {cmd_name}".lstrip())
        return self._groups.get(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments name. Raises UsageError if there is none."""
        name, names = args[0], self.list_commands(ctx)
        if name not in names and not name.startswith("-") and not ctx.resilient_parsing:
            ctx.fail(f"No such command '{name}'{did_you_mean(name, names)}.")
        return super().resolve_command(ctx, args)

    def get_short_help_str(self, limit: int = 0) -> str:  # noqa: ARG002 - not to be cut
        """Return the summary for lists of commands."""
        return summary(self)


def load_command(name: str) -> Command:
    """Import and return the command of this name in `COMMANDS`."""
    module = import_module(f"pixel_emulator.cli.{COMMANDS[name]}")
    command: Command = getattr(module, name.rpartition(" ")[2].replace("-", "_"))
    return command


def _print_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version

        print_result(version("pixel-emulator"))
        ctx.exit()


_PROGRAM = _Group(
    "",
    "Segment tracking pixels, as a test double: intercept, decode, classify, record, assert.",
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_print_version,
            help="Print the version.",
        )
    ],
)

_MAX_ISSUE = 4_000
"""Characters of one input issue that are shown."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code.

    The code is 0 for met, 1 for unmet, 2 for a mistake of the user, 3 for incomplete evidence, or
    that of a wrapped command.
    """
    words = sys.argv[1:] if arguments is None else arguments
    learn_from(*words)
    try:
        code = _PROGRAM(words, prog_name="pixel-emulator", standalone_mode=False)
    except click.ClickException as error:
        return _usage_error(error)
    except click.Abort:
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
        from traceback import format_exc

        print_message(f"pixel-emulator: a failure of the emulator itself\n{format_exc()}")
        return ExitCode.INCOMPLETE
    return code if isinstance(code, int) else 0


def _usage_error(error: click.ClickException) -> int:
    """Print Click's message about wrong arguments, and return its exit code."""
    message = StringIO()
    error.show(message)
    print_message(message.getvalue().rstrip("\n"))
    return error.exit_code
