"""mitmproxy's own tools with the addon already in: mitmweb, mitmproxy and mitmdump."""

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
from pixel_emulator.proxy.addon_options import ConfiguredEmulator, report
from pixel_emulator.proxy.ca import CertificateAuthority
from pixel_emulator.proxy.hosts import addressed
from pixel_emulator.runtime.settings import Settings

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Tool:
    """One of mitmproxy's; each module imports a user interface, so only the one that is run."""

    module: str
    name: str
    parser: Callable[[options.Options], argparse.ArgumentParser]
    extra: Callable[[argparse.Namespace], dict[str, str]] | None = None


def _filters(arguments: argparse.Namespace) -> dict[str, str]:
    """What mitmdump makes of its positional arguments."""
    if not arguments.filter_args:
        return {}
    names = ("save_stream_filter", "readfile_filter", "dumper_filter")
    return dict.fromkeys(names, " ".join(arguments.filter_args))


TOOLS: dict[str, _Tool] = {
    "web": _Tool("web.master", "WebMaster", cmdline.mitmweb),
    "console": _Tool("console.master", "ConsoleMaster", cmdline.mitmproxy),
    "dump": _Tool("dump", "DumpMaster", cmdline.mitmdump, _filters),
}


def run(tool: str, arguments: Sequence[str]) -> int:
    """Run one of `TOOLS` until it ends; `arguments` are those of mitmproxy's tool.

    Returns the exit code: 3 where the emulator failed, and so the evidence is incomplete; else 0.

    It listens on loopback only, with a folder and a CA of its own, unless the arguments say
    otherwise. Raises SystemExit with 1 where they are wrong.
    """
    chosen = TOOLS[tool]
    base = getattr(import_module(f"mitmproxy.tools.{chosen.module}"), chosen.name)
    with tempfile.TemporaryDirectory(prefix="pixel-emulator-") as directory:
        ours = type(base.__name__, (_WithEmulator, base), {"directory": Path(directory)})
        ended: _WithEmulator = main.run(ours, chosen.parser, arguments, chosen.extra)
    return 3 if ended.configured.journal.failures else 0


class _WithEmulator(master.Master):
    directory: ClassVar[Path]

    def __init__(self, opts: options.Options) -> None:
        super().__init__(opts)
        CertificateAuthority.create(
            self.directory, Settings().hosts
        )  # else mitmproxy makes one of its own
        # In front of all: another addon's answer must not come before the record of the call.
        self.configured = ConfiguredEmulator()
        self.addons.chain.insert(0, self.addons.register(self.configured))
        self.options.update(confdir=str(self.directory), listen_host="127.0.0.1")

    async def run(self) -> None:
        report(self.options)
        if self.options.confdir == str(self.directory):
            self._trust()
        await super().run()

    def _trust(self) -> None:
        """Make the CA anew, now that the hosts are known; TlsConfig reads it when it runs."""
        try:
            chosen = self.configured.settings
            authority = CertificateAuthority.create(
                self.directory, (*chosen.hosts, *addressed(chosen.host))
            )
        except InputError as error:
            _log.error(str(error))
            return
        _log.info("The CA for the emulated hosts is %s", authority.ca)
