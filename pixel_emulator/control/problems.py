"""Every way in which a request to the control API can fail, in one table (RFC 9457)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from starlette.responses import Response

from pixel_emulator.core.errors import InputError, InputIssue
from pixel_emulator.core.model import Payload
from pixel_emulator.core.text import json_codec
from pixel_emulator.runtime.output import redacted

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """One kind of problem: its HTTP status, and its fixed title."""

    status: int
    title: str


PROBLEMS = {
    "wrong-query": ProblemKind(400, "A parameter of the query is wrong."),
    "no-token": ProblemKind(401, "The token is missing or wrong."),
    "cross-site": ProblemKind(403, "A page of another site may not ask this."),
    "unknown-path": ProblemKind(404, "There is nothing at this path."),
    "unknown-session": ProblemKind(404, "There is no open session of this name."),
    "wrong-method": ProblemKind(405, "This path does not take this method."),
    "not-acceptable": ProblemKind(406, "This cannot be given in any of the accepted types."),
    "name-taken": ProblemKind(409, "The name of a session is used only once."),
    "default-stays": ProblemKind(409, "The default session cannot be closed."),
    "session-closed": ProblemKind(410, "The session was closed meanwhile."),
    "too-large": ProblemKind(413, "The body is too large."),
    "wrong-host": ProblemKind(421, "The Host header does not name this API."),
    "wrong-body": ProblemKind(422, "The body has mistakes."),
    "failed": ProblemKind(500, "The emulator failed; this is a bug."),
    "stopping": ProblemKind(503, "The emulator is stopping."),
}
"""Each kind by the last part of its `type`."""

_PREFIX = "urn:pixel-emulator:problem:"


class ProblemError(Exception):
    """The response is a problem of this `kind`; `detail` is a sentence."""

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        issues: Iterable[InputIssue] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.issues = tuple(issues)
        self.headers = headers or {}

    def response(self) -> Response:
        """Return the problem document."""
        kind = PROBLEMS[self.kind]
        document: Payload = {
            "type": f"{_PREFIX}{self.kind}",
            "title": kind.title,
            "status": kind.status,
            "detail": self.detail,
        }
        if self.issues:
            document["mistakes"] = [_issue_data(issue) for issue in self.issues]
        text = redacted(json_codec.write(document))
        return Response(text, kind.status, dict(self.headers), media_type=MEDIA_TYPE)


def wrong_body(error: InputError) -> ProblemError:
    """Return the problem of a body with mistakes."""
    return ProblemError("wrong-body", str(error), issues=error.issues)


def _issue_data(issue: InputIssue) -> Payload:
    place = issue.location
    return {
        "message": issue.message,
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "path": issue.path,
    }
