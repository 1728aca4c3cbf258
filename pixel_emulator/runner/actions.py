"""What a step does: run a command, open a mail, send a call, replay a recording, wait."""

import re
import shlex
import signal
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from pixel_emulator.command.process import CommandExit, run_command
from pixel_emulator.core.endpoint.pixel import encode
from pixel_emulator.core.errors import InputError, InputIssue
from pixel_emulator.core.scenarios.mail_clients import MAIL_CLIENTS, ImageRequest
from pixel_emulator.core.scenarios.model import (
    Action,
    Open,
    Replay,
    Run,
    Scenario,
    Send,
    Step,
    Wait,
)
from pixel_emulator.email.fetch import PLAIN, fetch_images
from pixel_emulator.email.limits import LimitError
from pixel_emulator.email.pixels import find_pixels
from pixel_emulator.email.render import render
from pixel_emulator.email.source import read
from pixel_emulator.files import read_write
from pixel_emulator.files.file_io import read_bytes
from pixel_emulator.http_client import HttpClient

_HOST = re.compile(r"([^:@\s]+?)\.?(?::\d+)?")

WRITE_KEY = "wk_pixel_emulator"
"""The write key of a call that is sent without one, where no source was named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionContext:
    """How actions reach the emulator.

    `proxy` is its URL, `ca` the PEM file and `spki` the hash of its key that its clients trust,
    and `hosts` are emulated. `environ` is that of commands; `write_key` goes into calls that have
    none. `browser` opens mails; without one their images are fetched.
    """

    proxy: str
    ca: Path
    spki: str
    hosts: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict)
    write_key: str = WRITE_KEY
    browser: Path | None = None

    def emulates(self, host: str) -> bool:
        """Whether a request for this host, perhaps with a port, ends at the emulator."""
        found = _HOST.fullmatch(host)
        return found is not None and found[1].lower() in map(str.lower, self.hosts)


_SHOWN = 16 * 1024
"""Bytes that are kept of what a failing command printed: the last ones."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An action that failed: a sentence, and of a command what it printed and how it ended."""

    sentence: str
    output: str = ""
    command: CommandExit | None = None


def perform(step: Step, folder: Path, access: ActionContext) -> Failure | None:
    """Do what a step does, one action after the other; returns the first failure.

    Files are relative to `folder`; commands run in the current directory, from the main thread. A
    recording is sent again as far as it is stored: at once, and with its masks for write keys.
    """
    done = (_perform(action, step.client, folder, access) for action in step.actions)
    return next(filter(None, done), None)


def missing_files(scenarios: Iterable[Scenario]) -> Iterator[InputIssue]:
    """The files that actions name and that cannot be read; none from the first command on, which
    may well write them."""
    actions = (
        (folder_of(scenario), step.location if step.location.line else scenario.location, action)
        for scenario in scenarios
        for step in scenario.steps
        for action in step.actions
    )
    for folder, place, action in actions:
        if isinstance(action, Run):
            return
        if isinstance(action, Open | Replay):
            read = read_bytes if isinstance(action, Open) else read_write.read_recording
            try:
                read(folder / action.file)
            except InputError as error:
                yield from (InputIssue(f"{each}", place, "do") for each in error.mistakes)


def sends_alone(step: Step) -> bool:
    """Whether a step sends calls, and all that it ever will have been sent once it has acted.

    A command may leave processes behind, and who waits, or does nothing, waits for somebody else.
    """
    ours = (isinstance(each, Open | Send | Replay) for each in step.actions)
    return bool(step.actions) and all(ours)


def without_pixels(step: Step, folder: Path, access: ActionContext) -> Failure | None:
    """Return a failure if a step only opens files and no mail in them has a pixel."""
    opened = [each.file for each in step.actions if isinstance(each, Open)]
    if not opened or len(opened) < len(step.actions):
        return None
    for each in opened:
        for mail in read(each, read_bytes(folder / each)):
            try:
                found = find_pixels(mail.shown, hosts=access.hosts)
            except LimitError as error:
                return Failure(f"{each} cannot be read: {error}")
            if any(pixel.requested for pixel in found):
                return None
    hosts = ", ".join(access.hosts)
    return Failure(f"there is no pixel of {hosts} in {' or '.join(opened)}: nothing can come")


def folder_of(scenario: Scenario) -> Path:
    """The folder that the files of a scenario are relative to: its own."""
    return Path(scenario.location.file).parent


def _perform(action: Action, client: str, folder: Path, access: ActionContext) -> Failure | None:
    match action:
        case Run():
            return _run(action.command, access)
        case Open():
            return _open(folder / action.file, client, access)
        case Send():
            return _send(action, _asks(client), access)
        case Replay():
            return _replay(folder / action.file, access)
        case Wait():
            time.sleep(action.seconds)
            return None


def _run(command: str | Sequence[str], access: ActionContext) -> Failure | None:
    text = command if isinstance(command, str) else shlex.join(command)
    words = ("/bin/sh", "-c", command) if isinstance(command, str) else command
    with tempfile.TemporaryFile() as output:
        end = run_command(words, access.environ, output=output)
        if end.asked is not None:
            signal.raise_signal(end.asked)  # it was meant for us, and the command has heard of it
        if not end.code:
            return None
        how = end.reason if end.signal or not end.started else f"exit code {end.code}"
        end = replace(end, reason=f"it is that of `{text}`")
        return Failure(f"`{text}` failed: {how}", _tail(output), end)


def _tail(output: IO[bytes]) -> str:
    size = output.seek(0, 2)
    output.seek(max(0, size - _SHOWN))
    text = output.read().decode(errors="replace")
    return f"…{text}" if size > _SHOWN else text


def _asks(client: str) -> tuple[ImageRequest, ...]:
    return MAIL_CLIENTS[client] if client else PLAIN


def _open(file: Path, client: str, access: ActionContext) -> Failure | None:
    if access.browser and not client:
        opened = render(file, browser=access.browser, proxy=access.proxy, spki=access.spki)
    else:
        opened = fetch_images(
            file, hosts=access.hosts, proxy=access.proxy, ca=access.ca, asks=_asks(client)
        )
    return Failure(opened.error) if opened.error else None


def _send(call: Send, asks: Iterable[ImageRequest], access: ActionContext) -> Failure | None:
    payload = {"writeKey": access.write_key, **call.payload}
    url = encode(call.type, payload, base=f"https://{access.hosts[0]}")
    try:
        with HttpClient(proxy=access.proxy, ca=access.ca) as client:
            for ask in asks:
                client.ask(url, ask.headers, method=ask.method)
    except OSError as error:
        return Failure(f"{call.type} could not be sent: {error}")
    return None


def _replay(file: Path, access: ActionContext) -> Failure | None:
    try:
        hits = [each for each in read_write.read_recording(file).hits if each.call]
    except InputError as error:
        return Failure(str(error))
    with HttpClient(proxy=access.proxy, ca=access.ca) as client:
        for hit in hits:
            request = hit.request
            if not access.emulates(request.host):  # it would leave for Segment itself
                return Failure(f"{file}: {request.host} is not emulated now: see --hosts")
            try:
                client.ask(request.url, request.headers, method=request.method)
            except OSError as error:
                return Failure(f"call {hit.seq} of {file} could not be sent again: {error}")
    return None
