"""Which clients of a command's runtime read no proxy variable, for a run that nothing reached."""

import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

PAGE = "docs/clients.md"
_TIMEOUT = 5.0
"""Seconds after which a runtime that does not say its version is left alone."""

_HEAD = 64 * 1024
_GO_BINARY = b"\xff Go buildinf:"
_MOST_OF_A_BINARY = 64 * 1024 * 1024

_PYTHON = (
    "Python's http.client, urllib3, tornado, aiohttp without trust_env=True, and requests and "
    "httpx with trust_env=False read no proxy variable"
)
_GO = "a Go transport of its own reads no proxy variable without Proxy: http.ProxyFromEnvironment"
_FACTS: dict[str, str] = {
    "python": _PYTHON,
    "pypy": _PYTHON,
    "go": _GO,
    "php": "PHP's streams, such as file_get_contents, read no proxy variable; its curl does",
    "perl": "Perl's LWP with env_proxy => 0 reads no proxy variable",
    "tclsh": "Tcl's http reads no proxy variable",
    "bun": "superagent reads no proxy variable in Bun",
}
_WORD = re.compile(r"[^\s;&|()<>'\"`]+")


def silence_hint(commands: Iterable[tuple[str, ...]], environ: Mapping[str, str]) -> str:
    """Return why nothing may have reached the emulator, given what was run; one sentence.

    Each command is its words; a word that holds a whole shell command is looked into, too. A
    script counts as what its first line names. `environ` is that of the commands.
    """
    found = (fact for each in commands for word in each for fact in _facts(word, environ))
    facts = "; ".join(dict.fromkeys(found))
    return f"{facts} ({PAGE})" if facts else f"not every client reads its variables ({PAGE})"


def _facts(text: str, environ: Mapping[str, str]) -> Iterator[str]:
    for word in _WORD.findall(text):
        program = shutil.which(word, path=environ.get("PATH", ""))
        if program is None:
            continue
        names = [(Path(program).name, program)]
        names += [(Path(each).name, each) for each in _interpreter(program)]
        for name, path in names:
            if name in {"node", "nodejs"}:
                yield _node(path, environ)
            elif fact := _FACTS.get(name.rstrip("0123456789.t")):
                yield fact
        if _is_go(program):
            yield _GO


def _interpreter(program: str) -> list[str]:
    """Return the words of the first line of a script; none if it is no script."""
    head = _read(program, _HEAD)
    return head.splitlines()[0][2:].decode(errors="replace").split() if head[:2] == b"#!" else []


def _is_go(program: str) -> bool:
    return _read(program, 4) == b"\x7fELF" and _GO_BINARY in _read(program, _MOST_OF_A_BINARY)


def _read(path: str, size: int) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(size)
    except OSError:
        return b""


def _node(path: str, environ: Mapping[str, str]) -> str:
    try:
        ran = subprocess.run(  # noqa: S603 - what the user ran
            [path, "--version"],
            env=dict(environ),
            check=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
        )
        version = ran.stdout.strip().removeprefix("v")
        numbers = tuple(map(int, version.split(".")[:2]))
    except (OSError, subprocess.SubprocessError, ValueError):
        return "Node reads proxy variables from 22.21 and 24 on only"
    if numbers >= (24, 0) or (22, 21) <= numbers < (23, 0):
        return (
            f"in Node {version} http2, superagent and whatever makes an agent of its own read no "
            "proxy variable"
        )
    return (
        f"Node {version} reads no proxy variable, unlike 22.21 and 24: its fetch, https and http2, "
        "and got, undici, node-fetch, ky and superagent go out directly"
    )
