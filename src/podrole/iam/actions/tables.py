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
def _tag_on_create() -> Mapping[str, Mapping[str, Sequence[str]]]:
    return cast("Mapping[str, Any]", _read("tag_on_create"))


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
    services: dict[str, dict[str, frozenset[str]]] = {}
    for client, operations in _passed_roles().items():
        for path, principal in (pair for paths in operations.values() for pair in paths.items()):
            name = path.rpartition(".")[2].strip("[]{}?")
            by_name = services.setdefault(client, {})
            by_name[name] = by_name.get(name, frozenset()) | {principal}
    return services


def tag_action(client: str, operation: str) -> str | None:
    """Return the action that tags sent with the operation need."""
    if client == "iam":
        return _IAM_TAGGED.get(operation)
    if client == "ec2":
        return "ec2:CreateTags"
    entry = _tag_on_create().get(client, {}).get(operation)
    return entry[0] if entry is not None else None


def tag_parameters(client: str, operation: str) -> Sequence[str]:
    """Return the paths of the tags that are sent with the operation, if they are for what it makes."""
    entry = _tag_on_create().get(client, {}).get(operation)
    return entry[1:] if entry is not None else ()
