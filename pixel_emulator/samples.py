"""The sample mails and their scenarios, in a clone and in an installed package."""

from dataclasses import dataclass
from pathlib import Path

_MAILS = (".html", ".eml")


@dataclass(frozen=True, slots=True)
class Sample:
    """A mail and the scenario that tells what its pixels send; they share `name` as their stem."""

    name: str
    mail: Path
    scenario: Path


def folder() -> Path:
    """Where the samples are: inside the installed package, or at the top of a clone.

    The path is relative where they stand below the current directory.
    """
    package = Path(__file__).parent
    packed = package / "scenarios"  # the wheel puts them there
    found = packed if packed.is_dir() else package.parent / "scenarios"
    return found.relative_to(Path.cwd()) if found.is_relative_to(Path.cwd()) else found


def samples() -> tuple[Sample, ...]:
    """Each mail that has a scenario of its name; from Z to A, so that `broken` comes last."""
    scenarios = sorted(folder().glob("*.yaml"), reverse=True)
    pairs = ((each, each.with_suffix(suffix)) for each in scenarios for suffix in _MAILS)
    return tuple(Sample(mail.stem, mail, each) for each, mail in pairs if mail.is_file())
