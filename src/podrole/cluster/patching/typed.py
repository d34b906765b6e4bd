"""Objects seen through their types: which fields they have, how two differ, how one is merged into another.

This is what sigs.k8s.io/structured-merge-diff does for server-side apply, on plain dicts. ABSENT stands for a value
that is not there, which is not the same as a null.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from podrole.cluster.patching.fieldset import FieldSet, Path
from podrole.cluster.schema.presence import KEY_DEFAULTS
from podrole.cluster.schema.structural import CustomStruct
from podrole.cluster.schema.types import ListOf, MapOf, Scalar, Struct, Type


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False


ABSENT: Final = _Absent()


class TypedError(ValueError):
    """The object does not fit its type, in a way that merging cannot look past."""


@dataclass(slots=True)
class FieldComparison:
    """How a new object differs from an old one."""

    added: FieldSet = field(default_factory=FieldSet)
    removed: FieldSet = field(default_factory=FieldSet)
    modified: FieldSet = field(default_factory=FieldSet)

    @property
    def changed(self) -> FieldSet:
        """The fields that were added or modified."""
        return self.added | self.modified


def element_of(kind: ListOf, item: Any, index: int, path: Path) -> str:
    """Return the path element of a list's item. Raises TypedError where the item lacks what identifies it."""
    if kind.relation == "set":
        if isinstance(item, dict | list):
            raise TypedError(f"{describe_path(path)}: a set may hold only scalars")
        return f"v:{_json(item)}"
    if kind.relation == "map":
        if not isinstance(item, dict):
            raise TypedError(f"{describe_path(path)}: associative list may not have non-map elements")
        keys = {}
        for name in kind.keys:
            value = item.get(name, KEY_DEFAULTS.get(name))
            if value is None:
                if len(kind.keys) == 1:
                    raise TypedError(
                        f"{describe_path(path)}: element {index}: associative list with keys has an element that "
                        f'omits key field "{name}" (and doesn\'t have default value)'
                    )
                continue
            keys[name] = value
        return f"k:{_json(dict(sorted(keys.items())))}"
    return f"i:{index}"


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def describe_path(path: Path) -> str:
    """Return a path as kube-apiserver writes it in an error."""
    return "." + ".".join(element[2:] for element in path)


def _is_atomic(kind: Type | None) -> bool:
    if isinstance(kind, ListOf):
        return kind.relation == "atomic"
    return isinstance(kind, Scalar) or kind is None or kind.atomic


def check(kind: Type, value: Any, path: Path = ()) -> None:
    """Raise TypedError for a field that the type has not, or a list or map where the type has another thing."""
    if value is None:
        return
    if isinstance(kind, Struct):
        if not isinstance(value, dict):
            raise TypedError(f"{describe_path(path)}: expected map, got {value!r}")
        for key, below in value.items():
            known = kind.fields.get(key)
            if known is None and isinstance(kind, CustomStruct) and kind.keeps_unknown:
                continue
            if known is None:
                raise TypedError(f"{describe_path((*path, f'f:{key}'))}: field not declared in schema")
            check(known.type, below, (*path, f"f:{key}"))
    elif isinstance(kind, MapOf):
        if not isinstance(value, dict):
            raise TypedError(f"{describe_path(path)}: expected map, got {value!r}")
        for key, below in value.items():
            check(kind.value, below, (*path, f"f:{key}"))
    elif isinstance(kind, ListOf):
        _check_list(kind, value, path)
    else:
        _check_scalar(kind, value, path)


_SCALARS: dict[str, tuple[str, tuple[type, ...]]] = {
    "string": ("string", (str,)),
    "bytes": ("string", (str,)),
    "time": ("string", (str,)),
    "micro-time": ("string", (str,)),
    "int32": ("numeric (int or float)", (int,)),
    "int64": ("numeric (int or float)", (int,)),
    "number": ("numeric (int or float)", (int, float)),
    "boolean": ("boolean", (bool,)),
}


def _check_scalar(kind: Scalar, value: Any, path: Path) -> None:
    expected = _SCALARS.get(kind.kind)
    if expected is not None and type(value) not in expected[1]:
        raise TypedError(f"{describe_path(path)}: expected {expected[0]}, got {value!r}")


def _check_list(kind: ListOf, value: Any, path: Path) -> None:
    if not isinstance(value, list):
        raise TypedError(f"{describe_path(path)}: expected list, got {value!r}")
    seen: set[str] = set()
    for index, item in enumerate(value):
        element = element_of(kind, item, index, path)
        if element in seen:
            raise TypedError(f"{describe_path(path)}: duplicate entries for key {element[2:]}")
        seen.add(element)
        check(kind.element, item, (*path, element))


def fields_of(kind: Type | None, value: Any) -> FieldSet:
    """Return the set of fields that the object sets (ToFieldSet)."""
    result = FieldSet()
    _collect(kind, value, (), result)
    return result


def _collect(kind: Type | None, value: Any, path: Path, into: FieldSet) -> None:
    if _is_atomic(kind):
        if path:
            into.add(path)
        return
    if isinstance(kind, ListOf):
        for element, item in _indexed(kind, value or [], path):
            here = (*path, element)
            _collect(kind.element, item, here, into)
            into.add(here)
        return
    for key, below in (value or {}).items():
        here = (*path, f"f:{key}")
        known = kind.fields.get(key) if isinstance(kind, Struct) else None
        _collect(known.type if known is not None else _value_type(kind), below, here, into)
        if below is None or below == {} or known is None:
            into.add(here)


def _value_type(kind: Type | None) -> Type | None:
    return kind.value if isinstance(kind, MapOf) else None


def _indexed(kind: ListOf, value: list[Any], path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the items with their elements; of several with one element, the first."""
    seen: set[str] = set()
    for index, item in enumerate(value):
        element = element_of(kind, item, index, path)
        if element not in seen:
            seen.add(element)
            yield element, item


def compare(kind: Type, old: Any, new: Any) -> FieldComparison:
    """Return how ``new`` differs from ``old``, field by field (Compare)."""
    result = FieldComparison()
    _compare(kind, old, new, (), result)
    return result


def _compare(kind: Type | None, old: Any, new: Any, path: Path, result: FieldComparison) -> None:
    # Two empty values are a leaf: that keeps apart what is empty, null and not there.
    if _is_atomic(kind) or not (old or new):
        if old is ABSENT or new is ABSENT:
            _note_presence(old, new, path, result)
        elif path and (old != new or type(old) is not type(new)):
            result.modified.add(path)
        return
    if isinstance(kind, ListOf):
        left, right = dict(_indexed(kind, old or [], path)), dict(_indexed(kind, new or [], path))
        for element in left.keys() | right.keys():
            _compare(kind.element, left.get(element, ABSENT), right.get(element, ABSENT), (*path, element), result)
    else:
        for key, known in _keys(kind, old, new):
            below = known if known is not None else _value_type(kind)
            _compare(below, _at(kind, old, key), _at(kind, new, key), (*path, f"f:{key}"), result)
    _note_presence(old, new, path, result)


def _note_presence(old: Any, new: Any, path: Path, result: FieldComparison) -> None:
    if not path or old is new:
        return
    if old is ABSENT:
        result.added.add(path)
    elif new is ABSENT:
        result.removed.add(path)


def _keys(kind: Type | None, old: Any, new: Any) -> Iterator[tuple[str, Type | None]]:
    for key in {**(old or {}), **(new or {})}:
        known = kind.fields.get(key) if isinstance(kind, Struct) else None
        yield key, known.type if known is not None else None


def _at(kind: Type | None, value: Any, key: str) -> Any:
    if value is ABSENT:
        return ABSENT
    if value is None:
        return ABSENT
    inner = value.get(key, ABSENT)
    known = kind.fields.get(key) if isinstance(kind, Struct) else None
    if inner is ABSENT and known is not None and known.required:
        return None  # Go writes a field that must be there as null where it is not set
    return inner


def merge(kind: Type | None, live: Any, applied: Any) -> Any:
    """Return ``live`` with everything that ``applied`` says (Merge). Values are shared, not copied."""
    if applied is ABSENT:
        return live
    if live is ABSENT or live is None or applied is None or _is_atomic(kind):
        return applied
    if isinstance(kind, ListOf):
        return _merge_lists(kind, live, applied)
    result = dict(live)
    for key, value in applied.items():
        known = kind.fields.get(key) if isinstance(kind, Struct) else None
        below = known.type if known is not None else _value_type(kind)
        result[key] = merge(below, live.get(key, ABSENT), value)
    return result


def _merge_lists(kind: ListOf, live: list[Any], applied: list[Any]) -> list[Any]:
    """Merge by element. Items keep the applied order; live items that are not applied keep their place among them."""
    left = list(_indexed(kind, live, ()))
    right = list(_indexed(kind, applied, ()))
    in_left, in_right = dict(left), dict(right)
    shared = [element for element, _ in right if element in in_left]
    next_shared = shared.pop(0) if shared else None
    merged: set[str] = set()
    result: list[Any] = []
    i = j = 0
    while i < len(left) or j < len(right):
        if i < len(left) and j < len(right):
            element = left[i][0]
            if element == right[j][0]:
                merged.add(element)
                result.append(merge(kind.element, in_left[element], in_right[element]))
                i, j = i + 1, j + 1
                next_shared = shared.pop(0) if shared else None
                continue
            if element in in_right and next_shared is not None and next_shared != element:
                i += 1  # shared, but not the one whose turn it is
                continue
        if i < len(left):
            element, item = left[i]
            if element not in in_right:
                result.append(item)
                i += 1
                continue
            if element in merged:
                i += 1
        if j < len(right):
            element, item = right[j]
            merged.add(element)
            result.append(merge(kind.element, in_left.get(element, ABSENT), item))
            j += 1
            if next_shared == element:
                next_shared = shared.pop(0) if shared else None
    return result


def remove(kind: Type | None, value: Any, paths: FieldSet) -> Any:
    """Return the object without the fields and items in ``paths`` (RemoveItems). What is atomic goes as a whole."""
    if not value or _is_atomic(kind):
        return None if _is_atomic(kind) else value
    if isinstance(kind, ListOf):
        return [
            _removed_below(kind.element, item, paths, element)
            for index, item in enumerate(value)
            if (element := element_of(kind, item, index, ())) not in paths.members
        ]
    result = {}
    for key, below in value.items():
        element = f"f:{key}"
        if element in paths.members:
            continue
        known = kind.fields.get(key) if isinstance(kind, Struct) else None
        result[key] = _removed_below(known.type if known is not None else _value_type(kind), below, paths, element)
    return result


def _removed_below(kind: Type | None, value: Any, paths: FieldSet, element: str) -> Any:
    below = paths.below(element)
    return remove(kind, value, below) if below else value
