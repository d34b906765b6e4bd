"""Secrets Manager: secrets of one account only, and what KMS is asked for those under a customer's key."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.aws.interfaces import Encryption
from podrole.aws.services.secretsmanager import RULES
from support.aws_facts import FakeFacts
from support.calls import REGION
from support.service_rules import HERE, KEY, key_uses, refusal, resolved

OURS, THEIRS = f"arn:aws:secretsmanager:{HERE}:secret:db", f"arn:aws:secretsmanager:{REGION}:444455556666:secret:db"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["db", OURS, f"{OURS}:a:b"], None),
        ([THEIRS, THEIRS], None),
        (["db", THEIRS], ("NotImplemented", 501)),
        ([OURS, THEIRS], ("NotImplemented", 501)),
        (["db", "a:b:c:d:444455556666:f"], None),
    ],
)
def test_secrets_of_several_accounts_are_refused(names: list[str], expected: tuple[str, int] | None) -> None:
    assert refusal(resolved, RULES, "BatchGetSecretValue", SecretIdList=names) == expected


def test_a_call_that_lists_no_secrets_stays() -> None:
    assert resolved(RULES, "GetSecretValue", SecretId="db") == {"SecretId": "db"}


ARN = f"{OURS}-a1B2c3"
FACTS = FakeFacts(
    arns={"secretsmanager:secret db": ARN, "kms:key k1": KEY, "kms:key k2": f"{KEY[:-2]}k2"},
    encrypted={ARN: Encryption("k1")},
)
OF_DB = f"SecretARN={ARN.replace(HERE, 'HERE')} SecretVersionId=?"


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        ("GetSecretValue", {"SecretId": "db"}, [f"Decrypt k1 {OF_DB}"]),
        ("BatchGetSecretValue", {"SecretIdList": ["db", "plain"]}, [f"Decrypt k1 {OF_DB}"]),
        ("PutSecretValue", {"SecretId": "db"}, [f"GenerateDataKey k1 {OF_DB}", f"Decrypt k1 {OF_DB}"]),
        (
            "UpdateSecret",
            {"SecretId": "db", "KmsKeyId": "k2"},
            [f"GenerateDataKey k2 {OF_DB}", f"Decrypt k2 {OF_DB}"],
        ),
        (
            "CreateSecret",
            {"Name": "new", "KmsKeyId": "k1"},
            ["GenerateDataKey k1 SecretARN=? SecretVersionId=?", "Decrypt k1 SecretARN=? SecretVersionId=?"],
        ),
        ("CreateSecret", {"Name": "new"}, []),
        ("DescribeSecret", {"SecretId": "db"}, []),
    ],
)
def test_a_secret_under_a_customers_key_needs_the_key(
    operation: str, given: dict[str, Any], expected: list[str]
) -> None:
    assert key_uses(RULES, operation, FACTS, **given) == expected
