"""What a step does before its calls come: `do`, as one action or a list of them."""

from collections.abc import Callable

from pixel_emulator.core.grammar.amounts import read_duration
from pixel_emulator.core.grammar.call_map import ELSEWHERE
from pixel_emulator.core.grammar.keys import ACTIONS, CALL_TYPES, FIELDS
from pixel_emulator.core.grammar.reader import Reader, shown
from pixel_emulator.core.grammar.scope import Scope, plain_text, plain_value
from pixel_emulator.core.model import JSON, NAMED_BY, CallType, JsonPath
from pixel_emulator.core.scenarios.model import Action, Open, Replay, Run, Send, Wait

SENT = (*CALL_TYPES, *(each for each in FIELDS if each != "source"))
"""The keys of a call that is sent."""


def read_do(reader: Reader, steps: JsonPath, value: JSON, scope: Scope) -> tuple[Action, ...]:
    """The actions of a step."""
    places: list[tuple[JsonPath, JSON]]
    if isinstance(value, dict):
        places = [(steps, value)]
    elif isinstance(value, list):
        places = list(reader.items(steps, value))
    else:
        reader.wrong(
            steps, f"must be a map, but is {shown(value)}: write `do: {{open: mail.html}}`"
        )
        return ()
    return tuple(each for place in places if (each := _action(reader, *place, scope)))


def _action(reader: Reader, steps: JsonPath, item: JSON, scope: Scope) -> Action | None:
    if not isinstance(item, dict):
        reader.wrong(steps, f"an action is a map like `open: mail.html`; this is {shown(item)}")
        return None
    reader.check_keys(steps, item, ACTIONS)
    found = [key for key in item if key in ACTIONS]
    if len(found) > 1:
        both = f"one action cannot be both `{found[0]}` and `{found[1]}`"
        reader.wrong(steps, f"{both}: write a list, `- {found[0]}: …`")
    if not item:
        reader.wrong(steps, f"which action? give one of {', '.join(ACTIONS)}")
    if not found:
        return None
    return _READ[found[0]](reader, (*steps, found[0]), item[found[0]], scope)


def _run(reader: Reader, steps: JsonPath, value: JSON, scope: Scope) -> Action | None:
    if isinstance(value, list):
        words = tuple(plain_text(reader, *each, scope) for each in reader.items(steps, value))
        if not words:
            reader.wrong(steps, "is empty: which command?")
        return Run(words)
    return Run(_filled(reader, steps, value, scope))


def _filled(reader: Reader, steps: JsonPath, value: JSON, scope: Scope) -> str:
    text = plain_text(reader, steps, value, scope)
    if isinstance(value, str) and not value.strip():
        reader.wrong(steps, "is empty")
    return text


def _send(reader: Reader, steps: JsonPath, value: JSON, scope: Scope) -> Action | None:
    if not isinstance(value, dict):
        reader.wrong(steps, f"a call is a map like `track: Email Opened`; this is {shown(value)}")
        return None
    reader.check_keys(steps, value, SENT, ELSEWHERE)
    lines = [key for key in value if key in CALL_TYPES]
    if len(lines) != 1:
        which = f"which call? give one of {', '.join(CALL_TYPES)}"
        both = f"one call cannot be both {' and '.join(f'`{each}`' for each in lines[:2])}"
        reader.wrong(steps, both if lines else which)
        return None
    type = CallType(lines[0])
    payload = {
        key: plain_value(reader, (*steps, key), each, scope)
        for key, each in value.items()
        if key in FIELDS
    }
    if value[type] is not None:
        payload[NAMED_BY[type]] = plain_text(reader, (*steps, type.value), value[type], scope)
    return Send(type, payload)


def _wait(reader: Reader, steps: JsonPath, value: JSON, _scope: Scope) -> Action | None:
    seconds = read_duration(reader, steps, value)
    return None if seconds is None else Wait(seconds)


_READ: dict[str, Callable[[Reader, JsonPath, JSON, Scope], Action | None]] = {
    "run": _run,
    "open": lambda *place: Open(_filled(*place)),
    "send": _send,
    "replay": lambda *place: Replay(_filled(*place)),
    "wait": _wait,
}
