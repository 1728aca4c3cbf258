"""The settings as command line options; names, defaults and help come from `runtime.settings`."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from pixel_emulator.runtime.output import run_keys
from pixel_emulator.runtime.settings import Settings, Value
from pixel_emulator.runtime.settings import settings as all_settings

_FIELDS = {field.name: field for field in all_settings()}


def takes_settings(
    *names: str, **other_defaults: Value
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Add the named settings as options to a command, which receives them as one `Settings`.

    `other_defaults` names further settings, with their defaults for this command.
    """

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        signature = inspect.signature(command)
        own = [
            parameter for parameter in signature.parameters.values() if parameter.name != "settings"
        ]
        added = [_parameter(name, other_defaults.get(name)) for name in (*names, *other_defaults)]

        def run(*arguments: object, **options: Any) -> int:
            chosen = {parameter.name: options.pop(parameter.name) for parameter in added}
            settings = Settings(**chosen)
            run_keys(settings.sources())
            return command(*arguments, settings=settings, **options)

        parameters = sorted([*own, *added], key=lambda parameter: parameter.kind)
        run.__name__, run.__doc__ = command.__name__, command.__doc__
        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined] # inspect reads it
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
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
        show_envvar=False,  # the help text names the variable
    )
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=list(value) if isinstance(value, tuple) else value,
        annotation=Annotated[kind, option],
    )
