"""The catalogue of problems: their codes, severities, sources, messages and examples."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pixel_emulator.core.model import JSON, Problem, RuleSource, Severity
from pixel_emulator.core.problems.messages import MESSAGES, Example, Message
from pixel_emulator.core.text.display import quoted, shortened


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One kind of problem.

    `fact` is a template for what is wrong; `summary` says what Segment does and how to correct the
    call. A message consists of both. `effect` and `mend` are the parts of `summary` as sentences;
    `example` is a call that has the problem.
    """

    code: str
    severity: Severity
    source: RuleSource
    fact: str
    summary: str
    effect: str
    mend: str
    example: Example


def _rule(code: str, severity: Severity, source: RuleSource, message: Message) -> Rule:
    effect, semicolon, mend = message.summary.rpartition("; ")
    return Rule(
        code=code,
        severity=severity,
        source=source,
        fact=message.fact,
        summary=message.summary,
        effect=f"{effect}." if semicolon else message.summary,
        mend=message.mend or mend[:1].upper() + mend[1:],
        example=Example(message.example) if isinstance(message.example, str) else message.example,
    )


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        code: _rule(code, severity, source, message)
        for (severity, source), messages in MESSAGES.items()
        for code, message in messages.items()
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
