"""docs/architecture.md: the modules, names and tests that it names exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "pixel_emulator"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
FOLDERS = sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists())
NAMES = sorted(set(re.findall(rf"`((?:{'|'.join(FOLDERS)})\.[\w.]+)`", PAGE)))
FILES = sorted(set(re.findall(r"`((?:tests|pixel_emulator)/[\w/]+\.py)`", PAGE)))
PAIRS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.partition("<!-- pairs:")[2].splitlines()
    if line.startswith("| `")
]
TREE = re.findall(
    r"^( *)([\w.]+?)/?(?: +.*)?$", PAGE.partition("```text\n")[2].partition("```")[0], re.MULTILINE
)


def defined(path):
    """Return the names that a module defines or imports at its top, and their members."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{member.name}" for member in node.body
                      if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef)}  # fmt: skip
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        if isinstance(node, ast.TypeAlias):
            names.add(node.name.id)
    return names


def exists(name):
    """Return True if a dotted name is a module, a package, or a name that a module defines."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        path = PACKAGE.joinpath(*parts[:length])
        if path.is_dir():
            return length == len(parts)
        if (module := path.with_suffix(".py")).exists():
            return length == len(parts) or ".".join(parts[length:]) in defined(module)
    return False


@pytest.mark.parametrize("name", NAMES)
def test_every_module_and_name_exists(name):
    assert exists(name)


@pytest.mark.parametrize("name", ["core.nothing", "core.model.Nothing", "core.model.Hit.nothing"])
def test_a_name_that_does_not_exist_would_be_noticed(name):
    assert not exists(name)


@pytest.mark.parametrize("path", FILES)
def test_every_file_exists(path):
    assert (ROOT / path).is_file()


@pytest.mark.parametrize("pair", PAIRS, ids=[pair[0].split("`")[1] for pair in PAIRS])
def test_a_pair_has_a_module_a_test_and_a_gain(pair):
    fast, exact, test, gain = pair
    name = fast.split("`")[1]
    assert name in NAMES
    assert exact
    assert re.search(r"\d|not measured", gain)
    assert test.strip("`") in FILES


def test_the_pairs_are_found():
    assert len(PAIRS) == 21


def test_the_tree_is_that_of_the_package():
    assert TREE[0] == ("", "pixel_emulator")
    shown, parents = set(), [""]
    for indent, name in TREE[1:]:
        parents[len(indent) // 2 :] = [name]
        shown.add("/".join(parents[1:]))
    packages = {
        path.parent.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("__init__.py")
        if path.parent not in (PACKAGE, PACKAGE / "proxy" / "mitmproxy_script")
    }
    assert shown - {"core/model.py"} == packages
