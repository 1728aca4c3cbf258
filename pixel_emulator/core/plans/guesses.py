"""What a few values say about all others: their format, the list of them, keys that are data."""

import re
from collections import Counter
from collections.abc import Collection, Sequence

LONGEST_KEY = 100
"""Characters of a key that somebody has chosen as a name."""
MOST_KEYS = 100
"""Keys of a map that somebody has chosen as names."""
MOST_VALUES = 8
"""Values of a list of allowed ones."""
FEWEST_CALLS = 10
"""Texts that must have been seen before they are taken for all there are."""

_FORMATS = {
    "date-time": re.compile(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII
    ),
    "date": re.compile(r"\d{4}-\d\d-\d\d", re.ASCII),
    "email": re.compile(r"[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"),
    "uri": re.compile(r"https?://[!-~]+"),
}
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_PERSONAL = {
    *("address", "city", "code", "company", "country", "email", "guid", "hash", "id", "key"),
    *("mail", "name", "phone", "street", "subject", "title", "token", "uid", "uri", "url"),
    *("user", "username", "uuid"),
}
"""Words in a key of which the values say who somebody is, or are free text."""
_PLAIN_VALUE = re.compile(r"[A-Za-z][A-Za-z _-]{0,23}", re.ASCII)
_DATA_KEY = re.compile(r"\d{5}|@|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}|[0-9a-fA-F]{16}|://")


def format_of(texts: Collection[str]) -> str:
    """The JSON Schema format that all the texts have; empty where there is none.

    A text is asked more than the format asks, so that what has it here has it for the validator.
    """
    from jsonschema_rs import Draft7Validator  # noqa: PLC0415 - slow, and rarely asked for

    for name, regex in _FORMATS.items():
        if all(regex.fullmatch(each) for each in texts):
            valid = Draft7Validator({"format": name}, validate_formats=True).is_valid
            return name if all(map(valid, texts)) else ""
    return ""


def values_of(key: str, texts: Sequence[str], secrets: Collection[str]) -> list[str]:
    """The texts as a list of allowed ones, sorted, where they are few, plain and often sent.

    Empty where others may come, and where they may be ids, names or `secrets`.
    """
    counts = Counter(texts)
    safe = (
        len(texts) >= FEWEST_CALLS
        and len(counts) <= MOST_VALUES
        and min(counts.values()) > 1
        and not {word.lower().removesuffix("s") for word in _WORD.findall(key)} & _PERSONAL
        and all(_PLAIN_VALUE.fullmatch(each) and each not in secrets for each in counts)
    )
    return sorted(counts) if safe else []


def are_data(keys: Collection[str], secrets: Collection[str]) -> bool:
    """Whether the keys of a map are data (ids, addresses), or too many to be names."""
    return len(keys) > MOST_KEYS or any(
        len(each) > LONGEST_KEY or _DATA_KEY.search(each) or each in secrets for each in keys
    )
