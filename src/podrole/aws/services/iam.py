"""What is special about IAM: its refusals name a user, group or role instead of its ARN."""

from __future__ import annotations

from podrole.aws.services.rules import ServiceRules
from podrole.iam.evaluate import Request

# IAM names an entity where it could print its ARN.
_NOUNS = {
    "group": "group",
    "instance-profile": "instance profile",
    "policy": "policy",
    "role": "role",
    "user": "user",
}


def _spell(sentence: str, request: Request) -> str:
    action, resource = request.action, request.resource
    if not action.startswith("iam:") or action.startswith(("iam:Create", "iam:PassRole")):
        return sentence
    return sentence.replace(f"on resource: {resource}", f"on resource: {_friendly(resource)}", 1)


def _friendly(resource: str) -> str:
    kind, _, name = resource.split(":", 5)[-1].partition("/")
    if kind not in _NOUNS or resource.endswith("/"):  # a list is of a path
        return resource
    return f"policy {resource}" if kind == "policy" else f"{_NOUNS[kind]} {name.rpartition('/')[2]}"


RULES = ServiceRules("iam", spell=_spell)
