"""The verdict on one request: its route, its call, its problems, its outcome."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pixel_emulator.core.endpoint.pixel import (
    Route,
    bad_line,
    decode,
    request_of,
    route,
    unreadable,
)
from pixel_emulator.core.model import Call, Dialect, Outcome, PixelRequest, Problem
from pixel_emulator.core.problems.url_text import url_text_problems
from pixel_emulator.core.problems.validation import outcome, validate, worst_first


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What one request is and what would become of it, taken by itself (no duplicates).

    `call` is None for what is no pixel call; `source` names the write key, where it has a name.
    """

    route: Route
    call: Call | None
    problems: tuple[Problem, ...]
    outcome: Outcome
    source: str | None = None


def judge_url(
    url: str,
    dialect: Dialect,
    sources: Mapping[str, str] | None = None,
    *,
    hosts: Iterable[str] = (),
    text: str = "",
) -> Judgement:
    """Judge the request that a URL makes, and report what the request itself does not show.

    `text` is the URL as its document has it, by default `url`. A host that one edit turns into
    one of `hosts` is misspelt.
    """
    request = request_of(url)
    judgement = judge(request, dialect, sources)
    unseen = tuple(url_text_problems(text or url, request, hosts))
    if not unseen:
        return judgement
    problems = worst_first((*judgement.problems, *unseen))
    kept = judgement.call is not None
    return replace(
        judgement, problems=problems, outcome=outcome(problems) if kept else judgement.outcome
    )


def judge(
    request: PixelRequest, dialect: Dialect, sources: Mapping[str, str] | None = None
) -> Judgement:
    """Decode and judge a request; `sources` maps write keys to names. Never raises."""
    sources = sources or {}
    is_readable = b" " not in request.target
    found = (route if is_readable else bad_line)(request.method, request.path)
    if found.type is None:
        return Judgement(route=found, call=None, problems=(), outcome=Outcome.UNHANDLED)
    call = decode(found.type, request.query, dialect) if is_readable else unreadable(found.type)
    problems = validate(call, request, sources)
    key = (call.payload or {}).get("writeKey")
    return Judgement(
        route=found,
        call=call,
        problems=problems,
        outcome=outcome(problems),
        source=sources.get(key) if isinstance(key, str) else None,
    )
