"""Decode pixel requests: the call is in the query, in one of three forms."""

from dataclasses import dataclass

from pixel_emulator.core.endpoint.decoder import DecodedCall
from pixel_emulator.core.endpoint.pixel import data_parameter
from pixel_emulator.core.endpoint.pixel.data_parameter import parse_object
from pixel_emulator.core.endpoint.pixel.query import Query, decode_utf8, expand, parse_query
from pixel_emulator.core.model import Call, CallType, Dialect, Form, HttpRequest, Problem
from pixel_emulator.core.problems.catalog import problem

_DATA = b"data="


@dataclass(frozen=True, slots=True)
class PixelDecoder:
    """The decoder of pixel requests of one type. A request carries one call; see `Decoder`."""

    type: CallType
    wants_body = False
    wants_authorization = False

    def decode(self, request: HttpRequest, dialect: Dialect) -> tuple[DecodedCall, ...]:
        """See `Decoder`. No server reads the data of a request with a raw space in its target."""
        if b" " in request.target:
            return (DecodedCall(_undecodable_call(self.type)),)
        return (decode_with_text(self.type, request.query, dialect),)


def _undecodable_call(call_type: CallType) -> Call:
    """Return the call of a request with a raw space in its target: no server reads its data."""
    cause = "a raw space stands in the URL, and a server answers 400 to such a request"
    bad_request = problem("bad_request", cause=cause, advice="Write each space as %20.")
    return Call(type=call_type, form=Form.FLAT, payload=None, problems=(bad_request,))


def decode(call_type: CallType, query: bytes, dialect: Dialect) -> Call:
    """Decode the raw query of a pixel request; never raises.

    A non-empty `data` parameter holds the payload, and every other parameter is ignored. Without
    one, the parameters are the payload in the flat form (Segment 2018).
    """
    return decode_with_text(call_type, query, dialect).call


def decode_with_text(call_type: CallType, query: bytes, dialect: Dialect) -> DecodedCall:
    """Return the call that `decode` returns, and the JSON text of its payload.

    The text is empty for the flat form, for an undecodable call, and if it has escapes. So a text
    that is not empty contains each string of the payload as it is.
    """
    data: bytes | None
    pairs: tuple[tuple[bytes, bytes], ...] = ()
    if _is_only_data(query):
        data, problems = query[len(_DATA) :], []
    else:
        parsed = parse_query(query)
        data, problems, pairs = parsed.first(b"data"), _query_problems(parsed), parsed.pairs
    if not data:
        flat, conflicts = expand(pairs)
        problems += [problem("flat_key_conflict", path) for path in conflicts]
        return DecodedCall(
            Call(type=call_type, form=Form.FLAT, payload=flat, problems=tuple(problems))
        )
    decoded = data_parameter.decode(data)
    if decoded is not None:
        parsed_object = parse_object(decoded.data)
        call = Call(
            type=call_type,
            form=Form.BASE64,
            payload=parsed_object.value,
            alphabet=decoded.alphabet,
            padded=decoded.padded,
            problems=(*problems, *parsed_object.problems),
        )
        return DecodedCall(call, parsed_object.text)
    if dialect is Dialect.DOCUMENTED and data.lstrip().startswith(b"{"):
        # Segment's API description calls base64 optional; its 2018 source drops this.
        payload, json_problems, text = parse_object(data)
        problems += json_problems
        if payload is not None:
            problems.append(problem("raw_json"))
        call = Call(type=call_type, form=Form.JSON, payload=payload, problems=tuple(problems))
        return DecodedCall(call, text)
    cause, advice = data_parameter.base64_failure(data, query)
    problems.append(problem("bad_request", cause=cause, advice=advice))
    return DecodedCall(
        Call(type=call_type, form=Form.BASE64, payload=None, problems=tuple(problems))
    )


def _is_only_data(query: bytes) -> bool:
    """Return True if the query is only a filled `data`, without escapes and separators."""
    return (
        query.startswith(_DATA)
        and len(query) > len(_DATA)
        and not (b"&" in query or b"%" in query or b"+" in query or b";" in query)
    )


def _query_problems(parsed: Query) -> list[Problem]:
    """Return the problems of the query itself."""
    names = [key for key, _ in parsed.pairs]
    data = parsed.first(b"data")
    escaped = [raw for raw in (*names, *parsed.malformed) if raw[:4].lower() == b"amp;"]
    problems = [
        problem("malformed_parameter", shown=decode_utf8(raw.partition(b"=")[0]))
        for raw in parsed.malformed
    ]
    problems += [
        problem("amp_parameter", shown=decode_utf8(raw.partition(b"=")[0])) for raw in escaped
    ]
    if parsed.has_semicolon and not escaped:
        problems.append(problem("semicolon"))
    if names.count(b"data") > 1:
        problems.append(problem("repeated_data"))
    if data and len(names) > names.count(b"data"):
        others = dict.fromkeys(decode_utf8(key) for key in names if key != b"data")
        problems.append(problem("ignored_parameters", shown=", ".join(others)))
    if data == b"":
        problems.append(problem("empty_data"))
    if not data:
        readable = b"&".join(part for pair in parsed.pairs for part in pair)
        if decode_utf8(readable).encode() != readable:
            problems.append(problem("invalid_utf8"))
    return problems
