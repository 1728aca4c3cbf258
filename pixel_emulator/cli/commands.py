"""Commands, arguments and options on Click; `runtime.settings` has the options of settings."""

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click

from pixel_emulator.runtime.output import run_keys
from pixel_emulator.runtime.settings import Settings, Value
from pixel_emulator.runtime.settings import settings as all_settings

_FIELDS = {field.name: field for field in all_settings()}

_PATHS = frozenset({"record", "ca_dir"})
"""Settings that are a path, which a shell can complete."""

PATH = click.Path(path_type=Path)
"""The type of arguments and options that are a `Path`."""

HELP_OPTIONS = ("-h", "--help")
_NO_CONTEXT: Mapping[str, Any] = MappingProxyType({})


class Argument(click.Argument):
    """A positional argument with a help text, which Click has only since 8.5."""

    def __init__(self, declarations: Iterable[str], *, help: str = "", **attributes: Any) -> None:
        super().__init__([*declarations], **attributes)
        self.help_text = help

    def get_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return the name for the usage line, in brackets if the argument is optional."""
        name = self.make_metavar(ctx)
        return [name if self.required else f"[{name}]"]


class Command(click.Command):
    """A command with an example; its callback returns the exit code."""

    def __init__(self, *arguments: Any, example: str, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.example = example

    def get_help_option_names(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - Click's
        """Return the options that print the help, in every context."""
        return [*HELP_OPTIONS]

    def get_short_help_str(self, limit: int = 0) -> str:  # noqa: ARG002 - not to be cut
        """Return the summary for lists of commands."""
        return summary(self)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help: usage, text, arguments, options, example."""
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        rows = [
            (
                param.make_metavar(ctx),
                f"{param.help_text}{'  [required]' if param.required else ''}",
            )
            for param in self.get_params(ctx)
            if isinstance(param, Argument)
        ]
        if rows:
            with formatter.section("Arguments"):
                formatter.write_dl(rows)
        self.format_options(ctx, formatter)
        with formatter.section("Example"):
            formatter.write(f"{'':{formatter.current_indent}}{self.example}\n")  # not wrapped


def summary(command: click.Command) -> str:
    """Return the first paragraph of a command's help as one line."""
    return " ".join((command.help or "").partition("\n\n")[0].split())


def command(
    *, example: str, cls: type[Command] = Command, context: Mapping[str, Any] = _NO_CONTEXT
) -> Callable[[Callable[..., int]], Command]:
    """Return the decorator that makes a command of a function; its docstring is the help."""
    return click.command(cls=cls, example=example, context_settings={**context})


def argument[F: Callable[..., Any]](
    name: str, *, metavar: str, choices: Iterable[str] = (), **attributes: Any
) -> Callable[[F], F]:
    """Return the decorator that adds an argument to a command.

    `choices` are the values that a shell completes; the command checks the value itself.
    """
    return click.argument(
        name, cls=Argument, metavar=metavar, shell_complete=_completion(choices), **attributes
    )


def option[F: Callable[..., Any]](
    *names: str, choices: Iterable[str] = (), default: Value | None = None, **attributes: Any
) -> Callable[[F], F]:
    """Return the decorator that adds an option to a command; `choices` as for an argument.

    The help has the default, unless it is empty.
    """
    if default is not None:
        attributes["default"] = default
        attributes.setdefault("show_default", default not in ("", ()) and default is not False)
    return click.option(*names, shell_complete=_completion(choices), **attributes)


def alternatives(names: Iterable[str]) -> str:
    """Return the names as a sentence lists them: `text, json or junit`."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def _completion(
    choices: Iterable[str],
) -> Callable[[click.Context, click.Parameter, str], list[str]] | None:
    """Return Click's callback that completes one of the choices; None for the type's own."""
    names = tuple(map(str, choices))
    if not names:
        return None
    return lambda _context, _parameter, start: [name for name in names if name.startswith(start)]


def takes_settings(
    *names: str, **other_defaults: Value
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Add the named settings as options to a command, which receives them as one `Settings`.

    `other_defaults` names further settings, with their defaults for this command.
    """
    added = (*names, *other_defaults)

    def decorate(function: Callable[..., int]) -> Callable[..., int]:
        @wraps(function)
        def run(*arguments: object, **options: Any) -> int:
            settings = Settings(**{name: options.pop(name) for name in added})
            run_keys(settings.sources())
            return function(*arguments, settings=settings, **options)

        for name in reversed(added):
            run = _setting_option(name, other_defaults.get(name))(run)
        return run

    return decorate


def _setting_option[F: Callable[..., Any]](name: str, default: Value | None) -> Callable[[F], F]:
    field = _FIELDS[name]
    value: Value = field.default if default is None else default  # type: ignore[assignment]
    flag = name.replace("_", "-")
    return option(
        f"--{flag}/--no-{flag}" if value is True else f"--{flag}",
        name,
        default=value,
        choices=field.metadata["choices"],
        help=field.metadata["help"],
        is_flag=isinstance(value, bool),
        multiple=isinstance(value, tuple),
        type=click.Path() if name in _PATHS else str if isinstance(value, tuple) else type(value),
        envvar=field.metadata["variable"] or None,  # its help text names it
    )
