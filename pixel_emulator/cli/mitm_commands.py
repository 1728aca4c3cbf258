"""`web`, `console`, `dump`: mitmproxy's tools with the addon loaded; `addon-path`: the addon's
path."""

from pathlib import Path
from typing import Annotated

import typer

import pixel_emulator
from pixel_emulator.cli.emulator_run import needs_mitmproxy
from pixel_emulator.cli.terminal import print_result

ADDON_PATH = Path(pixel_emulator.__file__).parent / "proxy/mitmproxy_script/pixel_emulator_addon.py"
"""The script for `mitmdump -s`; it imports the package that it is part of."""

Arguments = Annotated[list[str] | None, typer.Argument(metavar="ARGUMENTS OF THE TOOL")]


def web(arguments: Arguments = None) -> int:
    """Run mitmweb with the emulator in it."""
    return _run("web", arguments)


def console(arguments: Arguments = None) -> int:
    """Run mitmproxy, the console program, with the emulator in it."""
    return _run("console", arguments)


def dump(arguments: Arguments = None) -> int:
    """Run mitmdump with the emulator in it."""
    return _run("dump", arguments)


def addon_path() -> int:
    """Print the path of the addon, for `mitmdump -s "$(pixel-emulator addon-path)"`."""
    print_result(str(ADDON_PATH))
    return 0


def _run(tool: str, arguments: list[str] | None) -> int:
    with needs_mitmproxy():
        from pixel_emulator.proxy import mitm_tools
    return mitm_tools.run(tool, arguments or [])
