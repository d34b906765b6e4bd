"""Systems Manager: which parameters are SecureStrings, and what KMS is asked for them."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.aws.interfaces import Encryption, SecureParameter
from podrole.aws.services.ssm import RULES
from support.aws_facts import FakeFacts
from support.service_rules import HERE, KEY, key_uses, resolved


def arn(name: str) -> str:
    return f"arn:aws:ssm:{HERE}:parameter/{name.lstrip('/')}"


K2, K3 = f"{KEY[:-2]}k2", f"{KEY[:-2]}k3"
FACTS = FakeFacts(
    arns={"kms:key k1": KEY, "kms:key k2": K2, "kms:key k3": K3},
    encrypted={arn("db"): Encryption("k1"), f"{arn('db')} 1": Encryption("k2"), arn("/app/db"): Encryption("k1")},
    secure=[
        SecureParameter("db", "k1", newest=True),
        SecureParameter("db", "k2", newest=False),
        SecureParameter("/app/db", "k1", newest=True),
        SecureParameter("/app/db", "k2", newest=False),
        SecureParameter("/app/deep/er", "k3", newest=True),
        SecureParameter("/apples", "k3", newest=True),
    ],
)


@pytest.mark.parametrize(
    ("operation", "given", "key"),
    [
        ("PutParameter", {"Name": "new", "Type": "SecureString"}, "alias/aws/ssm"),
        ("PutParameter", {"Name": "new", "Type": "SecureString", "KeyId": "k2"}, "k2"),
        ("PutParameter", {"Name": "new", "Type": "String"}, None),
        ("PutParameter", {"Name": "db", "Type": "String"}, None),
        ("PutParameter", {"Name": "db"}, "alias/aws/ssm"),
        ("PutParameter", {"Name": "new"}, None),
        ("GetParameter", {"Name": "db"}, None),
    ],
)
def test_a_secure_string_without_a_key_is_under_the_default_one(
    operation: str, given: dict[str, Any], key: str | None
) -> None:
    assert resolved(RULES, operation, FACTS, **given).get("KeyId") == key


SECURE = {"Name": "new", "Type": "SecureString", "KeyId": "k1"}
OF_NEW = "PARAMETER_ARN=arn:aws:ssm:HERE:parameter/new"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (SECURE, [f"Encrypt k1 {OF_NEW}"]),
        (SECURE | {"Type": "String"}, []),
        ({"Name": "new", "Type": "SecureString"}, []),
        (SECURE | {"Tier": "Advanced"}, [f"GenerateDataKey k1 {OF_NEW}"]),
        (SECURE | {"Tier": "Intelligent-Tiering"}, [f"Encrypt k1 {OF_NEW}"]),
        (SECURE | {"Tier": "Intelligent-Tiering", "Value": "x" * 4096}, [f"Encrypt k1 {OF_NEW}"]),
        (SECURE | {"Tier": "Intelligent-Tiering", "Value": "x" * 4097}, [f"GenerateDataKey k1 {OF_NEW}"]),
        (SECURE | {"Tier": "Intelligent-Tiering", "Policies": "[]"}, [f"GenerateDataKey k1 {OF_NEW}"]),
        (SECURE | {"Tier": "Standard", "Policies": "[]"}, [f"Encrypt k1 {OF_NEW}"]),
    ],
)
def test_writing_a_secure_string_needs_its_key(given: dict[str, Any], expected: list[str]) -> None:
    assert key_uses(RULES, "PutParameter", FACTS, **given) == expected


OF_DB, OF_APP = "PARAMETER_ARN=arn:aws:ssm:HERE:parameter/db", "PARAMETER_ARN=arn:aws:ssm:HERE:parameter/app/db"
OF_DEEP = "PARAMETER_ARN=arn:aws:ssm:HERE:parameter/app/deep/er"


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        ("GetParameter", {"Name": "db"}, [f"Decrypt k1 {OF_DB}"]),
        ("GetParameter", {"Name": "db:1"}, [f"Decrypt k2 {OF_DB}"]),
        ("GetParameters", {"Names": ["db", "/app/db", "db", "plain"]}, [f"Decrypt k1 {OF_DB}", f"Decrypt k1 {OF_APP}"]),
        ("GetParameterHistory", {"Name": "db"}, [f"Decrypt k1 {OF_DB}", f"Decrypt k2 {OF_DB}"]),
        ("GetParametersByPath", {"Path": "/app"}, [f"Decrypt k1 {OF_APP}"]),
        (
            "GetParametersByPath",
            {"Path": "/app/", "Recursive": True},
            [f"Decrypt k1 {OF_APP}", f"Decrypt k3 {OF_DEEP}"],
        ),
        ("GetParametersByPath", {"Path": "/other"}, []),
    ],
)
def test_decrypting_a_secure_string_needs_its_key(operation: str, given: dict[str, Any], expected: list[str]) -> None:
    assert key_uses(RULES, operation, FACTS, WithDecryption=True, **given) == expected
    assert key_uses(RULES, operation, FACTS, **given) == []
