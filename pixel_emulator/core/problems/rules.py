"""The catalogue: every problem code, how bad it is, who says so, and its message."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pixel_emulator.core.model import JSON, Problem, RuleSource, Severity
from pixel_emulator.core.problems.wording import WORDS
from pixel_emulator.core.text.display import quoted, shortened


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One kind of problem.

    `fact` is a template that says what was found; `summary` says what Segment does and how to
    mend it. A message is the two together.
    """

    code: str
    severity: Severity
    source: RuleSource
    fact: str
    summary: str


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        code: Rule(code=code, severity=severity, source=source, fact=fact, summary=summary)
        for (severity, source), texts in WORDS.items()
        for code, (fact, summary) in texts.items()
    }
)
"""Every problem code that this package reports, worst first."""


def problem(
    code: str, path: str = "", *, value: JSON = None, mend: str = "", **details: str
) -> Problem:
    """A problem of the kind `code` at `path`, with its message filled in.

    The rule's `fact` says which details it wants: `value` is shown quoted and cut, the others are
    made printable. `mend` is advice for this one case, put at the end. Raises KeyError for an
    unknown code and for a detail that is wanted and not there.
    """
    rule = RULES[code]
    words = {name: shortened(detail) for name, detail in details.items()}
    fact = rule.fact.format(path=shortened(path) or "The URL", value=quoted(value), **words)
    message = " ".join(_sentence(text) for text in (fact, rule.summary, mend) if text)
    return Problem(code, rule.severity, path, message, rule.source)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
