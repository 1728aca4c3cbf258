"""`serve` runs the emulator until it is stopped; `env` prints the settings that direct clients to
it."""

import os
import signal
import sys
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pixel_emulator.cli.commands import PATH, command, option, takes_settings
from pixel_emulator.cli.emulator_run import emulation, needs_mitmproxy
from pixel_emulator.cli.inputs import let_option, parse_variables, tag_option
from pixel_emulator.cli.reports import check_reports, for_terminal, report_option, write_reports
from pixel_emulator.cli.run_display import Display, print_outlooks, run_summary
from pixel_emulator.cli.terminal import ExitCode, print_message, print_result
from pixel_emulator.command.process import signal_handlers
from pixel_emulator.core.errors import InputError, InputIssue
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

_DRAIN_SECONDS = 1.0
"""Seconds for clients to disconnect at the end. Input of those that have is read first."""


@command(example="pixel-emulator serve --record calls.yaml")
@option(
    "--scenario",
    multiple=True,
    type=PATH,
    help="A file or folder that says what is expected; may change.",
)
@tag_option
@let_option
@report_option
@option("--json", is_flag=True, help="Print the ready line as JSON, to stdout.")
@option(
    "--until-eof",
    is_flag=True,
    help="Stop when stdin ends, too: with the program that holds it open.",
)
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
    "ca_dir",
    "cert",
    "control_port",
    "control_host",
    "control_token",
    "max_calls",
)
def serve(
    *,
    scenario: tuple[Path, ...],
    tag: tuple[str, ...],
    let: tuple[str, ...],
    report: tuple[Path, ...],
    settings: Settings,
    json: bool,
    until_eof: bool,
) -> int:
    """Run the emulator until it is stopped, showing each call as it arrives.

    With scenarios it says whenever they are met, or can no longer be, and at the end what became
    of them. Exit code: that of the verdict; 3 for a failure of the emulator.
    """
    check_reports(report, (*scenario, Path(settings.record)), asserts=bool(scenario))
    watched = ScenarioFiles(scenario, parse_variables(let), tag) if scenario else None
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    if until_eof:
        threading.Thread(target=_wait_for_eof, args=(stopped,), daemon=True).start()
    with (
        signal_handlers([signal.SIGHUP], lambda *_: stopped.set()),
        emulation(settings, watched.scenarios if watched else ()) as (journal, emulator),
        _control_api(emulator) as control,
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
                print_message(_ready_message(ready, settings))
            window = print_outlooks(watched, journal, stopped) if watched else None
            stopped.wait()
            emulator.drain(_DRAIN_SECONDS)
    strays = emulator.sessions.unrouted()
    if strays:
        print_message("\n".join(strays))
    ending = partial(
        run_summary, journal, recorded=settings.record, sessions=emulator.sessions.opened()
    )
    if watched is None or window is None:
        print_message(ending())
        return ExitCode.INCOMPLETE if journal.failures else ExitCode.MET
    verdict = verify(watched.scenarios, window.evidence())
    print_message(for_terminal(verdict, sys.stderr, recording=settings.record))
    print_message(ending(gaps=verdict.gaps))
    write_reports(report, verdict, recording=settings.record)
    return verdict.exit_code


@command(example='eval "$(pixel-emulator env)"')
@option("--port", type=int, help="Port of the emulator; needless where only one serves.")
@option(
    "--format",
    choices=("sh", "fish", "dotenv", "json", "github"),
    default="sh",
    help="How to write them: sh, fish, dotenv, json, or github for the file in GITHUB_ENV.",
)
def env(*, port: int | None, format: str) -> int:
    """Print shell exports and browser flags that direct clients to a running emulator.

    If several are running, the others are listed on stderr.
    """
    ready = find_server(port)
    others = [server for server in running_servers() if server.port != ready.port]
    if others:
        also = server_list(others)
        print_message(f"pixel-emulator: using the one on port {ready.port}; also serving: {also}")
    with needs_mitmproxy():  # the same extra installs cryptography and certifi
        from pixel_emulator.command.environment import (
            FORMATS,
            browser_flags,
            command_environment,
        )
        from pixel_emulator.trust.stores import TrustStores

    if format not in FORMATS:
        known = ", ".join(FORMATS)
        raise InputError(InputIssue(f'--format: "{format}" is none of {known}'))
    ca = Path(ready.ca)
    changes = command_environment(
        os.environ,
        proxy=ready.proxy,
        spki=ready.spki,
        stores=TrustStores(ca.parent, ca),
        hosts=ready.hosts,
    )
    for warning in changes.warnings:
        print_message(f"pixel-emulator: {warning}")
    api = {"PIXEL_EMULATOR_CONTROL": ready.control, "PIXEL_EMULATOR_TOKEN": ready.token}
    flags = " ".join(browser_flags(ready.proxy, ready.spki))
    written = FORMATS[format]({**changes.variables, **api})
    if format in ("sh", "fish"):
        written += f"# for a Chromium: {flags}\n"
    print_result(written.rstrip("\n"), keep_write_keys=True)  # for a shell to read
    return 0


def _wait_for_eof(stopped: threading.Event) -> None:
    with suppress(OSError):  # a closed stdin counts as one at its end
        # Not `sys.stdin`: a thread that holds its lock at exit is a fatal error of Python.
        while os.read(0, 4096):
            pass
    stopped.set()


def _control_api(emulator: "Emulator") -> "Control":
    with needs_mitmproxy():  # the same extra installs Starlette and uvicorn
        from pixel_emulator.control.server import Control

    return Control(emulator)


def _ready_message(ready: ServerInfo, settings: Settings) -> str:
    from pixel_emulator.proxy.hosts import is_loopback

    recording = f"Recording to {settings.record}. " if settings.record else ""
    listening, warning = ready.url, ""
    if not is_loopback(settings.host):
        host = settings.host or "all addresses"
        listening = f"{host}, port {ready.port} (here: {ready.url})"
        warning = "The proxy is open: everybody who reaches that address can use it.\n"
    return (
        f"The emulator listens on {listening}, as a proxy and as a server.\n{warning}"
        f'Direct a shell to it with  eval "$(pixel-emulator env --port {ready.port})"\n'
        f"Its control API is at {ready.control}, the token there is {ready.token}\n"
        f"{recording}Stop it with Ctrl-C."
    )
