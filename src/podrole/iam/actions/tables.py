"""The tables beside the reference: where names differ, and what it does not say. See scripts/action_tables.py."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast


def _read(name: str) -> Any:
    return json.loads((Path(__file__).parent / "data" / f"{name}.json").read_bytes())


@functools.cache
def _operations() -> Mapping[str, Mapping[str, Sequence[str]]]:
    return cast("Mapping[str, Any]", _read("operations"))


@functools.cache
def _variables() -> Mapping[str, Mapping[str, Sequence[str]]]:
    return cast("Mapping[str, Any]", _read("variables"))


@functools.cache
def _passed_roles() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    return cast("Mapping[str, Any]", _read("passed_roles"))


@functools.cache
def _tag_on_create() -> Mapping[str, Mapping[str, str]]:
    return cast("Mapping[str, Any]", _read("tag_on_create"))


# What tags that are sent with an operation need, for every operation of the service but the tagging ones.
_TAGGING = {
    "acm": "acm:AddTagsToCertificate",
    "dynamodb": "dynamodb:TagResource",
    "ecs": "ecs:TagResource",
    "eks": "eks:TagResource",
    "elbv2": "elasticloadbalancing:AddTags",
    "events": "events:TagResource",
    "lambda": "lambda:TagResource",
    "logs": "logs:TagResource",
    "secretsmanager": "secretsmanager:TagResource",
    "sns": "sns:TagResource",
    "sqs": "sqs:TagQueue",
    "ssm": "ssm:AddTagsToResource",
    "stepfunctions": "states:TagResource",
    "kinesis": "kinesis:AddTagsToStream",
    "ecr": "ecr:TagResource",
    "kms": "kms:TagResource",
}
_IAM_TAGGED = {
    "CreateInstanceProfile": "iam:TagInstanceProfile",
    "CreateOpenIDConnectProvider": "iam:TagOpenIDConnectProvider",
    "CreatePolicy": "iam:TagPolicy",
    "CreateRole": "iam:TagRole",
    "CreateSAMLProvider": "iam:TagSAMLProvider",
    "CreateUser": "iam:TagUser",
    "CreateVirtualMFADevice": "iam:TagMFADevice",
    "UploadServerCertificate": "iam:TagServerCertificate",
}


def actions_of(client: str, operation: str) -> Sequence[str] | None:
    """Return the actions of an operation that is not checked under its own name."""
    return _operations().get(client, {}).get(operation)


def parameters_of(client: str, variable: str) -> Sequence[str]:
    """Return the parameters that an ARN's variable stands in, where its name does not tell."""
    return _variables().get(client, {}).get(variable, ())


def passed_roles(client: str, operation: str) -> Mapping[str, str]:
    """Return the paths of parameters that hold a role, with the service that it is passed to."""
    return _passed_roles().get(client, {}).get(operation, {})


@functools.cache
def services_given_roles() -> Mapping[str, Mapping[str, frozenset[str]]]:
    """Return, by client and name of a parameter, the services that get the role in it."""
    found: dict[str, dict[str, frozenset[str]]] = {}
    for client, operations in _passed_roles().items():
        for path, principal in (pair for paths in operations.values() for pair in paths.items()):
            name = path.rpartition(".")[2].strip("[]{}?")
            by_name = found.setdefault(client, {})
            by_name[name] = by_name.get(name, frozenset()) | {principal}
    return found


def tag_action(client: str, operation: str) -> str | None:
    """Return the action that tags sent with the operation need."""
    if client == "iam":
        return _IAM_TAGGED.get(operation)
    return _tag_on_create().get(client, {}).get(operation) or _TAGGING.get(client)
