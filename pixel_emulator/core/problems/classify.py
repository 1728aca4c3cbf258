"""Classify requests: the route, the call, its problems and its outcome."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from pixel_emulator.core.endpoint.routes import Route, route_of
from pixel_emulator.core.endpoint.urls import request_from_url
from pixel_emulator.core.model import (
    KEPT,
    Call,
    Dialect,
    Exchange,
    HttpRequest,
    JudgedCall,
    Outcome,
    Problem,
)
from pixel_emulator.core.problems.catalog import problem
from pixel_emulator.core.problems.damage import url_text_problems
from pixel_emulator.core.problems.drops import outcome_of, sorted_by_severity, validate


class Classification(NamedTuple):
    """The route of one request and its judged calls, without the check for duplicates."""

    route: Route
    calls: tuple[JudgedCall, ...]


class UrlClassification(NamedTuple):
    """Classification of the request that a client makes for a URL.

    `call` is None for a URL that is no pixel. `source` is the name of the write key, or None.
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
) -> UrlClassification:
    """Classify the request that a client makes for a URL, with the problems of the URL itself.

    `text` is the URL as written in its document, by default `url`. A host that one edit turns into
    one of `hosts` is misspelt.
    """
    request = request_from_url(url)
    route, calls = classify(request, dialect, sources)
    url_problems = tuple(url_text_problems(text or url, request, hosts))
    if not calls:
        return UrlClassification(route, None, url_problems, Outcome.UNHANDLED)
    judged = calls[0]  # of a pixel there are no others
    problems = judged.problems
    if url_problems:
        problems = sorted_by_severity((*problems, *url_problems))
    return UrlClassification(route, judged.call, problems, outcome_of(problems), judged.source)


def classify(
    request: HttpRequest, dialect: Dialect, sources: Mapping[str, str] | None = None
) -> Classification:
    """Decode and validate a request; `sources` maps write keys to names. Never raises."""
    sources = sources or {}
    route = route_of(request)
    decoded = route.calls(request, dialect)
    return Classification(
        route, tuple([_judged(call, text, request, sources) for call, text in decoded])
    )


def _judged(call: Call, text: str, request: HttpRequest, sources: Mapping[str, str]) -> JudgedCall:
    problems = validate(call, request, sources, text)
    key = (call.payload or {}).get("writeKey")
    return JudgedCall(
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

    def check(self, exchange: Exchange) -> Exchange:
        """Return the next exchange; its calls whose messageId was seen before are duplicates.

        The messageId of a dropped call does not count.
        """
        duplicates = [*map(self._is_duplicate, exchange.calls)]
        return with_duplicates(exchange, duplicates) if True in duplicates else exchange

    def _is_duplicate(self, judged: JudgedCall) -> bool:
        payload = judged.call.payload
        if payload is None or judged.outcome not in KEPT:
            return False
        message_id = payload.get("messageId")
        if not isinstance(message_id, str) or not message_id:
            return False
        if message_id in self._ids:
            return True
        self._ids[message_id] = None
        if self._limit is not None and len(self._ids) > self._limit:
            del self._ids[next(iter(self._ids))]
            self.forgotten += 1
        return False


def with_duplicates(exchange: Exchange, duplicates: Sequence[bool]) -> Exchange:
    """Return the exchange with those kept calls as duplicates whose messageId was seen before.

    The outcome of a damaged call stays damaged.
    """
    calls = (
        _as_duplicate(judged) if is_duplicate else judged
        for judged, is_duplicate in zip(exchange.calls, duplicates, strict=True)
    )
    return replace(exchange, calls=tuple(calls))


def duplicates_of(exchange: Exchange) -> tuple[bool, ...]:
    """Return for each call of an exchange whether its messageId was seen before."""
    return tuple(
        [
            bool(judged.problems)
            and any(problem.code == DUPLICATE_CODE for problem in judged.problems)
            for judged in exchange.calls
        ]
    )


def _as_duplicate(judged: JudgedCall) -> JudgedCall:
    message_id = (judged.call.payload or {}).get("messageId")
    return replace(
        judged,
        problems=(*judged.problems, problem(DUPLICATE_CODE, "messageId", value=message_id)),
        outcome=Outcome.DUPLICATE if judged.outcome is Outcome.DELIVERED else judged.outcome,
    )
