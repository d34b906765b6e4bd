"""Documents over a quota are refused with AWS's code for it."""

from __future__ import annotations

import json

import pytest

from podrole.iam.document import parse_policy
from podrole.iam.errors import MalformedPolicyDocument, PolicyNotPrintable, PolicyTooLarge
from podrole.iam.limits import (
    Owner,
    check_control,
    check_inline,
    check_managed_size,
    check_text,
    check_trust,
    check_version,
    size,
)
from podrole.iam.policy import PolicyKind


def document(characters: int, **changed: object) -> str:
    """Write an identity policy of exactly that many characters that count, and some white space."""
    statement = {"Effect": "Allow", "Action": ["s3:Get*"], "Resource": "*"}
    written = {"Version": "2012-10-17", "Statement": statement, **changed}
    missing = characters - size(json.dumps(written))
    statement["Action"] = ["s3:Get*" + "x" * missing]
    text = json.dumps(written, indent=4)
    assert size(text) == characters
    return text


TRUST = {"Statement": {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "sts:AssumeRole"}}


def trust(characters: int) -> str:
    text = json.dumps({"Id": "", **TRUST}, indent=2)
    return text.replace('"Id": ""', f'"Id": "{"x" * (characters - size(text))}"')


def test_a_trust_policy_may_have_2048_characters_without_white_space() -> None:
    assert len(trust(2048)) > 2048
    check_trust(trust(2048))
    with pytest.raises(PolicyTooLarge, match="Cannot exceed quota for ACLSizePerRole: 2048") as refused:
        check_trust(trust(2049))
    assert (refused.value.aws_code, refused.value.status) == ("LimitExceeded", 409)


def test_a_session_policy_may_have_2048_characters_with_white_space() -> None:
    parse_policy(document(1900), PolicyKind.SESSION)
    with pytest.raises(PolicyTooLarge, match=r"'policy'.*less than or equal to 2048") as refused:
        parse_policy(document(2048), PolicyKind.SESSION)
    assert (refused.value.aws_code, refused.value.status) == ("ValidationError", 400)


@pytest.mark.parametrize(
    ("kind", "parameter"), [(PolicyKind.IDENTITY, "policyDocument"), (PolicyKind.SESSION, "policy")]
)
def test_an_empty_document_is_refused_by_its_length(kind: PolicyKind, parameter: str) -> None:
    with pytest.raises(PolicyTooLarge, match=f"'{parameter}'.*length greater than or equal to 1"):
        parse_policy("", kind)


def test_a_document_of_the_largest_size_is_read_and_a_larger_one_is_not() -> None:
    text = document(200)
    parse_policy(text.ljust(262_144), PolicyKind.IDENTITY)
    with pytest.raises(PolicyTooLarge, match=r"'policyDocument'.*length less than or equal to 131072"):
        parse_policy(text.ljust(262_145), PolicyKind.IDENTITY)
    parse_policy(text.ljust(2_048), PolicyKind.SESSION)


@pytest.mark.parametrize("kind", PolicyKind)
def test_a_megabyte_is_refused_before_it_is_read(kind: PolicyKind) -> None:
    with pytest.raises(PolicyTooLarge, match="length less than or equal to"):
        parse_policy(document(1_000_000), kind)


def test_a_managed_policy_may_have_6144_characters() -> None:
    check_managed_size(document(6144))
    with pytest.raises(PolicyTooLarge, match="Cannot exceed quota for PolicySize: 6144"):
        check_managed_size(document(6145))


def test_a_managed_policy_is_of_the_current_version() -> None:
    old = parse_policy(
        '{"Version": "2008-10-17", "Statement": {"Effect":"Deny","Action":"*","Resource":"*"}}', PolicyKind.IDENTITY
    )
    with pytest.raises(
        MalformedPolicyDocument, match=r"Policy document must be version 2012-10-17 or greater\."
    ) as refused:
        check_version(old)
    assert (refused.value.faults[0].path, refused.value.faults[0].column) == ("$.Version", 13)


@pytest.mark.parametrize(("kind", "most"), [(PolicyKind.SCP, 10_240), (PolicyKind.RCP, 5_120)])
def test_a_control_policy_has_its_characters_with_white_space(kind: PolicyKind, most: int) -> None:
    check_control(document(1000).ljust(most), kind)
    with pytest.raises(PolicyTooLarge, match="You have exceeded the maximum policy size") as refused:
        check_control(document(1000).ljust(most + 1), kind)
    assert (refused.value.aws_code, refused.value.status) == ("ConstraintViolationException", 400)


@pytest.mark.parametrize(("owner", "most"), [(Owner.USER, 2048), (Owner.GROUP, 5120), (Owner.ROLE, 10240)])
def test_inline_policies_share_a_quota(owner: Owner, most: int) -> None:
    check_inline([document(1000), document(most - 1000)], owner, "X")
    with pytest.raises(PolicyTooLarge, match=f"Maximum policy size of {most} bytes exceeded for {owner} X") as refused:
        check_inline([document(1000), document(most - 999)], owner, "X")
    assert (refused.value.aws_code, refused.value.status) == ("LimitExceeded", 409)


@pytest.mark.parametrize(
    ("kind", "taken"),
    [
        (PolicyKind.IDENTITY, False),
        (PolicyKind.BOUNDARY, False),
        (PolicyKind.SESSION, False),
        (PolicyKind.TRUST, False),
        (PolicyKind.RESOURCE, True),
        (PolicyKind.ENDPOINT, True),
        (PolicyKind.SCP, True),
        (PolicyKind.RCP, True),
    ],
)
def test_policies_of_other_services_may_hold_any_character(kind: PolicyKind, taken: bool) -> None:
    text = document(200).replace("s3:Get", "s3:\u4e2dGet")
    if taken:
        check_text(text, kind)
    else:
        with pytest.raises(PolicyNotPrintable):
            check_text(text, kind)


@pytest.mark.parametrize("character", ["\u4e2d", "\x00", "\x1f", "\u2028"])
def test_iam_takes_no_characters_beyond_latin_1(character: str) -> None:
    text = document(200).replace("s3:Get", f"s3:{character}Get")
    with pytest.raises(PolicyNotPrintable, match=r"It must contain only printable ASCII characters\.") as refused:
        parse_policy(text, PolicyKind.IDENTITY)
    assert refused.value.aws_code == "ValidationError"


def test_latin_1_and_escapes_are_taken() -> None:
    parse_policy(document(200).replace("s3:Get", "s3:\u00e9\\u4e2d"), PolicyKind.IDENTITY)
