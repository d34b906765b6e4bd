"""What the rules of one service say about one call, without an endpoint."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from podrole.aws.errors import AWSError
from podrole.aws.interfaces import Resource
from podrole.aws.services.rules import Authorizing, Delivering, Document, Resolving, ServiceRules, Storing
from podrole.iam.actions.call import Permission
from podrole.iam.directory import Directory, PolicyText
from support.aws_facts import FakeFacts, call_of
from support.calls import ACCOUNT, REGION, call, short

HERE = f"{REGION}:{ACCOUNT}"
KEY = f"arn:aws:kms:{HERE}:key/k1"


def resolved(rules: ServiceRules, operation: str, facts: FakeFacts | None = None, **given: Any) -> dict[str, Any]:
    """Return the input of a call after its identifiers were resolved."""
    assert rules.resolve is not None
    asked = call(rules.name, operation, given)
    rules.resolve(Resolving(call_of(f"{rules.name}:{operation}", **given), asked, given, facts or FakeFacts()))
    return given


def document(rules: ServiceRules, operation: str, facts: FakeFacts | None = None, **given: Any) -> Document | None:
    """Return the document that a call stores."""
    storing = Storing(call_of(f"{rules.name}:{operation}", **given), given, ACCOUNT, facts or FakeFacts())
    return rules.documents[operation](storing)


def key_uses(
    rules: ServiceRules,
    operation: str,
    facts: FakeFacts | None = None,
    needed: Sequence[Permission] = (),
    **given: Any,
) -> list[str]:
    """Return what a call needs of KMS, each as a text: the action, the key, and the encryption context."""
    facts = facts or FakeFacts(arns={"kms:key k1": KEY})
    call = call_of(f"{rules.name}:{operation}", **given)
    return [_text(one) for one in rules.also_needs(Authorizing(call, ACCOUNT, facts, needed))]


def _text(permission: Permission) -> str:
    start = "kms:EncryptionContext:"
    known = [f"{key[len(start) :]}={short(str(value))}" for key, value in permission.keys.items() if start in key]
    unknown = [f"{key[len(start) :]}=?" for key in permission.unknown]
    return " ".join([permission.action.removeprefix("kms:"), permission.resource.rpartition("/")[2], *known, *unknown])


def receiver(*statements: Mapping[str, Any]) -> Resource:
    """Return a resource with a policy of these statements, each with the Effect Allow."""
    held = [{"Effect": "Allow", **one} for one in statements]
    text = json.dumps({"Version": "2012-10-17", "Statement": held})
    return Resource(ACCOUNT, PolicyText("the receiver's policy", text) if held else None, exists=True)


def lets(service: str, action: str, arn: str, source: str, **keys: str) -> dict[str, Any]:
    """Return a statement that lets a service do something for one source, with these condition keys."""
    condition = {"StringEquals": {"aws:SourceArn": source, "aws:SourceAccount": ACCOUNT, **keys}}
    principal = {"Service": f"{service}.amazonaws.com"}
    return {"Principal": principal, "Action": action, "Resource": arn, "Condition": condition}


def delivers(
    rules: ServiceRules, operation: str, facts: FakeFacts, directory: Directory | None = None, **given: Any
) -> None:
    """Let a service check the destinations of a call. Raises AWSError."""
    call = call_of(f"{rules.name}:{operation}", **given)
    rules.require_destinations(Delivering(call, ACCOUNT, facts, cast("Directory", directory)))


def refusal(work: Callable[..., Any], *args: Any, **given: Any) -> tuple[str, int] | None:
    """Return code and status of a refusal; None if nothing is refused."""
    try:
        work(*args, **given)
    except AWSError as error:
        return error.error_code, error.status
    return None
