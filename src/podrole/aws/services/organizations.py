"""What is special about Organizations: control policies, whose kind decides about their grammar."""

from __future__ import annotations

from podrole.aws.services.rules import Document, ServiceRules, Storing, parameter
from podrole.iam.policy import PolicyKind

_KINDS = {"SERVICE_CONTROL_POLICY": PolicyKind.SCP, "RESOURCE_CONTROL_POLICY": PolicyKind.RCP}


def _new(storing: Storing) -> Document | None:
    return _of_type(storing, str(storing.given.get("Type")))


def _update(storing: Storing) -> Document | None:
    kind = storing.facts.control_policy_type(str(storing.given.get("PolicyId")))
    return _of_type(storing, kind) if kind is not None else None


def _of_type(storing: Storing, name: str) -> Document | None:
    kind = _KINDS.get(name)
    return parameter("Content", kind=kind)(storing) if kind is not None else None


RULES = ServiceRules(
    "organizations",
    documents={"CreatePolicy": _new, "UpdatePolicy": _update},
    not_judged={"PutResourcePolicy": ()},
)
