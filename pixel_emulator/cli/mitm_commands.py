"""`web`, `console`, `dump`: mitmproxy's tools with the addon loaded; `addon-path`: the addon's
path."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

import pixel_emulator
from pixel_emulator.cli.commands import argument, command
from pixel_emulator.cli.emulator_run import needs_mitmproxy
from pixel_emulator.cli.terminal import print_result

ADDON_PATH = Path(pixel_emulator.__file__).parent / "proxy/mitmproxy_script/pixel_emulator_addon.py"
"""The script for `mitmdump -s`; it imports the package that it is part of."""

_ALL_OPTIONS_PASS: dict[str, Any] = {"ignore_unknown_options": True, "help_option_names": []}
_arguments = argument(
    "arguments", metavar="ARGUMENTS OF THE TOOL", nargs=-1, type=click.UNPROCESSED
)


@command(example="pixel-emulator web --set pixel_record=calls.yaml", context=_ALL_OPTIONS_PASS)
@_arguments
def web(arguments: tuple[str, ...]) -> int:
    """Run mitmweb with the emulator in it."""
    return _run("web", arguments)


@command(example="pixel-emulator console", context=_ALL_OPTIONS_PASS)
@_arguments
def console(arguments: tuple[str, ...]) -> int:
    """Run mitmproxy, the console program, with the emulator in it."""
    return _run("console", arguments)


@command(example="pixel-emulator dump -w flows.mitm", context=_ALL_OPTIONS_PASS)
@_arguments
def dump(arguments: tuple[str, ...]) -> int:
    """Run mitmdump with the emulator in it."""
    return _run("dump", arguments)


@command(example='mitmdump -s "$(pixel-emulator addon-path)"')
def addon_path() -> int:
    """Print the path of the addon, for the option `-s` of mitmproxy's own programs."""
    print_result(str(ADDON_PATH))
    return 0


def _run(tool: str, arguments: Sequence[str]) -> int:
    with needs_mitmproxy():
        from pixel_emulator.proxy import mitm_tools
    return mitm_tools.run(tool, arguments)
