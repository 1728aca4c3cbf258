"""A client of the control API that rejects responses its OpenAPI document does not allow."""

import functools
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import httpx
import jsonschema_rs

from pixel_emulator.control.openapi import describe
from pixel_emulator.control.routes import ROUTES
from pixel_emulator.control.server import Control
from pixel_emulator.proxy.emulator import Emulator
from pixel_emulator.runtime.journal import Journal
from pixel_emulator.runtime.settings import Settings

DOCUMENT: Any = describe(ROUTES, version("pixel-emulator"))
PIXEL = "/v1/pixel/track?writeKey=wk_test_0000&userId=u1&event=Opened"
SEGMENT = "https://api.segment.io"


@contextmanager
def controlled(settings: Settings | None = None) -> Iterator[tuple[Emulator, Control]]:
    """A running emulator with its control API."""
    settings = settings or Settings(port=0)
    with Emulator(settings, Journal(settings)) as emulator, Control(emulator) as control:
        yield emulator, control


def client_of(control: Control, *, token: bool = True) -> httpx.Client:
    """Return a client that knows the token, and checks every response."""
    headers = {"authorization": f"Bearer {control.token}"} if token else {}
    return httpx.Client(
        base_url=control.url,
        headers=headers,
        trust_env=False,
        timeout=30,
        event_hooks={"response": [check]},
    )


def check(answer: httpx.Response) -> None:
    """Check that the document describes the response and that failures are problem documents."""
    answer.read()
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    type = answer.headers.get("content-type", "").partition(";")[0]
    described = operation(answer.request.method, answer.request.url.path)
    if described is None or str(answer.status_code) not in described["responses"]:
        assert 400 <= answer.status_code < 500, answer.text
        content = {"application/problem+json": {"schema": reference("Problem")}}
    else:
        content = described["responses"][str(answer.status_code)].get("content", {})
    if answer.status_code == 204:
        assert (answer.content, content) == (b"", {})
        return
    assert type in content, answer.text
    if type.endswith("json") and answer.request.method != "HEAD":
        validator(json.dumps(content[type]["schema"])).validate(answer.json())
    if answer.status_code >= 400:
        assert type == "application/problem+json"
        assert answer.request.method == "HEAD" or answer.json()["status"] == answer.status_code


def operation(method: str, path: str) -> Any:
    """Return what the document says of a request, or None."""
    for template, methods in DOCUMENT["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            return methods.get("get" if method == "HEAD" else method.lower())
    return None


def reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


@functools.cache
def validator(schema: str) -> Any:
    whole = {"components": DOCUMENT["components"], "allOf": [json.loads(schema)]}
    return jsonschema_rs.Draft202012Validator(whole)


def kind(answer: httpx.Response) -> str:
    """Return the kind of a problem."""
    text: str = answer.json()["type"]
    return text.removeprefix("urn:pixel-emulator:problem:")
