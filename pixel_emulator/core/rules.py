"""The catalogue: every problem code, how bad it is, who says so, and its words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pixel_emulator.core.calls import JSON, Problem, RuleSource, Severity
from pixel_emulator.core.quoting import printable, quoted


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


def problem(
    code: str, path: str = "", *, mend: str = "", **details: JSON | tuple[str, ...]
) -> Problem:
    """A problem of the kind `code` at `path`, with its message filled in.

    The detail `value` is shown short and quoted; the others, which the rule's `fact` names, stand
    as they are. `mend` is advice for this one case, put at the end. Raises KeyError for an unknown
    code or a detail that the fact lacks.
    """
    rule = RULES[code]
    words = {name: quoted(v) if name == "value" else str(v) for name, v in details.items()}
    fact = rule.fact.format_map({"path": _short(path), **words})
    message = " ".join(map(_sentence, filter(None, (fact, rule.summary, mend))))
    return Problem(code, rule.severity, path, message, rule.source)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _short(path: str) -> str:
    return printable(path) if len(path) <= 80 else f"{printable(path[:80])}…"


type _Texts = Mapping[str, tuple[str, str]]

# Delivery Overview lists these codes; https://segment.com/docs/connections/delivery-overview/
_DROPPED: _Texts = {
    "bad_request": (
        "{cause}",
        "Segment cannot decode the data and drops the call, although it answers 200.",
    ),
    "unknown_source": (
        "{cause}",
        "Segment drops a call whose write key belongs to no source; copy the key from the "
        "source's settings.",
    ),
    "no_user_anon_id": (
        "There is neither a userId nor an anonymousId",
        "Segment drops a call without an id; send userId, anonymousId or both.",
    ),
    "id_not_string": (
        "{path} is {value}",
        "Segment drops a call whose userId or anonymousId is empty or not a string; send a filled "
        "string, or leave the field out.",
    ),
    "event_not_defined": (
        "The track call has no event name",
        "Segment drops a track call without one; say in `event` what happened, such as "
        '"Email Opened".',
    ),
    "event_not_string": (
        "event is {value}",
        "Segment drops a track call whose event is not a string; send the name as text.",
    ),
    "properties_not_object": (
        "properties is {value}",
        "Segment drops a call whose properties are not an object; send names with values.",
    ),
    "traits_not_object": (
        "traits is {value}",
        "Segment drops a call whose traits are not an object; send names with values.",
    ),
    "name_not_string": (
        "name is {value}",
        "Segment drops a page or screen call whose name is empty or not a string; send text, or "
        "leave the field out.",
    ),
    "category_not_string": (
        "category is {value}",
        "Segment drops a page or screen call whose category is empty or not a string; send text, "
        "or leave the field out.",
    ),
}

_DAMAGED_DOCUMENTED: _Texts = {
    # "Blocked values": https://segment.com/docs/unify/identity-resolution/
    "constant_id": (
        "{path} is {value}",
        "Segment would merge everybody who shares such an id into one profile, and advises to "
        "block it; send each person's own id.",
    ),
}

_DAMAGED_2018: _Texts = {
    "flat_key_conflict": (
        "{value} has a value and also parts behind a dot",
        "Segment keeps one of the two by chance; send either the value or the dotted parts.",
    ),
}

_DAMAGED_INFERRED: _Texts = {
    "template_token": (
        "{path} still holds the template token {value}",
        "Nothing replaced it, so Segment keeps this very text for every recipient; fill in the "
        "value before the pixel is built, because no mail service replaces tokens inside base64.",
    ),
    "literal_placeholder": (
        "{path} is {value}, which stands for a value that was never filled in",
        "Segment takes it literally, the same for everybody; send the real value.",
    ),
    "group_id_missing": (
        "The group call has no groupId that is a filled string",
        "Segment calls it required but lists no code for dropping the call, so it probably keeps "
        "one that joins nobody to a group; send the group's id as a string.",
    ),
    "previous_id_missing": (
        "The alias call has no previousId that is a filled string",
        "Segment calls it required but lists no code for dropping the call, so it probably keeps "
        "an alias that ties nothing together; send the old id as a string.",
    ),
    "user_id_missing": (
        "The alias call has no userId",
        "Segment calls it required but lists no code for dropping the call, so it probably keeps "
        "an alias that ties nothing together; send the new id as userId.",
    ),
    "raw_json": (
        "data holds JSON that is not base64-encoded",
        "Segment's API description allows this but its published source drops it; encode the JSON "
        "as URL-safe base64.",
    ),
    "amp_parameter": (
        "The URL has a parameter named {value}",
        "An `&` was escaped as `&amp;` once too often, so Segment reads a field of the wrong name; "
        "escape it exactly once, and only in HTML.",
    ),
}

_NOTED_DOCUMENTED: _Texts = {
    "duplicate_message_id": (
        "The messageId {value} was seen before",
        "Segment keeps the first call with a messageId and discards the others, for at least 24 "
        "hours; leave the field out, or make it different for each call.",
    ),
    "baked_message_id": (
        "The pixel carries the messageId {value}",
        "If it stands in a template, Segment discards every open after the first, for at least 24 "
        "hours; leave the field out, Segment fills it in.",
    ),
    "message_id_too_long": (
        "messageId has {length} characters",
        "Segment allows at most 100; leave the field out, Segment fills it in.",
    ),
    "timestamp_invalid": (
        "{path} is {value}",
        "Segment asks for ISO 8601 with a time zone and may read anything else as another time; "
        'write it as "2030-01-31T12:30:00Z", or leave the field out.',
    ),
    "too_many_properties": (
        "{path} has {count} entries",
        "Segment allows at most 10,000; send fewer.",
    ),
    "email_as_user_id": (
        "userId is the e-mail address {value}",
        "Segment advises against it, because addresses change and spread with the id; send the "
        "id of your database as userId, and the address as a trait.",
    ),
    # https://segment.com/docs/connections/spec/email/
    "email_event_name": (
        "The event is called {value}",
        'Segment\'s e-mail spec spells it "{name}", and destinations know only that spelling; '
        "rename it.",
    ),
    "email_properties": (
        "{path} is not in Segment's e-mail spec",
        "Destinations look for `properties.email_subject` and `context.traits.email`; send those, "
        "although Segment's own pixel example does not.",
    ),
}

_NOTED_2018: _Texts = {
    "ignored_parameters": (
        "Beside `data` the URL has {value}",
        "Segment reads only `data` where there is one and ignores the rest; put what matters into "
        "the encoded JSON.",
    ),
    "malformed_parameter": (
        "The parameter {value} has a percent sign that escapes nothing",
        "Segment silently discards such a parameter; write the percent sign as %25.",
    ),
    "repeated_data": (
        "The URL has more than one `data`",
        "Segment reads the first and ignores the others; send one pixel for each call.",
    ),
    "invalid_utf8": (
        "The data holds bytes that are not UTF-8",
        "Segment replaces them by U+FFFD; encode the text as UTF-8.",
    ),
    "lone_surrogate": (
        "The JSON holds one half of a surrogate pair",
        "Segment passes it on unchanged, and what reads it next may refuse or mangle it; cut texts "
        "between characters.",
    ),
    "duplicate_json_key": (
        "The key {value} stands in one object more than once",
        "Segment keeps the last value; send each key once.",
    ),
}

_NOTED_INFERRED: _Texts = {
    "context_not_object": (
        "context is {value}",
        "Segment calls it an object but lists no code for dropping the call; send names with "
        "values.",
    ),
    "integrations_not_object": (
        "integrations is {value}",
        "Segment calls it an object but lists no code for dropping the call; send names of "
        "destinations with true or false.",
    ),
    "epoch_timestamp": (
        "{path} is {value}, which counts seconds or milliseconds",
        "Segment asks for ISO 8601 and may not read a count; write it as "
        '"2030-01-31T12:30:00Z", or leave the field out.',
    ),
    "baked_timestamp": (
        "The pixel carries the timestamp {value}",
        "If it stands in a template, Segment books the call at the time of sending, not of "
        "opening; leave the field out, Segment fills it in.",
    ),
    "event_on_page": (
        "A {type} call carries the event {value}",
        "Segment counts no event for such a call; send a track call, or use `name`.",
    ),
    "flat_numbers": (
        "{path} arrives as the string {value}",
        "Segment reads every value of the unencoded form as text, so sums and tracking plans miss "
        "it; encode the call as base64 to send a number.",
    ),
    "misspelt_field": (
        "Segment knows no field {value}",
        "Segment reads a field only under its exact name, so it misses this one; rename it.",
    ),
    "misplaced_id": (
        "{path} stands inside {where}, and the call itself has no id",
        "Segment takes ids only from the top level of the call; move it there.",
    ),
    "data_in_event_name": (
        "The event name {value} holds data that changes from call to call",
        "Segment makes a new event of every spelling, and reports fall apart; keep the name "
        "constant and put the data into properties.",
    ),
    "long_url": (
        "The URL has {length} characters",
        "Some mail clients and proxies cut URLs at about 2,000, and Segment then drops the call; "
        "send fewer properties.",
    ),
    "insecure_url": (
        "The URL begins with http://",
        "The call, with its write key and ids, travels unencrypted, and mail clients may block it; "
        "write https://.",
    ),
}

_TABLES: Mapping[tuple[Severity, RuleSource], _Texts] = {
    (Severity.DROP, RuleSource.DOCUMENTED): _DROPPED,
    (Severity.DAMAGE, RuleSource.DOCUMENTED): _DAMAGED_DOCUMENTED,
    (Severity.DAMAGE, RuleSource.SEGMENT_2018): _DAMAGED_2018,
    (Severity.DAMAGE, RuleSource.INFERRED): _DAMAGED_INFERRED,
    (Severity.NOTE, RuleSource.DOCUMENTED): _NOTED_DOCUMENTED,
    (Severity.NOTE, RuleSource.SEGMENT_2018): _NOTED_2018,
    (Severity.NOTE, RuleSource.INFERRED): _NOTED_INFERRED,
}


def _rules() -> Iterator[Rule]:
    for (severity, source), texts in _TABLES.items():
        for code, (fact, summary) in texts.items():
            yield Rule(code=code, severity=severity, source=source, fact=fact, summary=summary)


RULES: Mapping[str, Rule] = MappingProxyType({rule.code: rule for rule in _rules()})
"""Every problem code that this package reports, worst first."""
