"""The identifiers of a call become the resources that they mean, by the rule of the call's service."""

from __future__ import annotations

from typing import cast

import pytest

from podrole.aws.caller import ANONYMOUS
from podrole.aws.errors import AWSError
from podrole.aws.interfaces import Facts
from podrole.aws.resolve import resolve
from support.aws_facts import FakeFacts, call_of

FACTS = cast("Facts", FakeFacts(arns={"s3:upload b/1": "arn:aws:s3:::b/k", "ec2:security-group web": "sg/sg-1"}))


def test_a_call_of_a_service_without_a_rule_stays_as_it_is() -> None:
    call = call_of("sts:AssumeRole", RoleArn="r")
    resolve(call, ANONYMOUS, FACTS)
    assert call.input == {"RoleArn": "r"}


def test_a_name_becomes_the_id_that_it_means() -> None:
    call = call_of("ec2:DeleteSecurityGroup", GroupName="web")
    resolve(call, ANONYMOUS, FACTS)
    assert call.input == {"GroupId": "sg-1"}


def test_identifiers_that_contradict_each_other_are_refused() -> None:
    resolve(call_of("s3:UploadPart", Bucket="b", Key="k", UploadId="1"), ANONYMOUS, FACTS)
    with pytest.raises(AWSError) as raised:
        resolve(call_of("s3:UploadPart", Bucket="b", Key="other", UploadId="1"), ANONYMOUS, FACTS)
    assert raised.value.error_code == "NoSuchUpload"
