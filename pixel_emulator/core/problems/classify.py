"""The verdict on one request: its route, its call, its problems, its outcome."""

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
from pixel_emulator.core.model import KEPT, Call, Dialect, Hit, Outcome, PixelRequest, Problem
from pixel_emulator.core.problems.catalog import problem
from pixel_emulator.core.problems.damage import url_text_problems
from pixel_emulator.core.problems.drops import outcome_of, sorted_by_severity, validate


class Classification(NamedTuple):
    """What one request is and what would become of it, taken by itself (no duplicates).

    `call` is None for what is no pixel call; `source` names the write key, where it has a name.
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
    """Judge the request that a URL makes, and report what the request itself does not show.

    `text` is the URL as its document has it, by default `url`. A host that one edit turns into
    one of `hosts` is misspelt.
    """
    request = request_from_url(url)
    judgement = classify(request, dialect, sources)
    unseen = tuple(url_text_problems(text or url, request, hosts))
    if not unseen:
        return judgement
    problems = sorted_by_severity((*judgement.problems, *unseen))
    kept = judgement.call is not None
    return judgement._replace(
        problems=problems, outcome=outcome_of(problems) if kept else judgement.outcome
    )


def classify(
    request: PixelRequest, dialect: Dialect, sources: Mapping[str, str] | None = None
) -> Classification:
    """Decode and judge a request; `sources` maps write keys to names. Never raises."""
    sources = sources or {}
    found = route_of(request)
    if found.type is None:
        return Classification(route=found, call=None, problems=(), outcome=Outcome.UNHANDLED)
    if b" " in request.target:
        call, text = undecodable_call(found.type), ""
    else:
        call, text = decode_with_text(found.type, request.query, dialect)
    problems = validate(call, request, sources, text)
    key = (call.payload or {}).get("writeKey")
    return Classification(
        route=found,
        call=call,
        problems=problems,
        outcome=outcome_of(problems),
        source=sources.get(key) if isinstance(key, str) else None,
    )


DUPLICATE_CODE = "duplicate_message_id"


class MessageIds:
    """The messageIds of one run so far, the last `limit` of them (None: all).

    Segment de-duplicates by messageId, across all calls, for at least 24 hours (documented).
    `forgotten` says how many are no longer known.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        self._ids: dict[str, None] = {}
        self.forgotten = 0

    def begin_run(self) -> None:
        """Forget them all, as another run has never seen them."""
        self._ids.clear()

    def judge(self, hit: Hit) -> Hit:
        """What becomes of the next hit, now that the earlier ones count.

        A dropped call takes no messageId.
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
    """What becomes of a kept call whose messageId was seen before.

    Damage counts more than being a duplicate.
    """
    message_id = ((hit.call and hit.call.payload) or {}).get("messageId")
    return replace(
        hit,
        problems=(*hit.problems, problem(DUPLICATE_CODE, "messageId", value=message_id)),
        outcome=Outcome.DUPLICATE if hit.outcome is Outcome.DELIVERED else hit.outcome,
    )
