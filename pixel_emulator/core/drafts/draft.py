"""A recording as a scenario: what was sent, literally, in the order of the recording."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from pixel_emulator.core import call_text
from pixel_emulator.core.drafts import layout
from pixel_emulator.core.drafts.literal import literal
from pixel_emulator.core.model import JSON, Hit, Outcome, Payload, Severity
from pixel_emulator.core.parser.context import escaped
from pixel_emulator.core.problems.catalog import RULES
from pixel_emulator.core.redaction.masking import SHORTEST
from pixel_emulator.core.scenarios.expectation import codes
from pixel_emulator.core.schemas.recording_schema import schema_line
from pixel_emulator.core.text import json_codec
from pixel_emulator.core.text.display import shortened

_DAMAGES = {rule.code for rule in RULES.values() if rule.severity is Severity.DAMAGE}
_ARROW = " \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} "
_MOST = 5  # paths and requests in a comment


@dataclass(slots=True)
class _Expected:
    """Calls that say the same: their item, how many there are, and what a reader should know."""

    item: Payload
    count: int = 0
    damage: dict[str, None] = field(default_factory=dict)
    omitted: dict[str, None] = field(default_factory=dict)

    def lines(self, width: int) -> list[str]:
        first, *rest = self.item.items()
        times: Payload = {"times": self.count} if self.count > 1 else {}
        comments = [
            *(f"# damaged: {each}" for each in self.damage),
            *_listed("# left out, because it is too long to read: ", list(self.omitted)),
        ]
        return [*comments, *layout.call({first[0]: first[1], **times, **dict(rest)}, width)]


def draft(hits: Sequence[Hit], *, name: str = "") -> str:
    """A scenario file that these hits meet, `name` being its name.

    Everything is read literally; what changes from run to run is left out. Calls that say the same
    are one expectation with `times`. Hits with the marks of steps become steps.
    """
    keys = _write_keys(hits)
    parts = [(title, _expected(part, keys)) for title, part in _steps(hits)]
    lines = [schema_line("scenario"), *_remarks(hits)]
    if name:
        lines.append(f"name: {layout.scalar(escaped(name))}")
    lines += _damaged(hits)
    filled = [(title, expected) for title, expected in parts if expected]
    if {title for title, _ in filled} <= {"", "1"}:
        lines += _expect([each for _, expected in filled for each in expected])
    else:
        lines.append("steps:")
        for title, expected in filled:
            lines += layout.indented(layout.dashed(_step(title, expected)))
    return "\n".join(lines) + "\n"


def dropped_item(hit: Hit) -> Payload:
    """The `dropped:` line of a call that Segment drops."""
    found = literal(hit)
    return found.item if found else {}


def _step(title: str, expected: Iterable[_Expected]) -> list[str]:
    name = [] if title.isdigit() else [f"name: {layout.scalar(escaped(title))}"]
    return [*name, *_expect(expected, layout.WIDTH - 4)]


def _expect(expected: Iterable[_Expected], width: int = layout.WIDTH) -> list[str]:
    items = [line for each in expected for line in each.lines(width - 2)]
    return ["expect:", *layout.indented(items)] if items else ["expect: []"]


def _expected(hits: Iterable[Hit], keys: Collection[str]) -> list[_Expected]:
    """What expects these hits: each kept call, and each that Segment drops."""
    found: dict[str, _Expected] = {}
    for hit in hits:
        read = literal(hit, keys)
        if read is None or hit.outcome in (Outcome.DUPLICATE, Outcome.UNHANDLED):
            continue
        each = found.setdefault(json_codec.write(read.item), _Expected(read.item))
        each.count += 1
        each.omitted |= dict.fromkeys(read.omitted)
        if hit.outcome is Outcome.DAMAGED:
            each.damage |= {
                shortened(f"{problem.code} ({problem.path})").removesuffix(" ()"): None
                for problem in hit.problems
                if problem.severity is Severity.DAMAGE
            }
    return list(found.values())


def _steps(hits: Sequence[Hit]) -> list[tuple[str, list[Hit]]]:
    """The hits by the step in which they came; one part without a title where none is marked.

    A hit without a mark belongs to the step before it. Steps that ran at the same time, so that
    their hits do not stand together, cannot be told as steps one after the other.
    """
    first = next((hit.step for hit in hits if hit.step), "")
    marks = [first]
    for hit in hits:
        marks.append(hit.step or marks[-1])
    pairs = groupby(zip(marks[1:], hits, strict=True), key=lambda pair: pair[0])
    parts = [(mark, [hit for _, hit in part]) for mark, part in pairs]
    titles = {mark: mark.rpartition(_ARROW)[2] for mark, _ in parts}
    if len(titles) < len(parts):
        return [("", list(hits))]
    short = len(set(titles.values())) == len(titles)
    return [(titles[mark] if short else mark, part) for mark, part in parts]


def _damaged(hits: Iterable[Hit]) -> list[str]:
    """The policy under which the damaged calls pass."""
    damaged = [set(codes(hit, Severity.DAMAGE)) for hit in hits if hit.outcome is Outcome.DAMAGED]
    if not damaged:
        return []
    why = "# Segment keeps the damaged calls, although something is wrong with them"
    if any(not each or each - _DAMAGES for each in damaged):
        return [why, "damaged: warn"]
    accepted: list[JSON] = [*sorted(set().union(*damaged))]
    return [why, *layout.member("damaged", {"accept": accepted})]


def _remarks(hits: Sequence[Hit]) -> Iterator[str]:
    """What arrived and is not expected, in comments."""
    repeated = [hit for hit in hits if hit.outcome is Outcome.DUPLICATE]
    if repeated:
        titles = [call_text.title(hit.call, hit.request) for hit in repeated]
        yield from _listed("# duplicates, of which Segment keeps only the first: ", titles)
    strange = [hit for hit in hits if hit.outcome is Outcome.UNHANDLED]
    if strange:
        titles = [call_text.title(hit.call, hit.request) for hit in strange]
        yield from _listed("# requests that are no pixels: ", titles)


def _listed(head: str, words: Sequence[str]) -> Iterator[str]:
    counts = Counter(map(shortened, words))
    shown = [f"{word} ({n} times)" if n > 1 else word for word, n in counts.items()][:_MOST]
    more = f", and {len(counts) - _MOST} more" if len(counts) > _MOST else ""
    if shown:
        yield f"{head}{', '.join(shown)}{more}"


def _write_keys(hits: Iterable[Hit]) -> set[str]:
    payloads = (hit.call.payload for hit in hits if hit.call and hit.call.payload)
    keys = (payload.get("writeKey") for payload in payloads)
    return {key for key in keys if isinstance(key, str) and len(key) >= SHORTEST}
