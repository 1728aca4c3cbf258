"""What may leave the building: a hit without its write keys, in the payload and all it came in.

Masking works on what a text says and keeps how it is spelled: percent and JSON escapes, the
base64 alphabet, its padding and line breaks. So a redacted URL decodes to the redacted payload.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from itertools import islice

from pixel_emulator.core.endpoint import data_parameter
from pixel_emulator.core.endpoint.pixel import decode
from pixel_emulator.core.endpoint.query import parse_query
from pixel_emulator.core.model import Dialect, Form, Hit, Problem
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
from pixel_emulator.core.redaction.masking import MIN_KEY_LENGTH, hide, is_mask, mask
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
    found = keys_in_request(hit.request)
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
        call = replace(call, payload=payload)
    if call is not None and call.problems:
        call = replace(call, problems=redaction.problems(call.problems, target, masked))
    step = redaction.word(hit.step)
    return replace(hit, request=request, call=call, problems=problems, step=step)


def longest_first(keys: Iterable[str]) -> tuple[str, ...]:
    """Return the keys that are long enough to be masked wherever they stand, in a fixed order."""
    return tuple(
        sorted(
            (key for key in keys if len(key) >= MIN_KEY_LENGTH), key=lambda key: (-len(key), key)
        )
    )


def is_unchanged(
    headers: Iterable[tuple[str, str]], words: Iterable[str], keys: tuple[str, ...]
) -> bool:
    """Whether `redact` leaves headers and `words` as they are, with these keys and no others."""
    headers, words = tuple(headers), tuple(words)
    found = FoundKeys(set(keys))
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
        text, decoded = decode_data(PERCENT.text(value))
        if (decoded or self.raw_json) and text in self.objects:
            return PERCENT.change(value, self._hide_data)
        hidden = PERCENT.change(value, self._hide_wire)
        return _withheld(value, hidden) if withhold else hidden

    def _hide_data(self, value: str) -> str:
        text, decoded = decode_data(value)
        data = self._hide_json(text).encode(errors="surrogateescape")
        if decoded is None:
            return data.decode("latin-1")
        data = data_parameter.encode(data, decoded.alphabet, padded=decoded.padded)
        return _broken_as(value, data.decode())

    def _hide_json(self, text: str) -> str:
        text = _change(text, key_spans(text), mask)
        if "\\" not in text and self._hide(text) == text:
            return text
        return _change(text, string_spans(text), self._hide)

    def _hide(self, text: str) -> str:
        hidden = hide(text, self.keys)
        return withhold(hidden, self.keys) if self.has_encoded else hidden

    def _hide_wire(self, wire: str) -> str:
        return latin1_from_utf8(self._hide(utf8_from_latin1(wire)))


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
    return latin1_from_utf8(mask(utf8_from_latin1(wire)))


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
        yield decode_data(value)[0]


def _header_to_wire(value: str) -> str:
    return value.encode(errors="surrogatepass").decode("latin-1")


def _wire_to_header(wire: str) -> str:
    return wire.encode("latin-1").decode(errors="surrogatepass")


_CUT = "…"
_LEAST = 4
"""Characters of a key that are masked where the rest of it is cut off."""

_ENCODED = re.compile(r"[A-Za-z0-9+/_%\\=-]{16,}")
_BREAK = re.compile(r"\n[ \t>|]*")
_NO_KEY = ("$", "{", "<", "*", "%")
"""What matchers, template tokens and placeholders begin with."""


def redact_text(text: str, known: tuple[str, ...] = ()) -> str:
    """Return the text with the `known` write keys masked, and those that it names itself.

    Masks stay as they are, so that what is redacted twice is as if redacted once.
    """
    keys = longest_first({*known, *named_keys(text)})
    if not keys:
        return text
    text = hide(text, keys)
    if _CUT in text:
        for key in keys:
            text = _hide_cut(text, key)
    if "\n" in text:
        text = _hide_wrapped(text, keys)
    return _hide_encoded(text, keys)


def named_keys(text: str) -> set[str]:
    """Return the write keys that a text names itself, also where it is encoded; no masks."""
    found = set(keys_in_own_text(text))
    for run in dict.fromkeys(_ENCODED.findall(text)):
        found.update(_named_in_encoded(run))
    return {each for each in found if not (each.startswith(_NO_KEY) or is_mask(each))}


@lru_cache(maxsize=256)
def _named_in_encoded(run: str) -> tuple[str, ...]:
    _, *others = nested_texts(run)
    return tuple(key for each in others for key in keys_in_own_text(each))


def _hide_encoded(text: str, keys: tuple[str, ...]) -> str:
    for run in dict.fromkeys(_ENCODED.findall(text)):
        if contains_key(run, keys):
            text = text.replace(run, withhold(run, keys))
    return text


def _hide_cut(text: str, key: str) -> str:
    """Mask the beginning of a key before an ellipsis, and its end behind one."""
    masked, shown = mask(key), len(key) // 3
    at = text.find(_CUT)
    while at >= 0:
        sizes = range(len(key) - 1, max(shown, _LEAST - 1), -1)
        for size in sizes if text[max(0, at - _LEAST) : at] in key else ():
            if text.endswith(key[:size], 0, at):
                text = text[: at - size] + masked[:size] + text[at:]
                break
        sizes = range(len(key) - 1, _LEAST - 1, -1)
        for size in sizes if text[at + 1 : at + 1 + _LEAST] in key else ():
            if text.startswith(key[-size:], at + 1):
                text = text[: at + 1] + masked[-size:] + text[at + 1 + size :]
                break
        at = text.find(_CUT, at + 1)
    return text


def _hide_wrapped(text: str, keys: tuple[str, ...]) -> str:
    """Mask keys that go on in the next line."""
    joined = _BREAK.sub("", text)
    if not any(key in joined for key in keys):
        return text
    # Where each piece between two breaks begins, in the joined text and in the other one.
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
