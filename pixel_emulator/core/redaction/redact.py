"""Mask the write keys of exchanges, in the payload and in all parts of the request, and of texts.

Masking changes the decoded text and keeps its encoding: percent and JSON escapes, the base64
alphabet, padding and line breaks. So a redacted URL decodes to the redacted payload.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from itertools import islice

from pixel_emulator.core.endpoint.pixel import data_parameter
from pixel_emulator.core.endpoint.pixel.decoder import decode
from pixel_emulator.core.endpoint.pixel.query import parse_query
from pixel_emulator.core.model import Dialect, Exchange, Form, Hit, Problem
from pixel_emulator.core.redaction.key_finder import (
    FoundKeys,
    decode_data,
    is_write_key,
    key_spans,
    keys_in_own_text,
    keys_in_request,
    latin1_from_utf8,
    string_spans,
    utf8_from_latin1,
)
from pixel_emulator.core.redaction.masking import (
    MIN_KEY_LENGTH,
    hide,
    is_mask,
    is_start_of_mask,
    mask,
)
from pixel_emulator.core.redaction.nested_encodings import (
    JSON_STRING,
    PERCENT,
    contains_key,
    nested_texts,
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
    """Return the exchange with all its write keys masked.

    Write keys are the strings with a name like `writeKey` in the payload, the query or any text,
    those in the URLs that Segment's libraries load, and the `known` ones. Undecodable `data` is
    replaced by its first characters, its length and its SHA-256. A part that contains a key encoded
    twice is replaced by stars, except for its first characters. The payload is that of the redacted
    target.
    """
    target = exchange.request.target.decode("latin-1")
    headers = [(name, _header_to_latin1(value)) for name, value in exchange.request.headers]
    request_keys = keys_in_request(exchange.request)
    keys = longest_first({*request_keys.keys, *known})
    redaction = _Redaction(
        keys,
        frozenset(request_keys.objects),
        raw_json=not exchange.calls
        or any(judged.call.form is Form.JSON for judged in exchange.calls),
        has_encoded=any(key in text for text in request_keys.encoded for key in keys),
    )
    masked = redaction.address(target, withhold=True)
    request = replace(
        exchange.request,
        target=masked.encode("latin-1"),
        method=redaction.word(exchange.request.method),
        host=redaction.word(exchange.request.host),
        headers=tuple(
            (redaction.word(name), _latin1_to_header(redaction.address(value, withhold=False)))
            for name, value in headers
        ),
    )
    calls = []
    for judged in exchange.calls:
        call, problems = judged.call, judged.problems
        if call.payload is not None:
            payload = decode(call.type, request.query, Dialect.DOCUMENTED).payload
            call = replace(call, payload=payload)
        if call.problems:
            call = replace(call, problems=redaction.problems(call.problems, target, masked))
        if problems:
            problems = redaction.problems(problems, target, masked)
        calls.append(replace(judged, call=call, problems=problems))
    step = redaction.word(exchange.step)
    return replace(exchange, request=request, calls=tuple(calls), step=step)


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

    def address(self, address: str, *, withhold: bool) -> str:
        """Return a URL, or a text that may contain one, redacted; all as Latin-1 characters."""
        path, mark, query = address.partition("?")
        pairs = (self._pair(pair, withhold=withhold) for pair in query.split("&"))
        return PERCENT.replace(path, self._hide_latin1) + mark + "&".join(pairs)

    def word(self, text: str) -> str:
        """Return a method, a host, or the name of a header or a step, redacted."""
        return self._hide(text)

    def problems(
        self, problems: tuple[Problem, ...], before: str, after: str
    ) -> tuple[Problem, ...]:
        """Return problems without keys, and without excerpts that the URL no longer contains."""
        old, new = "\n".join(_decoded_texts(before)), "\n".join(_decoded_texts(after))

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


_ELLIPSIS = "…"
_MIN_CUT = 4
"""Characters of a part of a key that is masked next to an ellipsis."""

_ENCODED = re.compile(r"[A-Za-z0-9+/_%\\=-]{16,}")
_BREAK = re.compile(r"\n[ \t>|]*")
_NOT_A_KEY = ("$", "{", "<", "*", "%")
"""First characters of matchers, template tokens and placeholders."""


def redact_text(text: str, known: tuple[str, ...] = ()) -> str:
    """Return the text with the `known` write keys masked, and those that the text itself names.

    Masks are not changed, so redacting a text twice gives the same result as redacting it once.
    """
    keys = longest_first({*known, *named_keys(text)})
    if not keys:
        return text
    text = hide(text, keys)
    if _ELLIPSIS in text:
        for key in keys:
            text = _hide_cut(text, key)
    if "\n" in text:
        text = _hide_wrapped(text, keys)
    return _hide_encoded(text, keys)


def named_keys(text: str) -> set[str]:
    """Return the write keys that a text names, also in encoded parts, except masks."""
    keys = set(keys_in_own_text(text))
    for run in dict.fromkeys(_ENCODED.findall(text)):
        keys.update(_named_in_encoded(run))
    return {key for key in keys if not (key.startswith(_NOT_A_KEY) or _is_masked(key))}


def _is_masked(key: str) -> bool:
    """Return True for a mask, also for one that is cut: `wk_d-!-_-___…=4`."""
    start, cut, _ = key.partition(_ELLIPSIS)
    return is_mask(start) or bool(cut and is_start_of_mask(start))


@lru_cache(maxsize=256)
def _named_in_encoded(run: str) -> tuple[str, ...]:
    _, *encoded_texts = nested_texts(run)
    return tuple(key for encoded in encoded_texts for key in keys_in_own_text(encoded))


def _hide_encoded(text: str, keys: tuple[str, ...]) -> str:
    for run in dict.fromkeys(_ENCODED.findall(text)):
        if contains_key(run, keys):
            text = text.replace(run, withhold(run, keys))
    return text


def _hide_cut(text: str, key: str) -> str:
    """Mask the beginning of a key before an ellipsis, and its end after one."""
    masked, shown = mask(key), len(key) // 3
    at = text.find(_ELLIPSIS)
    while at >= 0:
        sizes = range(len(key) - 1, max(shown, _MIN_CUT - 1), -1)
        for size in sizes if text[max(0, at - _MIN_CUT) : at] in key else ():
            if text.endswith(key[:size], 0, at):
                text = text[: at - size] + masked[:size] + text[at:]
                break
        sizes = range(len(key) - 1, _MIN_CUT - 1, -1)
        for size in sizes if text[at + 1 : at + 1 + _MIN_CUT] in key else ():
            if text.startswith(key[-size:], at + 1):
                text = text[: at + 1] + masked[-size:] + text[at + 1 + size :]
                break
        at = text.find(_ELLIPSIS, at + 1)
    return text


def _hide_wrapped(text: str, keys: tuple[str, ...]) -> str:
    """Mask keys that continue on the next line."""
    joined = _BREAK.sub("", text)
    if not any(key in joined for key in keys):
        return text
    # Start of each piece between two breaks, in the joined text and in the original one.
    joined_at, text_at, gone = [0], [0], 0
    for match in _BREAK.finditer(text):
        gone += len(match[0])
        joined_at.append(match.end() - gone)
        text_at.append(match.end())
    characters = list(text)
    for key in keys:
        at = joined.find(key)
        while at >= 0:
            for index, character in enumerate(mask(key), at):
                piece = bisect_right(joined_at, index) - 1
                characters[text_at[piece] + index - joined_at[piece]] = character
            at = joined.find(key, at + len(key))
    return "".join(characters)
