"""A client of the control API: requests and answers as plain data."""

from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from pixel_emulator.core.errors import InputError, InputIssue
from pixel_emulator.core.model import Payload
from pixel_emulator.core.text import json_codec
from pixel_emulator.pytest_plugin.patched_process import advice_for
from pixel_emulator.runtime.session import Session
from pixel_emulator.runtime.settings import TOKEN_VARIABLE

_PATIENCE = 30.0
"""Seconds that an answer may take, beyond those that it was asked to wait."""


class ControlClient:
    """Asks one control API; safe to use from any thread."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self.token = url, token
        self._address = urlsplit(url)

    def text(
        self,
        method: str,
        *path: str,
        query: dict[str, object] | None = None,
        body: Payload | None = None,
        waits: float = 0,
    ) -> str:
        """What is answered. Raises InputError with what the API says is wrong, or if it is gone."""
        target = "/" + "/".join(quote(each, safe="") for each in path)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        connection = HTTPConnection(
            self._address.hostname or "", self._address.port, timeout=waits + _PATIENCE
        )
        try:
            # A connection for each: it may be asked from several threads at the same time.
            connection.request(
                method,
                f"{target}?{urlencode(query)}" if query else target,
                None if body is None else json_codec.write(body).encode(errors="surrogatepass"),
                headers,
            )
            answer = connection.getresponse()
            said, status = answer.read().decode(), answer.status
        except RuntimeError as error:  # of pytest-socket
            raise InputError(InputIssue(f"{self._address.geturl()}: {advice_for(error)}")) from None
        except (OSError, HTTPException) as error:
            gone = f"the emulator at {self._address.geturl()} does not answer: {error}"
            raise InputError(InputIssue(gone)) from None
        finally:
            connection.close()
        if status >= 400:
            raise InputError(InputIssue(_complaint(said)))
        return said

    def ask(self, method: str, *path: str, **more: Any) -> Any:
        """As `text`, and the answer is read as JSON."""
        return json_codec.parse(self.text(method, *path, **more))


def control_variables(url: str, token: str, session: Session) -> dict[str, str]:
    """The variables by which a command reaches the control API, and finds its session there."""
    return {
        "PIXEL_EMULATOR_CONTROL": url,
        TOKEN_VARIABLE: token,
        "PIXEL_EMULATOR_SESSION": session.name,
    }


def _complaint(said: str) -> str:
    try:
        problem = json_codec.parse(said)
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        return f"this is no control API of pixel-emulator; it says {said[:80]!r}"
    return f"the emulator says: {problem.get('title')} {problem.get('detail')}"
