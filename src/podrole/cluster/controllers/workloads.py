"""What the controllers that make pods have in common."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from podrole.cluster.core.client import ClusterClient, Object
from podrole.cluster.core.pods import is_finished

MAX_DIGITS = 18


def selector_text(selector: Mapping[str, Any]) -> str:
    """Write a LabelSelector as the API takes it in a query."""
    parts = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for each in selector.get("matchExpressions") or ():
        key, operator, values = each["key"], each["operator"], ",".join(each.get("values") or ())
        parts.append(
            {
                "In": f"{key} in ({values})",
                "NotIn": f"{key} notin ({values})",
                "Exists": key,
                "DoesNotExist": f"!{key}",
            }[operator]
        )
    return ",".join(parts)


def owner_reference(owner: Object) -> Object:
    """Return the reference by which ``owner`` controls what it makes."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def controlled_by(obj: Object) -> str | None:
    """Return the uid of the object's controller."""
    references = obj["metadata"].get("ownerReferences") or ()
    return next((each["uid"] for each in references if each.get("controller")), None)


async def owned(client: ClusterClient, resource: str, owner: Object, selector: Mapping[str, Any]) -> list[Object]:
    """Return the objects that ``owner`` controls, oldest first. It adopts selected objects without a controller."""
    metadata = owner["metadata"]
    objects = []
    for each in await client.list(resource, metadata["namespace"], label_selector=selector_text(selector)):
        controller = controlled_by(each)
        if controller is None and not each["metadata"].get("deletionTimestamp"):
            references = [*(each["metadata"].get("ownerReferences") or ()), owner_reference(owner)]
            patch = {"metadata": {"uid": each["metadata"]["uid"], "ownerReferences": references}}
            objects.append(await client.merge_patch(resource, metadata["namespace"], each["metadata"]["name"], patch))
        elif controller == metadata["uid"]:
            objects.append(each)
    return sorted(objects, key=lambda each: each["metadata"]["creationTimestamp"])


def pod_from(template: Mapping[str, Any], owner: Object, *, generate_name: str) -> Object:
    """Return the pod to create from a pod template."""
    template_metadata = template.get("metadata") or {}
    metadata = {
        key: dict(template_metadata[key])
        for key in ("labels", "annotations", "finalizers")
        if template_metadata.get(key)
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata | {"generateName": generate_name, "ownerReferences": [owner_reference(owner)]},
        "spec": copy.deepcopy(template["spec"]),
    }


def is_active(pod: Object) -> bool:
    """Whether the pod runs or will run."""
    return not is_finished(pod) and not pod["metadata"].get("deletionTimestamp")


def ready_since(pod: Object) -> float | None:
    """Return since when the pod is ready (epoch seconds); None if it is not."""
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if condition["type"] == "Ready" and condition["status"] == "True":
            return parse_time(condition["lastTransitionTime"])
    return None


def parse_time(text: str) -> float:
    """Return a Kubernetes time as epoch seconds."""
    return datetime.fromisoformat(text).timestamp()


def number_in(obj: Object, annotation: str) -> int | None:
    """Return the number that an annotation holds; None if it is missing or not a number of at most 18 digits."""
    text = (obj["metadata"].get("annotations") or {}).get(annotation, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS else None


def condition_of(obj: Object, kind: str) -> Object | None:
    """Return a condition of the object's status."""
    return next((each for each in (obj.get("status") or {}).get("conditions") or () if each["type"] == kind), None)


def replace_condition(conditions: Iterable[Object], new: Object) -> list[Object]:
    """Return the conditions with ``new`` in place of the one of its type; the transition time stays with the status."""
    kept = []
    for each in conditions:
        if each["type"] != new["type"]:
            kept.append(each)
        elif each["status"] == new["status"] and "lastTransitionTime" in each:
            new = new | {"lastTransitionTime": each["lastTransitionTime"]}
    return [*kept, new]
