"""The query string as Segment's edge reads it: pairs, and the dotted keys of the flat form."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from pixel_emulator.core.model import JSON, Payload, path_text

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ESCAPED_BYTES = re.compile("[\udc80-\udcff]")
# As in Go's strings.TrimSpace: Unicode white space only (str.strip() also removes \x1c-\x1f).
_BLANKS = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)


@dataclass(frozen=True, slots=True)
class Query:
    """The decoded pairs of a query in wire order, and the raw pairs that were discarded.

    `has_semicolon` is True if the query has a raw `;`, which servers read in different ways.
    """

    pairs: tuple[tuple[bytes, bytes], ...]
    malformed: tuple[bytes, ...] = ()
    has_semicolon: bool = False

    def first(self, key: bytes) -> bytes | None:
        """Return the first value of `key`, which is the one that counts, or None."""
        return next((value for name, value in self.pairs if name == key), None)


def parse_query(query: bytes) -> Query:
    """Parse `application/x-www-form-urlencoded` bytes as Go's URL.Query() does (Segment 2018).

    `+` is a space. A pair with a malformed percent escape is discarded; the others are kept.
    """
    pairs: list[tuple[bytes, bytes]] = []
    malformed: list[bytes] = []
    for raw in query.split(b"&"):
        if not raw:
            continue
        if b"%" in raw and _BAD_ESCAPE.search(raw):
            malformed.append(raw)
            continue
        key, _, value = raw.replace(b"+", b" ").partition(b"=")
        if b"%" in raw:
            key, value = unquote_to_bytes(key), unquote_to_bytes(value)
        pairs.append((key, value))
    return Query(tuple(pairs), tuple(malformed), has_semicolon=b";" in query)


def decode_utf8(raw: bytes) -> str:
    """Decode UTF-8; each byte that is not UTF-8 becomes U+FFFD, as in Go (Segment 2018)."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        # errors="replace" would make one U+FFFD of a whole truncated sequence.
        return _ESCAPED_BYTES.sub("\ufffd", raw.decode(errors="surrogateescape"))


def expand(pairs: Iterable[tuple[bytes, bytes]]) -> tuple[Payload, tuple[str, ...]]:
    """Return the payload of flat pairs, and the paths of keys that contradict each other.

    Keys are split at `.` and each part is trimmed; a key with an empty part is ignored; a key of
    one part is stored untrimmed. Values are strings; the value of a repeated key is an array of
    strings (Segment 2018, message.FromQuery). Segment reads `a=1&a.b=2` as either value at random;
    here the first one is kept and the path is returned.
    """
    values: dict[bytes, list[JSON]] = {}
    for key, value in pairs:
        values.setdefault(key, []).append(decode_utf8(value))
    payload: Payload = {}
    conflicts: list[str] = []
    for key, texts in values.items():
        name = decode_utf8(key)
        parts = [part.strip(_BLANKS) for part in name.split(".")]
        if not all(parts):
            continue
        at = parts if len(parts) > 1 else [name]
        if not _store(payload, at, texts[0] if len(texts) == 1 else texts):
            conflicts.append(path_text(at))
    return payload, tuple(conflicts)


def _store(payload: Payload, at: list[str], value: JSON) -> bool:
    node = payload
    for key in at[:-1]:
        child = node.setdefault(key, {})
        if not isinstance(child, dict):
            return False
        node = child
    return node.setdefault(at[-1], value) is value


def flatten(payload: Payload) -> str:
    """Return the query that `expand` reads as `payload`.

    Raises ValueError for a payload that the flat form cannot hold: values that are no strings,
    empty objects, lists of fewer than two items, keys with dots or blanks at an end, a filled
    `data`.
    """
    data = payload.get("data")
    if data and not (isinstance(data, list) and data[0] == ""):
        raise ValueError("data: a filled `data` parameter is never read as flat")
    pairs: list[str] = []
    stack: list[tuple[tuple[str, ...], JSON]] = [((), payload)]
    while stack:
        at, value = stack.pop()
        if isinstance(value, dict) and (value or not at):
            stack.extend(((*at, key), member) for key, member in reversed(value.items()))
            continue
        texts = value if isinstance(value, list) and len(value) > 1 else [value]
        for text in texts:
            if not isinstance(text, str):
                raise ValueError(f"{path_text(at)}: the flat form holds strings only")
            pairs.append(f"{quote('.'.join(at))}={quote(text)}")
        if not all(part and "." not in part and part == part.strip(_BLANKS) for part in at):
            raise ValueError(f"{path_text(at)}: not a key that the flat form can hold")
    return "&".join(pairs)
