"""The settings as command line options: names, defaults and help come from `config`."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from pixel_emulator.runtime.output import run_keys
from pixel_emulator.runtime.settings import Settings, Value
from pixel_emulator.runtime.settings import settings as all_settings

_FIELDS = {each.name: each for each in all_settings()}


def takes_settings(
    *names: str, **other_defaults: Value
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Give a command the named settings as options; it gets them as one `Settings`.

    `other_defaults` names further settings, with the default that they have for this command.
    """

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        signature = inspect.signature(command)
        own = [each for each in signature.parameters.values() if each.name != "settings"]
        added = [_parameter(name, other_defaults.get(name)) for name in (*names, *other_defaults)]

        def run(*arguments: object, **options: Any) -> int:
            chosen = {each.name: options.pop(each.name) for each in added}
            settings = Settings(**chosen)
            run_keys(settings.sources())
            return command(*arguments, settings=settings, **options)

        parameters = sorted([*own, *added], key=lambda each: each.kind)
        run.__name__, run.__doc__ = command.__name__, command.__doc__
        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined] # inspect reads it
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        return run

    return decorate


def _parameter(name: str, default: Value | None) -> inspect.Parameter:
    field = _FIELDS[name]
    value = field.default if default is None else default
    kind = list[str] if isinstance(value, tuple) else type(value)
    flag = name.replace("_", "-")
    option = typer.Option(
        f"--{flag}/--no-{flag}" if value is True else f"--{flag}",
        help=field.metadata["help"],
        envvar=field.metadata["variable"] or None,
        show_envvar=False,  # the help says it in words
    )
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=list(value) if isinstance(value, tuple) else value,
        annotation=Annotated[kind, option],
    )
