"""The redaction of everything that this process writes but recordings: one for all doors.

Reports, logs, messages, answers of the control API and what the pytest plugin prints go through
`redacted` as finished text. It masks the write keys that the text names, and those that anybody in
this process has shown: calls, command line, scenarios. What asserts sees the truth.
"""

from collections.abc import Iterable
from threading import Lock

from pixel_emulator.core.endpoint.pixel import request_from_url
from pixel_emulator.core.redaction.key_finder import keys_in_request
from pixel_emulator.core.redaction.known_keys import KnownKeys
from pixel_emulator.core.redaction.redact import named_keys, redact_text

_shown = KnownKeys()
_lock = Lock()


def run_keys(given: Iterable[str] = ()) -> KnownKeys:
    """Return the keys of a new run, which know the `given` ones; what they learn is masked here."""
    return KnownKeys(given, told=_add)


def learn_from(*texts: str) -> None:
    """Remember the write keys that a user's own texts hold: arguments, scenarios, URLs."""
    for text in texts:
        _add(named_keys(text))


def learn_from_url(url: str) -> None:
    """Remember the write keys of a pixel URL, in whatever disguise."""
    _add(keys_in_request(request_from_url(url)).keys)


def redacted(text: str) -> str:
    """Return the text as it may leave the process; see `text_redaction.redact_text`."""
    return redact_text(text, _shown.keys)


def _add(keys: Iterable[str]) -> None:
    with _lock:
        _shown.add(keys)
