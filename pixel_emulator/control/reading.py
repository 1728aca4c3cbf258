"""Reads a request as its route says, and tells every mistake in it at once."""

from collections.abc import Iterator, Mapping

from starlette.requests import Request

from pixel_emulator.control.problems import ProblemError
from pixel_emulator.control.table import Query, Value
from pixel_emulator.core.errors import InputIssue, Location, did_you_mean

MAX_BODY = 1024 * 1024
"""Bytes of a body."""

TOKEN = "token"  # noqa: S105 - the name of a parameter


def read_query(request: Request, known: Mapping[str, Query], *, by_query: bool) -> dict[str, Value]:
    """The values of a query, with defaults. Raises ProblemError with all mistakes in it."""
    given = request.query_params
    allowed = {*known, TOKEN} if by_query else {*known}
    mistakes = [
        InputIssue(f"is unknown{did_you_mean(name, known)}", path=name)
        for name in given
        if name not in allowed
    ]
    values: dict[str, Value] = {}
    for name, query in known.items():
        texts = given.getlist(name)
        if len(texts) > 1:
            mistakes.append(InputIssue("is given more than once", path=name))
        elif texts:
            found = list(_wrong(query, texts[0]))
            mistakes += [InputIssue(each, path=name) for each in found]
            values[name] = texts[0] if found else _value(query, texts[0])
        elif query.default is not None:
            values[name] = query.default
    if mistakes:
        raise ProblemError("wrong-query", "\n".join(map(str, mistakes)), mistakes=mistakes)
    return values


async def read_body(request: Request, file: str = "") -> str:
    """The body as text. Raises ProblemError for one that is too large, or not UTF-8."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_BODY:
            raise ProblemError(
                "too-large",
                f"A body may have {MAX_BODY:,} bytes.",
                headers={"connection": "close"},  # the rest is not read
            )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(errors="replace")
        line = before.count("\n") + 1
        column = len(before) - before.rfind("\n")
        mistake = InputIssue(
            f"byte 0x{data[error.start]:02X} is not UTF-8", Location(file, line, column)
        )
        raise ProblemError("wrong-body", str(mistake), mistakes=[mistake]) from None


def _wrong(query: Query, text: str) -> Iterator[str]:
    try:
        value = _value(query, text)
    except ValueError:
        yield (
            f'must be a whole number, but is "{text}"'
            if query.type == "integer"
            else (f'must be a number, but is "{text}"')
        )
        return
    if query.choices and value not in query.choices:
        allowed = ", ".join(query.choices)
        yield f'"{text}" is none of {allowed}{did_you_mean(text, query.choices)}'
    if not isinstance(value, str):
        low, high = query.least, query.most
        # Written so that NaN is out of range, too.
        if not ((low is None or value >= low) and (high is None or value <= high)):
            yield f"must be from {low} to {high}, but is {text}"


def _value(query: Query, text: str) -> Value:
    if query.type == "integer":
        if not (text.isascii() and text.isdigit() and len(text) <= 15):
            raise ValueError(text)
        return int(text)
    return float(text) if query.type == "number" else text
