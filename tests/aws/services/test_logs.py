"""CloudWatch Logs: the policy of an account, the key of a log group, and destinations that let it deliver."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from podrole.aws.interfaces import Bucket
from podrole.aws.services.logs import RULES
from podrole.aws.services.rules import Storing
from podrole.iam.directory import Directory, PolicyText, PrincipalPolicies, Role
from podrole.iam.document import parse_policy
from podrole.iam.errors import PolicyError
from podrole.iam.policy import PolicyKind
from support.aws_facts import FakeFacts, call_of
from support.calls import ACCOUNT, REGION
from support.service_rules import HERE, delivers, document, key_uses, lets, receiver, refusal


def test_a_policy_is_of_every_log_group_of_the_account_and_region() -> None:
    found = document(RULES, "PutResourcePolicy", policyDocument="{}")
    assert found is not None
    assert (found.text, found.resource) == ("{}", f"arn:aws:logs:{HERE}:log-group:*")
    assert document(RULES, "PutResourcePolicy", policyName="p") is None
    given = {"policyDocument": "{}", "resourceArn": f"arn:aws:logs:{HERE}:log-group:app:*"}
    assert refusal(document, RULES, "PutResourcePolicy", **given) == ("NotImplemented", 501)


@pytest.mark.parametrize(("version", "expected"), [("2012-10-17", None), ("2008-10-17", ("NotImplemented", 501))])
def test_policies_of_an_old_version_are_refused(version: str, expected: tuple[str, int] | None) -> None:
    statement = {"Effect": "Allow", "Principal": "*", "Action": "logs:*", "Resource": "*"}
    policy = parse_policy(json.dumps({"Version": version, "Statement": statement}), PolicyKind.RESOURCE)
    storing = Storing(call_of("logs:PutResourcePolicy"), {}, ACCOUNT, FakeFacts())
    assert refusal(RULES.check, storing, policy) == expected


def test_code_of_a_refused_document() -> None:
    fault = RULES.fault(PolicyError("x", aws_code="y"))
    assert (fault.error_code, fault.status) == ("InvalidParameterException", 400)


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        ("AssociateKmsKey", {"kmsKeyId": "k1"}, ["DescribeKey k1"]),
        ("CreateLogGroup", {"kmsKeyId": "k1"}, ["DescribeKey k1"]),
        ("CreateLogGroup", {}, []),
        ("PutLogEvents", {"kmsKeyId": "k1"}, []),
    ],
)
def test_a_key_of_a_log_group_is_described(operation: str, given: dict[str, Any], expected: list[str]) -> None:
    assert key_uses(RULES, operation, **given) == expected


GROUP, BUCKET = f"arn:aws:logs:{HERE}:log-group:app:*", "arn:aws:s3:::exports"
FUNCTION, STREAM = f"arn:aws:lambda:{HERE}:function:f", f"arn:aws:kinesis:{HERE}:stream/events"
HOSE = f"arn:aws:firehose:{HERE}:deliverystream/hose"
TO_FUNCTION = {"logGroupName": "app", "destinationArn": FUNCTION}
INVALID = ("InvalidParameterException", 400)


@pytest.mark.parametrize(
    ("given", "statements", "expected"),
    [
        (TO_FUNCTION, [lets("logs", "lambda:InvokeFunction", FUNCTION, GROUP)], None),
        (TO_FUNCTION, [lets(f"logs.{REGION}", "lambda:InvokeFunction", FUNCTION, GROUP)], None),
        (TO_FUNCTION, [lets("s3", "lambda:InvokeFunction", FUNCTION, GROUP)], INVALID),
        (TO_FUNCTION, [], INVALID),
        (TO_FUNCTION | {"logGroupName": "b"}, [lets("logs", "lambda:InvokeFunction", FUNCTION, GROUP)], INVALID),
        (TO_FUNCTION | {"roleArn": "r"}, [lets("logs", "lambda:InvokeFunction", FUNCTION, GROUP)], INVALID),
        (TO_FUNCTION | {"destinationArn": f"{FUNCTION}-unknown"}, [], None),
    ],
)
def test_a_function_that_is_subscribed_lets_logs_invoke_it(
    given: dict[str, Any], statements: list[dict[str, Any]], expected: tuple[str, int] | None
) -> None:
    facts = FakeFacts(resources={FUNCTION: receiver(*statements)})
    assert refusal(delivers, RULES, "PutSubscriptionFilter", facts, **given) == expected
    assert refusal(delivers, RULES, "DeleteSubscriptionFilter", facts, **given) is None


FULL = {"s3:x-amz-acl": "bucket-owner-full-control"}
READS_ACL = lets("logs", "s3:GetBucketAcl", BUCKET, GROUP, **FULL)
WRITES = lets("logs", "s3:PutObject", f"{BUCKET}/exportedlogs/*", GROUP, **FULL)
TO_BUCKET, DENIED = {"logGroupName": "app", "destination": "exports"}, ("AccessDeniedException", 400)


@pytest.mark.parametrize(
    ("given", "statements", "expected"),
    [
        (TO_BUCKET, [READS_ACL, WRITES], None),
        (TO_BUCKET, [READS_ACL], DENIED),
        (TO_BUCKET, [WRITES], DENIED),
        (TO_BUCKET | {"destinationPrefix": "p"}, [READS_ACL, WRITES], DENIED),
        (TO_BUCKET | {"destinationPrefix": "p"}, [READS_ACL, WRITES | {"Resource": f"{BUCKET}/p/*"}], None),
        (TO_BUCKET | {"destination": "unknown"}, [], None),
    ],
)
def test_the_bucket_of_an_export_lets_logs_write(
    given: dict[str, Any], statements: list[dict[str, Any]], expected: tuple[str, int] | None
) -> None:
    facts = FakeFacts(
        buckets={"exports": Bucket(BUCKET, ACCOUNT, REGION, blocks_public_policy=False)},
        resources={BUCKET: receiver(*statements)},
    )
    assert refusal(delivers, RULES, "CreateExportTask", facts, **given) == expected
    assert refusal(delivers, RULES, "DescribeExportTasks", facts, **given) is None


class Roles:
    """One role, which may put records into streams, and trusts one principal."""

    arn = f"arn:aws:iam::{ACCOUNT}:role/writer"

    def __init__(self, service: str, source: str, *actions: str) -> None:
        trust = {**lets(service, "sts:AssumeRole", "*", source), "Effect": "Allow"}
        del trust["Resource"]
        self._trust = json.dumps({"Version": "2012-10-17", "Statement": trust})
        self._allowed = json.dumps(
            {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": list(actions), "Resource": "*"}}
        )

    def role(self, arn: str) -> Role | None:
        return Role(arn, "AROA1", "writer", ACCOUNT, self._trust) if arn == self.arn else None

    def policies_of(self, role: Role) -> PrincipalPolicies:
        return PrincipalPolicies((PolicyText("writes", self._allowed),))


PUT, DESTINATION = ("kinesis:PutRecord", "firehose:PutRecord"), f"arn:aws:logs:{HERE}:destination:central"
SUBSCRIBES = {"logGroupName": "app", "destinationArn": STREAM, "roleArn": Roles.arn}
NAMES = {"destinationName": "central", "targetArn": STREAM, "roleArn": Roles.arn}
UNTRUSTED = ("ValidationException", 400)


@pytest.mark.parametrize(
    ("operation", "given", "roles", "expected"),
    [
        ("PutSubscriptionFilter", SUBSCRIBES, Roles("logs", GROUP, *PUT), None),
        ("PutSubscriptionFilter", SUBSCRIBES, Roles(f"logs.{REGION}", GROUP, *PUT), None),
        ("PutSubscriptionFilter", SUBSCRIBES | {"destinationArn": HOSE}, Roles("logs", GROUP, *PUT), None),
        ("PutSubscriptionFilter", SUBSCRIBES, Roles("s3", GROUP, *PUT), UNTRUSTED),
        ("PutSubscriptionFilter", SUBSCRIBES, Roles("logs", DESTINATION, *PUT), UNTRUSTED),
        ("PutSubscriptionFilter", SUBSCRIBES | {"roleArn": "unknown"}, Roles("logs", GROUP, *PUT), UNTRUSTED),
        ("PutSubscriptionFilter", SUBSCRIBES | {"roleArn": ""}, Roles("logs", GROUP, *PUT), INVALID),
        ("PutSubscriptionFilter", {"destinationArn": STREAM}, Roles("logs", GROUP, *PUT), INVALID),
        ("PutSubscriptionFilter", SUBSCRIBES, Roles("logs", GROUP, PUT[1]), INVALID),
        ("PutSubscriptionFilter", SUBSCRIBES | {"destinationArn": HOSE}, Roles("logs", GROUP, PUT[0]), INVALID),
        ("PutSubscriptionFilter", {"destinationArn": DESTINATION}, Roles("logs", GROUP, "s3:PutObject"), None),
        ("PutDestination", NAMES, Roles("logs", DESTINATION, *PUT), None),
        ("PutDestination", NAMES, Roles("logs", GROUP, *PUT), UNTRUSTED),
        ("PutDestination", NAMES, Roles("logs", DESTINATION, "s3:PutObject"), INVALID),
        ("DeleteDestination", NAMES, Roles("logs", GROUP, "s3:PutObject"), None),
    ],
)
def test_a_role_that_writes_to_a_stream_trusts_logs_and_may_put_records(
    operation: str, given: dict[str, Any], roles: Roles, expected: tuple[str, int] | None
) -> None:
    directory = cast("Directory", roles)
    assert refusal(delivers, RULES, operation, FakeFacts(), directory, **given) == expected
