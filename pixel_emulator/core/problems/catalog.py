"""The catalogue of problems: their codes, severities, sources, messages and examples."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pixel_emulator.core.model import JSON, Problem, RuleSource, Severity
from pixel_emulator.core.problems.messages import MESSAGES, Example
from pixel_emulator.core.text.display import quoted, shortened


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One kind of problem.

    `fact` is a template for what is wrong; `summary` says what Segment does and how to correct the
    call. A message consists of both. `example` is a call that has the problem.
    """

    code: str
    severity: Severity
    source: RuleSource
    fact: str
    summary: str
    example: Example

    @property
    def effect(self) -> str:
        """What Segment does, as a sentence: the summary up to its last semicolon."""
        return f"{self.summary.rpartition('; ')[0]}."

    @property
    def mend(self) -> str:
        """How to correct the call, as a sentence: the summary after its last semicolon."""
        text = self.summary.rpartition("; ")[2]
        return text[:1].upper() + text[1:]


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        code: Rule(
            code=code,
            severity=severity,
            source=source,
            fact=fact,
            summary=summary,
            example=Example(example) if isinstance(example, str) else example,
        )
        for (severity, source), messages in MESSAGES.items()
        for code, (fact, summary, example) in messages.items()
    }
)
"""All kinds of problems by code, worst first."""


def problem(
    code: str, path: str = "", *, value: JSON = None, advice: str = "", **details: str
) -> Problem:
    """Return a problem of the kind `code` at `path`, with its message.

    `value` and `details` fill in the placeholders of the rule's `fact`: `value` is quoted and cut,
    the others are made printable. `advice` for this one case is appended to the message. Raises
    KeyError if the code is unknown or if a detail of the `fact` is missing.
    """
    rule = RULES[code]
    shown = {name: shortened(detail) for name, detail in details.items()}
    fact = rule.fact.format(path=shortened(path) or "The URL", value=quoted(value), **shown)
    message = " ".join(_sentence(text) for text in (fact, rule.summary, advice) if text)
    return Problem(code, rule.severity, path, message, rule.source)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
