"""The test's own source lines: where it called us, and failures raised as if there."""

import ast
import inspect
import linecache
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, wraps
from types import FrameType
from typing import NoReturn

import pytest

from pixel_emulator.core.errors import InputError, Location


class MisuseError(TypeError):
    """Arguments that no call can have; the test sees a TypeError on its own line."""


_HEAD = re.compile(r"\s*(async +)?def ")
_DECORATED = 100  # lines of decorators that are searched for the `def`


@dataclass(frozen=True, kw_only=True)
class SourceLines:
    """The source of a test: its file, as an absolute path and as reports show it, and its name.

    `first_line` is where the function begins, perhaps at a decorator. `def_line` is the line that
    names it; 0 means that it has to be searched for.
    """

    path: str
    file: str
    name: str
    first_line: int
    def_line: int = 0

    @cached_property
    def line(self) -> int:
        """Return the number of the line that names the test; searched for on first use."""
        return self.def_line or _def_line(self.path, self.first_line)

    @property
    def location(self) -> Location:
        """Return the location of that line."""
        return Location(self.file, self.line)

    def current_location(self) -> Location:
        """Return the line of the test that is running; in another thread, its `location`."""
        for frame in frames():
            if frame.f_code.co_filename == self.path:
                return Location(self.file, frame.f_lineno)
        return self.location

    def fail(self, error: Exception, at: Location) -> NoReturn:
        """Raise an error as if the line `at` of the test had, or the line that names the test.

        pytest then shows the source of the test as for an assertion there.
        """
        line = at.line if at.file == self.file else 0
        # A line above the test is in a function that it calls, or belongs to no function.
        first_line = (
            self.first_line if line >= self.first_line else _def_line_above(self.path, line)
        )
        if not first_line:
            line, first_line = self.line, self.first_line
        code = compile(self._raise_statement(line, first_line), self.path, "exec")
        raised = code.replace(co_firstlineno=first_line, co_name=self.name)
        error = error.with_traceback(None)
        exec(raised, {"error": error})  # noqa: S102 - our own code, at a line of theirs
        raise error

    def _raise_statement(self, line: int, first_line: int) -> ast.Module:
        """Return a statement that fills this line; lines count from the first of its function."""
        (statement,) = ast.parse("raise error from None").body
        text = linecache.getline(self.path, line).encode().rstrip()
        for node in ast.walk(statement):
            if isinstance(node, ast.stmt | ast.expr):
                node.lineno = node.end_lineno = line - first_line + 1
                node.col_offset, node.end_col_offset = len(text) - len(text.lstrip()), len(text)
        return ast.Module([statement], [])


def raised_at_caller[**P, R](method: Callable[P, R]) -> Callable[P, R]:
    """Make the errors that a method raises stand on the line that called it.

    This holds in every style of traceback. Unexpected errors of ours keep their traceback.
    """

    @wraps(method)
    def shown(*args: P.args, **kwargs: P.kwargs) -> R:
        __tracebackhide__ = True
        try:
            return method(*args, **kwargs)
        except MisuseError as error:
            raise TypeError(str(error)) from None
        except (AssertionError, InputError) as error:
            raise error.with_traceback(None) from None

    return shown


def _def_line(path: str, first_line: int) -> int:
    """Return the line that names the function which begins at `first_line`."""
    heads = (
        n
        for n in range(first_line, first_line + _DECORATED)
        if _HEAD.match(linecache.getline(path, n))
    )
    return next(heads, first_line)


def _def_line_above(path: str, line: int) -> int:
    """Return the line that names the function around `line`; 0 if there is none."""
    heads = (n for n in range(line, 0, -1) if _HEAD.match(linecache.getline(path, n)))
    return next(heads, 0)


def frames() -> Iterator[FrameType]:
    """Yield the frames of this thread, the innermost first."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - `inspect` is slow
    while frame:
        yield frame
        frame = frame.f_back


def source_of(item: pytest.Item, label: str) -> SourceLines:
    """Return the source of a test; its name includes the label of the session."""
    file, line, _ = item.location
    # The inverse of how pytest made `file`; `reportinfo` would look for the file on disk.
    path = os.path.normpath(os.path.join(item.config.rootpath, file))  # noqa: PTH118 - as text
    name = f"{item.name} ({label})" if label else item.name
    return SourceLines(path=path, file=file, name=name, first_line=(line or 0) + 1)


_COROUTINE_FLAGS = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


def in_coroutine() -> bool:
    """Return True if a coroutine is running in this thread.

    Asking asyncio is not enough: with the sync API of Playwright a loop is running, but idle.
    """
    return any(frame.f_code.co_flags & _COROUTINE_FLAGS for frame in frames())
