"""What cannot be the ARN of a role is recognised, and said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.webhook.identity import role_arn


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::111122223333:role/reader",
        "arn:aws:iam::111122223333:role/team/path/reader",
        "arn:aws:iam::111122223333:role/team:a/reader",
        "arn:aws-cn:iam::111122223333:role/reader",
        "arn:aws-us-gov:iam::111122223333:role/reader",
        "arn:aws-eusc:iam::111122223333:role/a+b=c,d.e@f-g_h",
    ],
)
def test_a_role_of_every_partition_passes(arn: str) -> None:
    assert role_arn.problem_with(arn) is None


@pytest.mark.parametrize(
    ("arn", "says"),
    [
        ("reader", "is not an ARN"),
        ("arn:aws:iam", "is not an ARN"),
        ("urn:aws:iam::111122223333:role/reader", "is not an ARN"),
        ("arn:aws:s3::111122223333:role/reader", "not the ARN of an IAM role"),
        ("arn:aws:iam::111122223333:user/reader", "not the ARN of an IAM role"),
        ("arn:aws:sts::111122223333:assumed-role/reader/s", "not the ARN of an IAM role"),
        ("arn:aws:iam:us-east-1:111122223333:role/reader", "names a region (us-east-1)"),
        ("arn:aws:iam::1111:role/reader", "twelve digits"),
        ("arn:aws:iam:::role/reader", "twelve digits"),
        ("arn:aws-moon:iam::111122223333:role/reader", "partition 'aws-moon', which does not exist"),
        ("arn:aws:iam::111122223333:role/", "role name"),
        ("arn:aws:iam::111122223333:role/re ader", "role name"),
        ("arn:aws:iam::111122223333:role/" + "r" * 65, "role name"),
        ("arn:aws:iam::111122223333:role/reader ", "role name"),
    ],
)
def test_an_invalid_role_arn_is_explained(arn: str, says: str) -> None:
    fault = role_arn.problem_with(arn)
    assert fault is not None
    assert says in fault


def test_a_role_of_another_partition_cannot_be_assumed() -> None:
    fault = role_arn.problem_with("arn:aws:iam::111122223333:role/reader", partition="aws-cn")
    assert fault == "is of partition aws, but pods here run in partition aws-cn"
    assert role_arn.problem_with("arn:aws:iam::111122223333:role/reader", partition="aws") is None


@pytest.mark.parametrize(
    "arn",
    ["arn:aws:iam:::role/reader", "arn:minio:iam::RGW11111111111111111:role/reader", "arn:aws:iam::0:role/x/y"],
)
def test_accounts_of_other_clouds_pass_when_relaxed(arn: str) -> None:
    assert role_arn.problem_with(arn) is not None
    assert role_arn.problem_with(arn, relaxed=True) is None


def test_a_relaxed_check_still_requires_a_role() -> None:
    assert role_arn.problem_with("reader", relaxed=True) is not None
    assert role_arn.problem_with("arn:aws:iam:::role/two words", relaxed=True) is not None
    assert role_arn.problem_with("arn:aws:iam::an_account:role/reader", relaxed=True) is not None


def test_a_name_becomes_an_arn_and_an_arn_stays() -> None:
    assert role_arn.compose("team/reader", account_id="111122223333", partition="aws-cn") == (
        "arn:aws-cn:iam::111122223333:role/team/reader"
    )
    assert role_arn.compose("arn:aws:iam::1:role/x", account_id="2", partition="aws") == "arn:aws:iam::1:role/x"


@given(st.text())
def test_no_text_makes_the_check_raise(text: str) -> None:
    role_arn.problem_with(text)
    role_arn.problem_with("arn:aws:iam::111122223333:role/" + text)
