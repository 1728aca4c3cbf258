"""Open a mail in a headless browser, as a mail client would, or without one."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pixel_emulator.core.errors import InputError, InputIssue
from pixel_emulator.core.scenarios.mail_clients import Fetch, ImageRequest
from pixel_emulator.email.html_pixels import find_pixels
from pixel_emulator.email.limits import LimitError
from pixel_emulator.email.mail import Mail
from pixel_emulator.email.mail_source import is_mail, other_format, read
from pixel_emulator.http_client import HttpClient
from pixel_emulator.runtime.clock import has_ended

BROWSER_VARIABLE = "PIXEL_EMULATOR_BROWSER"

_BROWSERS = (
    "chromium-headless-shell",
    "headless_shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
# All but the first are for full browsers, which would contact their vendors.
_FLAGS = (
    "--headless",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-features=NetworkTimeServiceQuerying,OptimizationHints",
    "--disable-sync",
    "--metrics-recording-only",
    "--no-first-run",
    "--no-pings",
)
# A mail client runs no scripts, so the content of <noscript> is loaded. A sandboxed frame has the
# same effect; with Chromium's own `--blink-settings=scriptEnabled=false`, `--screenshot` ends at
# once, with nothing loaded.
_FRAME = """<!doctype html><meta charset="utf-8">
<style>html, body, iframe {{border: 0; height: 100%; margin: 0; width: 100%}}</style>
<iframe sandbox src="{}"></iframe>"""


@dataclass(frozen=True, slots=True)
class RenderResult:
    """Result of opening a mail; `error` is a sentence, empty if there was no error."""

    error: str = ""


def find_browser(environ: Mapping[str, str]) -> Path | None:
    """Return the browser that PIXEL_EMULATOR_BROWSER names, else the first known one, else None.

    Raises InputError if the variable names no program.
    """
    path = environ.get("PATH", "")
    if name := environ.get(BROWSER_VARIABLE):
        if program := shutil.which(name, path=path):
            return Path(program)
        raise InputError(InputIssue(f'{BROWSER_VARIABLE}: "{name}" is no program that can be run'))
    programs = (shutil.which(browser, path=path) for browser in _BROWSERS)
    return next((Path(program) for program in programs if program), None)


def render(
    file: Path, *, browser: Path, proxy: str, spki: str, timeout: float = 30.0
) -> RenderResult:
    """Open an HTML file or a mail (.eml) in a Chromium that reaches the network through `proxy`.

    An mbox is opened mail by mail. `spki` is the base64 SHA-256 of the CA's public key, `timeout`
    is in seconds, for each mail. Returns when every image has loaded or failed. Errors are
    returned, not raised.
    """
    try:
        raw = file.read_bytes()
    except OSError as reason:
        return RenderResult(f"{file} cannot be rendered: {reason}")
    open_page = partial(
        _open_page, file=file, browser=browser, proxy=proxy, spki=spki, timeout=timeout
    )
    if not is_mail(file.name, raw) and not other_format(raw):
        return open_page(file.absolute())
    mails = read(file.name, raw)
    errors = [
        f"{mail_location(file, mail)} cannot be rendered: {mail.reason}"
        for mail in mails
        if mail.reason
    ]
    for mail in mails:
        if mail.shown_parts:
            with tempfile.TemporaryDirectory(prefix="pixel-emulator-") as name:
                page = Path(name) / "mail.html"
                # A byte order mark overrides any <meta charset>, and the doctype stays first.
                page.write_text(mail.shown, "utf-8-sig", "replace")
                errors.append(open_page(page).error)
    return RenderResult("; ".join(filter(None, errors)))


def mail_location(file: Path, mail: Mail) -> str:
    """Return the location of a mail for a message: file and, in an mbox, number and subject."""
    return f"{file}, {mail.title}" if mail.title else str(file)


def _open_page(
    mail: Path, *, file: Path, browser: Path, proxy: str, spki: str, timeout: float
) -> RenderResult:
    with tempfile.TemporaryDirectory(prefix="pixel-emulator-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        page = directory / "page.html"
        page.write_text(_FRAME.format(mail.as_uri()))
        screenshot = directory / "screenshot.png"
        command = [
            str(browser),
            *_FLAGS,
            *(["--no-sandbox"] if _sandbox_is_impossible() else []),
            f"--user-data-dir={directory / 'profile'}",
            f"--proxy-server={proxy}",
            f"--ignore-certificate-errors-spki-list={spki}",
            f"--screenshot={screenshot}",
            page.as_uri(),
        ]
        failure = _run_browser(command, directory / "stderr", timeout)
        if not failure and not screenshot.exists():
            failure = f"it ended without showing the mail ({_last_line(directory / 'stderr')})"
    return RenderResult(failure and f"{file}: {browser.name} failed: {failure}")


def _run_browser(command: list[str], log: Path, timeout: float) -> str:
    """Run a command to its end, or kill its process group; return an error or an empty string."""
    with log.open("wb") as stderr:
        try:
            process = subprocess.Popen(  # noqa: S603 - the browser that the user has
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,
            )
        except OSError as error:
            return str(error)
        try:
            if not has_ended(process, timeout):
                return f"it did not end within {timeout:g} seconds"
        finally:
            _kill(process)
        code = process.returncode
    return f"exit code {code} ({_last_line(log)})" if code else ""


def _kill(process: subprocess.Popen[bytes]) -> None:
    # The whole group: a browser is many processes, and Debian's command is a script around them.
    if process.poll() is None:
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()


def _last_line(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it says nothing")


def _sandbox_is_impossible() -> bool:
    container = any(map(os.path.exists, ("/.dockerenv", "/run/.containerenv")))
    return container or (os.name == "posix" and os.geteuid() == 0)


BUILT_IN = "built-in fetch of the images"

DEFAULT_REQUESTS = (
    ImageRequest(
        Fetch.OPEN, (("User-Agent", f"pixel-emulator ({BUILT_IN})"), ("Accept", "image/*"))
    ),
)
"""The requests for an image if no mail client is named."""

_IMAGES = frozenset({"img src", "input src"})


def fetch_images(
    file: Path,
    *,
    hosts: Iterable[str],
    proxy: str,
    ca: Path,
    requests: Sequence[ImageRequest] = DEFAULT_REQUESTS,
    timeout: float = 30.0,
) -> RenderResult:
    """Request through `proxy` each pixel at `hosts` that is in an `<img src>` of the file.

    `requests` are the requests that a mail client sends for one image; the first of them is sent
    for all images of a mail before the second. An mbox is opened mail by mail. This serves machines
    without a browser and models of mail clients: URLs in CSS, `srcset` or frames are left out, and
    so are custom domains, which are not emulated. `timeout` is in seconds, for each image. Errors
    are returned, not raised.
    """
    try:
        mails = read(file.name, file.read_bytes())
        pages = [_images(mail, tuple(hosts)) for mail in mails]
    except OSError as error:
        return RenderResult(f"{file} cannot be read: {error}")
    except LimitError as error:
        return RenderResult(f"{file} cannot be read: {error}")
    errors = [f"{mail_location(file, mail)}: {mail.reason}" for mail in mails if mail.reason]
    with HttpClient(proxy=proxy, ca=ca, timeout=timeout) as client:
        for urls in pages:
            for request in requests:
                for url in urls:
                    try:
                        client.request(url, request.headers, method=request.method)
                    except OSError as error:
                        errors.append(f"{file}: {url[:80]} could not be fetched: {error}")
    return RenderResult("; ".join(errors))


def _images(mail: Mail, hosts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the URLs of the pixels in images, each once: a client loads a URL once per mail."""
    pixels = find_pixels(mail.shown, hosts=hosts, charset=mail.url_charset)
    return tuple(
        dict.fromkeys(
            pixel.url
            for pixel in pixels
            if pixel.is_loaded and pixel.place in _IMAGES and not pixel.has_custom_domain
        )
    )
