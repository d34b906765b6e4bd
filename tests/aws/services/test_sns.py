"""SNS: the attribute Policy of a topic, and the codes and words of its refusals."""

from __future__ import annotations

import pytest

from podrole.aws.services.rules import Document
from podrole.aws.services.sns import RULES
from podrole.iam.errors import PolicyError
from podrole.iam.evaluate import Request
from podrole.iam.principal import principal_of
from support.calls import ACCOUNT
from support.service_rules import document


@pytest.mark.parametrize(("name", "expected"), [("Policy", Document("{}")), ("DisplayName", None)])
def test_only_the_attribute_policy_is_a_document(name: str, expected: Document | None) -> None:
    assert document(RULES, "SetTopicAttributes", AttributeName=name, AttributeValue="{}") == expected


@pytest.mark.parametrize(
    ("action", "spelled"), [("sns:Publish", "SNS:Publish"), ("kms:Decrypt", "kms:Decrypt"), ("s3:sns:x", "s3:sns:x")]
)
def test_refusals_spell_the_prefix_of_sns_in_capitals(action: str, spelled: str) -> None:
    asked = Request(principal_of("s3.amazonaws.com"), action, "*", ACCOUNT, {})
    assert RULES.spell(f"not authorized to perform: {action}", asked) == f"not authorized to perform: {spelled}"


def test_codes_of_refusals() -> None:
    fault = RULES.fault(PolicyError("x", aws_code="y"))
    assert (fault.error_code, fault.status) == ("InvalidParameter", 400)
    assert (RULES.denied, RULES.key_denied) == (("AuthorizationError", 403), ("KMSAccessDenied", 400))
