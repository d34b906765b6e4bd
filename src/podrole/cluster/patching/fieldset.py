"""Sets of fields of an object, as ``managedFields`` writes them (FieldsV1).

A path is a tuple of elements: ``f:name`` a field or a map's key, ``k:{"name":"c"}`` a list's item by its keys,
``v:"x"`` one by its value, ``i:0`` by its place. A set has members and, below elements, further sets; both may be
true of one element (``.`` in FieldsV1). https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from podrole.cluster.schema.types import ListOf, MapOf, Struct, Type

Path = tuple[str, ...]


class FieldSet:
    """A set of paths. Operations return new sets; only ``add`` changes one."""

    __slots__ = ("children", "members")

    def __init__(self, members: set[str] | None = None, children: dict[str, FieldSet] | None = None) -> None:
        self.members: set[str] = members if members is not None else set()
        self.children: dict[str, FieldSet] = children if children is not None else {}

    def __bool__(self) -> bool:
        return bool(self.members) or any(self.children.values())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FieldSet) and self.to_fields_v1() == other.to_fields_v1()

    __hash__ = None  # type: ignore[assignment] # a set that can change is no key

    def add(self, path: Path) -> None:
        """Add a path."""
        node = self
        for element in path[:-1]:
            node = node.children.setdefault(element, FieldSet())
        node.members.add(path[-1])

    def below(self, element: str) -> FieldSet:
        """Return the set of what lies under an element."""
        return self.children.get(element) or FieldSet()

    def paths(self, prefix: Path = ()) -> Iterator[Path]:
        """Yield the paths in order."""
        for member in sorted(self.members):
            yield (*prefix, member)
        for element in sorted(self.children):
            yield from self.children[element].paths((*prefix, element))

    def __or__(self, other: FieldSet) -> FieldSet:
        children = dict(self.children)
        for element, below in other.children.items():
            mine = children.get(element)
            children[element] = below if mine is None else mine | below
        return FieldSet(self.members | other.members, children)

    def __and__(self, other: FieldSet) -> FieldSet:
        return _pruned(
            self.members & other.members,
            {
                element: below & other.children[element]
                for element, below in self.children.items()
                if element in other.children
            },
        )

    def __sub__(self, other: FieldSet) -> FieldSet:
        return _pruned(
            self.members - other.members,
            {
                element: below - other.children[element] if element in other.children else below
                for element, below in self.children.items()
            },
        )

    def without_subtrees(self, other: FieldSet) -> FieldSet:
        """Return what is neither in ``other`` nor below one of its members (RecursiveDifference)."""
        return _pruned(
            self.members - other.members,
            {
                element: below.without_subtrees(other.children[element]) if element in other.children else below
                for element, below in self.children.items()
                if element not in other.members
            },
        )

    def with_named_parents(self, kind: Type | None) -> FieldSet:
        """Return the set with the structs' fields that lead to its members (EnsureNamedFieldsAreMembers)."""
        members = set(self.members)
        children = {}
        for element, below in self.children.items():
            if isinstance(kind, Struct) and element[:2] == "f:" and element[2:] in kind.fields:
                members.add(element)
            children[element] = below.with_named_parents(child_type(kind, element))
        return FieldSet(members, children)

    def to_fields_v1(self) -> dict[str, Any]:
        """Return the set in the form of FieldsV1."""
        result: dict[str, Any] = {}
        for element in sorted(self.members | {key for key, below in self.children.items() if below}):
            below = self.children.get(element)
            if not below:
                result[element] = {}
            else:
                value = below.to_fields_v1()
                result[element] = {".": {}, **value} if element in self.members else value
        return result

    @classmethod
    def from_fields_v1(cls, value: Any) -> FieldSet:
        """Read what ``to_fields_v1`` wrote. Raises ValueError for what is not of that form."""
        if not isinstance(value, dict):
            raise ValueError("fieldsV1 is not an object")  # noqa: TRY004 - the value is wrong, not its type
        result = cls()
        for element, below in value.items():
            if element == ".":
                continue
            _check_element(element)
            if not isinstance(below, dict):
                raise ValueError(f"fieldsV1 holds no object at {element}")  # noqa: TRY004 - as above
            if not below or "." in below:
                result.members.add(element)
            if any(key != "." for key in below):
                result.children[element] = cls.from_fields_v1(below)
        return result


def _check_element(element: str) -> None:
    kind, separator, rest = element[:1], element[1:2], element[2:]
    if separator != ":" or kind not in ("f", "k", "v", "i"):
        raise ValueError(f"missing colon or unknown kind in a path element: {element!r}")
    if kind in "kv":
        try:
            value = json.loads(rest)  # a JSONDecodeError is a ValueError
        except RecursionError:
            raise ValueError(f"a path element is nested too deeply: {element[:100]!r}") from None
        if kind == "k" and not isinstance(value, dict):
            raise ValueError(f"a key is not an object: {element!r}")
    elif kind == "i":
        int(rest)


def _pruned(members: set[str], children: dict[str, FieldSet]) -> FieldSet:
    return FieldSet(members, {element: below for element, below in children.items() if below})


def child_type(kind: Type | None, element: str) -> Type | None:
    """Return the type of what an element leads to."""
    if isinstance(kind, Struct):
        field = kind.fields.get(element[2:])
        return field.type if field is not None else None
    if isinstance(kind, MapOf):
        return kind.value
    if isinstance(kind, ListOf):
        return kind.element
    return None


def describe(path: Path) -> str:
    """Write a path as kube-apiserver does in a conflict: ``.spec.containers[name="c"].image``."""
    return "".join(_described(element) for element in path)


def _described(element: str) -> str:
    kind, rest = element[:1], element[2:]
    if kind == "f":
        return f".{rest}"
    if kind == "i":
        return f"[{rest}]"
    if kind == "v":
        return f"[={rest}]"
    keys = json.loads(rest)
    return "[" + ",".join(f"{name}={json.dumps(keys[name])}" for name in sorted(keys)) + "]"
