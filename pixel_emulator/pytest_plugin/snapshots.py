"""Files that hold what happened: scenarios that `--pixel-update` rewrites, and recordings."""

import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import pytest

from pixel_emulator.core.errors import Document, InputError, InputIssue
from pixel_emulator.core.model import JSON, Evidence
from pixel_emulator.core.parser.document import parse
from pixel_emulator.core.parser.expectations import Policies, with_defaults
from pixel_emulator.core.scenario_edit.generate import draft
from pixel_emulator.core.scenario_edit.update import update
from pixel_emulator.core.scenario_edit.verified_source import VerifiedSource
from pixel_emulator.core.scenarios.model import Scenario
from pixel_emulator.core.verification.verdict import Status, Verdict
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.files import read_write
from pixel_emulator.files.scenario_loader import load_scenarios, load_text
from pixel_emulator.files.yaml_loader import parse_document
from pixel_emulator.files.yaml_spans import read_source
from pixel_emulator.pytest_plugin.stash import FILE_HOLDERS
from pixel_emulator.pytest_plugin.verdicts import as_reached
from pixel_emulator.runtime.session import Session

_FORBIDDEN = re.compile(r"[<>?%*:|\"'/\\\x00-\x1f\x7f\ud800-\udfff]")
_RESERVED = re.compile(
    r"(con|prn|aux|nul|(com|lpt)[0-9\u00b9\u00b2\u00b3]) *(\.|\Z)", re.IGNORECASE
)
"""What Windows takes for a device, whatever its suffix (Naming Files, Paths, and Namespaces)."""
_MOST_BYTES = 200
"""Bytes of a name, out of 255: other names are made of it by what is put before or behind."""

_NO = ("", "0", "false", "no", "off")


@dataclass(frozen=True, slots=True)
class Updating:
    """A test in a run that rewrites files.

    `holders` are all tests of the run, by the files that they have met or written: what one of them
    holds no other one changes, and it does so itself only once.
    """

    test: str
    holders: dict[str, str]

    def hold(self, file: str | Path) -> None:
        """The file is now as this test wants it."""
        self.holders.setdefault(os.path.realpath(file), self.test)

    def check(self, file: str | Path) -> None:
        """Raises InputError where the file is not to be changed."""
        if holder := self.holders.get(os.path.realpath(file)):
            both = f"{holder} has met it in this run, and {self.test} sent something else"
            why = f"{both}: they cannot share one file"
            raise InputError(InputIssue(f"{os.path.relpath(file)} is not rewritten: {why}"))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A scenario file with the values of its variables.

    `policies` hold where the file says nothing itself.
    """

    file: str
    given: Mapping[str, JSON] = field(default_factory=dict)
    policies: Policies | None = None
    updating: Updating | None = None

    @property
    def is_missing(self) -> bool:
        """Whether there is no such file."""
        return not Path(self.file).exists()

    def load(self) -> tuple[Scenario, ...]:
        """Its scenarios. Raises InputError for mistakes in it, and where it is missing."""
        if self.is_missing:
            raise InputError(
                InputIssue(f"there is no scenario {self.file}: --pixel-update drafts it")
            )
        return self._under_policies(load_scenarios([self.file], given=self.given))

    def keep(self) -> None:
        """The test has met it: no other one changes it in this run."""
        if self.updating:
            self.updating.hold(self.file)

    def rewrite(self, evidence: Evidence) -> Verdict | None:
        """Rewrite the file to what happened, or draft it; the verdict on it as it is then.

        None where nothing is accepted, because calls may be missing. Raises InputError, also where
        another test holds the file.
        """
        if evidence.gaps:
            return None
        if self.updating:
            self.updating.check(self.file)
        verdict = self._rewritten(evidence)
        self.keep()
        return verdict

    def _rewritten(self, evidence: Evidence) -> Verdict:
        if self.is_missing:
            read_write.write_new(self.file, draft(evidence.hits, name=Path(self.file).stem))
            return verify(self.load(), evidence)

        def judge(text: str) -> VerifiedSource:
            scenarios = self._under_policies(load_text(text, self.file, given=self.given))
            return VerifiedSource(read_source(text, self.file), verify(scenarios, evidence))

        old = read_write.read_text(self.file)
        new = update(old, judge)
        if new.text != old:
            read_write.overwrite(self.file, new.text)
        return new.verified.verdict

    def _under_policies(self, scenarios: Iterable[Scenario]) -> tuple[Scenario, ...]:
        if self.policies is None:
            return tuple(scenarios)
        return tuple(with_defaults(scenario, self.policies) for scenario in scenarios)


def recording_path(test_file: Path, folder: str, name: str, session: str) -> Path:
    """Return where the recording of a test stands, named as pytest-recording names its cassettes;
    that of a further `session` says which.

    Two tests of a file never share one, on any file system: a name with more than plain characters
    gets a digest of the whole name.
    """
    named = f"{name}@{session}" if session else name
    place = test_file.parent / folder / test_file.stem
    kept = _FORBIDDEN.sub("-", named)
    plain = f"{kept}.yaml"
    if kept == named and (_is_simple(named) or _is_listed(place, plain)):
        return place / plain
    digest = sha256(named.encode(errors="surrogatepass")).hexdigest()[:12]
    short = kept.encode()[:_MOST_BYTES].decode(errors="ignore")
    before = "_" if _RESERVED.match(short) else ""
    return place / f"{before}{short}-{digest}.yaml"


def _is_simple(name: str) -> bool:
    """Return True if no other name can stand for the same file, however files are named.

    File systems may ignore case and the composition of characters. Names of functions and classes
    differ in more than their case; what stands in brackets, the id of parameters, may not.
    """
    parameters = name.partition("[")[2]
    return (
        parameters == parameters.casefold()
        and name == unicodedata.normalize("NFC", name)
        and len(name.encode()) <= _MOST_BYTES
        and not _RESERVED.match(name)
    )


def _is_listed(folder: Path, name: str) -> bool:
    """Return True if a folder has a file spelled so: written before names had digests."""
    return folder.is_dir() and name in (path.name for path in folder.iterdir())


def compared(path: Path, session: Session, updating: Updating | None) -> tuple[Scenario, ...]:
    """The recording of a test as a scenario; a missing one is written.

    One that is not met is rewritten where that is asked for. Raises InputError where it is missing
    in CI, is held by another test, or cannot be read or written.
    """
    shown = os.path.relpath(path)
    if not path.exists() and os.environ.get("CI", "").lower() not in _NO and not updating:
        how = "run the test with --pixel-update, and commit the file"
        raise InputError(InputIssue(f"there is no recording {shown}: {how}"))
    if path.exists() and not updating:
        return _as_scenario(path)
    if not path.exists() or not _says(path, session.evidence()):
        if updating:
            updating.check(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        session.save(path)
    if updating:
        updating.hold(path)
    return ()


def _as_scenario(path: Path) -> tuple[Scenario, ...]:
    shown = os.path.relpath(path)
    text = draft(read_write.read_recording(path).hits, name="as recorded")
    # The lines of the draft are those of no file.
    return parse(Document(shown, parse_document(text, shown).data, {}))


def _says(path: Path, evidence: Evidence) -> bool:
    """Whether a recording is met: it stays then, with its times and ports."""
    try:
        return verify(_as_scenario(path), as_reached(evidence)).status is Status.MET
    except InputError:
        return False


def updating(item: pytest.Item, *, is_new: bool) -> Updating | None:
    """What a test rewrites files with, if it shall. One that `is_new` has not held any so far, also
    if it is run again."""
    if not item.config.getoption("--pixel-update"):
        return None
    holders = item.config.stash.setdefault(FILE_HOLDERS, {})
    if is_new:
        for file in [file for file, test in holders.items() if test == item.nodeid]:
            del holders[file]
    return Updating(item.nodeid, holders)
