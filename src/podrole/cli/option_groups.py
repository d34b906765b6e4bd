"""Options that several commands share: declared once, and handed to the command as one object."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, get_type_hints

PARAMETER = "options"
"""The parameter of a command that gets the object."""


class SharedOption(NamedTuple):
    """What typer needs of an option: its annotation, and its default unless it is required."""

    annotation: Any
    default: Any = inspect.Parameter.empty


def with_options(
    command: Callable[..., None], options: Mapping[str, SharedOption], build: Callable[..., Any]
) -> Callable[..., None]:
    """Return the command with these options more, from whose values ``build`` makes its parameter ``options``."""
    own = [each for each in inspect.signature(command).parameters.values() if each.name != PARAMETER]
    # The type of ``options`` is for readers and mypy; its module is imported only where the command runs.
    command.__annotations__.pop(PARAMETER, None)
    hints = get_type_hints(command, include_extras=True)
    parameters = [each.replace(annotation=hints[each.name], kind=inspect.Parameter.KEYWORD_ONLY) for each in own]
    parameters += [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=option.default, annotation=option.annotation)
        for name, option in options.items()
    ]

    @functools.wraps(command)
    def run(**arguments: Any) -> None:
        command(**{PARAMETER: build(**{name: arguments.pop(name) for name in options})}, **arguments)

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # what typer reads
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run
