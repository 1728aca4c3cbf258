"""`serve` runs the emulator until it is stopped; `env` leads a shell and a browser to it."""

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from pixel_emulator.child.process import handling
from pixel_emulator.cli.display import Display, farewell
from pixel_emulator.cli.options import takes_settings
from pixel_emulator.cli.session import emulation, needs_mitmproxy
from pixel_emulator.cli.terminal import say, show
from pixel_emulator.config import Settings
from pixel_emulator.ready import Ready, published, running

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
)
def serve(
    *,
    settings: Settings,
    json: Annotated[
        bool, typer.Option("--json", help="Print the ready line as JSON, to stdout.")
    ] = False,
) -> int:
    """Run the emulator until it is stopped, showing each call as it arrives."""
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with (
        handling([signal.SIGHUP], lambda *_: stopped.set()),
        emulation(settings) as (journal, emulator),
        Display() as display,
    ):
        journal.subscribe(display.show)
        ready = Ready(
            proxy=emulator.proxy,
            url=emulator.url,
            port=emulator.port,
            ca=str(emulator.authority.ca),
            bundle=str(emulator.authority.bundle),
            spki=emulator.authority.spki,
            hosts=settings.hosts,
            pid=os.getpid(),
        )
        with published(ready):
            if json:
                sys.stdout.write(ready.line() + "\n")
                sys.stdout.flush()
            else:
                say(_greeting(ready, settings))
            stopped.wait()
            emulator.drain(_AT_REST)
    say(farewell(journal, recorded=settings.record))
    return 3 if journal.failures else 0


@takes_settings("port")
def env(*, settings: Settings) -> int:
    """Print shell exports, and browser flags, that lead clients to a running emulator."""
    ready = running(settings.port)
    with needs_mitmproxy():  # or rather its company: cryptography and certifi
        from pixel_emulator.child.environment import (  # noqa: PLC0415
            browser_flags,
            child_environment,
            shell_exports,
        )
        from pixel_emulator.trust.stores import TrustStores  # noqa: PLC0415

    ca = Path(ready.ca)
    changes = child_environment(
        os.environ,
        proxy=ready.proxy,
        spki=ready.spki,
        stores=TrustStores(ca.parent, ca),
        hosts=ready.hosts,
    )
    for warning in changes.warnings:
        say(f"pixel-emulator: {warning}")
    flags = " ".join(browser_flags(ready.proxy, ready.spki))
    show(f"{shell_exports(changes.variables)}# for a Chromium: {flags}")
    return 0


def _greeting(ready: Ready, settings: Settings) -> str:
    recording = f"Recording to {settings.record}. " if settings.record else ""
    return (
        f"The emulator listens on {ready.url}, as a proxy and as a server.\n"
        f'Lead a shell to it with  eval "$(pixel-emulator env --port {ready.port})"\n'
        f"{recording}Stop it with Ctrl-C."
    )
