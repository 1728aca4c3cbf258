"""Routes that judge what has arrived by a scenario, at once or when it is decided."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from starlette.datastructures import Headers
from starlette.responses import Response

from pixel_emulator.control.context import RequestContext, json_response
from pixel_emulator.control.notifications import more_than, wait_until_decided
from pixel_emulator.control.problems import ProblemError, wrong_body
from pixel_emulator.core.errors import InputError, InputIssue
from pixel_emulator.core.model import JSON, Evidence, Payload
from pixel_emulator.core.report.formats import FORMATS, TEXT, ReportOptions
from pixel_emulator.core.report.json_report import as_json
from pixel_emulator.core.scenarios.model import Scenario
from pixel_emulator.core.text import json_codec
from pixel_emulator.core.verification.live import LiveVerdict, Outlook
from pixel_emulator.core.verification.verdict import Status
from pixel_emulator.core.verification.verify import verify as judge
from pixel_emulator.files.scenario_loader import load_text
from pixel_emulator.runner.waiting import patience
from pixel_emulator.runtime.clock import monotonic

PATIENCE = 30.0
"""Seconds that are waited for more hits where the query does not say."""

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


async def verify(asked: RequestContext) -> Response:
    """Judge what has arrived so far."""
    session = asked.session
    type = accepted(asked.request.headers, list(REPORTS))
    scenarios = await _scenarios(asked)

    def report() -> str:
        verdict = judge(scenarios, session.evidence())
        return REPORTS[type].render(verdict, ReportOptions(compact=True))

    return Response(await asked.in_thread(report), media_type=type)


async def wait(asked: RequestContext) -> Response:
    """Wait until a scenario is decided; without one, until there are more hits."""
    session = asked.session
    waiting = _for_scenarios if asked.body.strip() else _for_more
    return json_response(await asked.while_wanted(session, waiting(asked)))


def accepted(headers: Headers, types: Sequence[str]) -> str:
    """The one of our `types` that an Accept header likes best (RFC 9110, 12.5.1).

    Raises ProblemError where it likes none.
    """
    wanted: dict[str, float] = {}
    for each in ",".join(headers.getlist("accept")).split(","):
        name, *parameters = (part.strip().lower() for part in each.split(";"))
        quality = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        if name:
            wanted[name] = _number(quality)

    def liking(type: str) -> float:
        group = f"{type.partition('/')[0]}/*"
        return next((wanted[each] for each in (type, group, "*/*") if each in wanted), 0.0)

    best = max(types, key=liking) if wanted else types[0]
    if wanted and not liking(best):
        raise ProblemError("not-acceptable", f"It can be given as {', '.join(types)}.")
    return best


async def _for_more(asked: RequestContext) -> Payload:
    if "cursor" not in asked.query:
        wrong = InputIssue("is needed where no scenario is sent", path="cursor")
        raise ProblemError("wrong-query", str(wrong), mistakes=[wrong])
    cursor = asked.number("cursor")
    seconds = float(asked.query.get("timeout", PATIENCE))
    last = await more_than(asked.session, cursor, seconds)
    if last is None:
        return {"result": "timeout", "cursor": cursor}
    return {"result": "more", "cursor": last}


async def _for_scenarios(asked: RequestContext) -> Payload:
    session = asked.session
    scenarios = await _scenarios(asked)
    if acting := [_acts(each) for each in scenarios if each.has_actions]:
        raise wrong_body(InputError(*acting))
    within, quiet = patience(scenarios)
    watch = LiveVerdict(scenarios)
    since = asked.number("since")

    # `within` counts from here, as in a test: what was done before had no scenario to obey.
    begun = dict.fromkeys(_titles(scenarios), session.journal.now())

    def new(evidence: Evidence) -> Evidence:
        hits = tuple(hit for hit in evidence.hits if hit.seq > since)
        return replace(evidence, hits=hits, acted={**begun, **evidence.acted})

    prospect, evidence = await wait_until_decided(
        lambda evidence: asked.in_thread(lambda: watch.look(new(evidence))),
        session,
        deadline=monotonic() + float(asked.query.get("timeout", within)),
        quiet=float(asked.query.get("quiet", quiet)),
    )

    def told() -> Payload:
        verdict = judge(scenarios, new(evidence))
        return {
            "result": _result(prospect, verdict.status),
            "passed": verdict.exit_code == 0,
            "cursor": evidence.hits[-1].seq if evidence.hits else session.cleared,
            "verdict": as_json(verdict),
            "report": TEXT.render(verdict),
        }

    return await asked.in_thread(told)


async def _scenarios(asked: RequestContext) -> tuple[Scenario, ...]:
    """The scenarios of the body. Raises ProblemError with all their mistakes."""
    given = _given(str(asked.query.get("given", "")))
    file = str(asked.query["file"])
    try:
        found = await asked.in_thread(load_text, asked.body, file, given=given)
    except InputError as error:
        raise wrong_body(InputError(*(_told(each, file) for each in error.mistakes))) from None
    if not found:
        only = InputIssue("only defines names: there is nothing to be met")
        raise ProblemError("wrong-body", str(only), mistakes=[only])
    return found


def _titles(scenarios: Sequence[Scenario]) -> Iterator[str]:
    """The steps of scenarios that have only one: of several nobody knows when each began."""
    return (each.step_title(*each.steps) for each in scenarios if len(each.steps) == 1)


def _result(prospect: Outlook, status: Status) -> str:
    if status is Status.MET:
        return "met"
    # A step among several counts `within` from its first call, which only the verdict knows.
    late = prospect is Outlook.MET and status is Status.UNMET
    return "timeout" if late else _RESULTS[prospect]


def _acts(scenario: Scenario) -> InputIssue:
    """What is wrong with waiting for a scenario that acts: it could be met without what it does."""
    own = f"{scenario.title} acts by itself (`do`), which is not done here"
    return InputIssue(f"{own}: `pixel-emulator run` does it", scenario.location)


def _told(mistake: InputIssue, file: str) -> InputIssue:
    """A mistake without anything that stands in another file: it may be any of this machine."""
    if mistake.location.file in ("", file):
        return mistake
    hidden = "is wrong here; `pixel-emulator scenario check` says why, where the emulator runs"
    return InputIssue(hidden, mistake.location)


def _given(said: str) -> dict[str, JSON]:
    try:
        given = json_codec.parse(said) if said else {}
    except ValueError as error:
        wrong = f"is not JSON: {error}"
    else:
        if isinstance(given, dict):
            return given
        wrong = 'must be a JSON object, such as {"user": "user_1"}'
    mistake = InputIssue(wrong, path="given")
    raise ProblemError("wrong-query", str(mistake), mistakes=[mistake])


def _number(said: str) -> float:
    try:
        return float(said)
    except ValueError:
        return 0.0
