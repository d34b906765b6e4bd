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
_DELETED = object()


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
    retained = {key for key in keys if isinstance(key, str)}
    if any(value is not None and not key.startswith("$") and key not in retained for key, value in patch.items()):
        raise StrategicError("invalid patch format of retainKeys")
    return {key: value for key, value in original.items() if key in retained}


def _plain(value: Any) -> Any:
    """Return a new value without nulls and directives, which have nothing to act on."""
    if isinstance(value, dict):
        return {key: _plain(member) for key, member in value.items() if member is not None and not key.startswith("$")}
    if isinstance(value, list):
        return [
            _plain(item)
            for item in value
            if not (isinstance(item, dict) and item.get(_DIRECTIVE) in ("delete", "replace"))
        ]
    return value


def _merge_list(field: Field, original: list[Any], patch: list[Any]) -> list[Any]:
    if not field.merge_key:
        if any(isinstance(item, dict | list) for item in patch):
            raise StrategicError("invalid patch format of primitive list")
        return list(dict.fromkeys([*original, *patch]))
    if any(isinstance(item, dict) and item.get(_DIRECTIVE) == "replace" for item in patch):
        return [_plain(item) for item in patch if not (isinstance(item, dict) and _DIRECTIVE in item)]
    element = field.type.element if isinstance(field.type, ListOf) else None
    result = list(original)
    places: dict[Any, list[int]] = {}
    for place, before in enumerate(result):
        places.setdefault(_value(before, field.merge_key), []).append(place)
    for item in patch:
        key = _key_of(item, field.merge_key)
        directive = item.get(_DIRECTIVE)
        if directive == "delete":
            for place in places.pop(key, ()):
                result[place] = _DELETED
        elif directive not in (None, "merge"):
            raise StrategicError(f"Unknown patch type found: {directive}")
        elif key not in places:
            places[key] = [len(result)]
            result.append(_plain(item))
        else:
            place = places[key][0]
            result[place] = _merge_map(element, result[place], item)
    return [item for item in result if item is not _DELETED]


def _value(item: Any, key: str) -> Any:
    """Return the value of an item's key; None for one that no patch can name."""
    value = item.get(key) if isinstance(item, dict) else None
    return None if isinstance(value, dict | list) else value


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
                deleted = {value for value in values if not isinstance(value, dict | list)}
                result[name] = [item for item in result[name] if isinstance(item, dict | list) or item not in deleted]


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
            if merge_key:
                return _key_of(item, merge_key)
            if isinstance(item, dict | list):
                raise StrategicError("invalid patch format of primitive list")
            return item

        wanted = [identity(item) for item in order]
        _check_order([identity(item) for item in patch.get(name) or () if not _is_deletion(item)], wanted)
        before = original.get(name)
        server = [identity(item) for item in before] if isinstance(before, list) else []
        result[name] = _ordered(current, wanted, server, identity)


def _is_deletion(item: Any) -> bool:
    return isinstance(item, dict) and _DIRECTIVE in item


def _check_order(in_patch: Sequence[Any], wanted: Sequence[Any]) -> None:
    place_of = _places(wanted)
    places = [place_of.get(identity, -1) for identity in in_patch]
    if -1 in places or places != sorted(places):
        raise StrategicError("the order in the patch's list does not match its setElementOrder list")


def _places(items: Sequence[Any]) -> dict[Any, int]:
    """Return the first place of each item."""
    return {item: place for place, item in reversed(list(enumerate(items)))}


def _ordered(items: list[Any], wanted: list[Any], server: list[Any], identity: Callable[[Any], Any]) -> list[Any]:
    """Put the items of the patch in their order, and each of the server's own where it stood among them."""
    wanted_at, server_at = _places(wanted), _places(server)
    pairs = [(identity(item), item) for item in items]
    listed = sorted((pair for pair in pairs if pair[0] in wanted_at), key=lambda pair: wanted_at[pair[0]])
    others = [pair for pair in pairs if pair[0] not in wanted_at]
    result: list[Any] = []
    i = j = 0
    while i < len(listed) or j < len(others):
        if j == len(others) or (i < len(listed) and not _stands_before(others[j][0], listed[i][0], server_at)):
            result.append(listed[i][1])
            i += 1
        else:
            result.append(others[j][1])
            j += 1
    return result


def _stands_before(left: Any, right: Any, server_at: dict[Any, int]) -> bool:
    return left in server_at and right in server_at and server_at[left] < server_at[right]
