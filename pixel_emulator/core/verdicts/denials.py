"""What a scenario denies, looked for in all of a request: payload, URL and referer."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from urllib.parse import unquote_plus

from pixel_emulator.core.matching.diff import differences
from pixel_emulator.core.matching.expected import Bindings, Expected, describe
from pixel_emulator.core.matching.predicates import as_of
from pixel_emulator.core.matching.unification import variables
from pixel_emulator.core.model import JSON, Hit, JsonPath, Payload, path_text
from pixel_emulator.core.redaction.masking import hide
from pixel_emulator.core.scenarios.model import Forbidden
from pixel_emulator.core.verdicts.verdict import Denied

_MOST = 10  # places in one request
_EXCERPT = 120  # characters
_BETWEEN_WORDS = re.compile(r"[\s\"'<>()\[\]{},;:=&?/#|\\]+")

_AROUND_WORDS = ".!*_~-"


def denied(denials: Sequence[Forbidden], hits: Iterable[Hit], bound: Bindings) -> Iterator[Denied]:
    """Each place at which a request holds what is denied, the first few of each request.

    A plain text is denied wherever it stands inside a text; any other want is compared with every
    value and every key, and with the words of longer texts. A denial with a variable that has no
    value denies nothing.
    """
    decided = [each for each in denials if variables(each.contains) <= bound.keys()]
    for hit in hits:
        for denial in decided:
            yield from islice(_in_hit(denial, hit, bound), _MOST)


def _in_hit(denial: Forbidden, hit: Hit, bound: Bindings) -> Iterator[Denied]:
    payload: Payload = (hit.call and hit.call.payload) or {}
    key = payload.get("writeKey")
    contains = as_of(denial.contains, hit.time)
    for path, value in _values(denial, payload, hit):
        for piece in _pieces(value):
            if _holds(contains, piece, bound):
                excerpt = piece if isinstance(piece, str) else describe(piece).text
                shown = hide(excerpt, [key] if isinstance(key, str) and key else [])
                more = "…" if len(shown) > _EXCERPT else ""  # it may have cut a key
                yield Denied(denial=denial, hit=hit, path=path, value=shown[:_EXCERPT] + more)
                break


def _values(denial: Forbidden, payload: Payload, hit: Hit) -> Iterator[tuple[str, JSON]]:
    excepted: list[str] = []
    stack: list[tuple[JsonPath, JSON]] = [((), payload)]
    while stack:
        steps, value = stack.pop()
        if any(steps[: len(each)] == each for each in denial.excepted):
            excepted += [value] if isinstance(value, str) and value else []
            continue
        if denial.path is not None and steps[: len(denial.path)] != denial.path:
            if denial.path[: len(steps)] != steps:
                continue
        elif steps:
            yield path_text(steps), value
        if isinstance(value, dict):
            inside = denial.path is None or len(steps) >= len(denial.path)
            if inside:
                yield from ((path_text((*steps, key)), key) for key in value)
            stack.extend(((*steps, key), each) for key, each in reversed(value.items()))
        elif isinstance(value, list):
            stack.extend(((*steps, n), each) for n, each in reversed(list(enumerate(value))))
    if denial.path is None:
        yield from _around(hit, excepted)


def _around(hit: Hit, excepted: list[str]) -> Iterator[tuple[str, JSON]]:
    """URL and referer, as they are and decoded; what is excepted in the payload, also here."""
    texts = (("url", hit.request.url), ("referer", hit.request.header("referer") or ""))
    for path, text in texts:
        decoded = unquote_plus(text)
        for each in excepted:
            decoded = decoded.replace(each, "")
        yield path, decoded
        if not excepted:
            yield path, text


def _pieces(value: JSON) -> Iterator[JSON]:
    """A value, and before it the words of a text: they say best what was found."""
    if isinstance(value, str):
        words = (word.strip(_AROUND_WORDS) for word in _BETWEEN_WORDS.split(value))
        yield from filter(None, words)
    yield value


def _holds(contains: Expected, piece: JSON, bound: Bindings) -> bool:
    if isinstance(contains, str):
        return isinstance(piece, str) and contains in piece
    return next(differences(contains, piece, bound), None) is None
