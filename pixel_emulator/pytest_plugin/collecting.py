"""Which files of a run are scenarios to be run as tests."""

import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

_SUFFIXES = (".yaml", ".yml")
_ACTS = re.compile(rb"""\bdo["']?[ \t]*:""")
_NAMED = "pixel_named"


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect scenarios with a `do`: those that the ini file or the command line names.

    Files count that `pixel_scenarios` matches, that are named on the command line, or that stand
    right in a folder which is named there: `pytest scenarios/`.
    """
    if file_path.suffix not in _SUFFIXES or not _is_named(parent.config, file_path):
        return None
    if not _ACTS.search(file_path.read_bytes()):
        return None
    from pixel_emulator.pytest_plugin.scenario_items import collected  # noqa: PLC0415 - heavy

    return collected(file_path, parent)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of xdist what was named: it sees the folders of `testpaths` as arguments."""
    node.workerinput[_NAMED] = _named(node.config)


def _is_named(config: pytest.Config, path: Path) -> bool:
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
