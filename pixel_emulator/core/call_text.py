"""A classified request in words: title, one line, form of its data, payload, problems."""

from collections.abc import Sequence
from textwrap import wrap

from pixel_emulator.core.model import (
    NAME_FIELDS,
    Call,
    Form,
    Hit,
    HttpRequest,
    Outcome,
    Problem,
    Severity,
    percent_encoded,
)
from pixel_emulator.core.text import yaml_writer
from pixel_emulator.core.text.display import paint, quoted, shortened

_OUTCOME_STYLES = {
    Outcome.DELIVERED: "good",
    Outcome.DAMAGED: "bad",
    Outcome.DUPLICATE: "warn",
    Outcome.DROPPED: "bad",
    Outcome.UNHANDLED: "warn",
}
_SEVERITY_STYLES = {Severity.DROP: "bad", Severity.DAMAGE: "bad", Severity.NOTE: "note"}
_ALPHABET_NAMES = {"url": "URL-safe alphabet", "std": "standard alphabet"}


def title(call: Call | None, request: HttpRequest) -> str:
    """Return the title of a request: `track "Email Opened"`, or method and path if it is no pixel
    call."""
    if call is None:
        return f"{request.method} {shortened(request.url.partition('?')[0])}"
    name = (call.payload or {}).get(NAME_FIELDS[call.type])
    return f"{call.type} {quoted(name)}" if isinstance(name, str) and name else str(call.type)


def place(hit: Hit) -> str:
    """Return where a call stands in the body of its request: `call 2 of 3 in POST /v1/batch`.

    The text is empty for a request whose URL holds its one call, or that has no calls.
    """
    calls, request = hit.exchange.calls, hit.request
    if not calls or (len(calls) == 1 and not request.body):
        return ""
    path = shortened(percent_encoded(request.path))
    return f"call {hit.index + 1} of {len(calls)} in {request.method} {path}"


def outcome_word(outcome: Outcome, *, colour: bool) -> str:
    """Return the outcome, padded to the width of the longest so that titles form a column."""
    return paint(f"{outcome:<10}", _OUTCOME_STYLES[outcome], colour=colour)


def line(
    call: Call | None,
    request: HttpRequest,
    outcome: Outcome,
    problems: Sequence[Problem],
    *,
    colour: bool = False,
) -> str:
    """Return one line: outcome, title, user, and the codes of the problems."""
    payload = (call and call.payload) or {}
    ids = [
        f"{field}={shortened(value)}"
        for field in ("userId", "anonymousId")
        if isinstance(value := payload.get(field), str)
        and (call is None or NAME_FIELDS[call.type] != field)
    ]
    codes = ", ".join(dict.fromkeys(problem.code for problem in problems))
    parts = [title(call, request), *ids, paint(codes, "dim", colour=colour)]
    return f"{outcome_word(outcome, colour=colour)} {'  '.join(filter(None, parts))}"


def encoding_text(call: Call) -> str:
    """Return how the data is encoded in the URL."""
    if call.form is not Form.BASE64 or call.alphabet is None:
        return {Form.BASE64: "base64 that does not decode"}.get(call.form, f"{call.form} form")
    return f"base64, {_ALPHABET_NAMES[call.alphabet]}, {'padded' if call.padded else 'unpadded'}"


def payload_text(call: Call) -> str:
    """Return the payload as YAML, or as JSON if it nests too deep for YAML; "" if it is not
    decoded."""
    if not call.payload:
        return ""
    shown = yaml_writer.flatten_deep(call.payload)
    return shown if isinstance(shown, str) else yaml_writer.write(shown)


def problem_lines(
    problems: Sequence[Problem], *, width: int = 100, colour: bool = False
) -> list[str]:
    """Return lines for each problem: severity, code and path, and below them its message."""
    lines = []
    for problem in problems:
        head = paint(f"{problem.severity:<7}", _SEVERITY_STYLES[problem.severity], colour=colour)
        path = f"  {shortened(problem.path)}" if problem.path else ""
        source = paint(f"({problem.source})", "dim", colour=colour)
        lines.append(f"{head} {paint(problem.code, 'bold', colour=colour)}{path}  {source}")
        lines += [f"        {text}" for text in wrap(problem.message, max(40, width - 8))]
    return lines
