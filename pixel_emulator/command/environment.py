"""The variables that lead a command's clients to the emulator and make them trust it."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pixel_emulator.command.config_files import config_files
from pixel_emulator.trust import stores as java_trust
from pixel_emulator.trust.stores import STANDARD, TrustStores, unreadable_warning

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
# A client that prefers these would not reach us, and a socks or ftp client could not use us.
_REMOVED = ("ALL_PROXY", "all_proxy")
_EXCEPTIONS = ("NO_PROXY", "no_proxy")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")

# Each replaces the trust store of its clients. Behind it: what these read where it is not set.
_REPLACING: dict[str, tuple[str, ...]] = {
    "SSL_CERT_FILE": (),  # OpenSSL, Python, httpx, aiohttp, Ruby, Go on Linux
    "NIX_SSL_CERT_FILE": ("SSL_CERT_FILE",),
    "CURL_CA_BUNDLE": ("SSL_CERT_FILE",),
    "REQUESTS_CA_BUNDLE": ("CURL_CA_BUNDLE",),
    "PIP_CERT": ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    "AWS_CA_BUNDLE": ("REQUESTS_CA_BUNDLE",),
    "HTTPLIB2_CA_CERTS": (),
    "GIT_SSL_CAINFO": (),
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": (),
    "CARGO_HTTP_CAINFO": ("SSL_CERT_FILE",),
    "PERL_LWP_SSL_CA_FILE": ("HTTPS_CA_FILE", "PERL_LWP_SSL_CA_PATH", "HTTPS_CA_DIR"),
    "SYSTEM_CERTIFICATE_PATH": (),  # Haskell's tls
}
# These add to the trust store of their clients.
_ADDING = ("NODE_EXTRA_CA_CERTS", "DENO_CERT")


@dataclass(frozen=True, slots=True)
class CommandEnvironment:
    """What to change in an environment: values to set, None to unset; and what to tell the user."""

    variables: dict[str, str | None]
    warnings: tuple[str, ...]

    def applied_to(self, environ: Mapping[str, str]) -> dict[str, str]:
        """A copy of `environ` with the changes made."""
        merged = {**environ, **self.variables}
        return {name: value for name, value in merged.items() if value is not None}


def command_environment(
    environ: Mapping[str, str],
    *,
    proxy: str,
    spki: str,
    stores: TrustStores,
    hosts: Iterable[str],
) -> CommandEnvironment:
    """What a command needs in its environment for its pixels to come here.

    `proxy` is the emulator's URL, `spki` the hash that browsers take, `hosts` are emulated.
    A trust store of theirs that cannot be read is a warning, and the standard one takes its place.
    """
    emulated = tuple(hosts)
    theirs = {name: _trusted(environ, name) for name in (*_REPLACING, *_ADDING)}
    bundles = {places: stores.pem_bundle_or_standard(places) for places in theirs.values()}
    files = config_files(
        environ,
        proxy=proxy,
        stores=stores,
        exceptions=lambda entries: _exceptions({"NO_PROXY": entries}, "NO_PROXY", emulated),
    )
    keystore, java_warning = _keystore(stores, environ)
    variables: dict[str, str | None] = {
        **dict.fromkeys(_PROXIES, proxy),
        **dict.fromkeys(_REMOVED),
        **{name: _exceptions(environ, name, emulated) for name in _EXCEPTIONS},
        "NODE_USE_ENV_PROXY": "1",
        "PERL_LWP_ENV_PROXY": "1",
        **{name: str(bundles[places][0]) for name, places in theirs.items()},
        **files.variables,
        **_java_options(environ, proxy, keystore),
        "PIXEL_EMULATOR_URL": proxy,
        "PIXEL_EMULATOR_PROXY": proxy,
        "PIXEL_EMULATOR_CA": str(stores.ca),
        "PIXEL_EMULATOR_BUNDLE": str(stores.pem_bundle((STANDARD,))),
        "PIXEL_EMULATOR_SPKI": spki,
    }
    warnings = [
        *_about_proxies(environ, emulated),
        *(warning for _, warning in bundles.values()),
        *files.warnings,
        java_warning,
    ]
    return CommandEnvironment(variables, tuple(dict.fromkeys(filter(None, warnings))))


def shell_exports(variables: Mapping[str, str | None]) -> str:
    """The changes as lines that any POSIX shell can evaluate."""
    return "".join(
        f"unset {name}\n" if value is None else f"export {name}={shlex.quote(value)}\n"
        for name, value in variables.items()
    )


def browser_flags(proxy: str, spki: str) -> list[str]:
    """The flags that a Chromium needs, since it reads no CA variable."""
    return [f"--proxy-server={proxy}", f"--ignore-certificate-errors-spki-list={spki}"]


def _about_proxies(environ: Mapping[str, str], hosts: tuple[str, ...]) -> list[str]:
    replaced = [name for name in (*_PROXIES, *_REMOVED) if environ.get(name)][:1]
    entries = [entry for name in _EXCEPTIONS for entry in _entries(environ, name)]
    return [
        *(
            f"{name} is replaced for the command: other hosts are reached without your proxy"
            for name in replaced
        ),
        *(
            f'NO_PROXY: "{entry}" would hide calls from the emulator; the command runs without it'
            for entry in entries
            if _defeats(entry, hosts)
        ),
    ]


def _entries(environ: Mapping[str, str], name: str) -> list[str]:
    """The entries of a NO_PROXY; clients that do not find their spelling take the other one."""
    value = environ.get(name) or environ.get(name.swapcase()) or ""
    return value.replace(",", " ").split()


def _exceptions(environ: Mapping[str, str], name: str, hosts: tuple[str, ...]) -> str:
    """The user's entries without those that would defeat the emulator, and the loopback."""
    loopback = (host for host in _LOOPBACK if host not in hosts)
    kept = (entry for entry in _entries(environ, name) if not _defeats(entry, hosts))
    return ",".join(dict.fromkeys((*kept, *loopback)))


def _defeats(entry: str, hosts: tuple[str, ...]) -> bool:
    """Whether any client would read the entry as a match for one of the hosts."""
    name = re.sub(r":\d+$", "", entry.lower()).rstrip(".").lstrip("*.")
    return any(host.lower().endswith(name) for host in hosts)  # as requests does: no whole labels


def _trusted(environ: Mapping[str, str], variable: str) -> tuple[str, ...]:
    """What the clients that read `variable` trust now: files, directories or `STANDARD`."""
    for name in (variable, *_REPLACING.get(variable, ())):
        value = environ.get(name)
        if name == "SSL_CERT_FILE":  # OpenSSL reads both, and passes over missing directories
            folders = environ.get("SSL_CERT_DIR", "").split(os.pathsep)
            return (
                value or STANDARD,
                *(folder for folder in folders if Path(folder or "/-").is_dir()),
            )
        if value:
            return (value,)
    return (STANDARD,) if variable in _REPLACING else ()


def _keystore(stores: TrustStores, environ: Mapping[str, str]) -> tuple[Path, str]:
    theirs = java_trust.current_keystore(environ)
    try:
        return stores.java_truststore(theirs), ""
    except (OSError, ValueError) as error:
        return stores.java_truststore(None), unreadable_warning(
            theirs.path if theirs else "", error
        )


def _java_options(environ: Mapping[str, str], proxy: str, keystore: Path) -> dict[str, str]:
    """The user's options, then ours: of two equal ones the JVM takes the last.

    What the launcher of a JDK reads comes behind what the JVM reads, so ours stand there, too.
    """
    address = urlsplit(proxy)
    ours = (
        *(
            f"-D{scheme}.{setting}={value}"
            for scheme in ("http", "https")
            for setting, value in (("proxyHost", address.hostname), ("proxyPort", address.port))
        ),
        "-Dhttp.nonProxyHosts=localhost|127.*|[::1]",
        f'"-Djavax.net.ssl.trustStore={keystore}"',
        "-Djavax.net.ssl.trustStoreType=PKCS12",
        "-Djavax.net.ssl.trustStorePassword=",
    )
    theirs = {"JAVA_TOOL_OPTIONS": ""}
    theirs |= {name: environ[name] for name in java_trust.JAVA_OPTIONS_VARIABLES if name in environ}
    return {name: " ".join([value, *ours]).strip() for name, value in theirs.items()}


DOCS_PAGE = "docs/clients.md"
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
    found = (fact for command in commands for word in command for fact in _facts(word, environ))
    facts = "; ".join(dict.fromkeys(found))
    return (
        f"{facts} ({DOCS_PAGE})" if facts else f"not every client reads its variables ({DOCS_PAGE})"
    )


def _facts(text: str, environ: Mapping[str, str]) -> Iterator[str]:
    for word in _WORD.findall(text):
        program = shutil.which(word, path=environ.get("PATH", ""))
        if program is None:
            continue
        names = [(Path(program).name, program)]
        names += [(Path(word).name, word) for word in _interpreter(program)]
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
