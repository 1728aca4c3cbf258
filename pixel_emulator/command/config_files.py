"""Configuration files for wget, wget2 and PHP, which read a CA from nowhere else."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pixel_emulator.trust.stores import STANDARD, TrustStores

_SETTING = re.compile(r"^[ \t]*(?:--)?([A-Za-z][\w-]*)[ \t]*=[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_ASK_PHP = 'echo json_encode([ini_get("curl.cainfo"), ini_get("openssl.cafile")]);'
_PHP_TIMEOUT = 5.0
"""Seconds after which a `php` that does not answer is left alone."""


@dataclass(frozen=True, slots=True)
class ConfigFiles:
    """Variables that name configuration files, and what to tell the user."""

    variables: dict[str, str]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Wget:
    """How one of the two wgets finds its files, and how it calls its settings."""

    variable: str
    system_variable: str
    system: tuple[str, ...]
    user: tuple[str, ...]
    ca: str
    proxy: tuple[str, ...]
    exceptions: tuple[str, ...]


_WGETS = (
    _Wget(
        "WGETRC",
        "SYSTEM_WGETRC",
        ("/etc/wgetrc", "/usr/local/etc/wgetrc", "/opt/homebrew/etc/wgetrc"),
        ("{HOME}/.wgetrc",),
        "ca_certificate",
        ("use_proxy = on", "http_proxy = {proxy}", "https_proxy = {proxy}"),
        ("no_proxy =", "no_proxy = {exceptions}"),  # the first empties a list that would grow
    ),
    _Wget(
        "WGET2RC",
        "SYSTEM_WGET2RC",
        ("/etc/wget2rc", "/usr/local/etc/wget2rc", "/opt/homebrew/etc/wget2rc"),
        ("{XDG_CONFIG_HOME}/wget/wget2rc", "{HOME}/.config/wget/wget2rc", "{HOME}/.wget2rc"),
        "ca-certificate",
        ("http-proxy = {proxy}", "https-proxy = {proxy}"),
        ("no-proxy = {exceptions}",),
    ),
)


def config_files(
    environ: Mapping[str, str],
    *,
    proxy: str,
    stores: TrustStores,
    exceptions: Callable[[str], str],
) -> ConfigFiles:
    """Write configuration files that say what the user's own say, and then where the emulator is.

    `exceptions` returns a NO_PROXY list without what would hide calls from the emulator. Without
    HOME in `environ` it is not known what the user's wget files say, so none is written for them.
    """
    wgets = _WGETS if environ.get("HOME") else ()
    made = [*(_wget(wget, environ, proxy, stores, exceptions) for wget in wgets)]
    made.append(_php(environ, stores))
    return ConfigFiles(
        {name: value for files in made for name, value in files.variables.items()},
        tuple(warning for files in made for warning in files.warnings),
    )


def _wget(
    wget: _Wget,
    environ: Mapping[str, str],
    proxy: str,
    stores: TrustStores,
    exceptions: Callable[[str], str],
) -> ConfigFiles:
    """Copy the user's file and append ours: of two equal settings both wgets take the last."""
    warnings = []
    try:
        own = _text(environ.get(wget.variable) or _first(_places(wget.user, environ)))
    except OSError as error:
        own = ""
        warnings.append(f"{wget.variable}: {error}; the command gets a file without its settings")
    try:
        system = _text(environ.get(wget.system_variable) or _first(wget.system))
    except OSError:
        system = ""  # wget itself says what is wrong with it
    said = {**_settings(system), **_settings(own)}
    ca = os.path.expanduser(said.get("cacertificate", ""))  # noqa: PTH111 - empty stays empty
    bundle, warning = stores.pem_bundle_or_standard((ca if ca not in {"", "system"} else STANDARD,))
    lines = [
        f"{wget.ca} = {{bundle}}",
        *wget.proxy,
        *(wget.exceptions if "noproxy" in said else ()),
    ]
    values = {"bundle": bundle, "proxy": proxy, "exceptions": exceptions(said.get("noproxy", ""))}
    text = "\n".join([own, *(line.format_map(values) for line in lines), ""]).encode(
        errors="surrogateescape"
    )
    path = stores.write(text, wget.variable.lower(), "")
    return ConfigFiles({wget.variable: str(path)}, (*warnings, *filter(None, [warning])))


def _php(environ: Mapping[str, str], stores: TrustStores) -> ConfigFiles:
    """Have PHP read one more file behind all others, with the CA for its curl.

    PHP's streams obey SSL_CERT_FILE, unless a file sets openssl.cafile.
    """
    curl, streams = _asked_php(environ)
    settings = {"curl.cainfo": curl or STANDARD, **({"openssl.cafile": streams} if streams else {})}
    lines, warnings = [], []
    for name, theirs in settings.items():
        bundle, warning = stores.pem_bundle_or_standard((theirs,))
        lines.append(f"{name} = '{bundle}'\n")
        warnings.append(warning)
    folder = stores.write("".join(lines).encode(), "php", ".d/pixel-emulator.ini").parent
    # An empty entry stands for the folder that PHP was built with; an empty list is no folder.
    before = environ.get("PHP_INI_SCAN_DIR")
    entries = ["" if before is None else before, str(folder)]
    scanned = os.pathsep.join(entries if before != "" else entries[1:])
    return ConfigFiles({"PHP_INI_SCAN_DIR": scanned}, tuple(filter(None, warnings)))


def _asked_php(environ: Mapping[str, str]) -> tuple[str, str]:
    """The CA files that the user's PHP has by its configuration, for curl and for streams."""
    php = shutil.which("php", path=environ.get("PATH", ""))
    if not php:
        return "", ""
    try:
        ran = subprocess.run(  # noqa: S603 - the user's PHP, which alone knows its files
            [php, "-r", _ASK_PHP],
            env=dict(environ),
            check=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PHP_TIMEOUT,
        )
        curl, streams = json.loads(ran.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return "", ""  # whatever else stands there under this name, it is no PHP that works
    return str(curl or ""), str(streams or "")


def _places(templates: tuple[str, ...], environ: Mapping[str, str]) -> Iterator[str]:
    for template in templates:
        name = template.partition("}")[0].strip("{")
        if environ.get(name):
            yield template.format_map(environ)


def _first(paths: Iterator[str] | tuple[str, ...]) -> str:
    return next((path for path in paths if Path(path).is_file()), "")


def _text(path: str) -> str:
    """Return the text of a file, empty for an empty path; raises OSError if it cannot be read."""
    return Path(path).read_text(encoding="utf-8", errors="surrogateescape") if path else ""


def _settings(text: str) -> dict[str, str]:
    """Return the settings of a wgetrc; their names count without case, `-` and `_`."""
    return {re.sub("[-_]", "", match[1]).lower(): match[2] for match in _SETTING.finditer(text)}
