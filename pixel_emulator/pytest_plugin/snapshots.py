"""Files that hold what happened: scenarios that `--pixel-update` rewrites, and recordings."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pixel_emulator import files
from pixel_emulator.core.calls import JSON, Evidence
from pixel_emulator.core.drafts.draft import draft
from pixel_emulator.core.drafts.judged import Judged
from pixel_emulator.core.drafts.update import update
from pixel_emulator.core.grammar.scenario import parse
from pixel_emulator.core.mistakes import Document, InputError, Mistake
from pixel_emulator.core.scenarios.model import Scenario
from pixel_emulator.core.verdicts.verdict import Verdict
from pixel_emulator.core.verdicts.verify import verify
from pixel_emulator.documents import parse_document
from pixel_emulator.scenario_files import load_scenarios, load_text
from pixel_emulator.session import Session
from pixel_emulator.spans import read_source

_FORBIDDEN = str.maketrans(dict.fromkeys("<>?%*:|\"'/\\", "-"))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A scenario file with the values of its variables."""

    file: str
    given: Mapping[str, JSON]

    @property
    def is_missing(self) -> bool:
        """Whether there is no such file."""
        return not Path(self.file).exists()

    def rewrite(self, evidence: Evidence) -> Verdict | None:
        """Rewrite the file to what happened, or draft it; the verdict on it as it is then.

        None where nothing is accepted, because calls may be missing. Raises InputError.
        """
        if evidence.gaps:
            return None
        if self.is_missing:
            files.write_new(self.file, draft(evidence.hits, name=Path(self.file).stem))
            return verify(load_scenarios([self.file], given=self.given), evidence)

        def judge(text: str) -> Judged:
            scenarios = load_text(text, self.file, given=self.given)
            return Judged(read_source(text, self.file), verify(scenarios, evidence))

        old = files.read_text(self.file)
        new = update(old, judge)
        if new.text != old:
            files.overwrite(self.file, new.text)
        return new.judged.verdict


def recording_path(test_file: Path, folder: str, name: str, session: str) -> Path:
    """Where the recording of a test stands, named as pytest-recording names its cassettes; that of
    a further `session` says which."""
    named = f"{name}@{session}" if session else name
    return test_file.parent / folder / test_file.stem / f"{named.translate(_FORBIDDEN)}.yaml"


def compared(path: Path, session: Session, *, update: bool) -> tuple[Scenario, ...]:
    """The recording of a test as a scenario; a missing one is written, and so with `update`.

    Raises InputError where it is missing in CI, or cannot be read or written.
    """
    shown = os.path.relpath(path)
    if not path.exists() and os.environ.get("CI") and not update:
        how = "run the test with --pixel-update, and commit the file"
        raise InputError(Mistake(f"there is no recording {shown}: {how}"))
    if update or not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        session.save(path)
        return ()
    text = draft(files.read_recording(path).hits, name="as recorded")
    # The lines of the draft are those of no file.
    return parse(Document(shown, parse_document(text, shown).data, {}))
