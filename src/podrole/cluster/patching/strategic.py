"""Strategic merge patch: lists merge by key where their type says so, and directives say the rest.

https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md
The original is never changed; unchanged parts of it are shared with the result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from podrole.cluster.schema.types import Field, ListOf, MapOf, Struct, Type

Object = dict[str, Any]

_DIRECTIVE = "$patch"
_RETAIN_KEYS = "$retainKeys"
_ORDER = "$setElementOrder/"
_DELETE = "$deleteFromPrimitiveList/"


class StrategicError(ValueError):
    """The patch is not well-formed."""


def strategic_merge(kind: Type | None, original: Any, patch: Any) -> Any:
    """Return ``original`` changed by ``patch``, of which ``kind`` says how its lists merge. Raises StrategicError."""
    if not isinstance(original, dict) or not isinstance(patch, dict):
        raise StrategicError("a strategic merge patch is an object")
    return _merge_map(kind, original, patch)


def _merge_map(kind: Type | None, original: Object, patch: Object) -> Object:
    directive = patch.get(_DIRECTIVE)
    if directive == "replace":
        return _plain({key: value for key, value in patch.items() if key != _DIRECTIVE})  # type: ignore[no-any-return]
    if directive == "delete":
        return {}
    if directive not in (None, "merge"):
        raise StrategicError(f"Unknown patch type found: {directive}")
    result = _retained(original, patch)
    for key, value in patch.items():
        if key in (_DIRECTIVE, _RETAIN_KEYS) or key.startswith((_ORDER, _DELETE)):
            continue
        if value is None:
            result.pop(key, None)
            continue
        field = _field(kind, key)
        before = result.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            result[key] = _merge_map(_type_below(kind, field), before, value)
        elif isinstance(before, list) and isinstance(value, list) and field is not None and field.merges:
            result[key] = _merge_list(field, before, value)
        else:
            result[key] = _plain(value)
    _delete_primitives(result, patch)
    _order_lists(kind, original, result, patch)
    return result


def _field(kind: Type | None, key: str) -> Field | None:
    return kind.fields.get(key) if isinstance(kind, Struct) else None


def _type_below(kind: Type | None, field: Field | None) -> Type | None:
    if field is not None:
        return field.type
    return kind.value if isinstance(kind, MapOf) else None


def _retained(original: Object, patch: Object) -> Object:
    keys = patch.get(_RETAIN_KEYS)
    if keys is None:
        return dict(original)
    if not isinstance(keys, list):
        raise StrategicError("invalid patch format of retainKeys")
    unlisted = [
        key for key, value in patch.items() if value is not None and not key.startswith("$") and key not in keys
    ]
    if unlisted:
        raise StrategicError("invalid patch format of retainKeys")
    return {key: value for key, value in original.items() if key in keys}


def _plain(value: Any) -> Any:
    """Return a new value without nulls and directives, which have nothing to act on."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items() if one is not None and not key.startswith("$")}
    if isinstance(value, list):
        return [
            _plain(one) for one in value if not (isinstance(one, dict) and one.get(_DIRECTIVE) in ("delete", "replace"))
        ]
    return value


def _merge_list(field: Field, original: list[Any], patch: list[Any]) -> list[Any]:
    if not field.merge_key:
        if any(isinstance(one, dict | list) for one in patch):
            raise StrategicError("invalid patch format of primitive list")
        return list(dict.fromkeys([*original, *patch]))
    if any(isinstance(one, dict) and one.get(_DIRECTIVE) == "replace" for one in patch):
        return [_plain(one) for one in patch if not (isinstance(one, dict) and _DIRECTIVE in one)]
    element = field.type.element if isinstance(field.type, ListOf) else None
    result = list(original)
    for one in patch:
        key = _key_of(one, field.merge_key)
        place = next((index for index, before in enumerate(result) if _value(before, field.merge_key) == key), None)
        directive = one.get(_DIRECTIVE)
        if directive == "delete":
            result = [before for before in result if _value(before, field.merge_key) != key]
        elif directive not in (None, "merge"):
            raise StrategicError(f"Unknown patch type found: {directive}")
        elif place is None:
            result.append(_plain(one))
        else:
            result[place] = _merge_map(element, result[place], one)
    return result


def _value(item: Any, key: str) -> Any:
    return item.get(key) if isinstance(item, dict) else None


def _key_of(item: Any, key: str) -> Any:
    if not isinstance(item, dict):
        raise StrategicError("invalid patch format of a list that merges by key")
    value = item.get(key)
    if value is None or isinstance(value, dict | list):
        raise StrategicError(f"map: {item} does not contain declared merge key: {key}")
    return value


def _delete_primitives(result: Object, patch: Object) -> None:
    for key, values in patch.items():
        if key.startswith(_DELETE):
            name = key.removeprefix(_DELETE)
            if not isinstance(values, list):
                raise StrategicError("invalid patch format of primitive list")
            if isinstance(result.get(name), list):
                result[name] = [one for one in result[name] if one not in values]


def _order_lists(kind: Type | None, original: Object, result: Object, patch: Object) -> None:
    for key, order in patch.items():
        if not key.startswith(_ORDER):
            continue
        name = key.removeprefix(_ORDER)
        if not isinstance(order, list):
            raise StrategicError("invalid patch format of setElementOrder list")
        current = result.get(name)
        field = _field(kind, name)
        if not isinstance(current, list) or field is None or not field.merges:
            continue
        merge_key = field.merge_key

        def identity(item: Any, merge_key: str = merge_key) -> Any:
            return _key_of(item, merge_key) if merge_key else item

        wanted = [identity(one) for one in order]
        _check_order([identity(one) for one in patch.get(name) or () if not _is_deletion(one)], wanted)
        before = original.get(name)
        server = [identity(one) for one in before] if isinstance(before, list) else []
        result[name] = _ordered(current, wanted, server, identity)


def _is_deletion(item: Any) -> bool:
    return isinstance(item, dict) and _DIRECTIVE in item


def _check_order(given: Sequence[Any], wanted: Sequence[Any]) -> None:
    places = [wanted.index(one) if one in wanted else -1 for one in given]
    if -1 in places or places != sorted(places):
        raise StrategicError("the order in the patch's list does not match its setElementOrder list")


def _ordered(items: list[Any], wanted: list[Any], server: list[Any], identity: Callable[[Any], Any]) -> list[Any]:
    """Put the items of the patch in their order, and each of the server's own where it stood among them."""
    listed = sorted((one for one in items if identity(one) in wanted), key=lambda one: wanted.index(identity(one)))
    others = [one for one in items if identity(one) not in wanted]
    result: list[Any] = []
    while listed or others:
        if not others or (listed and not _stands_before(identity(others[0]), identity(listed[0]), server)):
            result.append(listed.pop(0))
        else:
            result.append(others.pop(0))
    return result


def _stands_before(left: Any, right: Any, server: list[Any]) -> bool:
    return left in server and right in server and server.index(left) < server.index(right)
