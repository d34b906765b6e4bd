"""Write the extract of the Kubernetes API's schemas that the embedded cluster serves and validates with.

The source is the development dependency ``kubernetes-validate``, which carries the definitions of each Kubernetes
release. Run it after a new kind or Kubernetes version; a test checks that it has been run.
"""

from __future__ import annotations

import json
import re
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from podrole.cluster.kinds.registry import RESOURCES
from podrole.cluster.schema.types import META

VERSION = "1.36"
TARGET = Path(__file__).parent.parent / "src/podrole/cluster/schema/kubernetes-1.36.json.z"

SPECIAL = {
    # What the source writes as alternatives of nullable types, in the form that OpenAPI v3 documents have.
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {
        "format": "int-or-string",
        "oneOf": [{"type": "integer"}, {"type": "string"}],
    },
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"oneOf": [{"type": "string"}, {"type": "number"}]},
}

REFERENCE = re.compile(r"^#/\$defs/(.+)$")


def served() -> Iterator[str]:
    """Yield the names of the schemas that requests and answers have."""
    for resource in RESOURCES:
        yield resource.schema
        if resource.stored:
            yield f"{resource.schema}List"
        yield from (subresource.schema for subresource in resource.subresources if subresource.schema)
    yield f"{META}.DeleteOptions"
    yield f"{META}.Status"


def extract(definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the definitions of all kinds that are served, and of all that they refer to, as plain OpenAPI."""
    found: dict[str, Any] = {}
    waiting = list(served())
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        special = SPECIAL.get(name)
        found[name] = (
            {"description": definitions[name].get("description", ""), **special}
            if special
            else clean(definitions[name])
        )
        waiting.extend(references(found[name]))
    return {name: found[name] for name in sorted(found)}


def clean(schema: dict[str, Any]) -> dict[str, Any]:
    """Undo what the source did to make JSON Schema of OpenAPI. Keys of ``properties`` are names, whatever they say."""
    result: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "$ref":
            match = REFERENCE.match(value)
            if match is None:
                raise ValueError(f"a reference of an unknown form: {value}")
            result[key] = match[1]
        elif key == "type" and isinstance(value, list):
            (result[key],) = (one for one in value if one != "null")
        elif key == "properties":
            result[key] = {name: clean(value[name]) for name in sorted(value)}
        elif (key == "enum" and len(value) == 1) or (key == "additionalProperties" and value is False):
            continue
        elif isinstance(value, dict):
            result[key] = clean(value)
        else:
            result[key] = value
    return result


def references(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [name for one in schema for name in references(one)]
    if not isinstance(schema, dict):
        return []
    names = [name for key, value in schema.items() if key != "$ref" for name in references(value)]
    if isinstance(schema.get("$ref"), str):
        names.append(schema["$ref"])
    return names


def source() -> dict[str, Any]:
    import kubernetes_validate  # a development dependency: only this script and its test need it

    folder = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema" / f"v{VERSION}.0-local"
    definitions: dict[str, Any] = json.loads((folder / "_definitions.json").read_text())["$defs"]
    return definitions


def document() -> bytes:
    """Return the extract, uncompressed."""
    return json.dumps(
        {"version": VERSION, "definitions": extract(source())}, separators=(",", ":"), ensure_ascii=False
    ).encode()


def main() -> int:
    data = document()
    TARGET.write_bytes(zlib.compress(data, 9))
    print(f"{TARGET.name}: {len(data):,} bytes, {TARGET.stat().st_size:,} compressed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
