"""Configuration files for wget, wget2 and PHP, which read a CA only from such files."""

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
_PHP_SCRIPT = 'echo json_encode([ini_get("curl.cainfo"), ini_get("openssl.cafile")]);'
_PHP_TIMEOUT = 5.0
"""Seconds that `php` may take to print its settings."""


@dataclass(frozen=True, slots=True)
class ConfigFiles:
    """Variables that name configuration files, and warnings for the user."""

    variables: dict[str, str]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Wget:
    """Locations of the configuration files of wget or wget2, and the names of its settings."""

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
        (
            "no_proxy =",
            "no_proxy = {exceptions}",
        ),  # the first clears the list, else the second would append to it
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
    """Write copies of the user's configuration files, with the emulator's proxy and CA added.

    `exceptions` returns a NO_PROXY list without entries that would hide calls from the emulator.
    Without HOME in `environ` the user's wget files are unknown, so none are written for wget.
    """
    wgets = _WGETS if environ.get("HOME") else ()
    configs = [*(_wget(wget, environ, proxy, stores, exceptions) for wget in wgets)]
    configs.append(_php(environ, stores))
    return ConfigFiles(
        {name: value for files in configs for name, value in files.variables.items()},
        tuple(warning for files in configs for warning in files.warnings),
    )


def _wget(
    wget: _Wget,
    environ: Mapping[str, str],
    proxy: str,
    stores: TrustStores,
    exceptions: Callable[[str], str],
) -> ConfigFiles:
    """Copy the user's file and append our settings: the last of equal settings applies."""
    warnings = []
    try:
        user_text = _read(environ.get(wget.variable) or _first_file(_paths(wget.user, environ)))
    except OSError as error:
        user_text = ""
        warnings.append(f"{wget.variable}: {error}; the command gets a file without its settings")
    try:
        system_text = _read(environ.get(wget.system_variable) or _first_file(wget.system))
    except OSError:
        system_text = ""  # wget itself reports the error
    wget_settings = {**_settings(system_text), **_settings(user_text)}
    ca = os.path.expanduser(wget_settings.get("cacertificate", ""))  # noqa: PTH111 - empty stays empty
    bundle, warning = stores.pem_bundle_or_standard((ca if ca not in {"", "system"} else STANDARD,))
    lines = [
        f"{wget.ca} = {{bundle}}",
        *wget.proxy,
        *(wget.exceptions if "noproxy" in wget_settings else ()),
    ]
    values = {
        "bundle": bundle,
        "proxy": proxy,
        "exceptions": exceptions(wget_settings.get("noproxy", "")),
    }
    text = "\n".join([user_text, *(line.format_map(values) for line in lines), ""]).encode(
        errors="surrogateescape"
    )
    path = stores.write(text, wget.variable.lower(), "")
    return ConfigFiles({wget.variable: str(path)}, (*warnings, *filter(None, [warning])))


def _php(environ: Mapping[str, str], stores: TrustStores) -> ConfigFiles:
    """Have PHP read one more file after all others, with the CA for its curl.

    PHP's streams use SSL_CERT_FILE, unless a file sets openssl.cafile.
    """
    curl, streams = _php_ca_files(environ)
    settings = {"curl.cainfo": curl or STANDARD, **({"openssl.cafile": streams} if streams else {})}
    lines, warnings = [], []
    for name, ca_file in settings.items():
        bundle, warning = stores.pem_bundle_or_standard((ca_file,))
        lines.append(f"{name} = '{bundle}'\n")
        warnings.append(warning)
    folder = stores.write("".join(lines).encode(), "php", ".d/pixel-emulator.ini").parent
    # An empty entry stands for the folder that PHP was built with; an empty list for no folder.
    before = environ.get("PHP_INI_SCAN_DIR")
    entries = ["" if before is None else before, str(folder)]
    scanned = os.pathsep.join(entries if before != "" else entries[1:])
    return ConfigFiles({"PHP_INI_SCAN_DIR": scanned}, tuple(filter(None, warnings)))


def _php_ca_files(environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the CA files that the user's PHP is configured with, for curl and for streams."""
    php = shutil.which("php", path=environ.get("PATH", ""))
    if not php:
        return "", ""
    try:
        ran = subprocess.run(  # noqa: S603 - the user's PHP, which alone knows its files
            [php, "-r", _PHP_SCRIPT],
            env=dict(environ),
            check=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PHP_TIMEOUT,
        )
        curl, streams = json.loads(ran.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return "", ""  # not a working PHP
    return str(curl or ""), str(streams or "")


def _paths(templates: tuple[str, ...], environ: Mapping[str, str]) -> Iterator[str]:
    for template in templates:
        name = template.partition("}")[0].strip("{")
        if environ.get(name):
            yield template.format_map(environ)


def _first_file(paths: Iterator[str] | tuple[str, ...]) -> str:
    return next((path for path in paths if Path(path).is_file()), "")


def _read(path: str) -> str:
    """Return the text of a file, empty for an empty path. Raises OSError if it cannot be read."""
    return Path(path).read_text(encoding="utf-8", errors="surrogateescape") if path else ""


def _settings(text: str) -> dict[str, str]:
    """Return the settings of a wgetrc by name, in lower case without `-` and `_`."""
    return {re.sub("[-_]", "", match[1]).lower(): match[2] for match in _SETTING.finditer(text)}
