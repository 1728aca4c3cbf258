"""The query string as Segment's edge reads it: pairs, and the flat form's dotted keys."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from pixel_emulator.core.model import JSON, Payload, path_text

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ESCAPED_BYTES = re.compile("[\udc80-\udcff]")
# Go's strings.TrimSpace: Unicode white space, and no more (str.strip() also takes \x1c-\x1f).
_BLANKS = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)


@dataclass(frozen=True, slots=True)
class Query:
    """The readable pairs of a query in wire order, and the raw pairs that were discarded.

    `has_semicolon` says that a raw `;` stands in it, which servers read in different ways.
    """

    pairs: tuple[tuple[bytes, bytes], ...]
    malformed: tuple[bytes, ...] = ()
    has_semicolon: bool = False

    def first(self, key: bytes) -> bytes | None:
        """The first value of `key`: the one that counts."""
        return next((value for name, value in self.pairs if name == key), None)


def parse_query(query: bytes) -> Query:
    """Read `application/x-www-form-urlencoded` bytes as Go's URL.Query() does (Segment 2018).

    `+` is a space; a pair with a bad percent escape is discarded, the others stay.
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
    """UTF-8 to text; each byte that is not UTF-8 becomes U+FFFD, as in Go (Segment 2018)."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        # errors="replace" would give one U+FFFD for a whole truncated sequence.
        return _ESCAPED_BYTES.sub("\ufffd", raw.decode(errors="surrogateescape"))


def expand(pairs: Iterable[tuple[bytes, bytes]]) -> tuple[Payload, tuple[str, ...]]:
    """Unfold flat pairs to a payload; also the paths at which keys contradict each other.

    Keys are split at `.` and each part is trimmed; with an empty part the key is ignored; a key
    of one part is stored untrimmed. Values are strings, of a repeated key an array of strings.
    (Segment 2018, message.FromQuery.) There `a=1&a.b=2` gives either value at random; here the
    first one stands and the path is returned.
    """
    values: dict[bytes, list[JSON]] = {}
    for key, value in pairs:
        values.setdefault(key, []).append(decode_utf8(value))
    payload: Payload = {}
    conflicts: list[str] = []
    for key, found in values.items():
        name = decode_utf8(key)
        parts = [part.strip(_BLANKS) for part in name.split(".")]
        if not all(parts):
            continue
        at = parts if len(parts) > 1 else [name]
        if not _store(payload, at, found[0] if len(found) == 1 else found):
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
    """The query that `expand` reads as `payload`.

    Raises ValueError for what the flat form cannot say: values that are no strings, empty
    objects, lists of fewer than two, keys with dots or blank ends, a filled `data`.
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
