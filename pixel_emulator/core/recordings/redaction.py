"""What may leave the building: a hit without its write keys, in the payload and all it came in.

Masking works on what a text says and keeps how it is spelled: percent and JSON escapes, the
base64 alphabet, its padding and line breaks. So a redacted URL decodes to the redacted payload.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import islice

from pixel_emulator.core.endpoint import data_parameter
from pixel_emulator.core.endpoint.pixel import decode
from pixel_emulator.core.endpoint.query import parse_query
from pixel_emulator.core.model import Dialect, Form, Hit, Problem
from pixel_emulator.core.recordings.masking import SHORTEST, hide, mask
from pixel_emulator.core.recordings.readings import withhold
from pixel_emulator.core.recordings.spelling import JSON_STRING, PERCENT
from pixel_emulator.core.recordings.write_keys import (
    Found,
    found_in,
    is_write_key,
    key_strings,
    open_data,
    strings,
    text_of_wire,
    wire_of_text,
)

_FIRST_CHARACTERS = re.compile(r"(?:%[0-9A-Fa-f]{2}|.){0,8}", re.DOTALL)
_LINE_BREAKS = re.compile(r"([\r\n]+)")
_EXCERPT = re.compile(r"[\w+/=%-]{9,}", re.ASCII)


def redact(hit: Hit, known: Iterable[str] = ()) -> Hit:
    """The hit with every write key masked, wherever it stands.

    Write keys are the strings under a name like `writeKey` in the payload, the query or any text,
    those in the addresses that Segment's libraries load, and the `known` ones.
    `data` that cannot be read is withheld but for its first characters, its length and its
    SHA-256; of what holds a key that is encoded twice, all but the first characters are stars.
    The payload becomes what the redacted target says.
    """
    target = hit.request.target.decode("latin-1")
    headers = [(name, _header_to_wire(value)) for name, value in hit.request.headers]
    found = found_in(hit.request)
    keys = longest_first({*found.keys, *known})
    call = hit.call
    redaction = _Redaction(
        keys,
        frozenset(found.objects),
        raw_json=call is None or call.form is Form.JSON,
        has_encoded=any(key in text for text in found.encoded for key in keys),
    )
    masked = redaction.address(target, withhold=True)
    request = replace(
        hit.request,
        target=masked.encode("latin-1"),
        method=redaction.word(hit.request.method),
        host=redaction.word(hit.request.host),
        headers=tuple(
            (redaction.word(name), _wire_to_header(redaction.address(value, withhold=False)))
            for name, value in headers
        ),
    )
    problems = hit.problems and redaction.problems(hit.problems, target, masked)
    if call is not None and call.payload is not None:
        payload = decode(call.type, request.query, Dialect.DOCUMENTED).payload
        call = replace(call, payload=payload, text="")
    if call is not None and call.problems:
        call = replace(call, problems=redaction.problems(call.problems, target, masked))
    step = redaction.word(hit.step)
    return replace(hit, request=request, call=call, problems=problems, step=step)


def longest_first(keys: Iterable[str]) -> tuple[str, ...]:
    """Return the keys that are long enough to be masked wherever they stand, in a fixed order."""
    return tuple(
        sorted((key for key in keys if len(key) >= SHORTEST), key=lambda key: (-len(key), key))
    )


def stays(headers: Iterable[tuple[str, str]], words: Iterable[str], keys: tuple[str, ...]) -> bool:
    """Whether `redact` leaves headers and `words` as they are, with these keys and no others."""
    headers, words = tuple(headers), tuple(words)
    found = Found(set(keys))
    found.search_words((f"{name}: {value}" for name, value in headers))
    found.search_words(words)
    has_encoded = any(key in text for text in found.encoded for key in keys)
    redaction = _Redaction(keys, frozenset(found.objects), raw_json=False, has_encoded=has_encoded)
    wires = [_header_to_wire(value) for _, value in headers]
    return (
        found.keys == set(keys)
        and all(redaction.address(each, withhold=False) == each for each in wires)
        and all(redaction.word(each) == each for each in (*words, *(name for name, _ in headers)))
    )


@dataclass(frozen=True, slots=True)
class _Redaction:
    """How one hit is redacted: the keys, longest first, the JSON objects in its addresses, whether
    `data` may be one as it stands, and whether a key stands encoded in some text."""

    keys: tuple[str, ...]
    objects: frozenset[str]
    raw_json: bool
    has_encoded: bool

    def address(self, address: str, *, withhold: bool) -> str:
        """A URL, or any text that may hold one, as Latin-1 characters."""
        path, mark, query = address.partition("?")
        pairs = (self._pair(pair, withhold=withhold) for pair in query.split("&"))
        return PERCENT.change(path, self._hide_wire) + mark + "&".join(pairs)

    def word(self, text: str) -> str:
        """A method, a host, the name of a header or of a step."""
        return self._hide(text)

    def problems(
        self, problems: tuple[Problem, ...], before: str, after: str
    ) -> tuple[Problem, ...]:
        """Problems without keys, and without excerpts of what the address says no more."""
        old, new = "\n".join(_says(before)), "\n".join(_says(after))

        def shorten(excerpt: re.Match[str]) -> str:
            gone = excerpt[0] in old and excerpt[0] not in new
            return f"{excerpt[0][:3]}…" if gone else excerpt[0]

        return tuple(
            replace(
                each,
                path=hide(each.path, self.keys),
                message=_EXCERPT.sub(shorten, hide(each.message, self.keys)),
            )
            for each in problems
        )

    def _pair(self, pair: str, *, withhold: bool) -> str:
        name, equals, value = pair.partition("=")
        said = PERCENT.text(name)
        if said == "data" and value:
            value = self._data(value, withhold=withhold)
        else:
            value = PERCENT.change(value, _mask_wire if is_write_key(said) else self._hide_wire)
        changed = PERCENT.change(name, self._hide_wire) + equals + value
        # Segment discards a pair with a bad escape, so it must stay a bad one.
        return f"{changed}%" if _is_malformed(pair) and not _is_malformed(changed) else changed

    def _data(self, value: str, *, withhold: bool) -> str:
        text, decoded = open_data(PERCENT.text(value))
        if (decoded or self.raw_json) and text in self.objects:
            return PERCENT.change(value, self._hide_data)
        hidden = PERCENT.change(value, self._hide_wire)
        return _withheld(value, hidden) if withhold else hidden

    def _hide_data(self, value: str) -> str:
        text, decoded = open_data(value)
        data = self._hide_json(text).encode(errors="surrogateescape")
        if decoded is None:
            return data.decode("latin-1")
        data = data_parameter.encode(data, decoded.alphabet, padded=decoded.padded)
        return _broken_as(value, data.decode())

    def _hide_json(self, text: str) -> str:
        text = _change(text, key_strings(text), mask)
        if "\\" not in text and self._hide(text) == text:
            return text
        return _change(text, strings(text), self._hide)

    def _hide(self, text: str) -> str:
        hidden = hide(text, self.keys)
        return withhold(hidden, self.keys) if self.has_encoded else hidden

    def _hide_wire(self, wire: str) -> str:
        return wire_of_text(self._hide(text_of_wire(wire)))


def _change(text: str, spans: Iterable[tuple[int, int]], change: Callable[[str], str]) -> str:
    """Change some strings of a JSON text."""
    pieces, done = [], 0
    for start, end in spans:
        pieces += [text[done:start], JSON_STRING.change(text[start:end], change)]
        done = end
    return "".join(pieces) + text[done:]


def _is_malformed(pair: str) -> bool:
    return bool(parse_query(pair.encode("latin-1")).malformed)


def _mask_wire(wire: str) -> str:
    return wire_of_text(mask(text_of_wire(wire)))


def _withheld(value: str, hidden: str) -> str:
    """The first characters of a raw value with its keys hidden; of it all, length and SHA-256."""
    first = _FIRST_CHARACTERS.match(hidden)
    shown = first[0] if first else ""
    if shown == hidden:
        return shown
    digest = sha256(value.encode("latin-1")).hexdigest()
    return f"{shown}...[{len(value) - len(shown)}-characters-withheld,sha256:{digest}]"


def _broken_as(old: str, new: str) -> str:
    """`new` with the line breaks of `old`."""
    pieces = iter(new)
    return "".join(
        piece if piece[:1] in ("\r", "\n") else "".join(islice(pieces, len(piece)))
        for piece in _LINE_BREAKS.split(old)
    )


def _says(address: str) -> Iterator[str]:
    """An address as it stands, unescaped, and what its data hold."""
    said = PERCENT.text(address)
    yield from (address, said)
    for value in re.findall(r"[?&]data=([^&]*)", said):
        yield open_data(value)[0]


def _header_to_wire(value: str) -> str:
    return value.encode(errors="surrogatepass").decode("latin-1")


def _wire_to_header(wire: str) -> str:
    return wire.encode("latin-1").decode(errors="surrogatepass")
