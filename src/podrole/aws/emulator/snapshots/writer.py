"""Objects as a graph of plain data."""

from __future__ import annotations

import base64
import collections
import contextlib
import enum
import functools
import math
import types
import weakref
from collections.abc import Mapping
from typing import Any, cast

from podrole.aws.emulator.snapshots.leaves import leaf_of
from podrole.aws.emulator.snapshots.names import NotData, codes_in, constants, method_of, name_of, slots_of


class SnapshotWriter:
    """Writes one service's objects; an object that is met again is written as a reference."""

    def __init__(self, foreign: Mapping[int, str]) -> None:
        """``foreign`` are the backends that are not written, by their ``id()``."""
        self._named = {id(value): {"constant": name} for name, value in constants().items()}
        self._named.update((number, {"foreign": name}) for number, name in foreign.items())
        self.nodes: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._kept: list[object] = []  # so that no id() is reused while writing

    def write(self, root: object) -> Any:
        """Return the data of ``root``. Raises NotData."""
        # A work list instead of recursion: graphs are deeper than Python's stack.
        result = self._reference(root)
        done = 0
        while done < len(self._kept):
            self.nodes.append(None)
            self.nodes[done] = self._node(self._kept[done])
            done += 1
        return result

    def _reference(self, value: object) -> Any:
        kind = type(value)
        if kind is str or value is None or kind is bool:
            return value
        if isinstance(value, float) and kind is float:
            return value if math.isfinite(value) else {"f": repr(value)}
        if isinstance(value, int) and kind is int:
            return value if abs(value) <= 2**53 else {"n": str(value)}
        number = self._numbers.get(id(value))
        if number is None:
            number = self._numbers[id(value)] = len(self._kept)
            self._kept.append(value)
        return {"r": number}

    def _node(self, value: Any) -> Any:
        named = self._named.get(id(value))
        if named is not None:
            return named
        kind: Any = type(value)
        leaf = leaf_of(kind)
        if leaf is not None:
            return {leaf.name: leaf.write(value)}
        if kind in (list, tuple, set, frozenset, collections.deque):
            return {kind.__name__: [self._reference(item) for item in value]}
        if kind is dict:
            return {"dict": [[self._reference(key), self._reference(item)] for key, item in value.items()]}
        if type(value).__module__.startswith("joserfc."):  # the key of a Cognito user pool
            return {"jwk": value.as_dict(private=True)}
        if isinstance(value, enum.Enum):
            return {"enum": name_of(type(value)), "name": value.name}
        if isinstance(value, type):
            return {"class": name_of(value)}
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, types.MethodType):
            return self._method(value)
        if isinstance(value, functools.partial):
            raise NotData("a partial function")
        return self._container(value)

    def _method(self, method: types.MethodType) -> Any:
        name = method.__func__.__name__
        if method_of(type(method.__self__), name) is not method.__func__:
            raise NotData(f"the method {method.__qualname__}")
        return {"method": name, "of": self._reference(method.__self__)}

    def _function(self, function: types.FunctionType) -> Any:
        if "<locals>" not in function.__qualname__:
            return {"function": name_of(function)}
        # A function made inside another one: where its code stands in that one's, and the values that it has captured.
        outer = f"{function.__module__}:{function.__qualname__.rpartition('.<locals>.')[0]}"
        codes = codes_in(outer)
        if function.__code__ not in codes or function.__defaults__ or function.__kwdefaults__:
            raise NotData(f"the function {function.__qualname__}")
        captured = [self._reference(cell.cell_contents) for cell in function.__closure__ or ()]
        return {"local": outer, "code": codes.index(function.__code__), "captured": captured}

    def _container(self, value: Any) -> Any:
        ref, kind = self._reference, cast("Any", type(value))
        node: dict[str, Any] = {}
        if isinstance(value, weakref.WeakValueDictionary):
            return {"weak": [[ref(key), ref(item)] for key, item in value.items()]}
        if isinstance(value, dict):
            node["items"] = [[ref(key), ref(item)] for key, item in dict.items(value)]
        elif isinstance(value, list | tuple | set | collections.deque):
            node["members"] = [ref(item) for item in value]
        elif isinstance(value, str | bytes | int | float):
            node["value"] = base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)
        if isinstance(value, collections.defaultdict):
            node["factory"] = ref(value.default_factory)
        node["object"] = name_of(kind)
        attributes = dict(getattr(value, "__dict__", {}))
        for name, slot in slots_of(kind).items():
            with contextlib.suppress(AttributeError):  # nothing is in it
                attributes[name] = slot.__get__(value)
        if attributes:
            node["attributes"] = [[name, ref(item)] for name, item in attributes.items()]
        return node
