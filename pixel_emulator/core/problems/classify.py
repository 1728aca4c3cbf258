"""Classify requests: the route, the call, its problems and its outcome."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from pixel_emulator.core.endpoint.pixel import (
    Route,
    decode_with_text,
    request_from_url,
    route_of,
    undecodable_call,
)
from pixel_emulator.core.model import KEPT, Call, Dialect, Hit, HttpRequest, Outcome, Problem
from pixel_emulator.core.problems.catalog import problem
from pixel_emulator.core.problems.damage import url_text_problems
from pixel_emulator.core.problems.drops import outcome_of, sorted_by_severity, validate


class Classification(NamedTuple):
    """Classification of one request by itself, so without the check for duplicates.

    `call` is None for a request that is no pixel call. `source` is the name of the write key, or
    None.
    """

    route: Route
    call: Call | None
    problems: tuple[Problem, ...]
    outcome: Outcome
    source: str | None = None


def classify_url(
    url: str,
    dialect: Dialect,
    sources: Mapping[str, str] | None = None,
    *,
    hosts: Iterable[str] = (),
    text: str = "",
) -> Classification:
    """Classify the request that a client makes for a URL, with the problems of the URL itself.

    `text` is the URL as written in its document, by default `url`. A host that one edit turns into
    one of `hosts` is misspelt.
    """
    request = request_from_url(url)
    classification = classify(request, dialect, sources)
    url_problems = tuple(url_text_problems(text or url, request, hosts))
    if not url_problems:
        return classification
    problems = sorted_by_severity((*classification.problems, *url_problems))
    is_call = classification.call is not None
    return classification._replace(
        problems=problems, outcome=outcome_of(problems) if is_call else classification.outcome
    )


def classify(
    request: HttpRequest, dialect: Dialect, sources: Mapping[str, str] | None = None
) -> Classification:
    """Decode and validate a request; `sources` maps write keys to names. Never raises."""
    sources = sources or {}
    route = route_of(request)
    if route.type is None:
        return Classification(route=route, call=None, problems=(), outcome=Outcome.UNHANDLED)
    if b" " in request.target:
        call, text = undecodable_call(route.type), ""
    else:
        call, text = decode_with_text(route.type, request.query, dialect)
    problems = validate(call, request, sources, text)
    key = (call.payload or {}).get("writeKey")
    return Classification(
        route=route,
        call=call,
        problems=problems,
        outcome=outcome_of(problems),
        source=sources.get(key) if isinstance(key, str) else None,
    )


DUPLICATE_CODE = "duplicate_message_id"


class MessageIds:
    """The last `limit` messageIds of a run (None: all of them).

    Segment removes duplicates by messageId, across all calls, for at least 24 hours (documented).
    `forgotten` counts the messageIds that exceeded the limit.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        self._ids: dict[str, None] = {}
        self.forgotten = 0

    def begin_run(self) -> None:
        """Forget all messageIds: a new run begins without any."""
        self._ids.clear()

    def check(self, hit: Hit) -> Hit:
        """Return the next hit, classified as a duplicate if its messageId was seen before.

        The messageId of a dropped call does not count.
        """
        if hit.call is None or hit.call.payload is None or hit.outcome not in KEPT:
            return hit
        message_id = hit.call.payload.get("messageId")
        if not isinstance(message_id, str) or not message_id:
            return hit
        if message_id in self._ids:
            return as_duplicate(hit)
        self._ids[message_id] = None
        if self._limit is not None and len(self._ids) > self._limit:
            del self._ids[next(iter(self._ids))]
            self.forgotten += 1
        return hit


def as_duplicate(hit: Hit) -> Hit:
    """Return the hit of a kept call as one whose messageId was seen before.

    The outcome of a damaged call stays damaged.
    """
    message_id = ((hit.call and hit.call.payload) or {}).get("messageId")
    return replace(
        hit,
        problems=(*hit.problems, problem(DUPLICATE_CODE, "messageId", value=message_id)),
        outcome=Outcome.DUPLICATE if hit.outcome is Outcome.DELIVERED else hit.outcome,
    )
