"""An emulator on which tests run scenarios."""

import os
from pathlib import Path

from pixel_emulator.command.environment import command_environment
from pixel_emulator.core.verification.verify import verify
from pixel_emulator.files.read_write import read_recording
from pixel_emulator.files.scenario_loader import load_scenarios
from pixel_emulator.proxy.emulator import Emulator
from pixel_emulator.runner.actions import ActionContext
from pixel_emulator.runner.runner import Runner
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.recording_writer import open_recording
from pixel_emulator.runtime.settings import Settings
from pixel_emulator.trust.stores import TrustStores
from tests.programs import CHROMIUM


class ScenarioEmulator:
    """An emulator that records into a folder, and a runner of scenarios on it."""

    def __init__(self, folder):
        self.folder = folder
        self.recording = folder / "out.yaml"
        settings = Settings(port=0, record=str(self.recording))
        self.journal = Journal(settings, sink=open_recording(settings))
        self.emulator = Emulator(settings, self.journal)

    def __enter__(self):
        emulator = self.emulator.__enter__()
        command = command_environment(
            os.environ,
            proxy=emulator.proxy,
            spki=emulator.authority.spki,
            stores=TrustStores(emulator.directory, emulator.authority.ca),
            hosts=emulator.settings.hosts,
        )
        access = ActionContext(
            proxy=emulator.proxy,
            ca=emulator.authority.ca,
            spki=emulator.authority.spki,
            hosts=emulator.settings.hosts,
            environ=command.applied_to(os.environ),
            browser=Path(CHROMIUM) if CHROMIUM else None,
        )
        self.runner = Runner(self.journal, access, lambda: emulator.drain(5))
        return self

    def __exit__(self, *error):
        self.emulator.__exit__(*error)
        self.journal.close()

    def run(self, *texts, **given):
        """Run the scenarios of these texts."""
        self.scenarios = load_scenarios(self._files(texts), given=given)
        return self.runner.run_all(self.scenarios)

    def _files(self, texts):
        for number, text in enumerate(texts):
            path = self.folder / f"s{number}.yaml"
            path.write_text(text)
            yield path

    def offline(self):
        """Stop the emulator and return the verdict on its recording."""
        self.__exit__(None, None, None)
        return verify(self.scenarios, read_recording(self.recording).evidence())
