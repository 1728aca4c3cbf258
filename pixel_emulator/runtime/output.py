"""Redaction of everything that this process writes except recordings; used by all doors.

Reports, logs, messages, responses of the control API and the output of the pytest plugin pass
through `redacted` as finished text. It masks the write keys that the text names and those that this
process has seen in calls, on the command line or in scenarios. Code that makes assertions gets
unmasked values.
"""

from collections.abc import Iterable
from threading import Lock

from pixel_emulator.core.endpoint.urls import request_from_url
from pixel_emulator.core.redaction.key_finder import keys_in_request
from pixel_emulator.core.redaction.known_keys import KnownKeys, named_keys, redact_text

_shown = KnownKeys()
_lock = Lock()


def run_keys(given: Iterable[str] = ()) -> KnownKeys:
    """Return the known keys of a new run, starting with `given`; `redacted` masks them all."""
    return KnownKeys(given, on_new=_add)


def learn_from(*texts: str) -> None:
    """Remember the write keys in the user's own texts: arguments, scenarios, URLs."""
    for text in texts:
        _add(named_keys(text))


def learn_from_url(url: str) -> None:
    """Remember the write keys in a pixel URL, however they are encoded."""
    _add(keys_in_request(request_from_url(url)).keys)


def redacted(text: str) -> str:
    """Return the text with its write keys masked; see `redact.redact_text`."""
    return redact_text(text, _shown.keys)


def _add(keys: Iterable[str]) -> None:
    with _lock:
        _shown.add(keys)
