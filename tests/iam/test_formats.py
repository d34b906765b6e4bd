"""The form of dates, actions and resources when a policy is stored."""

from __future__ import annotations

import json

import pytest

from podrole.iam.actions import reference
from podrole.iam.formats import action_fault, has_one_colon, is_stored_date, resource_fault


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("2026-01", True),
        ("2026-12", True),
        ("2026-00", False),
        ("2026-13", False),
        ("2026-01-01", True),
        ("2026-01-31", True),
        ("2026-01-00", False),
        ("2026-01-32", False),
        ("2026-01-01T00", True),
        ("2026-01-01T23", True),
        ("2026-01-01T24", False),
        ("2026-01-01T00:59", True),
        ("2026-01-01T00:60", False),
        ("2026-01-01T00:00:59", True),
        ("2026-01-01T00:00:60", False),
        ("2026-01-01T00:00:00+23:59", True),
        ("2026-01-01T00:00:00+24:00", False),
        ("2026-01-01T00:00:00+00:60", False),
        ("0", True),
        ("9223372036854775807", True),
        ("9223372036854775808", False),
        ("10000000000000000000", False),
        ("1.5", False),
        ("", False),
    ],
)
def test_a_date_is_stored(text: str, stored: bool) -> None:
    assert is_stored_date(text) is stored


@pytest.mark.parametrize(
    ("action", "only_assume_role", "fault"),
    [
        ("sts:AssumeRole", True, None),
        ("STS:assume*", True, None),
        ("sts:*", True, None),
        ("sts:GetCallerIdentity", True, "assume-role-only"),
        ("iam:AssumeRole", True, "assume-role-only"),
        ("*", True, "assume-role-only"),
        ("*", False, None),
        ("*:Get*", False, None),
        ("iam:AssumeRole", False, None),
    ],
)
def test_an_action_of_a_trust_policy_assumes_a_role(action: str, only_assume_role: bool, fault: str | None) -> None:
    found = action_fault(action, only_assume_role=only_assume_role)
    assert (found and found[0]) == fault


@pytest.mark.parametrize(
    ("resource", "whole", "fault"),
    [
        ("*", True, None),
        ("arn:aws:logs:us-east-1:111122223333:log-group:a:log-stream:b", True, None),
        ("arn:aws:s3:::b", True, None),
        ("arn:aws:s3*", False, None),
        ("arn:aws:s3*", True, "resource"),
        ("arn:*:s3:::b", False, None),
        ("arn:aws:iam::111122223333:root", False, None),
        ("arn:aws:iam::111122223333:ro?t", False, None),
        ("arn:aws:iam::111122223333:reader", False, "iam-path"),
        ("arn:aws:iam::111122223333:foo/bar", False, "iam-path"),
        ("arn:aws:iam::111122223333:root/x", False, "iam-path"),
        ("arn:aws:iam::111122223333:role", False, "iam-path"),
        ("arn:aws:iam::111122223333:role/p/r", False, None),
        ("arn:aws:iam::111122223333:report/x", False, None),
        ("arn:aws:iam::111122223333:delegation-request/x", False, None),
        ("arn:aws:iam::111122223333:ro*/r", False, None),
        ("arn:aws:iam::*:*", False, None),
        ("arn:aws:s3:us-east-1::b", False, "s3-region"),
        ("arn:aws:s3:us-east-1:111122223333:b", False, "s3-region"),
        ("arn:aws:s3:us-east-1:111122223333:b/accesspoint/p", False, "s3-region"),
        ("arn:aws:s3:us-east-1::accesspoint/p", False, "s3-region"),
        ("arn:aws:s3:us-east-1:111122223333:*", False, None),
        ("arn:aws:s3:us-east-1:111122223333:job/j", False, None),
        ("arn:aws:s3:us-east-1:111122223333:access-grants/default", False, None),
        ("arn:aws:s3:us-east-1:111122223333:accesspoint/p", False, None),
        ("arn:aws:sqs:us-east-1::q", False, None),
    ],
)
def test_a_resource_is_everything_or_an_arn(resource: str, whole: bool, fault: str | None) -> None:
    found = resource_fault(resource, whole=whole)
    assert (found and found.name) == fault


def test_every_condition_key_that_aws_documents_has_one_colon() -> None:
    tables = sorted((reference._data() / "conditionKeys").glob("*.json"))
    keys = {key for table in tables for key in json.loads(table.read_bytes())}
    assert len(keys) > 1_000
    assert [key for key in keys if not has_one_colon(key)] == []
