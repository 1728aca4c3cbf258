"""Notes on calls: Segment keeps the call, but probably not what its sender meant."""

import re
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from itertools import islice
from urllib.parse import unquote

from pixel_emulator.core.model import (
    JSON,
    Call,
    CallType,
    Form,
    HttpRequest,
    JsonPath,
    Payload,
    Problem,
    path_text,
)
from pixel_emulator.core.problems.catalog import problem
from pixel_emulator.core.problems.damage import TOKEN

MAX_URL = 2_000
"""Characters of a URL that every mail client and proxy is said to transmit."""

MAX_MESSAGE_ID = 100
MAX_PROPERTIES = 10_000

_FIELDS = dict.fromkeys(
    (
        *(
            "writeKey",
            "userId",
            "anonymousId",
            "groupId",
            "previousId",
            "event",
            "name",
            "category",
        ),
        *("properties", "traits", "context", "integrations"),
        *("messageId", "timestamp", "sentAt", "originalTimestamp"),
    )
)
_TIMES = ("timestamp", "sentAt", "originalTimestamp")
_MAX_NUMBERS = 20  # reported for one call
_MAX_ENCODED = 20  # reported for one call
_MAX_CACHED = 100  # characters of a name
# Segment's ecommerce spec defines these as numbers (documented).
_NUMBERS = frozenset(
    (
        *("revenue", "value", "price", "total", "subtotal", "shipping", "tax", "discount"),
        *("quantity", "position", "amount", "count"),
    )
)
_NUMBER = re.compile(r"-?\d{1,20}(?:\.\d{1,20})?")
_EPOCH = re.compile(r"\d{9,16}(?:\.\d{1,9})?")
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@.]+")
_DATA = re.compile(
    r"\d{5}|#\d|\bhttps?://|\w@\w|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-|\b(?:19|20)\d\d-\d\d-\d\d"
)
# A result of `encodeURIComponent` and similar functions: all but these characters are escaped. A
# path or a URL, in which escapes are legitimate, contains other characters.
_ESCAPED = re.compile(r"[\w.!~*'()-]*+(?:%[0-9A-Fa-f]{2}[\w.!~*'()-]*+)++", re.ASCII)
_LOOPBACK = re.compile(r"(?:localhost|127\.[\d.]+|\[::1\])(?::\d+)?", re.IGNORECASE)
# https://segment.com/docs/connections/spec/email/ (documented)
_EMAIL_EVENTS = (
    *("Email Delivered", "Email Opened", "Email Link Clicked", "Email Bounced"),
    *("Email Marked as Spam", "Unsubscribed"),
)


def _normalised(name: str) -> str:
    # The names come from the client: caching long ones would let it grow our memory.
    return _normalise(name) if len(name) > _MAX_CACHED else _cached_normalise(name)


def _normalise(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).casefold()


_cached_normalise = lru_cache(maxsize=1024)(_normalise)  # every call has the same names


_FIELD_OF = {_normalised(field): field for field in _FIELDS}
_EMAIL_EVENT_OF = {_normalised(event): event for event in _EMAIL_EVENTS}


def note_problems(call: Call, request: HttpRequest, text: str = "") -> Iterator[Problem]:
    """Yield the notes on a call, or on the URL of one that could not be decoded.

    `text` is that of `decode_with_text`.
    """
    payload = call.payload
    if payload is not None:
        yield from _misspelt(payload)
        if payload.get("userId") is None and payload.get("anonymousId") is None:
            yield from _misplaced(payload)
        if "event" in payload:
            yield from _event(call.type, payload)
        user = payload.get("userId")
        if isinstance(user, str) and _EMAIL.fullmatch(user):
            yield problem("email_as_user_id", "userId", value=user)
        if message_id := payload.get("messageId"):
            yield from _message_id(message_id)
        for field in _TIMES:
            if (time := payload.get(field)) is not None:
                yield from _time(field, time)
        yield from _shapes(payload)
        if call.form is Form.FLAT:
            yield from islice(_flat_numbers(payload), _MAX_NUMBERS)
        if "%" in text if text else b"%25" in request.target or call.form is not Form.FLAT:
            yield from islice(_double_encoded(payload), _MAX_ENCODED)
    yield from _url(request)


def _misspelt(payload: Payload) -> Iterator[Problem]:
    for key in payload:
        meant = key not in _FIELDS and _FIELD_OF.get(_normalised(key))
        if meant and payload.get(meant) is None:
            yield problem("misspelt_field", path_text([key]), meant=meant)


def _misplaced(payload: Payload) -> Iterator[Problem]:
    for at in (("properties",), ("traits",), ("context",), ("context", "traits")):
        for key in _at(payload, *at):
            if _FIELD_OF.get(_normalised(key)) in ("userId", "anonymousId"):
                yield problem("misplaced_id", path_text([*at, key]))


def _event(call_type: CallType, payload: Payload) -> Iterator[Problem]:
    event = payload.get("event")
    if call_type in (CallType.PAGE, CallType.SCREEN) and event is not None:
        yield problem("event_on_page", "event", type=call_type, value=event)
    if call_type is not CallType.TRACK or not isinstance(event, str) or TOKEN.search(event):
        return
    if _DATA.search(event):
        yield problem("data_in_event_name", "event", value=event)
    name = _EMAIL_EVENT_OF.get(_normalised(event))
    if name is None:
        return
    if name != event:
        yield problem("email_event_name", "event", value=event, name=name)
    properties = _at(payload, "properties")
    if "subject" in properties and "email_subject" not in properties:
        yield problem("email_properties", "properties.subject", name="properties.email_subject")
    if "email" in properties and "email" not in _at(payload, "context", "traits"):
        yield problem("email_properties", "properties.email", name="context.traits.email")


def _message_id(value: JSON) -> Iterator[Problem]:
    if not isinstance(value, str) or TOKEN.search(value):
        return
    yield problem("baked_message_id", "messageId", value=value)
    if len(value) > MAX_MESSAGE_ID:
        yield problem("message_id_too_long", "messageId", length=f"{len(value):,}")


def _time(field: str, value: JSON) -> Iterator[Problem]:
    if isinstance(value, str) and TOKEN.search(value):
        return
    if isinstance(value, str) and _is_time(value):
        if field == "timestamp":
            yield problem("baked_timestamp", field, value=value)
    elif (isinstance(value, str) and _EPOCH.fullmatch(value)) or (
        isinstance(value, int | float) and not isinstance(value, bool)
    ):
        yield problem("epoch_timestamp", field, value=value)
    else:
        lost_plus = isinstance(value, str) and _is_time("+".join(value.rsplit(" ", 1)))
        advice = "A raw + in a URL means a space; write it as %2B." if lost_plus else ""
        yield problem("timestamp_invalid", field, value=value, advice=advice)


def _is_time(text: str) -> bool:
    """Return True if the text is an ISO 8601 date with a time and a zone."""
    try:
        return (
            len(text) <= 40
            and text[10:11] == "T"
            and datetime.fromisoformat(text).tzinfo is not None
        )
    except ValueError:
        return False


def _shapes(payload: Payload) -> Iterator[Problem]:
    for field in ("context", "integrations"):
        value = payload.get(field)
        if value is not None and not isinstance(value, dict):
            yield problem(f"{field}_not_object", field, value=value)
    for field in ("properties", "traits"):
        count = len(_at(payload, field))
        if count > MAX_PROPERTIES:
            yield problem("too_many_properties", field, count=f"{count:,}")


def _flat_numbers(payload: Payload) -> Iterator[Problem]:
    for key, value in _at(payload, "properties").items():
        if _normalised(key) in _NUMBERS and isinstance(value, str) and _NUMBER.fullmatch(value):
            yield problem("flat_numbers", path_text(["properties", key]), value=value)


def _double_encoded(payload: Payload) -> Iterator[Problem]:
    values: list[tuple[JsonPath, JSON]] = [((), payload)]
    for at, value in values:  # grows while it is iterated: breadth first, no recursion
        if isinstance(value, dict):
            values.extend(((*at, key), item) for key, item in value.items() if key != "writeKey")
        elif isinstance(value, list):
            values.extend(((*at, index), item) for index, item in enumerate(value))
        elif isinstance(value, str) and "%" in value and _is_escaped(value):
            yield problem("double_encoded", path_text(at), value=value)


def _is_escaped(text: str) -> bool:
    """Return True if the whole text is percent-encoded UTF-8 and has no template token."""
    if not _ESCAPED.fullmatch(text) or TOKEN.search(text):
        return False
    try:
        unquote(text, errors="strict")
    except UnicodeDecodeError:
        return False
    return True


def _url(request: HttpRequest) -> Iterator[Problem]:
    length = len(f"{request.scheme}://{request.host}") + len(request.target)
    if length > MAX_URL:
        yield problem("long_url", length=f"{length:,}")
    if request.scheme == "http" and not _LOOPBACK.fullmatch(request.host):
        yield problem("insecure_url")


def _at(payload: Payload, *at: str) -> Payload:
    """Return the object at the path `at`, or an empty one."""
    value: JSON = payload
    for key in at:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}
