"""The addon that mitmproxy's own tools load: options `pixel_…`, and a content view."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from mitmproxy import addonmanager, contentviews, ctx, exceptions, http, options, optmanager
from mitmproxy.proxy import mode_specs

from pixel_emulator.core.endpoint.routes import route
from pixel_emulator.core.errors import InputError, did_you_mean
from pixel_emulator.core.model import JSON, Dialect
from pixel_emulator.core.problems.classify import classify
from pixel_emulator.core.text.yaml_writer import flatten_deep, write
from pixel_emulator.proxy.addon import FailureHandler, PixelEmulator
from pixel_emulator.proxy.bodies import with_wanted_parts
from pixel_emulator.proxy.convert import request_of
from pixel_emulator.proxy.hosts import is_loopback, normalize_host
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.recording_writer import open_recording
from pixel_emulator.runtime.settings import Settings, settings

PREFIX = "pixel_"
# mitmproxy has listen_host, listen_port and mode for the first two, confdir and certs for the next
# two; its tools show flows, and they have no control API.
_NOT_OPTIONS = {
    *("host", "port", "ca_dir", "cert", "fast_path"),
    *("control_port", "control_host", "control_token"),
}
OPTIONS = {
    f"{PREFIX}{setting.name}": setting for setting in settings() if setting.name not in _NOT_OPTIONS
}
"""The settings that are options of mitmproxy, by the names that they have there."""
_log = logging.getLogger(__name__)
_FOLLOWS_MITMPROXY = (
    "pixel_emulator: address, CA and all else are mitmproxy's own settings here: without "
    "listen_host it listens on all addresses, and its CA is in {}. "
    "`pixel-emulator web|console|dump` listens on loopback, with a CA for the run"
)
# Options of mitmproxy 12.3.x that sign with a public CA whose key is compromised.
REFUSES = "pixel_emulator refuses mitmproxy's option"
_REFUSED = ("emudhra", "emudhra_old")


class SegmentPixel(contentviews.Contentview):
    """A content view that shows a pixel call as YAML, for its request and for the GIF."""

    name = "Segment Pixel"
    syntax_highlight = "yaml"

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._settings = settings

    def prettify(self, _data: bytes, metadata: contentviews.Metadata) -> str:
        """Classify the flow's request by itself. Raises ValueError if it is no pixel request."""
        flow = _pixel_flow(metadata)
        if flow is None:
            raise ValueError("not a pixel request")
        settings = self._settings()
        host = normalize_host(flow.request.pretty_host)
        request, _ = with_wanted_parts(request_of(flow, host), flow.request)
        calls = classify(request, Dialect(settings.dialect), settings.sources()).calls
        shown: list[JSON] = [
            {
                "type": judged.call.type.value,
                "outcome": judged.outcome.value,
                "form": judged.call.form.value,
                "problems": [problem.as_data() for problem in judged.problems],
                "payload": flatten_deep(judged.call.payload),
            }
            for judged in calls
        ]
        return write(shown[0] if len(shown) == 1 else shown)

    def render_priority(self, _data: bytes, metadata: contentviews.Metadata) -> float:
        """Return 2, above mitmproxy's own views, for pixel calls, else -1: never."""
        return 2 if _pixel_flow(metadata) else -1


def _pixel_flow(metadata: contentviews.Metadata) -> http.HTTPFlow | None:
    flow = metadata.flow
    if not isinstance(flow, http.HTTPFlow):
        return None
    path = flow.request.data.path.partition(b"?")[0]
    return flow if route(flow.request.method, path).decoder else None


class ConfiguredEmulator:
    """An emulator that follows mitmproxy's options until it runs."""

    name = "pixel_emulator_options"

    def __init__(self, *, scripted: bool = False) -> None:
        self._scripted = scripted  # mitmproxy shows the traceback of a script's exception
        self._running = False
        self._reported = 0
        self._failures: FailureHandler | None = None
        self._create_emulator(Settings(), Journal(Settings()))

    def _create_emulator(self, chosen: Settings, journal: Journal) -> None:
        self.settings = chosen
        self.journal = journal
        self.addons = [PixelEmulator(chosen, journal)]

    def load(self, loader: addonmanager.Loader) -> None:
        """Declare the options and add the content view; a wrong option ends the start."""
        all_options: options.Options = loader.master.options
        for name, setting in OPTIONS.items():
            option_type: Any = Sequence[str] if isinstance(setting.default, tuple) else setting.type
            text, choices = setting.metadata["help"], setting.metadata["choices"] or None
            loader.add_option(name, option_type, setting.default, text, choices)
        report_unusable(all_options)
        if "connection_strategy" in all_options:
            all_options.update(connection_strategy="lazy")  # opens nothing before a request
        contentviews.add(SegmentPixel(lambda: self.settings))

    def configure(self, updated: set[str]) -> None:
        """Apply the options. Raises OptionsError for a value that is not allowed."""
        for name in _REFUSED:
            if name in ctx.options and getattr(ctx.options, name):
                message = f"{REFUSES} {name}: it signs with a public CA whose key is compromised"
                if not self._scripted or self._running:
                    raise exceptions.OptionsError(message)
                _log.error(message)  # ends the start, too
        if not updated & {*OPTIONS, "listen_host", "mode"}:
            return
        values = {setting.name: getattr(ctx.options, name) for name, setting in OPTIONS.items()}
        try:
            chosen = Settings(**values, host=_listen_address(ctx.options))
        except InputError as error:
            if not self._scripted or self._running:
                raise exceptions.OptionsError(f"{PREFIX}{error}") from None
            _log.error("%s%s", PREFIX, error)  # ends the start, too
            return
        if not self._running:
            self._create_emulator(chosen, Journal(chosen))
        elif replace(chosen, host=self.settings.host) == self.settings:
            self._create_emulator(chosen, self.journal)
        else:
            raise exceptions.OptionsError(f"{PREFIX}… options can only be set at the start")

    def running(self) -> None:
        """Start the recording."""
        self._running = True
        try:
            recorder = open_recording(self.settings)
        except InputError as error:
            _log.error(str(error))
            raise SystemExit(2) from None  # the user's mistake, before mitmproxy checks
        self._create_emulator(self.settings, Journal(self.settings, sink=recorder))
        self._failures = FailureHandler(self.journal)
        self._failures.install()
        if self._scripted:
            _log.info(_FOLLOWS_MITMPROXY.format(ctx.options.confdir))

    def response(self, _flow: http.HTTPFlow) -> None:
        self._log_failures()

    def done(self) -> None:
        """End the recording."""
        if self._failures:
            self._failures.uninstall()
        for addon in self.addons:
            addon.done()  # mitmproxy would call it only after this one
        self.journal.close()
        if self.journal.put_back:
            _log.info("nothing recorded: %s is the earlier recording", self.settings.record)
        self._log_failures()

    def _log_failures(self) -> None:
        """Log the journal's new failures."""
        for message in self.journal.failures[self._reported :]:
            self._reported += 1
            if not message.startswith(FailureHandler.PREFIX):  # those come from the log
                _log.error(message)


def report_unusable(given: optmanager.OptManager) -> None:
    """Log an error, which ends mitmproxy's start, for each unknown or unreadable `pixel_` option.

    mitmproxy itself ignores an unknown option; for an unreadable value it silently drops the addon
    that declared the option, and runs without it.
    """
    for name, value in given.deferred.items():
        if not name.startswith(PREFIX):
            continue
        if name not in OPTIONS:
            _log.error("unknown option %s%s", name, did_you_mean(name, OPTIONS))
        elif strings := getattr(value, "val", None):  # from the command line, not from a file
            try:
                given._parse_setval(given._options[name], strings)  # noqa: SLF001 - none is public
            except exceptions.OptionsError as error:
                _log.error(str(error))


def _listen_address(given: options.Options) -> str:
    """Return the address to listen on; of several, one that is not the loopback."""
    hosts = ["127.0.0.1"]
    for mode in given.mode:
        try:
            hosts.append(mode_specs.ProxyMode.parse(mode).listen_host(given.listen_host))
        except ValueError:
            continue  # Proxyserver reports it
    return next((host for host in hosts if not is_loopback(host)), hosts[0])


addons = [ConfiguredEmulator(scripted=True)]
