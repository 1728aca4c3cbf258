"""Other servers that can answer a GIF: how each is found and configured.

Those of npm are looked for in the folder that PIXEL_TEST_NODE_MODULES names, as npm's `--prefix`.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from pixel_emulator.core.endpoint.routes import GIF
from tests.benchmarks.client import Target
from tests.benchmarks.peer_settings import (
    HTTPSERVER,
    MOCKSERVER,
    MOCKTTP,
    NGINX,
    NGINX_GIF,
    OPENAPI,
    WIREMOCK,
)
from tests.benchmarks.servers import START_TIMEOUT, free_port, process, wait_for

Command = Callable[[Path, int], list[str]]
"""Writes its settings to a folder and returns the command that serves a port."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A server. `command` is empty if it is not installed; `install` says how to install it.

    `warm` is how many seconds of load it has before it is measured. Without a `gif` its answers
    have another body.
    """

    name: str
    command: Command | None
    install: str
    warm: float = 1
    gif: bytes | None = GIF

    @contextmanager
    def serving(self, folder: Path) -> Iterator[Target]:
        """Run the server on a free port, with its settings in this folder."""
        assert self.command
        port = free_port()
        with process(self.command(folder, port), folder=folder) as running:
            wait_for(port, running)
            target = Target(port, gif=self.gif or b"")
            _wait_for_the_gif(target)
            yield target


def doubles() -> list[Peer]:
    """Return the HTTP test doubles, each with its defaults, a journal included."""
    node, java = os.environ.get("PIXEL_TEST_NODE") or shutil.which("node"), shutil.which("java")
    wiremock = _first("wiremock/build/wiremock-standalone-*.jar")
    mockserver = _first("mockserver-node/mockserver-netty-*.jar")
    mockttp = _first("mockttp/package.json")
    prism = _first("@stoplight/prism-cli/package.json")
    here = importlib.util.find_spec("pytest_httpserver")
    return [
        Peer(f"WireMock {_of_jar(wiremock)}",
             _wiremock(java, wiremock) if java and wiremock else None,
             "npm package wiremock, and Java", warm=10),
        Peer(f"MockServer {_of_jar(mockserver)}",
             _mockserver(java, mockserver) if java and mockserver else None,
             "npm package mockserver-node, and Java", warm=10),
        Peer(f"mockttp {_of_package(mockttp)}",
             _mockttp(node, mockttp) if node and mockttp else None,
             "npm package mockttp", warm=3),
        Peer(f"Prism {_of_package(prism)}",
             _prism(node, prism) if node and prism else None,
             "npm package @stoplight/prism-cli", warm=3, gif=None),
        Peer(f"pytest-httpserver {version('pytest-httpserver') if here else ''}",
             _httpserver if here else None, "uv pip install pytest-httpserver"),
    ]  # fmt: skip


def nginx() -> Peer:
    """nginx with one worker and `empty_gif`; it records nothing."""
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    said = (
        subprocess.run([nginx, "-v"], capture_output=True, text=True, check=True) if nginx else None
    )
    number = said.stderr.partition("/")[2].strip() if said else ""
    return Peer(f"nginx {number} `empty_gif`", _nginx(nginx) if nginx else None,
                "Debian package nginx-light", gif=NGINX_GIF)  # fmt: skip


def _wait_for_the_gif(target: Target) -> None:
    """Wait for the right response: some servers listen before they have read their settings."""
    until, answer = time.monotonic() + START_TIMEOUT, b""
    while time.monotonic() < until:
        with target.connect()() as end:
            end.sendall(next(target.calls(0)))
            answer = b""
            while (more := end.recv(65536)) and target.gif not in (answer := answer + more):
                pass
        if answer.startswith(b"HTTP/1.") and answer[8:13] == b" 200 " and target.gif in answer:
            return
        time.sleep(0.05)
    raise RuntimeError(f"no GIF from port {target.port} but {answer[:400]!r}")


def _first(pattern: str) -> Path | None:
    prefix = os.environ.get("PIXEL_TEST_NODE_MODULES")
    paths = sorted(Path(prefix, "node_modules").glob(pattern)) if prefix else []
    return paths[0] if paths else None


def _of_jar(jar: Path | None) -> str:
    return next((part for part in jar.stem.split("-") if part[0].isdigit()), "") if jar else ""


def _of_package(package: Path | None) -> str:
    return str(json.loads(package.read_text())["version"]) if package else ""


def _written(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


def _wiremock(java: str, jar: Path) -> Command:
    def command(folder: Path, port: int) -> list[str]:
        _written(folder / "wiremock/mappings/gif.json", json.dumps(WIREMOCK))
        where = ["--bind-address", "127.0.0.1", "--root-dir", str(folder / "wiremock")]
        return [java, "-jar", str(jar), "--port", str(port), *where]

    return command


def _mockserver(java: str, jar: Path) -> Command:
    def command(folder: Path, port: int) -> list[str]:
        file = _written(folder / "mockserver.json", json.dumps(MOCKSERVER))
        told = [
            "-Dmockserver.localBoundIP=127.0.0.1",
            f"-Dmockserver.initializationJsonPath={file}",
        ]
        return [java, *told, "-jar", str(jar), "-serverPort", str(port)]

    return command


def _mockttp(node: str, package: Path) -> Command:
    def command(_folder: Path, port: int) -> list[str]:
        return [node, "-e", MOCKTTP, str(package.parent), str(port)]

    return command


def _prism(node: str, package: Path) -> Command:
    def command(folder: Path, port: int) -> list[str]:
        file = _written(folder / "openapi.json", json.dumps(OPENAPI))
        program = str(package.parent / "dist/index.js")
        return [node, program, "mock", "-h", "127.0.0.1", "-p", str(port), file]

    return command


def _httpserver(_folder: Path, port: int) -> list[str]:
    return [sys.executable, "-c", HTTPSERVER, str(port)]


def _nginx(program: str) -> Command:
    def command(folder: Path, port: int) -> list[str]:
        settings = NGINX.replace("FOLDER", str(folder)).replace("PORT", str(port))
        return [program, "-e", "stderr", "-c", _written(folder / "nginx.conf", settings)]

    return command
