"""Write src/podrole/iam/actions/data/tag_on_create.json: what the tags need that a call sends along.

Usage: python scripts/tags_on_create.py

An operation is in the table if its action takes the condition key aws:RequestTag, by AWS's Service Authorization
Reference, and its input has tags, by botocore's model. The tags then need the service's tagging action. Where that is
not so, scripts/tags_on_create.yaml says it; a person has reviewed it. EC2, IAM and S3 have rules of their own, in code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from podrole.aws.protocol.catalogue import model, services
from podrole.iam.actions.reference import Service, prefix_of, service
from podrole.iam.actions.tables import actions_of

TARGET = Path(__file__).parent.parent / "src/podrole/iam/actions/data/tag_on_create.json"
REVIEWED = Path(__file__).with_suffix(".yaml")
IN_CODE = frozenset({"ec2", "iam", "s3", "sts"})
TAGGING_ACTIONS = ("TagResource", "AddTagsToResource", "AddTags", "CreateTags")
REQUEST_TAG = "aws:RequestTag/${TagKey}"
WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
KEYS = frozenset({"Key", "key", "TagKey", "tagKey"})


def is_tags(name: str, shape: Any) -> bool:
    """Say whether a member holds tags: a map of texts, or a list of keys with values, whose name says tags."""
    words = {word.lower() for word in WORD.findall(name)}
    if not words & {"tag", "tags"} or words & {"filter", "filters", "keys", "remove"}:
        return False
    if shape.type_name == "map":
        return bool(shape.value.type_name == "string")
    is_list = shape.type_name == "list" and shape.member.type_name == "structure"
    return is_list and bool(KEYS & set(shape.member.members))


def tags_in(shape: Any, path: str = "", around: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the paths of the tags in an input."""
    if shape.type_name == "structure" and shape.name not in around:
        for name, member in shape.members.items():
            inner = f"{path}.{name}" if path else name
            if is_tags(name, member):
                yield inner
            else:
                yield from tags_in(member, inner, (*around, shape.name))
    elif shape.type_name == "list":
        yield from tags_in(shape.member, f"{path}[]", around)


def tagging_action(client: str, operation: str, reference: Service, reviewed: dict[str, Any]) -> str | None:
    """Return the action that tags need, None if the service has none."""
    named = reviewed["actions"].get(client, {})
    name = named if isinstance(named, str) else named.get(operation) or named.get("*")
    name = name or next((one for one in TAGGING_ACTIONS if reference.action(one) is not None), None)
    return f"{reference.prefix}:{name}" if name else None


def table() -> dict[str, dict[str, list[Any]]]:
    """Return client, operation, and the action with the paths of the tags."""
    reviewed = yaml.safe_load(REVIEWED.read_text())
    found: dict[str, dict[str, list[Any]]] = {}
    for client, simulated in sorted(services().items()):
        reference = service(prefix_of(client, simulated.signing))
        if client in IN_CODE or simulated.moto is None or reference is None:
            continue
        described = model(client)
        for operation in described.operation_names:
            names = actions_of(client, operation) or (f"{reference.prefix}:{operation}",)
            keys = {key for name in names if (one := reference.action(name.partition(":")[2])) for key in one.keys}
            shape = described.operation_model(operation).input_shape
            takes_tags = REQUEST_TAG in keys or operation in reviewed["also"].get(client, ())
            if shape is None or "Tag" in operation or not takes_tags:
                continue
            other = reviewed["not_tags"].get(client, ())
            paths = [path for path in tags_in(shape) if path not in other]
            action = tagging_action(client, operation, reference, reviewed)
            if paths and action:
                found.setdefault(client, {})[operation] = [action, *paths]
    return found


def written() -> str:
    return json.dumps(table(), separators=(",", ":"), sort_keys=True).replace('],"', '],\n"') + "\n"


if __name__ == "__main__":
    TARGET.write_text(written())
