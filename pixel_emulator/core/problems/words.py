"""The two halves of what is said of a problem."""

from collections.abc import Mapping
from typing import NamedTuple


class Words(NamedTuple):
    """The two halves of a message: `fact` is a template, `summary` stands as it is."""

    fact: str
    summary: str


type Texts = Mapping[str, Words]
"""Problem codes with their words."""
