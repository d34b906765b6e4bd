"""Parameters are judged as the API's model does, all at once."""

from __future__ import annotations

import pytest

from podrole.sts.denial import Denied
from podrole.sts.parameters import WEB_IDENTITY_PARAMETERS, policy_arns, validate
from podrole.sts.role_arn import parse_role_arn

GOOD = {
    "RoleArn": "arn:aws:iam::111122223333:role/reader",
    "RoleSessionName": "web",
    "WebIdentityToken": "a.b.c",
}
FAILED = "failed to satisfy constraint: Member must"
LONGER, SHORTER = "have length greater than or equal to", "have length less than or equal to"
MORE, LESS = "have value greater than or equal to", "have value less than or equal to"
PATTERN = r"satisfy regular expression pattern: [\w+=,.@-]*"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"RoleArn": None}, f"Value null at 'roleArn' {FAILED} not be null"),
        ({"RoleArn": "arn:aws:iam::1:role"}, f"Value 'arn:aws:iam::1:role' at 'roleArn' {FAILED} {LONGER} 20"),
        ({"RoleSessionName": "a:b"}, rf"Value 'a:b' at 'roleSessionName' {FAILED} {PATTERN}"),
        ({"RoleSessionName": "ä" * 3}, rf"Value 'äää' at 'roleSessionName' {FAILED} {PATTERN}"),
        ({"RoleSessionName": "x"}, f"Value 'x' at 'roleSessionName' {FAILED} {LONGER} 2"),
        ({"RoleSessionName": "x" * 65}, f"Value '{'x' * 65}' at 'roleSessionName' {FAILED} {SHORTER} 64"),
        ({"DurationSeconds": "899"}, f"Value '899' at 'durationSeconds' {FAILED} {MORE} 900"),
        ({"DurationSeconds": "43201"}, f"Value '43201' at 'durationSeconds' {FAILED} {LESS} 43200"),
        ({"DurationSeconds": "1e3"}, f"Value '1e3' at 'durationSeconds' {FAILED} be an integer"),
        ({"WebIdentityToken": "abc"}, f"Value at 'webIdentityToken' {FAILED} {LONGER} 4"),
        ({"WebIdentityToken": "a" * 20_001}, f"Value at 'webIdentityToken' {FAILED} {SHORTER} 20000"),
        ({"Policy": ""}, f"Value '' at 'policy' {FAILED} {LONGER} 1"),
    ],
)
def test_a_parameter_outside_its_limits_is_named(changed: dict[str, str | None], message: str) -> None:
    parameters = {name: value for name, value in {**GOOD, **changed}.items() if value is not None}
    with pytest.raises(Denied) as raised:
        validate(parameters, WEB_IDENTITY_PARAMETERS)
    denial = raised.value.denial
    assert (denial.code, denial.status) == ("ValidationError", 400)
    assert denial.message == f"1 validation error detected: {message}"


def test_several_violations_share_one_message() -> None:
    with pytest.raises(Denied) as raised:
        validate({**GOOD, "RoleSessionName": ":", "DurationSeconds": "1"}, WEB_IDENTITY_PARAMETERS)
    message = raised.value.denial.message
    assert message.startswith("3 validation errors detected: Value ':' at 'roleSessionName'")
    assert message.count("; ") == 2


def test_good_parameters_pass() -> None:
    validate({**GOOD, "DurationSeconds": "900"}, WEB_IDENTITY_PARAMETERS)


def test_policy_arns_come_in_the_order_of_their_numbers() -> None:
    arns = {f"PolicyArns.member.{n}.arn": f"arn:aws:iam::aws:policy/P{n}" for n in (2, 10, 1)}
    assert [arn[-2:] for arn in policy_arns(arns)] == ["P1", "P2", "10"]


ELEVEN = {f"PolicyArns.member.{n}.arn": "arn:aws:iam::aws:policy/P" for n in range(1, 12)}


@pytest.mark.parametrize("arns", [ELEVEN, {"PolicyArns.member.1.arn": "short"}])
def test_too_many_policy_arns_or_one_that_is_none_are_refused(arns: dict[str, str]) -> None:
    with pytest.raises(Denied) as raised:
        policy_arns(arns)
    assert raised.value.denial.code == "ValidationError"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing-valid-in-here", "nothing-valid-in-here is invalid"),
        ("arn:a:a::aaaaaaaaaa:", "arn:a:a::aaaaaaaaaa: is invalid"),
        ("arn::iam::111122223333:role/r", "arn::iam::111122223333:role/r is invalid"),
        ("arn:aws:iam::111122223333:user/r", "Request ARN is invalid"),
        ("arn:aws:sts::111122223333:role/r", "Request ARN is invalid"),
        ("arn:aws:iam:us-east-1:111122223333:role/r", "Request ARN is invalid"),
        ("arn:aws:iam::1111:role/reader", "Request ARN is invalid"),
        ("arn:aws:iam::111122223333:role/path/", "Request ARN is invalid"),
        ("arn:aws:iam::111122223333:assumed-role/r/s", "Request ARN is invalid"),
    ],
)
def test_what_is_no_role_arn_is_refused(text: str, message: str) -> None:
    with pytest.raises(Denied) as raised:
        parse_role_arn(text)
    assert (raised.value.denial.code, raised.value.denial.message) == ("ValidationError", message)


def test_a_role_with_a_path_is_taken_apart() -> None:
    name = parse_role_arn("arn:aws-cn:iam::111122223333:role/a/b/reader")
    assert (name.partition, name.account) == ("aws-cn", "111122223333")
