"""However it is killed, and however connections end meanwhile: each answered call is recorded.

`PIXEL_TEST_KILLS=200` kills as often; `PIXEL_TEST_SEED` makes them others.
"""

import json
import os
import random
import signal
import ssl
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from pixel_emulator.files.read_write import read_recording
from pixel_emulator.proxy.emulator import Emulator
from tests.connection_ends import (
    PLAIN_ENDS,
    TLS_ENDS,
    End,
    RawConnection,
    half_closes,
    sends_close_notify,
    times_out,
)
from tests.programs import SERVE
from tests.wire import TIMEOUT, ask, connect, get

pytestmark = pytest.mark.thorough

KILLS = int(os.environ.get("PIXEL_TEST_KILLS", "4"))
SEED = int(os.environ.get("PIXEL_TEST_SEED", "0"))
SEGMENT = "api.segment.io"
GIF = b"GIF89a"
CLIENTS = 4
NOBODY = cast("Emulator", None)  # it is another process
LOADS: tuple[End, ...] = (
    *(each for each in TLS_ENDS if each is not times_out),
    *(half_closes, sends_close_notify) * 2,
)


@dataclass
class Load:
    """What clients asked and heard, until one of them has heard enough and kills."""

    port: int
    ca: Path
    enough: int
    kill: Callable[[], None]
    number: int
    answered: list[str] = field(default_factory=list)
    ends: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    killed: bool = False

    def run(self, number: int) -> None:
        """One client, connection after connection."""
        dice, made = random.Random(f"{SEED} {self.number} {number}"), 0
        while not self.killed:
            with suppress(ConnectionError, ssl.SSLError, AssertionError, ValueError):  # killed
                asked = [f"{number}-{made + each}" for each in range(dice.randrange(1, 5))]
                made += len(asked)
                self._connect(dice, asked)

    def _connect(self, dice: random.Random, asked: list[str]) -> None:
        end = dice.choice(LOADS)
        through_tls = end not in PLAIN_ENDS or dice.random() < 0.6
        with connect(self.port) as client:
            if dice.random() < 0.5:
                ask(client, f"CONNECT {SEGMENT}:443 HTTP/1.1\r\n\r\n".encode())
            connection = RawConnection(client)
            if through_tls:
                connection.start_tls(self.ca)
            self._ask(connection, asked, end, waits_first=dice.random() < 0.5)

    def _ask(
        self, connection: RawConnection, asked: list[str], end: End, *, waits_first: bool
    ) -> None:
        first, *more = (
            get(f"/v1/pixel/track?writeKey=wk_test_0000&userId=u1&event={each}", SEGMENT)
            for each in asked
        )
        heard = b""
        if waits_first:  # so that the others come on the fast way
            connection.send(first)
            while GIF not in heard and (data := connection.receive()):
                heard += data
            first = b""
        heard += end(NOBODY, connection, b"".join([first, *more]))
        self._note(asked[: heard.count(GIF)], end)

    def _note(self, answered: list[str], end: End) -> None:
        with self.lock:
            self.answered += answered
            self.ends[end.__name__] = self.ends.get(end.__name__, 0) + 1
            if len(self.answered) >= self.enough and not self.killed:
                self.killed = True
                self.kill()


@pytest.mark.parametrize("number", range(KILLS))
def test_no_answered_call_is_lost(number: int, tmp_path: Path):
    dice = random.Random(f"kill {SEED} {number}")
    recording = tmp_path / "calls.yaml"
    flags = ["--no-fast-path"] if number % 4 == 3 else []
    with subprocess.Popen(
        [*SERVE, "--record", str(recording), *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as served:
        assert served.stdout
        ready = json.loads(served.stdout.readline())
        enough = dice.randrange(1, 60)
        load = Load(ready["port"], Path(ready["ca"]), enough, served.kill, number)
        clients = [threading.Thread(target=load.run, args=(each,)) for each in range(CLIENTS)]
        for each in clients:
            each.start()
        for each in clients:
            each.join(TIMEOUT * 6)
        assert served.wait(TIMEOUT) == -signal.SIGKILL
    content = read_recording(recording)
    recorded = [(hit.call.payload or {}).get("event") for hit in content.hits if hit.call]
    assert len(load.answered) >= load.enough
    assert not {*load.answered} - {*recorded}
    assert len(recorded) == len({*recorded})
    with (Path(os.environ.get("PIXEL_TEST_KILLS_LOG", os.devnull))).open("a") as log:
        counts = {"answered": len(load.answered), "recorded": len(recorded), "ends": load.ends}
        log.write(json.dumps(counts) + "\n")
