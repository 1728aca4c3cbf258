"""The option `--let name=value`: values of a scenario's variables, given from outside."""

from collections.abc import Iterable
from typing import Annotated

import typer

from pixel_emulator.core.errors import InputError, InputIssue
from pixel_emulator.core.model import JSON
from pixel_emulator.core.parser.definitions import NAME
from pixel_emulator.core.text import json_codec

Lets = Annotated[
    list[str] | None,
    typer.Option("--let", metavar="NAME=VALUE", help="A value of a scenario's variable."),
]
"""The option, as the annotation of a command's parameter."""


def read_lets(texts: Iterable[str] | None) -> dict[str, JSON]:
    """The values by name. JSON's scalars are resolved, everything else is text.

    Raises InputError for what is no `name=value`, and for a name that is given twice.
    """
    given: dict[str, JSON] = {}
    mistakes = []
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals or not NAME.fullmatch(name):
            mistakes.append(InputIssue(f"--let {text}: write it as name=value"))
        elif name in given:
            mistakes.append(InputIssue(f"--let {text}: `{name}` is given twice"))
        else:
            given[name] = _scalar(value)
    if mistakes:
        raise InputError(*mistakes)
    return given


def _scalar(text: str) -> JSON:
    try:
        value = json_codec.parse(text)
    except ValueError:
        return text
    return text if isinstance(value, dict | list | str) else value
