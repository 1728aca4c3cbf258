"""The OpenAPI document is valid and describes exactly what is served."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from pixel_emulator.control.problems import PROBLEMS
from pixel_emulator.control.routes import ROUTES
from pixel_emulator.core.report.formats import FORMATS
from tests.control_client import DOCUMENT, check, kind

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY")


def operations() -> Iterator[tuple[str, str, Any]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def schemas() -> Iterator[Any]:
    yield from DOCUMENT["components"]["schemas"].values()
    for _, _, operation in operations():
        parameters = operation.get("parameters", [])
        yield from (parameter["schema"] for parameter in parameters if "schema" in parameter)
        holders = (operation.get("requestBody", {}), *operation["responses"].values(), *parameters)
        for holder in holders:
            yield from (media["schema"] for media in holder.get("content", {}).values())


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def test_it_is_served_as_it_is(http):
    assert http.get("/openapi.json").json() == json.loads(json.dumps(DOCUMENT))


def test_every_route_is_in_it_and_the_other_way_round():
    described = {(method, path) for path, method, _ in operations()}
    assert described == {(route.method, route.path) for route in ROUTES}
    assert len(ROUTES) == len(described)


@pytest.mark.parametrize("path", list(DOCUMENT["paths"]))
def test_a_path_takes_the_methods_that_are_described_and_no_other(http, path, session):
    described = {method.upper() for method in DOCUMENT["paths"][path]}
    url = path.replace("{session}", session["name"])
    for method in METHODS:
        answer = http.request(method, url, headers={"content-length": "0"})
        if method in described:
            assert answer.status_code != 405
        else:
            assert kind(answer) == "wrong-method"
            assert set(answer.headers["allow"].split(", ")) == described


def test_only_post_and_delete_change_anything():
    assert {route.method for route in ROUTES} == {"GET", "POST", "DELETE"}


def test_its_references_lead_somewhere_and_its_schemas_are_schemas():
    names = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    assert set(references(DOCUMENT)) == names
    for schema in schemas():
        jsonschema_rs.meta.validate(
            {**schema, "$schema": "https://json-schema.org/draft/2020-12/schema"}
        )


def test_its_parts_are_those_of_openapi():
    """The rules of OpenAPI 3.1 that a document like this could break."""
    assert set(DOCUMENT) == {"openapi", "info", "paths", "components"}
    ids = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(ids)) == len(ids)
    for path, method, operation in operations():
        known = {"operationId", "summary", "security", "responses", "parameters", "requestBody"}
        assert set(operation) <= known
        assert path.startswith("/")
        places = {
            parameter["name"]
            for parameter in operation.get("parameters", [])
            if parameter["in"] == "path"
        }
        assert places == ({"session"} if "{session}" in path else set())
        for parameter in operation.get("parameters", []):
            keys = {"name", "in", "required", "description", "schema", "content"}
            assert set(parameter) <= keys
            assert ("schema" in parameter) != ("content" in parameter)
        for status, response in operation["responses"].items():
            assert status.isdigit()
            assert response["description"]
        assert method == "POST" or "requestBody" not in operation
        for requirement in operation["security"]:
            assert set(requirement) <= set(DOCUMENT["components"]["securitySchemes"])


def test_verify_offers_every_report_format():
    (verify,) = [route for route in ROUTES if route.operation.endswith("/verify")]
    assert set(verify.success.content) == {format.media_type for format in FORMATS.values()}


def test_every_kind_of_problem_has_a_status_and_a_title():
    assert all(400 <= kind.status < 600 and kind.title.endswith(".") for kind in PROBLEMS.values())


def test_the_client_of_these_tests_refuses_what_is_not_described(http):
    answer = http.get("/health")
    answer._content = b'{"status": "fine"}'
    with pytest.raises(jsonschema_rs.ValidationError):
        check(answer)
