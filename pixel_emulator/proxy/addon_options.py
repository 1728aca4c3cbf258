"""The addon as mitmproxy's own tools load it: every setting is an option `pixel_…`."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mitmproxy import addonmanager, contentviews, ctx, exceptions, http, options, optmanager
from mitmproxy.proxy import mode_specs

from pixel_emulator.core.errors import InputError, did_you_mean
from pixel_emulator.proxy.addon import FailureHandler, PixelEmulator, SegmentPixel
from pixel_emulator.proxy.hosts import is_loopback
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.recording_writer import open_recording
from pixel_emulator.runtime.settings import Settings, settings

PREFIX = "pixel_"
# mitmproxy says the first with listen_host, listen_port and mode, and its tools show flows. They
# have no control API.
_THEIRS = {"host", "port", "fast_path", "control_port", "control_token"}
_OWN = {f"{PREFIX}{each.name}": each for each in settings() if each.name not in _THEIRS}
_log = logging.getLogger(__name__)


class ConfiguredEmulator:
    """An emulator that follows mitmproxy's options until it runs."""

    name = "pixel_emulator_options"

    def __init__(self, *, scripted: bool = False) -> None:
        self._scripted = scripted  # mitmproxy shows the traceback of what a script raises
        self._running = False
        self._told = 0
        self._failures: FailureHandler | None = None
        self._emulate(Settings(), Journal(Settings()))

    def _emulate(self, chosen: Settings, journal: Journal) -> None:
        self.settings = chosen
        self.journal = journal
        self.addons = [PixelEmulator(chosen, journal)]

    def load(self, loader: addonmanager.Loader) -> None:
        """Declare the options, and show our view; what is wrong in the options ends the start."""
        known: options.Options = loader.master.options
        for name, each in _OWN.items():
            kind: Any = Sequence[str] if isinstance(each.default, tuple) else each.type
            text, choices = each.metadata["help"], each.metadata["choices"] or None
            loader.add_option(name, kind, each.default, text, choices)
        report(known)
        if "connection_strategy" in known:
            known.update(connection_strategy="lazy")  # the first of the locks
        contentviews.add(SegmentPixel(lambda: self.settings))

    def configure(self, updated: set[str]) -> None:
        """Take over the options; raises OptionsError for a value that is not allowed."""
        if not updated & {*_OWN, "listen_host", "mode"}:
            return
        values = {each.name: getattr(ctx.options, name) for name, each in _OWN.items()}
        try:
            chosen = Settings(**values, host=_listening(ctx.options))
        except InputError as error:
            if not self._scripted or self._running:
                raise exceptions.OptionsError(f"{PREFIX}{error}") from None
            _log.error("%s%s", PREFIX, error)  # which ends the start, too
            return
        if not self._running:
            self._emulate(chosen, Journal(chosen))
        elif replace(chosen, host=self.settings.host) == self.settings:
            self._emulate(chosen, self.journal)
        else:
            raise exceptions.OptionsError(f"{PREFIX}… options can only be set at the start")

    def running(self) -> None:
        """Begin the recording."""
        self._running = True
        try:
            recorder = open_recording(self.settings)
        except InputError as error:
            _log.error(str(error))
            raise SystemExit(2) from None  # a mistake of the user, also before mitmproxy's check
        self._emulate(self.settings, Journal(self.settings, sink=recorder))
        self._failures = FailureHandler(self.journal)
        self._failures.install()

    def response(self, _flow: http.HTTPFlow) -> None:
        self._tell()

    def done(self) -> None:
        """End the recording."""
        if self._failures:
            self._failures.uninstall()
        for each in self.addons:
            each.done()  # mitmproxy would do so only after us
        self.journal.close()
        if self.journal.put_back:
            _log.info("nothing recorded: %s is the earlier recording", self.settings.record)
        self._tell()

    def _tell(self) -> None:
        """Say aloud what went wrong in the journal."""
        for message in self.journal.failures[self._told :]:
            self._told += 1
            if not message.startswith(FailureHandler.PREFIX):  # else it comes from the log
                _log.error(message)


def report(given: optmanager.OptManager) -> None:
    """Log an error, which ends mitmproxy's start, for each unknown or unreadable `pixel_` option.

    By itself mitmproxy ignores an unknown one; over an unreadable value it drops the addon that
    declared the option, without a word, and serves without it.
    """
    for name, value in given.deferred.items():
        if not name.startswith(PREFIX):
            continue
        if name not in _OWN:
            _log.error("unknown option %s%s", name, did_you_mean(name, _OWN))
        elif strings := getattr(value, "val", None):  # from the command line, not from a file
            try:
                given._parse_setval(given._options[name], strings)  # noqa: SLF001 - none is public
            except exceptions.OptionsError as error:
                _log.error(str(error))


def _listening(given: options.Options) -> str:
    """The address we listen on; if there are several, one that is not the loopback."""
    found = ["127.0.0.1"]
    for mode in given.mode:
        try:
            found.append(mode_specs.ProxyMode.parse(mode).listen_host(given.listen_host))
        except ValueError:
            continue  # Proxyserver says what is wrong
    return next((host for host in found if not is_loopback(host)), found[0])


addons = [ConfiguredEmulator(scripted=True)]
