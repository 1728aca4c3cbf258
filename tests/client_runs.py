"""Run clients of the table under `run`: `python -m tests.client_runs FOLDER CLIENT...`.

The command line runs in a few long-lived processes, since starting Python and importing mitmproxy
takes longer than most clients. Prints a line of JSON for each client that has ended.
"""

import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from tempfile import TemporaryFile

import mitmproxy.addons
import mitmproxy.master  # noqa: F401 - imported once, for all processes

from pixel_emulator.cli.program import main
from pixel_emulator.files.read_write import read_recording
from tests.client_programs import PROGRAMS, prepare
from tests.pixel_site import url


def observe(client: str, folder: Path) -> tuple[str, str, str, str]:
    """Run a client in a folder of its own.

    Returns the client, whether it sees the proxy, whether it trusts the CA, and what stderr stderr.
    """
    folder.mkdir()
    prepare(folder)
    os.chdir(folder)
    os.environ["PIXEL_URL"] = url("Sent")
    with TemporaryFile() as stderr:
        os.dup2(stderr.fileno(), sys.stderr.fileno())
        main(["run", "--record", "calls.yaml", "--", *PROGRAMS[client]])
        sys.stderr.flush()
        stderr.seek(0)
        text = stderr.read().decode(errors="replace")  # some print the GIF
    if "nothing reached the emulator" in text:
        return client, "no", "-", text
    recording = folder / "calls.yaml"
    hits = read_recording(recording).hits if recording.exists() else ()
    return client, "yes", "yes" if hits else "no", text


def _silence_stdout() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run_all(folder: Path, clients: list[str]) -> None:
    """Observe each client, as many at a time as there are processors."""
    with ProcessPoolExecutor(os.cpu_count(), initializer=_silence_stdout) as pool:
        runs = [
            pool.submit(observe, client, folder / str(number))
            for number, client in enumerate(clients)
        ]
        for run in as_completed(runs):
            print(json.dumps(run.result()), flush=True)


if __name__ == "__main__":
    run_all(Path(sys.argv[1]), sys.argv[2:])
