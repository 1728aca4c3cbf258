"""A value of a scenario file to what it wants: matchers, operators, regexes, variables."""

from functools import partial

from pixel_emulator.core.grammar.operands import UNREAD, Operand
from pixel_emulator.core.grammar.operators import OPERATORS
from pixel_emulator.core.grammar.reader import Reader, escaped, shown
from pixel_emulator.core.grammar.texts import IN_TEXT, Names, read_dollars
from pixel_emulator.core.matching.combinators import All
from pixel_emulator.core.matching.expected import Expected, describe
from pixel_emulator.core.matching.type_matchers import MATCHERS
from pixel_emulator.core.model import JSON, JsonPath, Payload
from pixel_emulator.core.text.display import printable

__all__ = ["MATCHERS", "OPERATORS", "Names", "read_text", "read_value"]

_DEEPEST = 200  # levels: the bound of every file that is read, so recursion below it is safe
_MOST_OPERATORS = 40  # inside one another; each takes several frames of the stack
_CALLED_ELSEWHERE = {
    "$and": "$all",
    "$or": "$in",
    "$nin": "{$not: {$in: …}}",
    "$regex": "$/…/",
    "$matches": "$/…/",
    "$exists": "$present or $absent",
    "$size": "$len",
    "$length": "$len",
    "$prefix": "$starts",
    "$suffix": "$ends",
    "$type": "$string, $number, $bool, $list or $map",
}


def read_value(reader: Reader, steps: JsonPath, value: JSON, names: Names) -> Expected:
    """What a value wants; what is wrong with it is noted in the reader."""
    if len(steps) > _DEEPEST:
        reader.wrong(steps, f"nested deeper than {_DEEPEST} levels")
        return UNREAD
    if isinstance(value, str):
        return read_dollars(reader, steps, value, names)
    if isinstance(value, list):
        return [
            read_value(reader, (*steps, index), each, names) for index, each in enumerate(value)
        ]
    if isinstance(value, dict):
        return _map(reader, steps, value, names)
    return value


def read_text(reader: Reader, steps: JsonPath, value: JSON, names: Names) -> Expected:
    """As `read_value`, where only text may stand, or what stands for it."""
    if isinstance(value, str):
        return read_dollars(reader, steps, value, names)
    if isinstance(value, dict) and any(map(_is_special_key, value)):
        return _map(reader, steps, value, names)
    scalar = not isinstance(value, dict | list | None)
    advice = f': quote it, "{describe(value).text}"' if scalar else ""
    reader.wrong(steps, f"must be text, but is {shown(value)}{advice}")
    return UNREAD


def _map(reader: Reader, steps: JsonPath, value: Payload, names: Names) -> Expected:
    read = partial(_read_at, reader, names)
    operators = [key for key in value if _is_special_key(key)]
    plain = [key for key in value if key not in operators]
    if not operators:
        return {_key(reader, (*steps, key), key): read((*steps, key), value[key]) for key in plain}
    if plain:
        beside = f"no key like `{printable(plain[0])}` stands beside it"
        reader.wrong((*steps, operators[0]), f"speaks of the whole value: {beside}")
        for key in plain:
            read((*steps, key), value[key])
    if sum(isinstance(each, str) and _is_special_key(each) for each in steps) >= _MOST_OPERATORS:
        reader.wrong(steps, f"more than {_MOST_OPERATORS} operators inside one another")
        return UNREAD
    wants = []
    for key in operators:
        here = (*steps, key)
        if key in OPERATORS:
            operand = Operand(reader=reader, steps=here, value=value[key], beside=value, read=read)
            wants.append(OPERATORS[key].make(operand))
        else:
            reader.wrong(here, _no_operator(reader, here, key, names))
    wants = [each for each in wants if each is not UNREAD]
    if len(wants) > 1:
        return All(tuple(wants))
    return wants[0] if wants else UNREAD


def _read_at(reader: Reader, names: Names, steps: JsonPath, value: JSON) -> Expected:
    return read_value(reader, steps, value, names)


def _is_special_key(key: str) -> bool:
    return key.startswith("$") and not key.startswith("$$")


def _key(reader: Reader, steps: JsonPath, key: str) -> str:
    if IN_TEXT.search(key.replace("$$", "")):
        reader.wrong(steps, f"a key holds no variables; for this very key, write `{escaped(key)}`")
    return key.replace("$$", "$")


def _no_operator(reader: Reader, steps: JsonPath, key: str, names: Names) -> str:
    if key in MATCHERS or key[1:] in names.known():
        return f"`{key}` takes nothing: write it as a value, not as a key"
    meant = _CALLED_ELSEWHERE.get(key.lower())
    guess = f": write {meant}" if meant else reader.likely(steps, key, OPERATORS)
    return f"no such operator{guess or f'; for this very key, write `{printable(escaped(key))}`'}"
