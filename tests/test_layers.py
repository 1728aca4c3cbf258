"""Imports point one way, and core/ is pure."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parents[1] / "pixel_emulator"

# A module may import from the modules of the lines above its own, and from its own line.
LAYERS = [
    "core.model",
    "core.text.* core.errors core.times",
    "core.call_text",
    "core.problems.catalog core.problems.messages",
    "core.endpoint.decoder",
    "core.endpoint.(decoder).*",
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
DECODER_FOLDER = re.compile(r"core\.endpoint\.\w+")
# Modules that know one decoder: all others ask the route table what a request carries.
KNOW_A_DECODER = {
    "core.endpoint.routes": "the route table",
    "core.endpoint.urls": "it makes pixel URLs",
    "core.redaction.fast_redaction": "it masks keys in the base64 of pixel URLs",
    "core.redaction.key_finder": "the same: any text may hold such a URL",
    "core.redaction.redact": "the same",
}
# Imports inside functions, from module to module or package: the start-up figure that needs them.
LAZY = {
    ("cli.program", "importlib.metadata"): "5 ms that only `--version` needs",
    ("cli.program", "traceback"): "8 ms that only a failure of ours needs",
    ("cli.check", "email.limits"): "reading HTML takes 0.1 s, which `check URL` does without",
    ("cli.check", "email.mail_source"): "the same",
    ("cli.check", "email.unrequested"): "the same",
    ("cli.check", "email.urls"): "the same",
    ("email.mail_source", "email.message"): "MIME: 10 ms of `check` that only a mail needs",
    ("cli.emulator_run", "proxy.emulator"): "mitmproxy: half a second, and in the extra `proxy`",
    ("cli.mitm_commands", "proxy.mitm_tools"): "mitmproxy, as above",
    ("cli.run", "command.environment"): "cryptography, in the extra `proxy`; `--help` without it",
    ("cli.run", "trust.stores"): "the same",
    (
        "cli.scenario_commands",
        "runner.actions",
    ): "the readers of mails, for scenarios that act only",
    ("cli.serve", "command.environment"): "the same",
    ("cli.serve", "trust.stores"): "the same",
    ("cli.serve", "proxy.hosts"): "with the package `proxy`, in the extra",
    ("cli.serve", "control.server"): "Starlette and uvicorn, in the extra `proxy`",
    ("core.errors", "difflib"): "1 ms of each command that only a misspelt word needs",
    ("core.problems.host_names", "encodings.idna"): "the same, for hosts that are not ASCII",
    ("files.scenario_loader", "importlib.metadata"): "5 ms that only a plugin's matcher needs",
    ("core.report.formats", "core.report.junit"): "XML: 6 ms of `serve` that only a report needs",
    ("core.tracking_plan.schema", "jsonschema_rs"): "20 ms of `serve` that only a plan needs",
    ("pytest_plugin.fixtures", "pytest_plugin.lifecycle"): "pytest starts without any of our core",
    ("pytest_plugin.plugin", "pytest_plugin.lifecycle"): "the same",
    ("pytest_plugin.plugin", "pytest_plugin.run_recording"): "the same",
    ("pytest_plugin.plugin", "pytest_plugin.scenario_items"): "the same",
    ("pytest_plugin.plugin", "runtime.output"): "the same",
    ("pytest_plugin.plugin", "runtime.server_info"): "the same",
    ("pytest_plugin.lazy_emulator", "snippets.pixels"): "asyncio and more, for `pixels.route` only",
    ("pytest_plugin.lifecycle", "pytest_plugin.local_emulator"): "mitmproxy: half a second, and in"
    " the extra `proxy`; `receive` needs no emulator",
    ("pytest_plugin.lifecycle", "pytest_plugin.remote_emulator"): "only without the extra `proxy`",
    ("pytest_plugin.local_emulator", "control.server"): "Starlette, for `pixels.env` only",
    ("pytest_plugin.pixel_calls", "email.limits"): "reading HTML takes 0.1 s; few tests receive",
    ("pytest_plugin.pixel_calls", "email.mail_source"): "the same",
    ("pytest_plugin.pixel_calls", "email.unrequested"): "the same",
}
NEED_PROXY = {"pytest_plugin.local_emulator"}
"""Modules of commands and plugin that are imported only where the extra `proxy` is installed."""
LARGE = {"snippets.pixels": "users copy it, so it is one file"}
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
    folder = DECODER_FOLDER.sub("core.endpoint.(decoder)", module.rpartition(".")[0])
    named = [layer for layer, names in enumerate(LAYERS) if module in names.split()]
    whole = [layer for layer, names in enumerate(LAYERS) if f"{folder}.*" in names.split()]
    return [*named, *whole][0]


class Import(NamedTuple):
    """An imported module, and where the statement stands."""

    name: str
    in_function: bool = False
    for_types: bool = False


@cache
def imports(module: str) -> tuple[Import, ...]:
    """Return all imports of a module: those inside functions and under `TYPE_CHECKING` too."""
    return tuple(_imports(ast.parse(MODULES[module].read_text(encoding="utf-8"))))


def _imports(tree: ast.Module) -> Iterator[Import]:
    in_function = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
    }
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            members = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name for name in members if ours(name)] or [node.module]
        for name in names:
            yield Import(name, in_function=node in in_function, for_types=node in for_types)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_point_one_way(module):
    for statement in imports(module):
        if imported := ours(statement.name):
            assert layer_of(imported) <= layer_of(module), f"{module} imports {imported}"


@pytest.mark.parametrize("module", sorted(name for name in MODULES if name.startswith("core.")))
def test_core_is_pure(module):
    for name, *_ in imports(module):
        if not name.startswith("pixel_emulator.core"):
            assert name in PURE or name.split(".")[0] in PURE, f"{module} imports {name}"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_only_the_proxy_and_its_trust_import_mitmproxy_and_cryptography(module):
    """Programs that only read need neither; they are in the extra `proxy`."""
    heavy = {
        statement.name.split(".")[0]
        for statement in imports(module)
        if not statement.in_function or not module.startswith("cli.")
    } & {"mitmproxy", "cryptography", "certifi"}
    assert not heavy or module.startswith(("proxy.", "trust."))


@pytest.mark.parametrize(
    "module", sorted(name for name in MODULES if name.startswith(("cli.", "pytest_plugin.")))
)
def test_commands_and_plugin_load_without_the_extra_proxy(module):
    """No import at the top of a file, followed from file to file, leads to the extra."""
    reached, waiting = set(), {module}
    while waiting:
        reached |= waiting
        named = (statement for name in waiting for statement in imports(name))
        waiting = {
            ours(statement.name)
            for statement in named
            if not statement.in_function and not statement.for_types
        } - {"", *reached}
    assert module in NEED_PROXY or not any(
        name.startswith(("proxy.", "trust.")) for name in reached
    )


def test_only_the_route_table_knows_the_decoders():
    knowing = {
        module
        for module in MODULES
        for statement in imports(module)
        if (folder := ours(statement.name).rpartition(".")[0]).startswith("core.endpoint.")
        and not module.startswith(f"{folder}.")
    }
    assert knowing == {*KNOW_A_DECODER}


def test_no_import_goes_round_in_a_circle():
    """Imports inside functions count; those under `TYPE_CHECKING` never run."""
    graph = {
        module: {ours(statement.name) for statement in imports(module) if not statement.for_types}
        for module in MODULES
    }
    TopologicalSorter(graph).prepare()  # its CycleError names the modules of a circle


def test_imports_inside_functions_are_listed_with_their_reason():
    """All others stand at the top of their file."""
    lazy = {
        (module, statement.name.removeprefix("pixel_emulator."))
        for module in MODULES
        for statement in imports(module)
        if statement.in_function
    }
    assert lazy == LAZY.keys()


def test_modules_are_small():
    """Past 400 lines there is a seam, or a reason in `LARGE`."""
    lengths = {
        name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in MODULES.items()
    }
    assert {name for name, length in lengths.items() if length > 400} == LARGE.keys()


@pytest.mark.parametrize("module", sorted(MODULES))
def test_variables_say_what_they_hold(module):
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    variables = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    variables |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    assert not variables & {"each", "found"}
