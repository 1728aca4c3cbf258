"""Imports point one way, and core/ is pure."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "pixel_emulator"

# A module may import from the modules of the lines above its own, and from its own line.
LAYERS = [
    "core.model",
    "core.text.* core.errors core.times",
    "core.call_text",
    "core.problems.catalog",
    "core.endpoint.*",
    "core.problems.*",
    "core.redaction.* core.recordings.*",
    "core.matching.*",
    "core.profiles.* core.tracking_plan.*",
    "core.scenarios.*",
    "core.parser.*",
    "core.schemas.*",
    "core.verification.*",
    "core.report.*",
    "core.scenario_edit.*",
    "runtime.settings runtime.output runtime.clock",
    "files.*",
    "runtime.gaps runtime.recording_writer runtime.history runtime.journal runtime.server_info",
    "http_client",
    "trust.*",
    "email.* command.* snippets.*",
    "runtime.*",
    "runner.*",
    "proxy.* proxy.fast_path.*",
    "control.*",
    "cli.*",
    "pytest_plugin.*",
]
# No clock, file, socket, thread or log.
PURE = {
    "abc", "re2", "jsonschema_rs",
    "base64", "binascii", "bisect", "collections", "copy", "dataclasses", "datetime", "decimal",
    "difflib", "encodings.idna",
    "enum", "functools", "hashlib", "heapq", "html", "itertools", "json", "math", "operator", "re",
    "shlex", "string", "sys", "textwrap", "types", "typing", "urllib.parse", "xml.etree",
}  # fmt: skip
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
    for path in PACKAGE.rglob("*.py")
    if path.name not in ("__init__.py", "__main__.py") and "mitmproxy_script" not in path.parts
}


def ours(name: str) -> str:
    """The name of a module of ours inside the package; empty for any other."""
    inner = name.removeprefix("pixel_emulator.")
    return inner if inner != name and inner in MODULES else ""


def layer_of(module: str) -> int:
    folder = module.rpartition(".")[0]
    named = [layer for layer, names in enumerate(LAYERS) if module in names.split()]
    whole = [layer for layer, names in enumerate(LAYERS) if f"{folder}.*" in names.split()]
    return [*named, *whole][0]


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Each module that a file imports, and whether the whole file does so (not one function)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((each.name, node in tree.body) for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = [f"{node.module}.{each.name}" for each in node.names]
            modules = [each for each in inner if ours(each)]
            yield from ((each, node in tree.body) for each in modules or [node.module])


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_point_one_way(module):
    for name, _ in imports(MODULES[module]):
        if imported := ours(name):
            assert layer_of(imported) <= layer_of(module), f"{module} imports {imported}"


@pytest.mark.parametrize("module", sorted(name for name in MODULES if name.startswith("core.")))
def test_core_is_pure(module):
    for name, _ in imports(MODULES[module]):
        if not name.startswith("pixel_emulator.core"):
            assert name in PURE or name.split(".")[0] in PURE, f"{module} imports {name}"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_only_the_proxy_and_its_trust_import_mitmproxy_and_cryptography(module):
    """So that whoever only reads needs neither."""
    heavy = {
        name.split(".")[0]
        for name, at_the_top in imports(MODULES[module])
        if at_the_top or not module.startswith("cli.")
    } & {"mitmproxy", "cryptography", "certifi"}
    assert not heavy or module.startswith(("proxy.", "trust."))


def test_no_import_goes_round_in_a_circle():
    graph = {
        module: {ours(name) for name, at_the_top in imports(path) if at_the_top} - {""}
        for module, path in MODULES.items()
    }
    while ends := [module for module, found in graph.items() if not found & graph.keys()]:
        for module in ends:
            del graph[module]
    assert not graph


def test_modules_are_small():
    """Past 400 lines there is a seam; but what users copy has to be one file."""
    ours = {name: path for name, path in MODULES.items() if not name.startswith("snippets.")}
    sizes = {name: len(path.read_text().splitlines()) for name, path in ours.items()}
    assert not {name: size for name, size in sizes.items() if size > 400}
