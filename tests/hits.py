"""Classified requests for tests, at made-up times."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pixel_emulator.core.endpoint.pixel import encode, request_from_url
from pixel_emulator.core.model import CallType, Dialect, Evidence, Form, Hit, HttpRequest, Outcome
from pixel_emulator.core.problems.catalog import problem
from pixel_emulator.core.problems.classify import classify

KEY = "wk_test_00000000000000000000"
_OURS = ("at", "type", "form", "step")
START = datetime(2030, 1, 31, 9, 0, 12, 418_000, tzinfo=UTC)


def hit(seq, type, payload=None, *, at=0, form="base64", repeats=False, sources=None):
    """Return the hit of a call `at` milliseconds after START; a write key is filled in."""
    said = {"writeKey": KEY, **(payload or {})}
    request = request_from_url(encode(CallType(type), said, form=Form(form)))
    return classified_hit(seq, request, at=at, repeats=repeats, sources=sources)


def classified_hit(seq, request, *, at=0, repeats=False, sources=None):
    """Return the hit of a request."""
    classified = classify(request, Dialect.DOCUMENTED, sources or {})
    outcome, problems = classified.outcome, classified.problems
    if repeats:
        message_id = ((classified.call and classified.call.payload) or {}).get("messageId")
        problems = (*problems, problem("duplicate_message_id", "messageId", value=message_id))
        outcome = Outcome.DUPLICATE
    return Hit(
        seq=seq,
        time=START + timedelta(milliseconds=at),
        request=request,
        status=classified.route.response.status,
        call=classified.call,
        outcome=outcome,
        problems=problems,
        source=classified.source,
    )


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
        hits.append(replace(sent, step=call.get("step", "")))
    return evidence(
        *hits,
        connections=data.get("connections", 1),
        gaps=tuple(data.get("gaps", ())),
    )
