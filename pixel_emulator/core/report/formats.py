"""The formats of a report, in one table for the command line, the control API and pytest."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pixel_emulator.core.report.json_report import as_json
from pixel_emulator.core.report.text_report import text
from pixel_emulator.core.text import json_codec
from pixel_emulator.core.verification.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """Appearance of a report; a format ignores the options that do not apply to it.

    Text is about `width` characters wide, has ANSI colours if `colour`, and lists the calls seen
    under a report without failures if `list_calls`. `recording` is the file that holds the calls
    under their numbers, or empty. JSON is one line without a newline if `compact`, else indented.
    """

    width: int = 100
    colour: bool = False
    list_calls: bool = True
    recording: str = ""
    compact: bool = False


_DEFAULTS = ReportOptions()


@dataclass(frozen=True, slots=True)
class ReportFormat:
    """A format by its name (`--format`), its media type (`Accept`) and its file suffix."""

    name: str
    media_type: str
    suffix: str
    _render: Callable[[Verdict, ReportOptions], str]

    def render(self, verdict: Verdict, options: ReportOptions = _DEFAULTS) -> str:
        """Return the report on a verdict. Write keys in texts of the user are not masked."""
        return self._render(verdict, options)


def _text(verdict: Verdict, options: ReportOptions) -> str:
    return text(
        verdict,
        width=options.width,
        colour=options.colour,
        calls=options.list_calls,
        recording=options.recording,
    )


def _json(verdict: Verdict, options: ReportOptions) -> str:
    if options.compact:
        return json_codec.write(as_json(verdict))
    return json_codec.write(as_json(verdict), indent=2) + "\n"


def _junit(verdict: Verdict, _options: ReportOptions) -> str:
    from pixel_emulator.core.report.junit import junit  # the XML parser is slow to import

    return junit(verdict)


TEXT = ReportFormat("text", "text/plain", ".txt", _text)

FORMATS: Mapping[str, ReportFormat] = MappingProxyType(
    {
        format.name: format
        for format in (
            TEXT,
            ReportFormat("json", "application/json", ".json", _json),
            ReportFormat("junit", "application/xml", ".xml", _junit),
        )
    }
)
"""Every format, by name, in the order in which help and messages list them."""
