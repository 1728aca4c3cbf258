"""OpenAPI document of the control API, made from its route table."""

from collections.abc import Iterable

from pixel_emulator.control.problems import MEDIA_TYPE, PROBLEMS
from pixel_emulator.control.route import JSON_TYPE, QueryParameter, Route
from pixel_emulator.control.schemas import COMPONENTS, ref
from pixel_emulator.core.model import JSON, Payload

_COMMON_PROBLEMS = ("wrong-query", "cross-site", "wrong-host", "failed")
_BEARER: list[JSON] = [{"bearer": []}]
_QUERY_TOKEN: JSON = {"query": []}


def describe(routes: Iterable[Route], version: str) -> Payload:
    """Return the document, in OpenAPI 3.1."""
    paths: dict[str, dict[str, JSON]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "pixel-emulator control API",
            "version": version,
            "description": "Sessions of a running emulator of the Segment Pixel Tracking API.",
        },
        "paths": {**paths},
        "components": {
            "schemas": COMPONENTS,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "query": {"type": "apiKey", "in": "query", "name": "token"},
            },
        },
    }


def problems_of(route: Route) -> tuple[str, ...]:
    """Return all kinds of problems that a route may respond with."""
    return (
        *_COMMON_PROBLEMS,
        *(("no-token",) if route.needs_token else ()),
        *(("unknown-session",) if route.has_session else ()),
        *(("too-large", "wrong-body") if route.body else ()),
        *route.problems,
    )


def _operation(route: Route) -> JSON:
    operation: Payload = {
        "operationId": route.name,
        "summary": route.summary,
        "security": _security(route),
        "responses": _responses(route),
    }
    parameters = [_parameter(name, "query", parameter) for name, parameter in route.query.items()]
    if route.has_session:
        path: JSON = {
            "name": "session",
            "in": "path",
            "required": True,
            "description": "The name of the session; the one of the main port is `default`.",
            "schema": {"type": "string"},
        }
        parameters = [path, *parameters]
    if parameters:
        operation["parameters"] = parameters
    if route.body:
        operation["requestBody"] = {
            "description": route.body.description,
            "required": route.body.required,
            "content": {route.body.type: {"schema": route.body.schema}},
        }
    return operation


def _security(route: Route) -> JSON:
    if not route.needs_token:
        return []
    return [*_BEARER, _QUERY_TOKEN] if route.token_in_query else _BEARER


def _parameter(name: str, place: str, query: QueryParameter) -> JSON:
    shape: Payload = {"schema": query.schema}
    if query.type == "object":
        shape = {"content": {JSON_TYPE: shape}}
    return {"name": name, "in": place, "description": query.description, **shape}


def _responses(route: Route) -> JSON:
    success = route.success
    described: Payload = {"description": success.description}
    if success.content:
        described["content"] = {
            type: {"schema": schema} for type, schema in success.content.items()
        }
    titles: dict[int, list[str]] = {}
    for name in dict.fromkeys(problems_of(route)):
        titles.setdefault(PROBLEMS[name].status, []).append(PROBLEMS[name].title)
    return {
        str(success.status): described,
        **{
            str(status): {
                "description": " ".join(texts),
                "content": {MEDIA_TYPE: {"schema": ref("Problem")}},
            }
            for status, texts in sorted(titles.items())
        },
    }
