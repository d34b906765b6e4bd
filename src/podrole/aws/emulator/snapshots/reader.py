"""Objects from a graph of plain data; nothing of the data is executed."""

from __future__ import annotations

import base64
import collections
import enum
import sys
import types
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from podrole.aws.emulator.snapshots.leaves import LEAVES
from podrole.aws.emulator.snapshots.names import NotData, class_of, codes_in, constant, look_up, method_of, slots_of


def _jwk(members: dict[str, Any]) -> object:
    from joserfc import jwk  # installed wherever moto can have made such a key

    return jwk.RSAKey.import_key(members)


class SnapshotReader:
    """Makes all objects, then sets their attributes, then fills the containers: a key must be whole to be hashed."""

    def __init__(self, nodes: list[Any], foreign: Callable[[str], object]) -> None:
        self._nodes = nodes
        self._foreign = foreign
        self._objects: dict[int, Any] = {}
        self._named = self._readers()

    def read(self, data: Any) -> Any:
        """Return the object that ``data`` stands for."""
        for number in range(len(self._nodes)):
            self._object(number)
        for number, node in enumerate(self._nodes):
            if "attributes" in node:
                self._set_attributes(self._objects[number], node["attributes"])
        for number, node in enumerate(self._nodes):
            self._fill(node, self._objects[number])
        return self._value(data)

    def _set_attributes(self, made: Any, attributes: list[Any]) -> None:
        """Put attributes into place; neither a property nor ``__setattr__`` is asked."""
        slots = slots_of(cast("Any", type(made)))
        for name, item in attributes:
            if name in slots:
                slots[name].__set__(made, self._value(item))
            else:
                vars(made)[name] = self._value(item)

    def _value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        if "r" in data:
            return self._object(data["r"])
        return float(data["f"]) if "f" in data else int(data["n"])

    def _object(self, number: int) -> Any:
        if number not in self._objects:
            self._objects[number] = self._empty(self._nodes[number])
        return self._objects[number]

    def _empty(self, node: dict[str, Any]) -> Any:
        """Return the object of a node: whole if it is a leaf or cannot be changed, else without its content."""
        for leaf in LEAVES:
            if leaf.name in node:
                return leaf.read(node[leaf.name])
        for name, make in _CONTAINERS.items():
            if name in node:
                return make()
        for name, read in self._named.items():
            if name in node:
                return read(node)
        return self._instance(node)

    def _readers(self) -> Mapping[str, Callable[[dict[str, Any]], Any]]:
        return {
            "foreign": lambda node: self._foreign(node["foreign"]),
            "constant": lambda node: constant(node["constant"]),
            "enum": lambda node: class_of(node["enum"], enum.Enum).__members__[node["name"]],
            "class": lambda node: class_of(node["class"]),
            "function": lambda node: look_up(node["function"]),
            "local": self._local_function,
            "method": self._method,
            "jwk": lambda node: _jwk(node["jwk"]),
            # Their members cannot be put in later.
            "tuple": lambda node: tuple(self._value(item) for item in node["tuple"]),
            "frozenset": lambda node: frozenset(self._value(item) for item in node["frozenset"]),
        }

    def _method(self, node: dict[str, Any]) -> types.MethodType:
        holder = self._value(node["of"])
        function = method_of(type(holder), node["method"])
        if not isinstance(function, types.FunctionType):
            raise NotData(f"{node['method']}, which is no method")
        return types.MethodType(function, holder)

    def _local_function(self, node: dict[str, Any]) -> types.FunctionType:
        code = codes_in(node["local"])[node["code"]]
        captured = tuple(types.CellType(self._value(item)) for item in node["captured"])
        return types.FunctionType(code, vars(sys.modules[node["local"].partition(":")[0]]), closure=captured)

    def _instance(self, node: dict[str, Any]) -> Any:
        kind = class_of(node["object"])
        # The builtin's own way to make one: a class's __new__ is not asked.
        builtin: Any = next((base for base in _BUILTINS if issubclass(kind, base)), object)
        if "value" in node:
            return builtin.__new__(kind, base64.b64decode(node["value"]) if builtin is bytes else node["value"])
        if builtin is tuple:
            return tuple.__new__(kind, [self._value(item) for item in node.get("members", ())])
        made = builtin.__new__(kind)
        if "factory" in node and isinstance(made, collections.defaultdict):
            made.default_factory = self._value(node["factory"])
        return made

    def _fill(self, node: dict[str, Any], made: Any) -> None:
        value = self._value
        # moto's own dicts may do more than keep what they are given: their plain base keeps it.
        put = collections.OrderedDict.__setitem__ if isinstance(made, collections.OrderedDict) else dict.__setitem__
        for key, item in node.get("dict", node.get("items", ())):
            put(made, value(key), value(item))
        for key, item in node.get("weak", ()):
            made[value(key)] = value(item)
        members = [value(item) for name in ("list", "deque", "set", "members") for item in node.get(name, ())]
        if isinstance(made, set):
            set.update(made, members)
        elif isinstance(made, list):
            list.extend(made, members)
        elif isinstance(made, collections.deque):
            collections.deque.extend(made, members)


_BUILTINS: Sequence[type] = (
    str,
    bytes,
    int,
    float,
    tuple,
    list,
    set,
    collections.deque,
    collections.OrderedDict,
    collections.defaultdict,
    dict,
)

_CONTAINERS: Mapping[str, Callable[[], Any]] = {
    "dict": dict,
    "list": list,
    "set": set,
    "deque": collections.deque,
    "weak": weakref.WeakValueDictionary,
}
