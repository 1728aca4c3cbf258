"""Every setting, declared once; command line, pytest and mitmproxy derive their options from it."""

import re
from collections.abc import Iterator
from dataclasses import Field, dataclass, field, fields
from typing import Any

from pixel_emulator.core.errors import InputError, InputIssue, did_you_mean
from pixel_emulator.core.model import Dialect
from pixel_emulator.core.redaction.known_keys import MAX_KEY_LENGTH, is_distinctive
from pixel_emulator.core.text.display import abbreviated_key, quoted

type Value = str | int | bool | tuple[str, ...]


FAST_PATH_VARIABLE = "PIXEL_EMULATOR_FAST_PATH"
TOKEN_VARIABLE = "PIXEL_EMULATOR_TOKEN"  # noqa: S105 - the name of a variable
"""Environment variable with the token of a control API."""

# Syntax of RFC 6750. Any program on this machine could guess a short token.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{16,}=*")


def _setting(
    default: Value, text: str, *, choices: tuple[str, ...] = (), variable: str = ""
) -> Any:
    return field(default=default, metadata={"help": text, "choices": choices, "variable": variable})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a user can set; the names are the same in every door.

    Raises InputError if a value is not allowed.
    """

    hosts: tuple[str, ...] = _setting(
        ("api.segment.io", "events.eu1.segmentapis.com", "eu1.api.segmentapis.com"),
        "Hosts that are emulated; every other host passes through untouched.",
    )
    dialect: str = _setting(
        Dialect.DOCUMENTED.value,
        "Which account of the endpoint decides: `documented` also accepts raw JSON in `data` "
        "(as damaged), `strict` is Segment's published source exactly.",
        choices=tuple(Dialect),
    )
    source: tuple[str, ...] = _setting(
        (),
        "NAME=KEY: gives a write key a name. With any given, every other key is `unknown_source`.",
    )
    record: str = _setting("", "File that the calls are recorded to, as YAML.")
    keep_write_keys: bool = _setting(
        False,
        "Store write keys in the recording as they are, or print them so where calls are only "
        "explained; by default they are masked.",
    )
    max_calls: int = _setting(
        100_000,
        "How many calls are kept in memory. Earlier ones are read from the recording; without one "
        "the evidence is incomplete from there on. A live scenario keeps some of its own beside "
        "these: few of those that are alike, but each where `state`, `order: strict`, several "
        "steps, times or variables tell them apart.",
    )
    host: str = _setting(
        "127.0.0.1",
        "Address to listen on; on any other than loopback, everybody in that network can use the "
        "proxy.",
    )
    port: int = _setting(8080, "Port to listen on; 0 picks a free one.")
    offline: bool = _setting(
        False, "Refuse every host that is not emulated, but this machine, and list them."
    )
    http2: bool = _setting(False, "Offer HTTP/2 to clients of the emulated hosts.")
    fast_path: bool = _setting(
        True,
        "Answer plain pixel requests without a mitmproxy flow; `--no-fast-path`, or "
        f"{FAST_PATH_VARIABLE}=no, makes each a flow.",
        variable=FAST_PATH_VARIABLE,
    )
    ca_dir: str = _setting(
        "",
        "Folder with the CA to use: `ca.pem` and `ca-key.pem`. If it has neither, a new CA is kept "
        "there. By default each run has a CA of its own.",
    )
    cert: tuple[str, ...] = _setting(
        (),
        "HOST=PEM: emulates a host of yours, too, with your own certificate. The file holds the "
        "certificate, its chain and its private key.",
    )
    control_port: int = _setting(0, "Port of the control API of `serve`; 0 picks a free one.")
    control_host: str = _setting(
        "127.0.0.1",
        "Address that the control API listens on. On any other than loopback, everybody in that "
        "network can ask for it; it answers only with the token.",
    )
    control_token: str = _setting(
        "",
        "Token of the control API, 16 characters or more; by default a random one. Also read from "
        f"{TOKEN_VARIABLE}, which others cannot see.",
        variable=TOKEN_VARIABLE,
    )

    def __post_init__(self) -> None:
        for setting in fields(self):
            value = getattr(self, setting.name)
            if isinstance(value, list):  # mitmproxy and pytest pass sequences as lists
                object.__setattr__(self, setting.name, tuple(value))
            choices = setting.metadata["choices"]
            if choices and value not in choices:
                allowed = " or ".join(choices)
                raise InputError(
                    InputIssue(
                        f'{setting.name}: "{value}" is not {allowed}{did_you_mean(value, choices)}'
                    )
                )
        if self.max_calls < 1:
            raise InputError(InputIssue(f"max_calls: {self.max_calls} is not 1 or more"))
        self.sources()
        for host in self.certificates():
            if host not in self.hosts:
                object.__setattr__(self, "hosts", (*self.hosts, host))
        if self.control_token and not _TOKEN.fullmatch(self.control_token):
            wanted = "must be 16 or more of letters, digits and `-._~+/`"
            raise InputError(InputIssue(f"control_token: {wanted}; without one it is random"))

    def sources(self) -> dict[str, str]:
        """Return the names that the user gave to write keys: key -> name."""
        names: dict[str, str] = {}
        for item in self.source:
            name, equals, key = item.partition("=")
            if not (name and equals and key):
                shown = (
                    abbreviated_key(item) if is_distinctive(item[:MAX_KEY_LENGTH]) else quoted(item)
                )
                raise InputError(InputIssue(f"source: {shown} is not NAME=KEY"))
            names[key] = name
        return names

    def certificates(self) -> dict[str, str]:
        """Return the files with the user's own certificates, by host."""
        files: dict[str, str] = {}
        for item in self.cert:
            host, equals, file = item.partition("=")
            host = host.lower().removesuffix(".")
            if not (host and equals and file):
                raise InputError(InputIssue(f"cert: {quoted(item)} is not HOST=PEM"))
            if host in files:
                raise InputError(InputIssue(f"cert: {quoted(host)} is given twice"))
            files[host] = file
        return files


def settings() -> Iterator[Field[Any]]:
    """Yield each setting as a dataclass field with name, type and default.

    Its `metadata` has `help`, `choices` and `variable`, the environment variable that is read if
    the setting is not given.
    """
    return iter(fields(Settings))
