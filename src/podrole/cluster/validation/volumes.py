"""Rules for the volumes of a pod."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from podrole.cluster.core.errors import FieldError, duplicate, forbidden, invalid, required
from podrole.kube.names import config_key, label

Object = dict[str, Any]

MIN_TOKEN_SECONDS = 600
MAX_TOKEN_SECONDS = 1 << 32


def validate_volumes(volumes: Any, field: str) -> list[FieldError]:
    """Check the volumes of a pod; ``field`` is where they are."""
    errors: list[FieldError] = []
    names: set[str] = set()
    for index, volume in enumerate(volumes):
        here = f"{field}[{index}]"
        name = volume.get("name")
        if not name:
            errors.append(required(f"{here}.name"))
        else:
            errors.extend(invalid(f"{here}.name", name, text) for text in label(name))
            if name in names:
                errors.append(duplicate(f"{here}.name", name))
            names.add(name)
        errors.extend(_source(volume, here))
    return errors


def _source(volume: Object, field: str) -> Iterator[FieldError]:
    kinds = [kind for kind in volume if kind != "name"]
    if not kinds:
        yield required(field, "must specify a volume type")
    for kind in kinds[1:]:
        yield forbidden(f"{field}.{kind}", "may not specify more than 1 volume type")
    if not kinds:
        return
    kind, source = kinds[0], volume[kinds[0]]
    here = f"{field}.{kind}"
    if "defaultMode" in source:
        yield from _mode(source["defaultMode"], f"{here}.defaultMode")
    if kind == "configMap" and not source.get("name"):
        yield required(f"{here}.name")
    elif kind == "secret" and not source.get("secretName"):
        yield required(f"{here}.secretName")
    elif kind == "hostPath" and not source.get("path"):
        yield required(f"{here}.path")
    elif kind == "projected":
        yield from _projected(source, here)
    if kind in ("configMap", "secret"):
        yield from _items(source.get("items", ()), f"{here}.items")
    elif kind == "downwardAPI":
        yield from _downward(source.get("items", ()), here)


def _projected(source: Object, field: str) -> Iterator[FieldError]:
    for index, projection in enumerate(source.get("sources", ())):
        here = f"{field}.sources[{index}]"
        kinds = list(projection)
        if not kinds:
            yield required(here, "must specify a volume type")
        for kind in kinds[1:]:
            yield forbidden(f"{here}.{kind}", "may not specify more than 1 volume type per source")
        if "serviceAccountToken" in projection:
            yield from _token(projection["serviceAccountToken"], f"{here}.serviceAccountToken")
        for kind in ("configMap", "secret"):
            if kind in projection:
                if not projection[kind].get("name"):
                    yield required(f"{here}.{kind}.name")
                yield from _items(projection[kind].get("items", ()), f"{here}.{kind}.items")
        if "downwardAPI" in projection:
            yield from _downward(projection["downwardAPI"].get("items", ()), f"{here}.downwardAPI")


def _token(token: Object, field: str) -> Iterator[FieldError]:
    seconds = token.get("expirationSeconds", MIN_TOKEN_SECONDS)
    if seconds < MIN_TOKEN_SECONDS:
        yield invalid(f"{field}.expirationSeconds", seconds, "may not specify a duration less than 10 minutes")
    if seconds > MAX_TOKEN_SECONDS:
        yield invalid(f"{field}.expirationSeconds", seconds, "may not specify a duration larger than 2^32 seconds")
    yield from _path(token.get("path", ""), f"{field}.path")


def _items(items: Any, field: str) -> Iterator[FieldError]:
    for index, item in enumerate(items):
        here = f"{field}[{index}]"
        if not item.get("key"):
            yield required(f"{here}.key")
        else:
            for text in config_key(item["key"]):
                yield invalid(f"{here}.key", item["key"], text)
        yield from _path(item.get("path", ""), f"{here}.path")
        if "mode" in item:
            yield from _mode(item["mode"], f"{here}.mode")


def _downward(items: Any, field: str) -> Iterator[FieldError]:
    for index, item in enumerate(items):
        here = f"{field}[{index}]"
        yield from _path(item.get("path", ""), f"{here}.path")
        if ("fieldRef" in item) == ("resourceFieldRef" in item):
            if "fieldRef" in item:
                yield invalid(here, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously")
            else:
                yield required(here, "one of fieldRef and resourceFieldRef is required")


def _path(path: str, field: str) -> Iterator[FieldError]:
    if not path:
        yield required(field)
    elif path.startswith("/"):
        yield invalid(field, path, "must be a relative path")
    elif ".." in path.split("/"):
        yield invalid(field, path, "must not contain '..'")
    elif path.startswith(".."):
        yield invalid(field, path, "must not start with '..'")


def _mode(mode: int, field: str) -> Iterator[FieldError]:
    if not 0 <= mode <= 0o777:
        yield invalid(field, mode, "must be a number between 0 and 0777 (octal), both inclusive")
