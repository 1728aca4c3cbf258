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
from pixel_emulator.core.scenarios.scenario import Scenario
from pixel_emulator.core.verification.verdict import Status, Verdict
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.files import read_write
from pixel_emulator.files.scenario_loader import load_scenarios, load_text
from pixel_emulator.files.yaml_loader import parse_document
from pixel_emulator.files.yaml_spans import read_source
from pixel_emulator.pytest_plugin.stash import FILE_HOLDERS
from pixel_emulator.pytest_plugin.verdicts import assume_connected
from pixel_emulator.runtime.session import Session

_FORBIDDEN = re.compile(r"[<>?%*:|\"'/\\\x00-\x1f\x7f\ud800-\udfff]")
_RESERVED = re.compile(
    r"(con|prn|aux|nul|(com|lpt)[0-9\u00b9\u00b2\u00b3]) *(\.|\Z)", re.IGNORECASE
)
"""Names of devices on Windows, with any suffix (Naming Files, Paths, and Namespaces)."""
_MOST_BYTES = 200
"""Bytes of a name, of at most 255: other names add a prefix or a suffix to it."""

_FALSE = ("", "0", "false", "no", "off")


@dataclass(frozen=True, slots=True)
class UpdateGuard:
    """Keeps tests of a run with `--pixel-update` from rewriting each other's files.

    `holders` are the ids of tests by the real paths of files that they met or wrote. No other test
    may change these files, and a test rewrites a file only once.
    """

    test: str
    holders: dict[str, str]

    def claim(self, file: str | Path) -> None:
        """Note that the file is now as this test needs it."""
        self.holders.setdefault(os.path.realpath(file), self.test)

    def check_unclaimed(self, file: str | Path) -> None:
        """Raise InputError if the file must not be changed."""
        if holder := self.holders.get(os.path.realpath(file)):
            both = f"{holder} has met it in this run, and {self.test} sent something else"
            why = f"{both}: they cannot share one file"
            raise InputError(InputIssue(f"{os.path.relpath(file)} is not rewritten: {why}"))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A scenario file with the values of its variables, or scenarios in the file of a test.

    `policies` apply where the file states none. `inline` are the scenarios of a test, which are
    never rewritten; None for a scenario file.
    """

    file: str
    given: Mapping[str, JSON] = field(default_factory=dict)
    policies: Policies | None = None
    update_guard: UpdateGuard | None = None
    inline: tuple[Scenario, ...] | None = None

    @property
    def is_missing(self) -> bool:
        """True if there is no such file."""
        return self.inline is None and not Path(self.file).exists()

    def load(self) -> tuple[Scenario, ...]:
        """Return the scenarios. Raises InputError for issues in the file, and if it is missing."""
        if self.inline is not None:
            return self._under_policies(self.inline)
        if self.is_missing:
            raise InputError(
                InputIssue(f"there is no scenario {self.file}: --pixel-update drafts it")
            )
        return self._under_policies(load_scenarios([self.file], given=self.given))

    def claim(self) -> None:
        """Note that the test has met the file: no other test changes it in this run."""
        if self.update_guard and self.inline is None:
            self.update_guard.claim(self.file)

    def rewrite(self, evidence: Evidence) -> Verdict | None:
        """Rewrite the file to what happened, or create it; return the verdict on the new file.

        Returns None, and changes nothing, if calls may be missing, or for scenarios of a test.
        Raises InputError if another test holds the file, or if it cannot be written.
        """
        if evidence.gaps or self.inline is not None:
            return None
        if self.update_guard:
            self.update_guard.check_unclaimed(self.file)
        verdict = self._rewritten(evidence)
        self.claim()
        return verdict

    def _rewritten(self, evidence: Evidence) -> Verdict:
        if self.is_missing:
            read_write.write_new(self.file, draft(evidence.hits, name=Path(self.file).stem))
            return verify(self.load(), evidence)

        def verify_text(text: str) -> VerifiedSource:
            scenarios = self._under_policies(load_text(text, self.file, given=self.given))
            return VerifiedSource(read_source(text, self.file), verify(scenarios, evidence))

        old = read_write.read_text(self.file)
        new = update(old, verify_text)
        if new.text != old:
            read_write.overwrite(self.file, new.text)
        return new.verified.verdict

    def _under_policies(self, scenarios: Iterable[Scenario]) -> tuple[Scenario, ...]:
        if self.policies is None:
            return tuple(scenarios)
        return tuple(with_defaults(scenario, self.policies) for scenario in scenarios)


def recording_path(test_file: Path, folder: str, name: str, session: str) -> Path:
    """Return the path of the recording of a test, named as pytest-recording names cassettes; that
    of a further `session` includes its label.

    Two tests of a file never share a path, on any file system: a name with special characters gets
    a digest of the whole name.
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


def recorded_scenario(
    path: Path, session: Session, update_guard: UpdateGuard | None
) -> tuple[Scenario, ...]:
    """Return the recording of a test as a scenario, or none after writing it.

    A missing recording is written; with `--pixel-update` one that is not met is rewritten. Raises
    InputError if it is missing in CI, is held by another test, or cannot be read or written.
    """
    shown = os.path.relpath(path)
    if not path.exists() and os.environ.get("CI", "").lower() not in _FALSE and not update_guard:
        how = "run the test with --pixel-update, and commit the file"
        raise InputError(InputIssue(f"there is no recording {shown}: {how}"))
    if path.exists() and not update_guard:
        return _as_scenario(path)
    if not path.exists() or not _is_met(path, session.evidence()):
        if update_guard:
            update_guard.check_unclaimed(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        session.save(path)
    if update_guard:
        update_guard.claim(path)
    return ()


def _as_scenario(path: Path) -> tuple[Scenario, ...]:
    shown = os.path.relpath(path)
    text = draft(read_write.read_recording(path).hits, name="as recorded")
    # Lines of the draft are lines of no file.
    return parse(Document(shown, parse_document(text, shown).data, {}))


def _is_met(path: Path, evidence: Evidence) -> bool:
    """Return True if a recording is met. It is not rewritten then: its times and ports stay."""
    try:
        return verify(_as_scenario(path), assume_connected(evidence)).status is Status.MET
    except InputError:
        return False


def update_guard(item: pytest.Item, *, is_new: bool) -> UpdateGuard | None:
    """Return the guard of a test in a run with `--pixel-update`, else None.

    One that `is_new` begins, perhaps again: the test holds no files yet.
    """
    if not item.config.getoption("--pixel-update"):
        return None
    holders = item.config.stash.setdefault(FILE_HOLDERS, {})
    if is_new:
        for file in [file for file, test in holders.items() if test == item.nodeid]:
            del holders[file]
    return UpdateGuard(item.nodeid, holders)
