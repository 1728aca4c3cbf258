"""`uv run python -m tests.benchmarks`: start-up times and memory, as ratios in one run."""

import base64
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

RUNS = 7
CALLS = 10_000
# A user's imports are compiled; without that everything here would measure the compiler.
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
PROGRAM = [sys.executable, "-m", "pixel_emulator"]
TARGET = "/v1/pixel/track?userId=user_1&event=Email%20Opened&writeKey=wk_test_0000"


def main() -> None:
    """Print the table; every figure is a median of alternating runs."""
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {RUNS} runs each\n")
    print("| what | against | seconds | seconds | ratio | goal |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        mail = Path(folder) / "mail.html"
        mail.write_text(f'<img src="https://api.segment.io{TARGET}">')
        light = importing("yaml, typer, rich")
        row("serve is ready", "import mitmproxy.tools.dump", served, importing(_DUMP), 1.5)
        row("decode URL", "import yaml, typer, rich", running("decode", TARGET), light, 1.5)
        row("check mail.html", "import yaml, typer, rich", running("check", str(mail)), light, 1.5)
        print(f"\nmemory of {CALLS:,} calls of about 25 values, over the idle proxy:")
        for arguments in ([], ["--record", f"{folder}/out.yaml"]):
            grown, rate = memory(arguments)
            print(f"  {grown:.0f} MB ({rate:.0f} calls/s) serve {' '.join(arguments)}")


_DUMP = "mitmproxy.tools.dump"


def row(what: str, against: str, ours: Any, theirs: Any, goal: float) -> None:
    """Time two things in turn, and print their medians."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(RUNS):
        for each, taken in zip((ours, theirs), times, strict=True):
            taken.append(each())
    mine, other = map(statistics.median, times)
    print(f"| {what} | {against} | {mine:.3f} | {other:.3f} | {mine / other:.2f} | {goal} |")


def running(*arguments: str) -> Callable[[], float]:
    """How long the program takes with these arguments."""
    return lambda: _time([*PROGRAM, *arguments])


def importing(modules: str) -> Callable[[], float]:
    """How long a Python takes that only imports these."""
    return lambda: _time([sys.executable, "-W", "ignore", "-c", f"import {modules}"])


def _time(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, env=ENVIRONMENT, capture_output=True, check=False)
    return time.perf_counter() - start


@contextmanager
def emulator(*arguments: str) -> Iterator[dict[str, Any]]:
    """A running `serve`: what its ready line says."""
    command = [*PROGRAM, "serve", "--port", "0", "--json", *arguments]
    with subprocess.Popen(
        command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout
        yield json.loads(process.stdout.readline())
        process.terminate()


def served() -> float:
    """How long `serve` takes to be ready."""
    start = time.perf_counter()
    with emulator():
        return time.perf_counter() - start


def memory(arguments: list[str]) -> tuple[float, float]:
    """Megabytes that the calls take, and calls per second over one plain connection."""
    with (
        emulator(*arguments) as ready,
        socket.create_connection(("127.0.0.1", ready["port"]), timeout=30) as client,
    ):
        send(client, range(100))
        idle = resident(ready["pid"])
        start = time.perf_counter()
        send(client, range(100, CALLS + 100))
        return resident(ready["pid"]) - idle, CALLS / (time.perf_counter() - start)


def send(client: socket.socket, numbers: range) -> None:
    """Make one call for each number and wait for its GIF."""
    for number in numbers:
        client.sendall(request(number, client.getpeername()[1]))
        while not client.recv(65536).endswith(b";"):
            pass


def request(number: int, port: int) -> bytes:
    """A call as a browser makes it."""
    payload = {
        "writeKey": "wk_test_00000000000000000000",
        "userId": f"user_{number}",
        "event": "Email Opened",
        "messageId": f"message-{number}",
        "properties": {f"key_{n}": f"value {n} of {number}" for n in range(14)},
        "context": {"traits": {"email": "a@example.com"}, "campaign": {"name": "x", "source": "y"},
                    "app": {"name": "mailer", "version": "1.2.3"}},
    }  # fmt: skip
    data = base64.urlsafe_b64encode(json.dumps(payload).encode()).decode()
    headers = {
        "Host": f"127.0.0.1:{port}",
        "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Safari/537.36",
        "Accept": "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
        "Accept-Language": "en-US,en;q=0.9",
        "Accept-Encoding": "gzip, deflate, br",
        "Sec-Fetch-Dest": "image",
        "Sec-Fetch-Mode": "no-cors",
        "Sec-Fetch-Site": "cross-site",
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"GET /v1/pixel/track?data={data} HTTP/1.1\r\n{lines}\r\n".encode()


def resident(pid: int) -> float:
    """The megabytes that a process has in memory (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main()
