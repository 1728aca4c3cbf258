"""Classified requests for tests, at made-up times."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pixel_emulator.core.endpoint.urls import encode, request_from_url
from pixel_emulator.core.model import CallType, Dialect, Evidence, Exchange, Form, HttpRequest
from pixel_emulator.core.problems.classify import classify, with_duplicates
from pixel_emulator.core.redaction.redact import redacted

KEY = "wk_test_00000000000000000000"
_OURS = ("at", "type", "form", "step")
_OF_CALL = ("call", "outcome", "problems", "source")
START = datetime(2030, 1, 31, 9, 0, 12, 418_000, tzinfo=UTC)


def hit(seq, type, payload=None, *, at=0, form="base64", repeats=False, sources=None):
    """Return the hit of a call `at` milliseconds after START; a write key is filled in."""
    said = {"writeKey": KEY, **(payload or {})}
    request = request_from_url(encode(CallType(type), said, form=Form(form)))
    return classified_hit(seq, request, at=at, repeats=repeats, sources=sources)


def classified_hit(seq, request, *, at=0, repeats=False, sources=None):
    """Return the hit of a request."""
    route, calls = classify(request, Dialect.DOCUMENTED, sources or {})
    time = START + timedelta(milliseconds=at)
    exchange = Exchange(
        seq=seq, time=time, request=request, status=route.response.status, calls=calls
    )
    [only] = with_duplicates(exchange, [True]).hits if repeats else exchange.hits
    return only


def record(journal, request, *more):
    """Record a request in a journal, and return its only hit."""
    [only] = journal.record(request, *more).hits
    return only


def changed(hit, **fields):
    """Return a hit with other values in itself, its exchange or its call."""
    of_call = {name: fields.pop(name) for name in _OF_CALL if name in fields}
    if of_call:
        fields["calls"] = (replace(hit.judged, **of_call),)
    if "alike" in fields:
        hit = replace(hit, alike=fields.pop("alike"))
    return replace(hit, exchange=replace(hit.exchange, **fields))


def redact(hit, known=()):
    """Return a hit without its write keys."""
    [only] = redacted([hit], known)
    return only


def evidence(*hits, connections=1, **more):
    """Return the evidence of a run with these hits."""
    return Evidence(hits=hits, connections=connections, **more)


def from_data(data):
    """Return the evidence that a case file describes; a repeated messageId makes a duplicate."""
    hits, seen = [], set()
    for seq, call in enumerate(data["calls"], 1):
        at = call.get("at", 0)
        if "request" in call:
            method, target = call["request"].split(" ")
            request = HttpRequest(target=target.encode(), method=method)
            hits.append(classified_hit(seq, request, at=at))
            continue
        payload = {key: value for key, value in call.items() if key not in _OURS}
        message_id = payload.get("messageId")
        repeats = message_id is not None and message_id in seen
        seen.add(message_id)
        form = call.get("form", "base64")
        sent = hit(seq, call["type"], payload, at=at, form=form, repeats=repeats)
        hits.append(changed(sent, step=call.get("step", "")))
    return evidence(
        *hits,
        connections=data.get("connections", 1),
        gaps=tuple(data.get("gaps", ())),
    )
