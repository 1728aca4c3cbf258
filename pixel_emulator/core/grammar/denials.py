"""`deny`: what no request may hold, and the paths by which it says where."""

import re

from pixel_emulator.core.grammar.keys import DENIAL
from pixel_emulator.core.grammar.reader import Reader, shown
from pixel_emulator.core.grammar.scope import Scope, plain_text
from pixel_emulator.core.grammar.values import read_value
from pixel_emulator.core.model import JSON, JsonPath
from pixel_emulator.core.scenarios.model import Forbidden

EVERYTHING = "everything"
"""What `in` says for no path at all."""

_STEP = re.compile(
    r'\.?(?P<word>[^ ."\\\[\]\n\r\t]+)|\[(?P<index>\d{1,9})\]|\["(?P<key>(?:[^"\\]|\\.)*)"\]'
)
_INSTEAD = "write a path like properties.products[0].sku"


def read_deny(reader: Reader, steps: JsonPath, value: JSON, scope: Scope) -> tuple[Forbidden, ...]:
    """The denials of a list."""
    return tuple(_denial(reader, *each, scope) for each in reader.items(steps, value))


def _denial(reader: Reader, steps: JsonPath, item: JSON, scope: Scope) -> Forbidden:
    if not isinstance(item, dict):
        reader.wrong(steps, f"must be a map: write `- contains: …`; this is {shown(item)}")
        return Forbidden(contains="")
    reader.check_keys(steps, item, DENIAL)
    contains = item.get("contains")
    if contains in (None, ""):
        reader.wrong((*steps, "contains"), "is missing: what may no request hold?")
    excepted = item.get("except", [])
    if isinstance(excepted, str):
        reader.wrong((*steps, "except"), f"must be a list: write [{excepted}]")
        excepted = []
    return Forbidden(
        contains=read_value(reader, (*steps, "contains"), contains, scope),
        path=_path(reader, (*steps, "in"), item.get("in", EVERYTHING), scope) or None,
        excepted=tuple(
            _path(reader, *each, scope) for each in reader.items((*steps, "except"), excepted)
        ),
        because=plain_text(reader, (*steps, "because"), item.get("because", ""), scope),
        location=reader.location(steps),
    )


def _path(reader: Reader, steps: JsonPath, value: JSON, scope: Scope) -> JsonPath:
    """The path; empty for everything, and where there is none."""
    text = plain_text(reader, steps, value, scope)
    path = () if text == EVERYTHING else parse_path(text)
    if not path and (value == "" or text not in ("", EVERYTHING)):
        reader.wrong(steps, f'"{text}" is no path: {_INSTEAD}')
    return path


def parse_path(text: str) -> JsonPath:
    """The inverse of `path_text`; empty where the text is no path."""
    path: list[str | int] = []
    end = 0
    while end < len(text):
        found = _STEP.match(text, end)
        if found is None or (found["word"] and bool(path) != text.startswith(".", end)):
            return ()
        if found["index"]:
            path.append(int(found["index"]))
        elif found["word"]:
            path.append(found["word"])
        else:
            path.append(re.sub(r"\\(.)", r"\1", found["key"]))
        end = found.end()
    return tuple(path)
