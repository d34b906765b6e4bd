"""What the tests of policies share: short ways to write a policy, a caller and a question."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

import pytest

from podrole.iam.document import parse_policy
from podrole.iam.evaluate import NamedPolicy
from podrole.iam.policy import PolicyKind

Statement = Mapping[str, Any]


class Compile(Protocol):
    """Compile statements into a named policy; an identity policy of the current version unless told otherwise."""

    def __call__(
        self, *statements: Statement, kind: PolicyKind = ..., version: str | None = ..., name: str = ...
    ) -> NamedPolicy: ...


def _compile(
    *statements: Statement, kind: PolicyKind = PolicyKind.IDENTITY, version: str | None = "2012-10-17", name: str = ""
) -> NamedPolicy:
    document: dict[str, Any] = {"Statement": list(statements)}
    if version is not None:
        document["Version"] = version
    return NamedPolicy(name or f"the {kind} policy", parse_policy(json.dumps(document), kind))


@pytest.fixture(scope="session")
def policy() -> Compile:
    return _compile


class StatementOf(Protocol):
    def __call__(self, effect: str = ..., **elements: Any) -> dict[str, Any]: ...


@pytest.fixture(scope="session")
def statement() -> StatementOf:
    """Write a statement on s3:GetObject of everything, with other elements where they are given."""

    def write(effect: str = "Allow", **elements: Any) -> dict[str, Any]:
        written: dict[str, Any] = {"Effect": effect, "Action": "s3:GetObject", "Resource": "*"} | elements
        return {name: value for name, value in written.items() if value is not None}

    return write
