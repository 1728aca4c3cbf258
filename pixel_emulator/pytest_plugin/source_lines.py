"""Lines of a test's source: where a call of ours was made, and where failures are raised."""

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
    """What no call of ours can mean; the test sees a TypeError on its own line."""


_HEAD = re.compile(r"\s*(async +)?def ")
_DECORATED = 100  # lines of decorators that are looked through


@dataclass(frozen=True, kw_only=True)
class Home:
    """Where a test stands: its file, as a path and as reports show it, and its name.

    `first` is its first line, perhaps that of a decorator, `named` the one that names it, 0 where
    that is to be looked for.
    """

    path: str
    file: str
    name: str
    first: int
    named: int = 0

    @cached_property
    def line(self) -> int:
        """The line that names it, which few tests have to know."""
        return self.named or _line_of_name(self.path, self.first)

    @property
    def location(self) -> Location:
        """The line that names it."""
        return Location(self.file, self.line)

    def here(self) -> Location:
        """The line of the test that is being run; that which names it in another thread."""
        for frame in frames():
            if frame.f_code.co_filename == self.path:
                return Location(self.file, frame.f_lineno)
        return self.location

    def fail(self, error: Exception, at: Location) -> NoReturn:
        """Raise an error as if the line `at` of the test had, or the one that names it.

        pytest then shows the test as it does for an assertion there.
        """
        line = at.line if at.file == self.file else 0
        # What stands above a test is a function that it calls, or nothing of its.
        first = self.first if line >= self.first else _head_above(self.path, line)
        if not first:
            line, first = self.line, self.first
        code = compile(self._raising(line, first), self.path, "exec")
        raised = code.replace(co_firstlineno=first, co_name=self.name)
        error = error.with_traceback(None)
        exec(raised, {"error": error})  # noqa: S102 - the code is ours, only its place is theirs
        raise error

    def _raising(self, line: int, first: int) -> ast.Module:
        """The statement, as if it filled this line; lines count from the first of its function."""
        (statement,) = ast.parse("raise error from None").body
        text = linecache.getline(self.path, line).encode().rstrip()
        for node in ast.walk(statement):
            if isinstance(node, ast.stmt | ast.expr):
                node.lineno = node.end_lineno = line - first + 1
                node.col_offset, node.end_col_offset = len(text) - len(text.lstrip()), len(text)
        return ast.Module([statement], [])


def on_its_line[**P, R](method: Callable[P, R]) -> Callable[P, R]:
    """Have what a method raises stand on the line that called it, in every style of traceback.

    Errors of ours that nobody meant keep theirs.
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


def _line_of_name(path: str, first: int) -> int:
    """The line that names the function which begins in line `first`, perhaps with decorators."""
    heads = (n for n in range(first, first + _DECORATED) if _HEAD.match(linecache.getline(path, n)))
    return next(heads, first)


def _head_above(path: str, line: int) -> int:
    """The line that names the function around `line`; 0 where there is none."""
    heads = (n for n in range(line, 0, -1) if _HEAD.match(linecache.getline(path, n)))
    return next(heads, 0)


def frames() -> Iterator[FrameType]:
    """The frames of this thread, the innermost first."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - `inspect` asks the same, slowly
    while frame:
        yield frame
        frame = frame.f_back


def home_of(item: pytest.Item, label: str) -> Home:
    """Where a test stands; its name says which of its sessions is meant."""
    file, line, _ = item.location
    # What `file` was made of; to ask `reportinfo` again would look for the file on disk.
    path = os.path.normpath(os.path.join(item.config.rootpath, file))  # noqa: PTH118 - as text
    name = f"{item.name} ({label})" if label else item.name
    return Home(path=path, file=file, name=name, first=(line or 0) + 1)


_ASYNC = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


def is_held_up() -> bool:
    """Whether a coroutine is running in this thread.

    To ask asyncio would not do: with the sync API of Playwright a loop seems to run, and is idle.
    """
    return any(frame.f_code.co_flags & _ASYNC for frame in frames())
