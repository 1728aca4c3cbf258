"""Mask the write keys of exchanges, in the payload and in all parts of the request, and of texts.

Masking changes the decoded text and keeps its encoding: percent and JSON escapes, the base64
alphabet, padding and line breaks. So a redacted URL decodes to the redacted payload.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import islice
from typing import NamedTuple

from pixel_emulator.core.endpoint.pixel import data_parameter
from pixel_emulator.core.endpoint.pixel.query import parse_query
from pixel_emulator.core.endpoint.routes import decode_request
from pixel_emulator.core.model import (
    Dialect,
    Exchange,
    Form,
    Hit,
    HttpRequest,
    JudgedCall,
    Payload,
    Problem,
)
from pixel_emulator.core.redaction.key_finder import (
    FoundKeys,
    basic_credentials,
    basic_user,
    decode_data,
    is_write_key,
    key_spans,
    keys_in_request,
    latin1_from_utf8,
    string_spans,
    utf8_from_latin1,
)
from pixel_emulator.core.redaction.masking import (
    MIN_KEY_LENGTH,
    hide,
    mask,
)
from pixel_emulator.core.redaction.nested_encodings import (
    JSON_STRING,
    PERCENT,
    withhold,
)

_FIRST_CHARACTERS = re.compile(r"(?:%[0-9A-Fa-f]{2}|.){0,8}", re.DOTALL)
_LINE_BREAKS = re.compile(r"([\r\n]+)")
_EXCERPT = re.compile(r"[\w+/=%-]{9,}", re.ASCII)


def redacted(hits: Iterable[Hit], known: Iterable[str] = ()) -> tuple[Hit, ...]:
    """Return hits with all write keys of their exchanges masked (see `redact`)."""
    known = tuple(known)
    last: tuple[Exchange, Exchange] | None = None
    masked = []
    for hit in hits:
        if last is None or hit.exchange is not last[0]:
            last = hit.exchange, redact(hit.exchange, known)
        masked.append(replace(hit, exchange=last[1]))
    return tuple(masked)


def redact(exchange: Exchange, known: Iterable[str] = ()) -> Exchange:
    """Return the exchange with all its write keys masked, and without `authorization`.

    Write keys are the strings with a name like `writeKey` in the payload, the query, the body or
    any text, those in the URLs that Segment's libraries load, the user of Basic credentials, and
    the `known` ones. Undecodable `data` is replaced by its first characters, its length and its
    SHA-256. A part that contains a key encoded twice is replaced by stars, except for its first
    characters. The payloads are those of the redacted request. Method and path of a request with
    calls are those of a route, so they are kept.
    """
    request = exchange.request
    target, body = request.target.decode("latin-1"), request.body.decode("latin-1")
    headers = [(name, _header_to_latin1(value)) for name, value in request.headers]
    request_keys = keys_in_request(request)
    keys = longest_first({*request_keys.keys, *known})
    redaction = _Redaction(
        keys,
        frozenset(request_keys.objects),
        raw_json=not exchange.calls
        or any(judged.call.form is Form.JSON for judged in exchange.calls),
        has_encoded=any(key in text for text in request_keys.encoded for key in keys),
    )
    is_routed = bool(exchange.calls)
    masked = redaction.address(target, withhold=True, keep_path=is_routed)
    masked_body = redaction.body(body)
    masked_request = replace(
        request,
        target=masked.encode("latin-1"),
        method=request.method if is_routed else redaction.word(request.method),
        host=redaction.word(request.host),
        headers=tuple(
            (redaction.word(name), _latin1_to_header(redaction.address(value, withhold=False)))
            for name, value in headers
        ),
        body=masked_body.encode("latin-1"),
        authorization="",
    )
    excerpts = _Excerpts("", "")
    if any(judged.problems or judged.call.problems for judged in exchange.calls):
        excerpts = _Excerpts(
            "\n".join((*_decoded_texts(target), body)),
            "\n".join((*_decoded_texts(masked), masked_body)),
        )
    return replace(
        exchange,
        request=masked_request,
        calls=tuple(
            _redacted_call(judged, payload, redaction, excerpts)
            for judged, payload in zip(
                exchange.calls, _payloads(exchange, masked_request), strict=True
            )
        ),
        step=redaction.word(exchange.step),
    )


def _payloads(exchange: Exchange, masked: HttpRequest) -> Iterable[Payload | None]:
    """Return the payload of each call of an exchange as the masked request carries it."""
    if all(judged.call.payload is None for judged in exchange.calls):
        return [None] * len(exchange.calls)
    if user := basic_user(exchange.request.authorization):
        masked = replace(masked, authorization=basic_credentials(mask(user)))
    carried = decode_request(masked, Dialect.DOCUMENTED)
    if len(carried) != len(exchange.calls):  # a masked body that decodes otherwise: show nothing
        return [None] * len(exchange.calls)
    return [
        None if judged.call.payload is None else decoded.call.payload
        for judged, decoded in zip(exchange.calls, carried, strict=True)
    ]


def _redacted_call(
    judged: JudgedCall, payload: Payload | None, redaction: "_Redaction", excerpts: "_Excerpts"
) -> JudgedCall:
    call, problems = replace(judged.call, payload=payload), judged.problems
    if call.problems:
        call = replace(call, problems=redaction.problems(call.problems, excerpts))
    if problems:
        problems = redaction.problems(problems, excerpts)
    return replace(judged, call=call, problems=problems)


class _Excerpts(NamedTuple):
    """The texts of a request from which messages quote, before and after its redaction."""

    before: str
    after: str


def longest_first(keys: Iterable[str]) -> tuple[str, ...]:
    """Return the keys that are long enough to be masked everywhere, longest first."""
    return tuple(
        sorted(
            (key for key in keys if len(key) >= MIN_KEY_LENGTH), key=lambda key: (-len(key), key)
        )
    )


def is_unchanged(
    headers: Iterable[tuple[str, str]], words: Iterable[str], keys: tuple[str, ...]
) -> bool:
    """Return True if `redact` does not change headers and `words`, with exactly these keys."""
    headers, words = tuple(headers), tuple(words)
    finder = FoundKeys(set(keys))
    finder.search_words((f"{name}: {value}" for name, value in headers))
    finder.search_words(words)
    has_encoded = any(key in text for text in finder.encoded for key in keys)
    redaction = _Redaction(keys, frozenset(finder.objects), raw_json=False, has_encoded=has_encoded)
    values = [_header_to_latin1(value) for _, value in headers]
    return (
        finder.keys == set(keys)
        and all(redaction.address(value, withhold=False) == value for value in values)
        and all(redaction.word(word) == word for word in (*words, *(name for name, _ in headers)))
    )


@dataclass(frozen=True, slots=True)
class _Redaction:
    """The redaction of one exchange.

    `keys` are sorted, longest first. `objects` are the JSON objects in its URLs. `raw_json` is True
    if `data` may be one without base64, `has_encoded` if a key is encoded in some text.
    """

    keys: tuple[str, ...]
    objects: frozenset[str]
    raw_json: bool
    has_encoded: bool

    def address(self, address: str, *, withhold: bool, keep_path: bool = False) -> str:
        """Return a URL, or a text that may contain one, redacted; all as Latin-1 characters."""
        path, mark, query = address.partition("?")
        if not keep_path:
            path = PERCENT.replace(path, self._hide_latin1)
        return path + mark + self._query(query, withhold=withhold)

    def body(self, body: str) -> str:
        """Return a body redacted, as Latin-1 characters: JSON, a form, or any other text."""
        text = utf8_from_latin1(body)
        if text in self.objects:
            return latin1_from_utf8(self._hide_json(text))
        # A key of another text may hold an `&`.
        return self._hide_latin1(self._query(body, withhold=True)) if body else ""

    def _query(self, query: str, *, withhold: bool) -> str:
        return "&".join(self._pair(pair, withhold=withhold) for pair in query.split("&"))

    def word(self, text: str) -> str:
        """Return a method, a host, or the name of a header or a step, redacted."""
        return self._hide(text)

    def problems(self, problems: tuple[Problem, ...], excerpts: _Excerpts) -> tuple[Problem, ...]:
        """Return problems without keys, and without excerpts that the request no longer has."""
        old, new = excerpts

        def shorten(excerpt: re.Match[str]) -> str:
            gone = excerpt[0] in old and excerpt[0] not in new
            return f"{excerpt[0][:3]}…" if gone else excerpt[0]

        return tuple(
            replace(
                problem,
                path=hide(problem.path, self.keys),
                message=_EXCERPT.sub(shorten, hide(problem.message, self.keys)),
            )
            for problem in problems
        )

    def _pair(self, pair: str, *, withhold: bool) -> str:
        name, equals, value = pair.partition("=")
        decoded_name = PERCENT.decode(name)
        if decoded_name == "data" and value:
            value = self._data(value, withhold=withhold)
        else:
            value = PERCENT.replace(
                value, _mask_latin1 if is_write_key(decoded_name) else self._hide_latin1
            )
        changed = PERCENT.replace(name, self._hide_latin1) + equals + value
        # Segment discards a pair with a malformed escape, so the escape must stay malformed.
        return f"{changed}%" if _is_malformed(pair) and not _is_malformed(changed) else changed

    def _data(self, value: str, *, withhold: bool) -> str:
        text, decoded = decode_data(PERCENT.decode(value))
        if (decoded or self.raw_json) and text in self.objects:
            return PERCENT.replace(value, self._hide_data)
        hidden = PERCENT.replace(value, self._hide_latin1)
        return _withheld(value, hidden) if withhold else hidden

    def _hide_data(self, value: str) -> str:
        text, decoded = decode_data(value)
        data = self._hide_json(text).encode(errors="surrogateescape")
        if decoded is None:
            return data.decode("latin-1")
        data = data_parameter.encode(data, decoded.alphabet, padded=decoded.padded)
        return _with_line_breaks_of(value, data.decode())

    def _hide_json(self, text: str) -> str:
        text = _change(text, key_spans(text), mask)
        if "\\" not in text and self._hide(text) == text:
            return text
        return _change(text, string_spans(text), self._hide)

    def _hide(self, text: str) -> str:
        hidden = hide(text, self.keys)
        return withhold(hidden, self.keys) if self.has_encoded else hidden

    def _hide_latin1(self, text: str) -> str:
        return latin1_from_utf8(self._hide(utf8_from_latin1(text)))


def _change(text: str, spans: Iterable[tuple[int, int]], change: Callable[[str], str]) -> str:
    """Apply `change` to the strings of a JSON text at `spans`."""
    pieces, done = [], 0
    for start, end in spans:
        pieces += [text[done:start], JSON_STRING.replace(text[start:end], change)]
        done = end
    return "".join(pieces) + text[done:]


def _is_malformed(pair: str) -> bool:
    return bool(parse_query(pair.encode("latin-1")).malformed)


def _mask_latin1(text: str) -> str:
    return latin1_from_utf8(mask(utf8_from_latin1(text)))


def _withheld(value: str, hidden: str) -> str:
    """Return the first characters of `hidden`, and the length and SHA-256 of the raw value."""
    first = _FIRST_CHARACTERS.match(hidden)
    shown = first[0] if first else ""
    if shown == hidden:
        return shown
    digest = sha256(value.encode("latin-1")).hexdigest()
    return f"{shown}...[{len(value) - len(shown)}-characters-withheld,sha256:{digest}]"


def _with_line_breaks_of(old: str, new: str) -> str:
    """Return `new` with the line breaks of `old`."""
    pieces = iter(new)
    return "".join(
        piece if piece[:1] in ("\r", "\n") else "".join(islice(pieces, len(piece)))
        for piece in _LINE_BREAKS.split(old)
    )


def _decoded_texts(address: str) -> Iterator[str]:
    """Yield a URL, the URL without escapes, and the text of its `data`."""
    decoded = PERCENT.decode(address)
    yield from (address, decoded)
    for value in re.findall(r"[?&]data=([^&]*)", decoded):
        yield decode_data(value)[0]


def _header_to_latin1(value: str) -> str:
    return value.encode(errors="surrogatepass").decode("latin-1")


def _latin1_to_header(value: str) -> str:
    return value.encode("latin-1").decode(errors="surrogatepass")
