"""mitmproxy's own tools with our addon loaded: mitmweb, mitmproxy and mitmdump."""

import argparse
import logging
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import ClassVar

from mitmproxy import master, options
from mitmproxy.tools import cmdline, main

from pixel_emulator.core.errors import InputError
from pixel_emulator.proxy.addon_options import OPTIONS, ConfiguredEmulator, report_unusable
from pixel_emulator.proxy.ca import CertificateAuthority
from pixel_emulator.proxy.hosts import dialable_address
from pixel_emulator.runtime.settings import Settings

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Tool:
    """A tool of mitmproxy. Its module imports a user interface, so only the one that runs does."""

    module: str
    name: str
    parser: Callable[[options.Options], argparse.ArgumentParser]
    extra: Callable[[argparse.Namespace], dict[str, str]] | None = None


def _filters(arguments: argparse.Namespace) -> dict[str, str]:
    """Return the options that mitmdump sets from its positional arguments."""
    if not arguments.filter_args:
        return {}
    names = ("save_stream_filter", "readfile_filter", "dumper_filter")
    return dict.fromkeys(names, " ".join(arguments.filter_args))


TOOLS: dict[str, _Tool] = {
    "web": _Tool("web.master", "WebMaster", cmdline.mitmweb),
    "console": _Tool("console.master", "ConsoleMaster", cmdline.mitmproxy),
    "dump": _Tool("dump", "DumpMaster", cmdline.mitmdump, _filters),
}


def help_text(tool: str, *, description: str, example: str) -> str:
    """Return the help of mitmproxy's own tool, with the options of the emulator in it."""
    parser = TOOLS[tool].parser(options.Options())
    parser.prog, parser.description = f"pixel-emulator {tool}", description
    parser.epilog = f"Example: {example}"
    group = parser.add_argument_group("Emulator", "Also options of mitmproxy's config.yaml.")
    for name, setting in OPTIONS.items():
        value = "true" if isinstance(setting.default, bool) else "VALUE"
        text = setting.metadata["help"].replace("%", "%%")  # argparse formats it
        group.add_argument(f"--set {name}={value}", action="store_true", help=text)
    return parser.format_help()


def run(tool: str, arguments: Sequence[str]) -> int:
    """Run one of `TOOLS` until it ends; `arguments` are those of mitmproxy's tool.

    Return the exit code: 3 if the emulator failed and the evidence is incomplete, else 0.

    It listens on the loopback only, with its own folder and CA, unless the arguments say otherwise.
    Raises SystemExit with 1 if they are wrong.
    """
    chosen = TOOLS[tool]
    base = getattr(import_module(f"mitmproxy.tools.{chosen.module}"), chosen.name)
    with tempfile.TemporaryDirectory(prefix="pixel-emulator-") as directory:
        tool_with_emulator = type(
            base.__name__, (_WithEmulator, base), {"directory": Path(directory)}
        )
        finished: _WithEmulator = main.run(
            tool_with_emulator, chosen.parser, arguments, chosen.extra
        )
    return 3 if finished.configured.journal.failures else 0


class _WithEmulator(master.Master):
    directory: ClassVar[Path]

    def __init__(self, opts: options.Options) -> None:
        super().__init__(opts)
        CertificateAuthority.create(
            self.directory, Settings().hosts
        )  # else mitmproxy makes one of its own
        # First: no other addon may respond before the call is recorded.
        self.configured = ConfiguredEmulator()
        self.addons.chain.insert(0, self.addons.register(self.configured))
        self.options.update(confdir=str(self.directory), listen_host="127.0.0.1")

    async def run(self) -> None:
        report_unusable(self.options)
        if self.options.confdir == str(self.directory):
            self._create_authority()
        await super().run()

    def _create_authority(self) -> None:
        """Replace the CA, now that the hosts are known; TlsConfig reads it when it runs."""
        try:
            settings = self.configured.settings
            authority = CertificateAuthority.create(
                self.directory, (*settings.hosts, *dialable_address(settings.host))
            )
        except InputError as error:
            _log.error(str(error))
            return
        _log.info("The CA for the emulated hosts is %s", authority.ca)
