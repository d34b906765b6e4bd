"""The options of ``podrole up``, made of the fields of ``WorldSettings``."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_type_hints

import typer

from podrole.world.settings import SETTINGS, Setting, WorldSettings

PARAMETER = "settings"


def with_world_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command one option for each setting; its parameter ``settings`` gets them as ``WorldSettings``.

    The command raises BadSetting where they cannot be right.
    """
    hints = get_type_hints(command, include_extras=True)
    parameters = [
        each.replace(annotation=hints[each.name])
        for each in inspect.signature(command).parameters.values()
        if each.name != PARAMETER
    ]
    parameters.extend(map(_parameter, SETTINGS))

    @functools.wraps(command)
    def with_options(**arguments: Any) -> None:
        values = {setting.name: arguments.pop(setting.name) for setting in SETTINGS}
        lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        settings = WorldSettings(**{**values, **lists})
        command(**arguments, settings=settings)

    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # what typer reads
    with_options.__annotations__ = {each.name: each.annotation for each in parameters}
    return with_options


def _parameter(setting: Setting) -> inspect.Parameter:
    default: Any = setting.default
    if isinstance(setting.default, bool):
        option = typer.Option(setting.option, envvar=setting.variable, help=setting.description)
        kind: Any = bool
    elif setting.listener:
        option = typer.Option(
            setting.option, envvar=setting.variable, help=setting.description, min=0, max=65535, metavar="PORT"
        )
        kind = int
    else:
        option = typer.Option(
            setting.option,
            envvar=setting.variable,
            help=setting.description,
            show_default=setting.shown,
            metavar=setting.metavar,
        )
        kind = str | None
        if isinstance(setting.default, tuple):
            kind, default = list[str], []
    return inspect.Parameter(
        setting.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[kind, option],
    )
