"""`web`, `console`, `dump`: mitmproxy's tools with the addon loaded; `addon-path`: the addon's
path."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import click

import pixel_emulator
from pixel_emulator.cli.commands import Command, argument, command, summary
from pixel_emulator.cli.emulator_run import needs_mitmproxy
from pixel_emulator.cli.terminal import print_result

ADDON_PATH = Path(pixel_emulator.__file__).parent / "proxy/mitmproxy_script/pixel_emulator_addon.py"
"""The script for `mitmdump -s`; it imports the package that it is part of."""


class _ToolCommand(Command):
    """A command that passes all options but that for help to a tool of mitmproxy."""

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the tool's own help, with the options of the emulator in it."""
        name = ctx.info_name or ""
        text: str = _mitm_tools().help_text(name, description=summary(self), example=self.example)
        formatter.write(text)


_arguments = argument(
    "arguments", metavar="ARGUMENTS OF THE TOOL", nargs=-1, type=click.UNPROCESSED
)


def _tool_command(example: str) -> Callable[[Callable[..., int]], Command]:
    make = command(example=example, cls=_ToolCommand, context={"ignore_unknown_options": True})
    return lambda function: make(_arguments(function))


@_tool_command("pixel-emulator web --set pixel_record=calls.yaml")
def web(arguments: tuple[str, ...]) -> int:
    """Run mitmweb with the emulator in it."""
    return _run("web", arguments)


@_tool_command("pixel-emulator console")
def console(arguments: tuple[str, ...]) -> int:
    """Run mitmproxy, the console program, with the emulator in it."""
    return _run("console", arguments)


@_tool_command("pixel-emulator dump -w flows.mitm")
def dump(arguments: tuple[str, ...]) -> int:
    """Run mitmdump with the emulator in it."""
    return _run("dump", arguments)


@command(example='mitmdump -s "$(pixel-emulator addon-path)"')
def addon_path() -> int:
    """Print the path of the addon, for the option `-s` of mitmproxy's own programs."""
    print_result(str(ADDON_PATH))
    return 0


def _run(tool: str, arguments: Sequence[str]) -> int:
    code: int = _mitm_tools().run(tool, arguments)
    return code


def _mitm_tools() -> ModuleType:
    with needs_mitmproxy():
        from pixel_emulator.proxy import mitm_tools
    return mitm_tools
