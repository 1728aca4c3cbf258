"""Environment variables that make a command's clients use the emulator as proxy and trust it."""

import json
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
from pixel_emulator.core.errors import InputError, InputIssue
from pixel_emulator.trust import stores as java_trust
from pixel_emulator.trust.stores import STANDARD, TrustStores, unreadable_warning

_PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
# A client that prefers these would bypass the emulator, which speaks neither SOCKS nor FTP.
_REMOVED_VARIABLES = ("ALL_PROXY", "all_proxy")
_NO_PROXY_VARIABLES = ("NO_PROXY", "no_proxy")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")

# Each replaces the trust store of its clients. The values are the variables that the clients read
# if it is not set.
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
# These add certificates to the trust store of their clients.
_ADDING = ("NODE_EXTRA_CA_CERTS", "DENO_CERT")


@dataclass(frozen=True, slots=True)
class CommandEnvironment:
    """Changes of an environment (None unsets a variable), and warnings for the user."""

    variables: dict[str, str | None]
    warnings: tuple[str, ...]

    def applied_to(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return a copy of `environ` with the changes."""
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
    """Return the changes of a command's environment that lead its pixels to the emulator.

    `proxy` is the emulator's URL, `spki` the public key's hash for browsers, `hosts` are the
    emulated ones. A trust store of the user's that cannot be read is replaced by the standard one,
    with a warning.
    """
    emulated = tuple(hosts)
    sources = {name: _trust_sources(environ, name) for name in (*_REPLACING, *_ADDING)}
    bundles = {paths: stores.pem_bundle_or_standard(paths) for paths in sources.values()}
    files = config_files(
        environ,
        proxy=proxy,
        stores=stores,
        exceptions=lambda entries: _no_proxy({"NO_PROXY": entries}, "NO_PROXY", emulated),
    )
    keystore, java_warning = _keystore(stores, environ)
    variables: dict[str, str | None] = {
        **dict.fromkeys(_PROXY_VARIABLES, proxy),
        **dict.fromkeys(_REMOVED_VARIABLES),
        **{name: _no_proxy(environ, name, emulated) for name in _NO_PROXY_VARIABLES},
        "NODE_USE_ENV_PROXY": "1",
        "PERL_LWP_ENV_PROXY": "1",
        **{name: str(bundles[paths][0]) for name, paths in sources.items()},
        **files.variables,
        **_java_options(environ, proxy, keystore),
        "PIXEL_EMULATOR_URL": proxy,
        "PIXEL_EMULATOR_PROXY": proxy,
        "PIXEL_EMULATOR_CA": str(stores.ca),
        "PIXEL_EMULATOR_BUNDLE": str(stores.pem_bundle((STANDARD,))),
        "PIXEL_EMULATOR_SPKI": spki,
    }
    warnings = [
        *_proxy_warnings(environ, emulated),
        *(warning for _, warning in bundles.values()),
        *files.warnings,
        java_warning,
    ]
    return CommandEnvironment(variables, tuple(dict.fromkeys(filter(None, warnings))))


def shell_exports(variables: Mapping[str, str | None]) -> str:
    """Return the changes as lines for a POSIX shell."""
    return "".join(
        f"unset {name}\n" if value is None else f"export {name}={shlex.quote(value)}\n"
        for name, value in variables.items()
    )


def fish_exports(variables: Mapping[str, str | None]) -> str:
    """Return the changes as lines for fish."""

    def quoted(value: str) -> str:
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"'{escaped}'"

    return "".join(
        f"set -e {name}\n" if value is None else f"set -gx {name} {quoted(value)}\n"
        for name, value in variables.items()
    )


def dotenv_lines(variables: Mapping[str, str | None]) -> str:
    """Return the changes as a dotenv file; what is to be unset is empty there."""
    return "".join(f"{name}={shlex.quote(value or '')}\n" for name, value in variables.items())


def json_object(variables: Mapping[str, str | None]) -> str:
    """Return the changes as JSON; what is to be unset is null."""
    return json.dumps(variables, indent=2) + "\n"


def github_lines(variables: Mapping[str, str | None]) -> str:
    """Return the changes as lines for the file in GITHUB_ENV; what is to be unset is empty there.

    Raises InputError for a value with a line break: it could set other variables.
    """
    lines = {name: value or "" for name, value in variables.items()}
    for name, value in lines.items():
        if "\n" in value or "\r" in value:
            message = f"{name} has a line break, and a line of GITHUB_ENV holds none: change it"
            raise InputError(InputIssue(message))
    return "".join(f"{name}={value}\n" for name, value in lines.items())


FORMATS = {
    "sh": shell_exports,
    "fish": fish_exports,
    "dotenv": dotenv_lines,
    "json": json_object,
    "github": github_lines,
}
"""Ways to write the changes of an environment, by name."""


def browser_flags(proxy: str, spki: str) -> list[str]:
    """Return the flags for a Chromium, which reads no CA variable."""
    return [f"--proxy-server={proxy}", f"--ignore-certificate-errors-spki-list={spki}"]


def _proxy_warnings(environ: Mapping[str, str], hosts: tuple[str, ...]) -> list[str]:
    replaced = [name for name in (*_PROXY_VARIABLES, *_REMOVED_VARIABLES) if environ.get(name)][:1]
    entries = [entry for name in _NO_PROXY_VARIABLES for entry in _entries(environ, name)]
    return [
        *(
            f"{name} is replaced for the command: other hosts are reached without your proxy"
            for name in replaced
        ),
        *(
            f'NO_PROXY: "{entry}" would hide calls from the emulator; the command runs without it'
            for entry in entries
            if _matches_any_host(entry, hosts)
        ),
    ]


def _entries(environ: Mapping[str, str], name: str) -> list[str]:
    """Return the entries of a NO_PROXY. If it is not set, clients read the other spelling."""
    value = environ.get(name) or environ.get(name.swapcase()) or ""
    return value.replace(",", " ").split()


def _no_proxy(environ: Mapping[str, str], name: str, hosts: tuple[str, ...]) -> str:
    """Return a NO_PROXY: loopback hosts and the user's entries that match no emulated host."""
    loopback = (host for host in _LOOPBACK if host not in hosts)
    kept = (entry for entry in _entries(environ, name) if not _matches_any_host(entry, hosts))
    return ",".join(dict.fromkeys((*kept, *loopback)))


def _matches_any_host(entry: str, hosts: tuple[str, ...]) -> bool:
    """Return True if any client would take the entry as a match for one of the hosts."""
    name = re.sub(r":\d+$", "", entry.lower()).rstrip(".").lstrip("*.")
    return any(host.lower().endswith(name) for host in hosts)  # as requests does, across labels


def _trust_sources(environ: Mapping[str, str], variable: str) -> tuple[str, ...]:
    """Return the trust stores of clients that read `variable`: files, directories, `STANDARD`."""
    for name in (variable, *_REPLACING.get(variable, ())):
        value = environ.get(name)
        if name == "SSL_CERT_FILE":  # OpenSSL reads both, and skips missing directories
            folders = environ.get("SSL_CERT_DIR", "").split(os.pathsep)
            return (
                value or STANDARD,
                *(folder for folder in folders if Path(folder or "/-").is_dir()),
            )
        if value:
            return (value,)
    return (STANDARD,) if variable in _REPLACING else ()


def _keystore(stores: TrustStores, environ: Mapping[str, str]) -> tuple[Path, str]:
    current = java_trust.current_keystore(environ)
    try:
        return stores.java_truststore(current), ""
    except (OSError, ValueError) as error:
        return stores.java_truststore(None), unreadable_warning(
            current.path if current else "", error
        )


def _java_options(environ: Mapping[str, str], proxy: str, keystore: Path) -> dict[str, str]:
    """Return the user's options followed by ours: the JVM uses the last of equal options.

    The options of a JDK's launcher come after those of the JVM, so ours are added to both.
    """
    address = urlsplit(proxy)
    added = (
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
    existing = {"JAVA_TOOL_OPTIONS": ""}
    existing |= {
        name: environ[name] for name in java_trust.JAVA_OPTIONS_VARIABLES if name in environ
    }
    return {name: " ".join([value, *added]).strip() for name, value in existing.items()}


_TIMEOUT = 5.0
"""Seconds that a runtime may take to print its version."""

_HEAD = 64 * 1024
_GO_BINARY = b"\xff Go buildinf:"
_MAX_BINARY = 64 * 1024 * 1024

_PYTHON = (
    "Python's http.client, urllib3, tornado, aiohttp without trust_env=True, and requests and "
    "httpx with trust_env=False read no proxy variable"
)
_GO = "a Go transport of its own reads no proxy variable without Proxy: http.ProxyFromEnvironment"
_CLIENT_FACTS: dict[str, str] = {
    "python": _PYTHON,
    "pypy": _PYTHON,
    "go": _GO,
    "php": "PHP's streams, such as file_get_contents, read no proxy variable; its curl does",
    "perl": "Perl's LWP with env_proxy => 0 reads no proxy variable",
    "tclsh": "Tcl's http reads no proxy variable",
    "bun": "superagent reads no proxy variable in Bun",
}
_NO_PROXY = re.compile(r"\bcurl\b.*\s--noproxy\b", re.DOTALL)
_WORD = re.compile(r"[^\s;&|()<>'\"`]+")


def silence_hint(commands: Iterable[tuple[str, ...]], environ: Mapping[str, str]) -> str:
    """Return why nothing may have reached the emulator, given the commands run, or "".

    Each command is a tuple of words; a word may itself be a shell command. A script counts as the
    interpreter in its first line. `environ` is the environment of the commands.
    """
    facts: dict[str, None] = {}
    for command in commands:
        if _NO_PROXY.search(" ".join(command)):
            facts["curl's --noproxy keeps it from the proxy"] = None
        facts |= dict.fromkeys(fact for word in command for fact in _client_facts(word, environ))
    return "; ".join(facts)


def _client_facts(text: str, environ: Mapping[str, str]) -> Iterator[str]:
    for word in _WORD.findall(text):
        program = shutil.which(word, path=environ.get("PATH", ""))
        if program is None:
            continue
        names = [(Path(program).name, program)]
        names += [(Path(word).name, word) for word in _interpreter(program)]
        for name, path in names:
            if name in {"node", "nodejs"}:
                yield _node(path, environ)
            elif fact := _CLIENT_FACTS.get(name.rstrip("0123456789.t")):
                yield fact
        if _is_go(program):
            yield _GO


def _interpreter(program: str) -> list[str]:
    """Return the words of a script's `#!` line; none if the program is no script."""
    head = _read_start(program, _HEAD)
    return head.splitlines()[0][2:].decode(errors="replace").split() if head[:2] == b"#!" else []


def _is_go(program: str) -> bool:
    return _read_start(program, 4) == b"\x7fELF" and _GO_BINARY in _read_start(program, _MAX_BINARY)


def _read_start(path: str, size: int) -> bytes:
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
