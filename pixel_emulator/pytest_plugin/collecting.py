"""Which files of a run are scenarios to be run as tests."""

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

_SUFFIXES = (".yaml", ".yml")
_ACTS = re.compile(rb"""\bdo["']?[ \t]*:""")
_WILD = re.compile(r"[*?[]")
_NAMED = "pixel_named"


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect scenarios with a `do`: those that the ini file or the command line names.

    Files count that `pixel_scenarios` matches, that are named on the command line, or that stand
    right in a folder which is named there: `pytest scenarios/`.
    """
    config = parent.config
    if file_path.suffix not in _SUFFIXES or not _is_chosen(config, file_path):
        return None
    if not is_named(config, file_path) and not _ACTS.search(file_path.read_bytes()):
        return None
    from pixel_emulator.pytest_plugin.scenario_items import collected

    return collected(file_path, parent)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of xdist what was named: it sees the folders of `testpaths` as arguments."""
    node.workerinput[_NAMED] = _named(node.config)


def is_named(config: pytest.Config, path: Path) -> bool:
    """Whether the command line names this very file."""
    return str(path) in _named(config)


def unmatched(config: pytest.Config) -> Iterator[str]:
    """The globs of `pixel_scenarios` that match no file at all."""
    root = config.rootpath
    for each in config.getini("pixel_scenarios"):
        plain = takewhile(lambda part: not _WILD.search(part), PurePosixPath(each).parent.parts)
        known = (path.relative_to(root).as_posix() for path in root.joinpath(*plain).rglob("*"))
        if not any(fnmatch(path, each) for path in known):
            yield each


def _is_chosen(config: pytest.Config, path: Path) -> bool:
    globs = config.getini("pixel_scenarios")
    if globs and path.is_relative_to(config.rootpath):
        relative = path.relative_to(config.rootpath).as_posix()
        if any(fnmatch(relative, each) for each in globs):
            return True
    named = _named(config)
    return str(path) in named or str(path.parent) in named


def _named(config: pytest.Config) -> list[str]:
    """The files and folders that the command line names."""
    if hasattr(config, "workerinput"):
        return list(config.workerinput.get(_NAMED, ()))
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        return []
    words = (each.partition("::")[0] for each in config.args)
    return [str((config.invocation_params.dir / each).resolve()) for each in words]
