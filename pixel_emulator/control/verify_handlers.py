"""Routes that verify the calls of a session by a scenario: at once, or when it is decided."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from starlette.datastructures import Headers
from starlette.responses import Response

from pixel_emulator.control.notifications import wait_for_more, wait_until_decided
from pixel_emulator.control.problems import ProblemError, wrong_body
from pixel_emulator.control.request_context import RequestContext, json_response
from pixel_emulator.core.errors import InputError, InputIssue
from pixel_emulator.core.model import JSON, Evidence, Payload
from pixel_emulator.core.report.formats import FORMATS, TEXT, ReportOptions
from pixel_emulator.core.report.json_report import as_json
from pixel_emulator.core.scenarios.scenario import Scenario
from pixel_emulator.core.text import json_codec
from pixel_emulator.core.verification.live import LiveVerdict, Outlook
from pixel_emulator.core.verification.verdict import Status
from pixel_emulator.core.verification.verify import verify as verify_hits
from pixel_emulator.files.scenario_loader import load_text
from pixel_emulator.runner.waiting import timeouts
from pixel_emulator.runtime.clock import monotonic

DEFAULT_TIMEOUT = 30.0
"""Seconds to wait for more hits, unless the query says otherwise."""

REPORTS = {
    format.media_type: format
    for format in sorted(FORMATS.values(), key=lambda format: format.name != "json")
}
"""The formats of a verdict by media type; the first is sent if the client accepts all."""

_RESULTS = {
    Outlook.MET: "met",
    Outlook.OPEN: "timeout",
    Outlook.IMPOSSIBLE: "impossible",
    Outlook.UNDECIDED: "undecided",
}


async def verify(context: RequestContext) -> Response:
    """Verify what has arrived so far."""
    session = context.session
    type = accepted(context.request.headers, list(REPORTS))
    scenarios = await _scenarios(context)

    def report() -> str:
        verdict = verify_hits(scenarios, session.evidence())
        return REPORTS[type].render(verdict, ReportOptions(compact=True))

    return Response(await context.in_thread(report), media_type=type)


async def wait(context: RequestContext) -> Response:
    """Wait until a scenario is decided; without a scenario, until there are more hits."""
    session = context.session
    wait_for = _for_scenarios if context.body.strip() else _for_more
    return json_response(await context.unless_gone(session, wait_for(context)))


def accepted(headers: Headers, types: Sequence[str]) -> str:
    """Return the type among `types` that an Accept header prefers (RFC 9110, 12.5.1).

    Raises ProblemError if it accepts none of them.
    """
    qualities: dict[str, float] = {}
    for media_range in ",".join(headers.getlist("accept")).split(","):
        name, *parameters = (part.strip().lower() for part in media_range.split(";"))
        quality = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        if name:
            qualities[name] = _number(quality)

    def quality_of(type: str) -> float:
        group = f"{type.partition('/')[0]}/*"
        ranges = (type, group, "*/*")
        return next((qualities[name] for name in ranges if name in qualities), 0.0)

    best = max(types, key=quality_of) if qualities else types[0]
    if qualities and not quality_of(best):
        raise ProblemError("not-acceptable", f"It can be given as {', '.join(types)}.")
    return best


async def _for_more(context: RequestContext) -> Payload:
    if "cursor" not in context.query:
        wrong = InputIssue("is needed where no scenario is sent", path="cursor")
        raise ProblemError("wrong-query", str(wrong), issues=[wrong])
    cursor = context.number("cursor")
    seconds = float(context.query.get("timeout", DEFAULT_TIMEOUT))
    last = await wait_for_more(context.session, cursor, seconds)
    if last is None:
        return {"result": "timeout", "cursor": cursor}
    return {"result": "more", "cursor": last}


async def _for_scenarios(context: RequestContext) -> Payload:
    session = context.session
    scenarios = await _scenarios(context)
    if acting := [_acting_issue(scenario) for scenario in scenarios if scenario.has_actions]:
        raise wrong_body(InputError(*acting))
    within, quiet = timeouts(scenarios)
    live = LiveVerdict(scenarios)
    since = context.number("since")

    # `within` counts from here, as in a test: earlier actions had no scenario yet.
    begun = dict.fromkeys(_titles(scenarios), session.journal.now())

    def selected(evidence: Evidence) -> Evidence:
        hits = tuple(hit for hit in evidence.hits if hit.seq > since)
        return replace(evidence, hits=hits, acted={**begun, **evidence.acted})

    outlook, evidence = await wait_until_decided(
        lambda evidence: context.in_thread(lambda: live.update(selected(evidence))),
        session,
        deadline=monotonic() + float(context.query.get("timeout", within)),
        quiet=float(context.query.get("quiet", quiet)),
    )

    def describe() -> Payload:
        verdict = verify_hits(scenarios, selected(evidence))
        return {
            "result": _result(outlook, verdict.status),
            "passed": verdict.exit_code == 0,
            "cursor": evidence.hits[-1].seq if evidence.hits else session.cleared,
            "verdict": as_json(verdict),
            "report": TEXT.render(verdict),
        }

    return await context.in_thread(describe)


async def _scenarios(context: RequestContext) -> tuple[Scenario, ...]:
    """Return the scenarios of the body. Raises ProblemError with all their mistakes."""
    given = _given(str(context.query.get("given", "")))
    file = str(context.query["file"])
    try:
        scenarios = await context.in_thread(load_text, context.body, file, given=given)
    except InputError as error:
        shown = (_hide_other_files(issue, file) for issue in error.issues)
        raise wrong_body(InputError(*shown)) from None
    if not scenarios:
        only = InputIssue("only defines names: there is nothing to be met")
        raise ProblemError("wrong-body", str(only), issues=[only])
    return scenarios


def _titles(scenarios: Sequence[Scenario]) -> Iterator[str]:
    """Return the titles of the steps of one-step scenarios: of several steps, nobody knows when
    each began."""
    single = (scenario for scenario in scenarios if len(scenario.steps) == 1)
    return (scenario.step_title(*scenario.steps) for scenario in single)


def _result(outlook: Outlook, status: Status) -> str:
    if status is Status.MET:
        return "met"
    # With several steps, `within` counts from the first call, which only the verdict knows.
    late = outlook is Outlook.MET and status is Status.UNMET
    return "timeout" if late else _RESULTS[outlook]


def _acting_issue(scenario: Scenario) -> InputIssue:
    """Return the issue with waiting for a scenario with actions: it could be met without them."""
    own = f"{scenario.title} acts by itself (`do`), which is not done here"
    return InputIssue(f"{own}: `pixel-emulator run` does it", scenario.location)


def _hide_other_files(issue: InputIssue, file: str) -> InputIssue:
    """Return an issue without what stands in another file: that may be any file of this machine."""
    if issue.location.file in ("", file):
        return issue
    hidden = "is wrong here; `pixel-emulator scenario check` says why, where the emulator runs"
    return InputIssue(hidden, issue.location)


def _given(text: str) -> dict[str, JSON]:
    try:
        given = json_codec.parse(text) if text else {}
    except ValueError as error:
        wrong = f"is not JSON: {error}"
    else:
        if isinstance(given, dict):
            return given
        wrong = 'must be a JSON object, such as {"user": "user_1"}'
    issue = InputIssue(wrong, path="given")
    raise ProblemError("wrong-query", str(issue), issues=[issue])


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
