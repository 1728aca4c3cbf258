"""Actions of a step: run a command, open a mail, send a call, replay a recording, wait."""

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
from pixel_emulator.core.endpoint.urls import encode
from pixel_emulator.core.errors import InputError, InputIssue
from pixel_emulator.core.scenarios.mail_clients import MAIL_CLIENTS, ImageRequest
from pixel_emulator.core.scenarios.scenario import (
    Action,
    Open,
    Replay,
    Run,
    Scenario,
    Send,
    Step,
    Wait,
)
from pixel_emulator.email.html_pixels import find_pixels
from pixel_emulator.email.limits import LimitError
from pixel_emulator.email.mail_source import read
from pixel_emulator.email.render import DEFAULT_REQUESTS, fetch_images, render
from pixel_emulator.files import read_write
from pixel_emulator.files.file_io import read_bytes
from pixel_emulator.http_client import HttpClient

_HOST_AND_PORT = re.compile(r"([^:@\s]+?)\.?(?::\d+)?")

WRITE_KEY = "wk_pixel_emulator"
"""Write key of a call that is sent without one, if no source was named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionContext:
    """How actions reach the emulator.

    `proxy` is its URL, `ca` the PEM file and `spki` the key hash that its clients trust, and
    `hosts` are the emulated hosts. `environ` is the environment of commands; `write_key` is added
    to calls that have none. `browser` opens mails; without one their images are fetched.
    """

    proxy: str
    ca: Path
    spki: str
    hosts: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict)
    write_key: str = WRITE_KEY
    browser: Path | None = None

    def emulates(self, host: str) -> bool:
        """Return True if a request for this host, with or without a port, ends at the emulator."""
        match = _HOST_AND_PORT.fullmatch(host)
        return match is not None and match[1].lower() in map(str.lower, self.hosts)


_MAX_OUTPUT = 16 * 1024
"""Bytes of a failed command's output that are kept: the last ones."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An action that failed: a sentence, and for a command its output and how it ended."""

    sentence: str
    output: str = ""
    command: CommandExit | None = None


def perform(step: Step, folder: Path, context: ActionContext) -> Failure | None:
    """Do the actions of a step, one after the other; return the first failure, or None.

    Files are relative to `folder`. Commands run in the current directory, from the main thread. A
    recording is replayed as it is stored: without pauses, and with masks in place of write keys.
    """
    done = (_perform(action, step.client, folder, context) for action in step.actions)
    return next(filter(None, done), None)


def missing_files(scenarios: Iterable[Scenario]) -> Iterator[InputIssue]:
    """Yield an issue for each unreadable file that actions name; only before the first command,
    which may create the others."""
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
                yield from (InputIssue(f"{issue}", place, "do") for issue in error.issues)


def sends_only_by_itself(step: Step) -> bool:
    """Return True if a step sends calls, and sends none after its actions have ended.

    A command may leave processes behind, and a step that waits or does nothing expects calls of
    somebody else.
    """
    ours = (isinstance(action, Open | Send | Replay) for action in step.actions)
    return bool(step.actions) and all(ours)


def no_pixels_failure(step: Step, folder: Path, context: ActionContext) -> Failure | None:
    """Return a failure if a step only opens files and no mail in them has a pixel."""
    files = [action.file for action in step.actions if isinstance(action, Open)]
    if not files or len(files) < len(step.actions):
        return None
    for file in files:
        for mail in read(file, read_bytes(folder / file)):
            try:
                pixels = find_pixels(mail.shown, hosts=context.hosts)
            except LimitError as error:
                return Failure(f"{file} cannot be read: {error}")
            if any(pixel.is_requested for pixel in pixels):
                return None
    hosts = ", ".join(context.hosts)
    return Failure(f"there is no pixel of {hosts} in {' or '.join(files)}: nothing can come")


def folder_of(scenario: Scenario) -> Path:
    """Return the folder that the files of a scenario are relative to: its own."""
    return Path(scenario.location.file).parent


def _perform(action: Action, client: str, folder: Path, context: ActionContext) -> Failure | None:
    match action:
        case Run():
            return _run(action.command, context)
        case Open():
            return _open(folder / action.file, client, context)
        case Send():
            return _send(action, _requests_as(client), context)
        case Replay():
            return _replay(folder / action.file, context)
        case Wait():
            time.sleep(action.seconds)
            return None


def _run(command: str | Sequence[str], context: ActionContext) -> Failure | None:
    text = command if isinstance(command, str) else shlex.join(command)
    words = ("/bin/sh", "-c", command) if isinstance(command, str) else command
    with tempfile.TemporaryFile() as output:
        result = run_command(words, context.environ, output=output)
        if result.ending_signal is not None:
            signal.raise_signal(result.ending_signal)  # sent to end us; the command got it, too
        if not result.code:
            return None
        has_code = result.started and not result.signal
        how = f"exit code {result.code}" if has_code else result.reason
        result = replace(result, reason=f"it is that of `{text}`")
        return Failure(f"`{text}` failed: {how}", _tail(output), result)


def _tail(output: IO[bytes]) -> str:
    size = output.seek(0, 2)
    output.seek(max(0, size - _MAX_OUTPUT))
    text = output.read().decode(errors="replace")
    return f"…{text}" if size > _MAX_OUTPUT else text


def _requests_as(client: str) -> tuple[ImageRequest, ...]:
    return MAIL_CLIENTS[client] if client else DEFAULT_REQUESTS


def _open(file: Path, client: str, context: ActionContext) -> Failure | None:
    if context.browser and not client:
        opened = render(file, browser=context.browser, proxy=context.proxy, spki=context.spki)
    else:
        opened = fetch_images(
            file,
            hosts=context.hosts,
            proxy=context.proxy,
            ca=context.ca,
            requests=_requests_as(client),
        )
    return Failure(opened.error) if opened.error else None


def _send(call: Send, requests: Iterable[ImageRequest], context: ActionContext) -> Failure | None:
    payload = {"writeKey": context.write_key, **call.payload}
    url = encode(call.type, payload, base=f"https://{context.hosts[0]}")
    try:
        with HttpClient(proxy=context.proxy, ca=context.ca) as client:
            for mail_request in requests:
                client.request(url, mail_request.headers, method=mail_request.method)
    except OSError as error:
        return Failure(f"{call.type} could not be sent: {error}")
    return None


def _replay(file: Path, context: ActionContext) -> Failure | None:
    try:
        recording = read_write.read_recording(file)
    except InputError as error:
        return Failure(str(error))
    with HttpClient(proxy=context.proxy, ca=context.ca) as client:
        for exchange in recording.exchanges:
            request = exchange.request
            if not exchange.calls:
                continue
            if not context.emulates(request.host):  # the request would reach Segment
                return Failure(f"{file}: {request.host} is not emulated now: see --hosts")
            try:
                client.request(
                    request.url, request.headers, method=request.method, body=request.body
                )
            except OSError as error:
                return Failure(f"call {exchange.seq} of {file} could not be sent again: {error}")
    return None
