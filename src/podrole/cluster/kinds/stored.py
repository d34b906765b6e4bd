"""Stored objects that come from elsewhere: whether the cluster could have stored them itself.

The node and the controllers rely on what the API server checks: the node's directories, for example, have pods' uids.
"""

from __future__ import annotations

import re
from typing import Any

from podrole.cluster.core.errors import FieldError, invalid
from podrole.cluster.kinds.registry import BY_NAME, kind_of
from podrole.cluster.validation.metadata import validate_metadata
from podrole.kube.names import is_label

_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def faults_of_stored(resource: str, place: str, obj: Any) -> list[FieldError]:
    """Return what is wrong with an object that is stored at a place (``namespace/name``).

    Of a custom resource's object only place, name and uid are checked. Raises any exception for one that does not
    have the form of an object.
    """
    metadata = obj["metadata"]
    errors = []
    if place != f"{metadata.get('namespace', '')}/{metadata['name']}":
        errors.append(invalid("metadata.name", metadata["name"], f"the object is stored as {place}"))
    namespace, is_namespaced = metadata.get("namespace"), resource not in BY_NAME or BY_NAME[resource].namespaced
    if namespace is not None and not (is_namespaced and is_label(namespace)):
        errors.append(
            invalid("metadata.namespace", namespace, "must be a DNS label; only objects in a namespace have it")
        )
    elif namespace is None and resource in BY_NAME and is_namespaced:
        errors.append(invalid("metadata.namespace", namespace, "an object of this kind is in a namespace"))
    if "/" in metadata["name"] or metadata["name"] in ("", ".", ".."):
        errors.append(invalid("metadata.name", metadata["name"], "must be a name"))
    if not _UID.fullmatch(metadata["uid"]):
        errors.append(invalid("metadata.uid", metadata["uid"], "must be a UUID"))
    if errors or resource not in BY_NAME:
        return errors
    kind = kind_of(BY_NAME[resource])
    if (obj["apiVersion"], obj["kind"]) != (kind.resource.api_version, kind.resource.kind):
        return [invalid("kind", obj["kind"], f"the object is stored as one of {resource}")]
    return [*validate_metadata(obj, kind.name_rule), *kind.validate(obj)]
