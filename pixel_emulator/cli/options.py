"""The settings as command line options: names, defaults and help come from `config`."""

from dataclasses import Field
from typing import Annotated, Any

import typer

from pixel_emulator.config import settings

_FIELDS: dict[str, Field[Any]] = {each.name: each for each in settings()}


def _option(name: str) -> Any:
    return typer.Option(f"--{name.replace('_', '-')}", help=_FIELDS[name].metadata["help"])


def default(name: str) -> Any:
    """The default of a setting, in the shape that Typer wants (lists for repeated options)."""
    value = _FIELDS[name].default
    return list(value) if isinstance(value, tuple) else value


HostsOption = Annotated[list[str], _option("hosts")]
DialectOption = Annotated[str, _option("dialect")]
SourceOption = Annotated[list[str], _option("source")]
RecordOption = Annotated[str, _option("record")]
KeepWriteKeysOption = Annotated[bool, _option("keep_write_keys")]
HostOption = Annotated[str, _option("host")]
PortOption = Annotated[int, _option("port")]
OfflineOption = Annotated[bool, _option("offline")]
Http2Option = Annotated[bool, _option("http2")]
