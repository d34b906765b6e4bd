"""Classes, functions and constants by name: only moto's own, this package's, and a few of the standard library."""

from __future__ import annotations

import functools
import importlib
import re
import sys
import types
from typing import Any


class NotData(Exception):
    """A value that cannot be written as data; the message says which."""


_ALLOWED = re.compile(
    r"moto\.(?!server|moto_proxy|moto_server)[a-z0-9_.]+|responses|werkzeug\.datastructures[a-z_.]*"
    r"|py_partiql_parser\.[a-z_.]+|podrole\.aws\.emulator\.(cloudformation_iam|iam_backend|stack_resources)"
)


_STANDARD = frozenset(
    {
        "collections:OrderedDict",
        "collections:defaultdict",
        "collections:Counter",
        "builtins:list",
        "builtins:dict",
        "builtins:set",
        "builtins:int",
        "builtins:str",
        "datetime:timezone",
    }
)


def look_up(name: str) -> Any:
    """Return the class or function with that name; of moto's own modules, or one of a few of the standard library.

    It is found only where it is defined: a module's imports are not its own.
    """
    module, _, path = name.partition(":")
    if name not in _STANDARD and not _ALLOWED.fullmatch(module):
        raise NotData(f"{name}, which is not moto's")
    thing: Any = sys.modules.get(module) or importlib.import_module(module)
    for part in path.split("."):
        thing = vars(thing).get(part) if isinstance(thing, types.ModuleType | type) else None
    if not isinstance(thing, type | types.FunctionType):
        raise NotData(f"{name}, which is no class or function")
    if (thing.__module__, thing.__qualname__) != (module, path):
        raise NotData(f"{name}, which is {thing.__module__}:{thing.__qualname__}")
    return thing


def constant(name: str) -> dict[Any, Any] | list[Any]:
    """Return the constant of moto's with that name. Raises NotData."""
    module, _, path = name.partition(":")
    if not _ALLOWED.fullmatch(module) or not path.isupper():
        raise NotData(f"{name}, which is no constant of moto's")
    constant = vars(importlib.import_module(module)).get(path)
    if not isinstance(constant, dict | list):
        raise NotData(f"{name}, which is no constant of moto's")
    return constant


def class_of(name: str, of: type = object) -> Any:
    """Return the class with that name, which must be ``of`` or derived from it. Raises NotData."""
    kind = look_up(name)
    if not (isinstance(kind, type) and issubclass(kind, of)):
        raise NotData(f"{name}, which is not a kind of {of.__name__}")
    return kind


@functools.cache
def name_of(thing: Any) -> str:
    """Return the name by which ``look_up`` finds a class or function. Raises NotData if it does not."""
    name = f"{thing.__module__}:{thing.__qualname__}"
    if look_up(name) is not thing:
        raise NotData(f"{name}, which cannot be found by its name")
    return name


@functools.cache
def slots_of(kind: type) -> dict[str, types.MemberDescriptorType]:
    """Return the places of attributes that are not in an object's ``__dict__``."""
    return {
        name: slot
        for base in kind.__mro__
        for name, slot in vars(base).items()
        if isinstance(slot, types.MemberDescriptorType)
    }


def method_of(kind: type, name: str) -> object:
    """Return the function that a class has under a name, without asking the class for it."""
    return next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None)


def codes_in(outer: str) -> list[types.CodeType]:
    """Return the code of the functions that are made inside a function of moto's."""
    function = look_up(outer)
    constants = function.__code__.co_consts if isinstance(function, types.FunctionType) else ()
    return [constant for constant in constants if isinstance(constant, types.CodeType)]


def constants() -> dict[str, Any]:
    """Return the data that moto's modules share (EC2's instance types and their offerings), by module and name."""
    return {
        f"{module_name}:{name}": value
        for module_name, module in list(sys.modules.items())
        if module_name.startswith("moto.")
        for name, value in list(vars(module).items())
        if name.isupper() and isinstance(value, dict | list) and value
    }
