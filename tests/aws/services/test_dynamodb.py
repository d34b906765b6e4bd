"""DynamoDB: a table's policy, an update without changes, and what KMS is asked to put a table under a key."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.aws.interfaces import Encryption
from podrole.aws.services.dynamodb import RULES
from podrole.iam.actions.call import Permission
from podrole.iam.errors import PolicyError
from support.aws_facts import FakeFacts, call_of
from support.service_rules import HERE, KEY, document, key_uses, refusal

TABLE = f"arn:aws:dynamodb:{HERE}:table/shop"


def test_a_policy_is_of_the_table_that_the_call_names() -> None:
    found = document(RULES, "PutResourcePolicy", ResourceArn=TABLE, Policy="{}")
    assert found is not None
    assert (found.text, found.resource) == ("{}", TABLE)
    assert document(RULES, "PutResourcePolicy", ResourceArn=TABLE) is None
    stream = {"ResourceArn": f"{TABLE}/stream/1", "Policy": "{}"}
    assert refusal(document, RULES, "PutResourcePolicy", **stream) == ("NotImplemented", 501)


CHANGES = {"AttributeUpdates": {"a": {}}}


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        ("UpdateItem", {}, {"AttributeUpdates": {}}),
        ("UpdateItem", CHANGES, CHANGES),
        ("UpdateItem", {"UpdateExpression": "SET a = b"}, {"UpdateExpression": "SET a = b"}),
        ("PutItem", {}, {}),
    ],
)
def test_an_update_without_changes_has_an_empty_list_of_them(
    operation: str, given: dict[str, Any], expected: dict[str, Any]
) -> None:
    call = call_of(f"dynamodb:{operation}", **given)
    RULES.before(call, FakeFacts())
    assert call.input == expected


MINIMUM = ("Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey")
MINIMUM += ("GenerateDataKeyWithoutPlaintext", "DescribeKey", "CreateGrant")
CONTEXT = "aws:dynamodb:tableName=shop aws:dynamodb:subscriberId=ME"
UNDER_KEY = {"SSESpecification": {"Enabled": True, "KMSMasterKeyId": "k1"}}


@pytest.mark.parametrize(
    ("operation", "given", "actions"),
    [
        ("CreateTable", {"TableName": "shop", **UNDER_KEY}, MINIMUM),
        ("UpdateTable", {"TableName": TABLE, **UNDER_KEY}, MINIMUM),
        ("CreateTable", {"TableName": "shop", "SSESpecification": {"KMSMasterKeyId": "k1"}}, ()),
        ("CreateTable", {"TableName": "shop", "SSESpecification": {"Enabled": True}}, ()),
        ("CreateTable", {"TableName": "shop"}, ()),
        ("DeleteTable", {"TableName": "shop", **UNDER_KEY}, ()),
    ],
)
def test_who_selects_a_key_for_a_table_may_use_it(
    operation: str, given: dict[str, Any], actions: tuple[str, ...]
) -> None:
    assert key_uses(RULES, operation, **given) == [f"{action} k1 {CONTEXT}" for action in actions]


def test_reading_a_table_under_a_key_needs_the_key() -> None:
    facts = FakeFacts(arns={"kms:key k1": KEY}, encrypted={TABLE: Encryption("k1")})
    needed = [Permission("dynamodb:GetItem", TABLE)]
    assert key_uses(RULES, "GetItem", facts, needed, TableName="shop") == [f"Decrypt k1 {CONTEXT}"]


def test_code_of_a_refused_document() -> None:
    fault = RULES.fault(PolicyError("x", aws_code="y"))
    assert (fault.error_code, fault.status) == ("ValidationException", 400)
