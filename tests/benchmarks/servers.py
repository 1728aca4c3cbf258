"""Servers under load: the emulator, mitmdump with three lines, and one that does nothing."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pixel_emulator.core.endpoint.routes import GIF
from tests.benchmarks.client import Target

# A user's imports are compiled; without that everything here would measure the compiler.
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
PROGRAM = (sys.executable, "-m", "pixel_emulator")
START_TIMEOUT = 60  # seconds; a JVM on a busy machine takes some
_END_TIMEOUT = 10  # seconds to end after SIGTERM

THREE_LINES = f"""\
from mitmproxy import http
def request(flow):
    flow.response = http.Response.make(200, {GIF!r}, {{"Content-Type": "image/gif"}})
"""

_TRIVIAL = f"""\
import select, socket, ssl, sys
answer = b"HTTP/1.1 200 OK\\r\\nContent-Length: {len(GIF)}\\r\\n\\r\\n" + {GIF!r}
context = None
if len(sys.argv) > 2:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(sys.argv[2])
    context.num_tickets = 0  # nobody reads them, and closing on unread bytes is a reset
listener, poll, ends = socket.create_server(("127.0.0.1", int(sys.argv[1]))), select.epoll(), {{}}
poll.register(listener.fileno(), select.EPOLLIN)
while True:
    for number, _ in poll.poll():
        if number == listener.fileno():
            end = listener.accept()[0]
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context:
                end.recv(65536)
                end.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\n")
                end = context.wrap_socket(end, server_side=True)
            poll.register(end.fileno(), select.EPOLLIN)
            ends[end.fileno()] = end
        else:
            try:
                if ends[number].recv(65536):
                    ends[number].sendall(answer)
                    continue
            except OSError:  # wrk hangs up in the middle
                pass
            poll.unregister(number)
            ends.pop(number).close()
"""


class Emulator:
    """A running `serve`."""

    def __init__(self, ready: dict[str, Any], record: Path | None) -> None:
        self.pid: int = ready["pid"]
        self.plain = Target(ready["port"], pid=self.pid)
        self.proxy = Target(ready["port"], Path(ready["ca"]), pid=self.pid)
        self._record = record

    def recorded(self) -> int:
        """Return the number of calls in the recording."""
        assert self._record
        count, rest = 0, b""
        with self._record.open("rb") as file:
            while chunk := file.read(1 << 24):
                rest += chunk
                count += rest.count(b"\n- seq: ")
                rest = rest[-7:]  # too short to be counted twice
        return count

    def resident(self) -> float:
        """Return the resident memory in MB (Linux)."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024


@contextmanager
def emulator(folder: Path, *arguments: str, record: bool = True) -> Iterator[Emulator]:
    """`pixel-emulator serve`, recording to a file in this folder."""
    file = folder / f"calls{''.join(arguments).replace('/', '_')}.yaml" if record else None
    recording = ["--record", str(file)] if file else []
    command = [*PROGRAM, "serve", "--port", "0", "--json", *recording, *arguments]
    with process(command, stdout=subprocess.PIPE) as running:
        assert running.stdout
        yield Emulator(json.loads(running.stdout.readline()), file)


@contextmanager
def mitmdump(folder: Path) -> Iterator[Target]:
    """Run mitmdump without output, with an addon of three lines that answers the GIF."""
    script, authority = folder / "three_lines.py", folder / "mitmdump"
    script.write_text(THREE_LINES)
    port = free_port()
    options = [f"confdir={authority}", "connection_strategy=lazy", "listen_host=127.0.0.1"]
    settings = [word for option in options for word in ("--set", option)]
    program = str(Path(sys.executable).with_name("mitmdump"))
    with process([program, "-q", "-p", str(port), *settings, "-s", str(script)]) as running:
        wait_for(port, running)
        yield Target(port, authority / "mitmproxy-ca-cert.pem", pid=running.pid)


@contextmanager
def trivial(pem: Path | None = None, ca: Path | None = None) -> Iterator[Target]:
    """Run a loop that answers every request with the GIF; with a certificate, as a proxy."""
    port = free_port()
    command = [sys.executable, "-c", _TRIVIAL, str(port), *([str(pem)] if pem else [])]
    with process(command) as running:
        wait_for(port, running)
        yield Target(port, ca)


@contextmanager
def process(
    command: Sequence[str], *, stdout: int = subprocess.DEVNULL, folder: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process in a group of its own; the whole group ends with the context.

    It runs in `folder`, so that its files are removed with that.
    """
    with subprocess.Popen(
        command,
        env=ENVIRONMENT,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as running:
        try:
            yield running
        finally:
            running.terminate()  # so that it can clean up
            with suppress(subprocess.TimeoutExpired):
                running.wait(_END_TIMEOUT)
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, in seconds (Linux)."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """Return a free port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def wait_for(port: int, running: subprocess.Popen[bytes]) -> None:
    """Wait until the port is served. Raises RuntimeError if the process ends or takes too long."""
    until = time.monotonic() + START_TIMEOUT
    while time.monotonic() < until:
        if running.poll() is not None:
            raise RuntimeError(f"{running.args!r} ended with exit code {running.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=START_TIMEOUT).close()
        except ConnectionRefusedError:
            time.sleep(0.05)  # other servers do not signal readiness
        else:
            return
    raise RuntimeError(f"{running.args!r} does not serve port {port} after {START_TIMEOUT} seconds")
