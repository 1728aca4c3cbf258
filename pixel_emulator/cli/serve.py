"""`serve` runs the emulator until it is stopped; `env` leads a shell and a browser to it."""

import os
import signal
import sys
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pixel_emulator.cli.display import Display, farewell, watch_live
from pixel_emulator.cli.emulator_run import emulation, needs_mitmproxy
from pixel_emulator.cli.inputs import Lets, Tags, read_lets
from pixel_emulator.cli.options import takes_settings
from pixel_emulator.cli.reports import Reports, check_reports, for_terminal, write_reports
from pixel_emulator.cli.terminal import Exit, say, show
from pixel_emulator.command.process import signal_handlers
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.runner.file_watch import ScenarioFiles
from pixel_emulator.runtime.server_info import (
    ServerInfo,
    find_server,
    publish,
    running_servers,
    server_list,
)
from pixel_emulator.runtime.settings import Settings

if TYPE_CHECKING:
    from pixel_emulator.control.server import Control
    from pixel_emulator.proxy.emulator import Emulator

_AT_REST = 1.0
"""Seconds at the end for clients to go; what those that have gone sent is read first."""


@takes_settings(
    "port",
    "host",
    "record",
    "dialect",
    "source",
    "hosts",
    "keep_write_keys",
    "offline",
    "http2",
    "fast_path",
    "control_port",
    "control_token",
    "max_calls",
)
def serve(
    *,
    scenario: Annotated[
        list[Path] | None,
        typer.Option("--scenario", help="A file or folder that says what is expected; may change."),
    ] = None,
    tag: Tags = None,
    let: Lets = None,
    report: Reports = None,
    settings: Settings,
    json: Annotated[
        bool, typer.Option("--json", help="Print the ready line as JSON, to stdout.")
    ] = False,
    until_eof: Annotated[
        bool,
        typer.Option(
            "--until-eof", help="Stop when stdin ends, too: with the program that holds it open."
        ),
    ] = False,
) -> int:
    """Run the emulator until it is stopped, showing each call as it arrives.

    With scenarios it says whenever they are met, or can no longer be, and at the end what became
    of them. Exit code: that of the verdict; 3 for a failure of the emulator.
    """
    check_reports(report, (*(scenario or ()), Path(settings.record)), asserts=bool(scenario))
    watched = ScenarioFiles(scenario, read_lets(let), tag or ()) if scenario else None
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    if until_eof:
        threading.Thread(target=_wait_for_eof, args=(stopped,), daemon=True).start()
    with (
        signal_handlers([signal.SIGHUP], lambda *_: stopped.set()),
        emulation(settings, watched.scenarios if watched else ()) as (journal, emulator),
        _control(emulator) as control,
        Display() as display,
    ):
        journal.subscribe(display.show)
        journal.subscribe_refusals(display.show_refusal)
        ready = ServerInfo(
            proxy=emulator.proxy,
            url=emulator.url,
            port=emulator.port,
            ca=str(emulator.authority.ca),
            bundle=str(emulator.authority.bundle),
            spki=emulator.authority.spki,
            hosts=settings.hosts,
            pid=os.getpid(),
            control=control.url,
            token=control.token,
        )
        with publish(ready):
            if json:
                sys.stdout.write(ready.line() + "\n")
                sys.stdout.flush()
            else:
                say(_greeting(ready, settings))
            window = watch_live(watched, journal, stopped) if watched else None
            stopped.wait()
            emulator.drain(_AT_REST)
    strays = emulator.sessions.unrouted()
    if strays:
        say("\n".join(strays))
    ending = partial(
        farewell, journal, recorded=settings.record, sessions=emulator.sessions.opened()
    )
    if watched is None or window is None:
        say(ending())
        return Exit.INCOMPLETE if journal.failures else Exit.MET
    verdict = verify(watched.scenarios, window.evidence())
    say(for_terminal(verdict, sys.stderr, recording=settings.record))
    say(ending(gaps=verdict.gaps))
    write_reports(report, verdict, recording=settings.record)
    return verdict.exit_code


def env(
    *,
    port: Annotated[
        int | None,
        typer.Option("--port", help="Port of the emulator; needless where only one serves."),
    ] = None,
) -> int:
    """Print shell exports, and browser flags, that lead clients to a running emulator.

    Where several serve, those beside the one on `--port` are listed on stderr.
    """
    ready = find_server(port)
    others = [each for each in running_servers() if each.port != ready.port]
    if others:
        also = server_list(others)
        say(f"pixel-emulator: taken is the one on port {ready.port}; also serving: {also}")
    with needs_mitmproxy():  # or rather its company: cryptography and certifi
        from pixel_emulator.command.environment import (
            browser_flags,
            command_environment,
            shell_exports,
        )
        from pixel_emulator.trust.stores import TrustStores

    ca = Path(ready.ca)
    changes = command_environment(
        os.environ,
        proxy=ready.proxy,
        spki=ready.spki,
        stores=TrustStores(ca.parent, ca),
        hosts=ready.hosts,
    )
    for warning in changes.warnings:
        say(f"pixel-emulator: {warning}")
    api = {"PIXEL_EMULATOR_CONTROL": ready.control, "PIXEL_EMULATOR_TOKEN": ready.token}
    flags = " ".join(browser_flags(ready.proxy, ready.spki))
    exports = shell_exports({**changes.variables, **api})
    show(f"{exports}# for a Chromium: {flags}", keep_write_keys=True)  # for a shell to read
    return 0


def _wait_for_eof(stopped: threading.Event) -> None:
    with suppress(OSError):  # no stdin is one that has ended
        # Not `sys.stdin`: its lock, held at the end of the process, would be a fatal error.
        while os.read(0, 4096):
            pass
    stopped.set()


def _control(emulator: "Emulator") -> "Control":
    with needs_mitmproxy():  # or rather its company: Starlette and uvicorn
        from pixel_emulator.control.server import Control

    return Control(emulator)


def _greeting(ready: ServerInfo, settings: Settings) -> str:
    recording = f"Recording to {settings.record}. " if settings.record else ""
    return (
        f"The emulator listens on {ready.url}, as a proxy and as a server.\n"
        f'Lead a shell to it with  eval "$(pixel-emulator env --port {ready.port})"\n'
        f"Its control API is at {ready.control}, the token there is {ready.token}\n"
        f"{recording}Stop it with Ctrl-C."
    )
