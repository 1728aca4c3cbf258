"""Routes by which a runner elsewhere marks its steps, and hears its clients out."""

from collections.abc import Callable
from datetime import datetime

from starlette.responses import Response

from pixel_emulator.control.asked import Asked, json_response
from pixel_emulator.control.problems import wrong_body
from pixel_emulator.core.errors import InputError
from pixel_emulator.core.recordings.typed_reader import Node


async def run(asked: Asked) -> Response:
    """Begin a run: no earlier call makes one that comes now a duplicate."""
    clock = _read(asked, "clock", _clock)
    asked.session.begin_run(clock)
    return Response(status_code=204)


async def step(asked: Asked) -> Response:
    """Begin a step: what comes now belongs to it."""
    asked.session.begin_step(_read(asked, "title", lambda field: field.text()))
    return Response(status_code=204)


async def acted(asked: Asked) -> Response:
    """Note that steps have done what they do."""
    titles = _read(asked, "titles", _texts)
    asked.session.acted(*titles)
    return Response(status_code=204)


async def drain(asked: Asked) -> Response:
    """Wait until what clients have sent is known and all have gone."""
    seconds = float(asked.query["timeout"])
    return json_response({"gone": await asked.in_thread(asked.emulator.drain, seconds)})


def _read[T](asked: Asked, key: str, read: Callable[[Node], T]) -> T:
    """The only key that a body may have. Raises ProblemError with its mistakes."""
    try:
        document = asked.document()
        field = Node(document, (), {} if document.data is None else document.data)
        unknown = [
            document.mistake(f"is unknown; allowed is {key}", each)
            for each in field.map()
            if each != key
        ]
        if not unknown:
            return read(field[key])
    except InputError as error:
        raise wrong_body(error) from None
    raise wrong_body(InputError(*unknown))


def _clock(field: Node) -> datetime | None:
    return None if field.value is None else field.clock()


def _texts(field: Node) -> list[str]:
    if field.value is None:
        raise field.wrong("a list")
    return [each.text() for each in field.items()]
