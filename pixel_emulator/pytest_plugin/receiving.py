"""What a rendered template or a mail asks for, without any network."""

import os
import re
from email.message import Message
from pathlib import Path
from typing import TYPE_CHECKING

from pixel_emulator.core.endpoint.pixel import request_from_url
from pixel_emulator.core.errors import InputError
from pixel_emulator.core.model import PixelRequest
from pixel_emulator.files.file_io import read_bytes
from pixel_emulator.pytest_plugin.places import MisuseError

if TYPE_CHECKING:
    from pixel_emulator.email.message import Mail

_URL = ("http://", "https://", "/v1/")
_PATH = re.compile(r"\S*|.*\.(html?|eml|mbox|mjml|txt)", re.IGNORECASE)
_LONGEST_PATH = 4_096  # characters; longer ones name no file on any system
_EMPTY = "the text is empty: was it rendered?"
_TAKES = "`receive` takes a URL, HTML, or a mail (text, bytes, a message object, a path)"


def requested(given: object, hosts: tuple[str, ...]) -> list[PixelRequest]:
    """Return the request for a URL, or those of every pixel that a client without scripts loads.

    `given` is a URL, HTML or the source of a mail as text; HTML, a mail or an mbox in bytes; a
    message of the standard library, of Django or of Flask-Mail; or the path of a file. Raises
    MisuseError for anything else, and for what cannot be read as a whole.
    """
    words = _words(given)
    if len(words) == 1 and words[0].startswith(_URL):
        return [request_from_url(words[0])]
    if words and all(each.startswith(_URL) for each in words):
        raise MisuseError(f"`receive` takes one URL at a time, but got {len(words)}")
    return [request_from_url(url) for mail in _mails(given) for url in _urls(mail, hosts)]


def _words(given: object) -> list[str]:
    """Return the words of a text, or of its bytes, if it may be a URL; else none."""
    if isinstance(given, bytes | bytearray):
        given = bytes(given).decode(errors="replace")
    return given.split() if isinstance(given, str) and "<" not in given else []


def _mails(given: object) -> "tuple[Mail, ...]":
    from pixel_emulator.email.source import read, read_text

    if isinstance(given, str | bytes | bytearray) and not given.strip():
        raise MisuseError(f"{_TAKES}, but {_EMPTY}")
    if isinstance(given, str):
        text = given.strip()
        if "<" not in text and len(text) <= _LONGEST_PATH and _PATH.fullmatch(text):
            return _of_file(Path(text), given)
        return read_text(text)
    if isinstance(given, bytes | bytearray | memoryview):
        return read("", bytes(given))
    if isinstance(given, os.PathLike):
        return _of_file(Path(os.fsdecode(given)), given)
    source = _source(given)
    if not source.strip():
        raise MisuseError(f"{_TAKES}, but {_EMPTY}")
    return read(".eml", source)


def _of_file(path: Path, given: object) -> "tuple[Mail, ...]":
    from pixel_emulator.email.source import read

    try:
        return read(path.name, read_bytes(path))
    except InputError as error:
        raise MisuseError(f"{_TAKES}, but got {_shown(given)}: {error}") from None


def _source(message: object) -> bytes:
    """Return the source of a message object.

    The standard library and Flask-Mail have `as_bytes`; Django has `message`, which makes one of
    the standard library. Raises MisuseError for any other object, and for one that makes none.
    """
    if isinstance(message, type):
        raise MisuseError(f"{_TAKES}, but got {_shown(message)}")
    as_bytes, make = (getattr(message, each, None) for each in ("as_bytes", "message"))
    try:
        if not callable(as_bytes) and callable(make) and isinstance(made := make(), Message):
            as_bytes = made.as_bytes
        source = as_bytes() if callable(as_bytes) else None
    except Exception as error:
        why = f"{type(error).__name__}: {str(error).partition('\n')[0]}"
        raise MisuseError(f"`receive` cannot read {_shown(message)}: {why}") from error
    if not isinstance(source, bytes):
        raise MisuseError(f"{_TAKES}, but got {_shown(message)}")
    return source


def _urls(mail: "Mail", hosts: tuple[str, ...]) -> list[str]:
    from pixel_emulator.email.limits import LimitError
    from pixel_emulator.email.unrequested import search_html

    where = f"{mail.title}: " if mail.title else ""
    if mail.reason and not mail.is_text:
        raise MisuseError(f"`receive` cannot read this: {where}{mail.reason}")
    try:
        search = search_html(mail.shown, hosts=hosts, charset=mail.url_charset)
    except LimitError as error:
        raise MisuseError(f"`receive` cannot read this: {where}{error}") from None
    if undecoded := next((each for each in search.unrequested if each.is_undecoded), None):
        raise MisuseError(f"`receive` cannot read this: {where}{undecoded.sentence}")
    return [each.url for each in search.pixels if each.is_requested and not each.has_custom_domain]


def _shown(value: object) -> str:
    said = repr(value)
    return said if len(said) <= 60 else f"{said[:60]}…"
