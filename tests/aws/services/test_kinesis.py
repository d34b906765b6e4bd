"""Kinesis: the policy of a stream that exists."""

from __future__ import annotations

import pytest

from podrole.aws.interfaces import Resource
from podrole.aws.services.kinesis import RULES
from podrole.iam.errors import PolicyError
from support.aws_facts import FakeFacts
from support.calls import ACCOUNT
from support.service_rules import HERE, document, refusal

STREAM = f"arn:aws:kinesis:{HERE}:stream/events"
CONSUMER = f"{STREAM}/consumer/reader:1"
FACTS = FakeFacts(resources={arn: Resource(ACCOUNT, exists=True) for arn in (STREAM, CONSUMER)})


def test_a_policy_is_of_the_stream_that_the_call_names() -> None:
    found = document(RULES, "PutResourcePolicy", FACTS, ResourceARN=STREAM, Policy="{}")
    assert found is not None
    assert (found.text, found.resource) == ("{}", STREAM)
    assert document(RULES, "PutResourcePolicy", FACTS, ResourceARN=STREAM) is None


@pytest.mark.parametrize(
    ("arn", "expected"),
    [(CONSUMER, ("NotImplemented", 501)), (f"{STREAM}-2", ("ResourceNotFoundException", 400))],
)
def test_policies_of_consumers_and_of_streams_that_do_not_exist_are_refused(
    arn: str, expected: tuple[str, int]
) -> None:
    assert refusal(document, RULES, "PutResourcePolicy", FACTS, ResourceARN=arn, Policy="{}") == expected


def test_codes_of_refusals() -> None:
    fault = RULES.fault(PolicyError("x", aws_code="y"))
    assert (fault.error_code, fault.status) == ("InvalidArgumentException", 400)
    assert RULES.key_denied == ("KMSAccessDeniedException", 400)
