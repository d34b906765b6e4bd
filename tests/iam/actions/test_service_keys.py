"""Condition keys that no parameter of the same name holds."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from podrole.iam.actions.call import Call
from podrole.iam.actions.service_keys import by_path, defaults, is_absent, of_service, texts
from support.calls import ACCOUNT, REGION, call

TEMPLATE = {"LaunchTemplate": {"LaunchTemplateId": "lt-1"}}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, ["true"]),
        (False, ["false"]),
        ("", [""]),
        ("a", ["a"]),
        (5, ["5"]),
        (1.5, ["1.5"]),
        (["a", 1, True], ["a", "1", "true"]),
        ([["a"], {"b": "c"}], []),
        ({"b": "c"}, []),
        (None, []),
    ],
)
def test_value_of_a_parameter_as_policies_write_it(value: Any, expected: list[str]) -> None:
    assert texts(value) == expected


@pytest.mark.parametrize(
    ("client", "operation", "given", "expected"),
    [
        ("ec2", "StopInstances", {}, {"ec2:Region": REGION}),
        ("eks", "CreateCluster", {}, {}),
        (
            "eks",
            "CreateCluster",
            {"logging": {"clusterLogging": [{"types": ["api"], "enabled": True}, {"types": ["audit"]}, {}]}},
            {"eks:loggingType/api": "true", "eks:loggingType/audit": "false"},
        ),
        ("kms", "CreateKey", {}, {"kms:CallerAccount": ACCOUNT, "kms:GrantIsForAWSResource": "false"}),
        (
            "kms",
            "CreateGrant",
            {"Constraints": {"EncryptionContextSubset": {"a": "b"}}},
            {
                "kms:CallerAccount": ACCOUNT,
                "kms:GrantIsForAWSResource": "false",
                "kms:GrantConstraintType": ["EncryptionContextSubset"],
            },
        ),
        *(
            (
                "kms",
                operation,
                {parameter: {"app": "shop"}},
                {
                    "kms:CallerAccount": ACCOUNT,
                    "kms:GrantIsForAWSResource": "false",
                    "kms:EncryptionContext:app": "shop",
                    "kms:EncryptionContextKeys": ["app"],
                },
            )
            for operation, parameter in (("Encrypt", "EncryptionContext"), ("ReEncrypt", "SourceEncryptionContext"))
        ),
        ("lambda", "Invoke", {}, {"lambda:InvokedViaFunctionUrl": "false"}),
        ("route53", "ChangeResourceRecordSets", {}, {}),
        (
            "route53",
            "ChangeResourceRecordSets",
            {"ChangeBatch": {"Changes": [{"ResourceRecordSet": {"Name": name}} for name in ("A.b.", "a.b", "c")]}},
            {"route53:ChangeResourceRecordSetsNormalizedRecordNames": ["a.b", "c"]},
        ),
        ("s3", "ListObjectsV2", {"Prefix": "p", "MaxKeys": 5, "Bucket": "b"}, {"s3:prefix": "p", "s3:max-keys": "5"}),
        ("s3", "CreateBucket", {"CreateBucketConfiguration": {"Tags": []}}, {}),
        (
            "s3",
            "CreateBucket",
            {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}},
            {"s3:LocationConstraint": "eu-west-1"},
        ),
        ("s3control", "ListAccessPoints", {"Prefix": "p"}, {}),
        ("ses", "SendEmail", {}, {"ses:ApiVersion": "1"}),
        ("sesv2", "SendEmail", {}, {"ses:ApiVersion": "2"}),
        ("sns", "Subscribe", {"Protocol": "sqs"}, {"sns:Protocol": "sqs"}),
        ("sns", "Subscribe", {"Endpoint": "e"}, {"sns:Endpoint": "e"}),
        ("sqs", "SendMessage", {}, {}),
    ],
)
def test_keys_of_a_service(client: str, operation: str, given: dict[str, Any], expected: dict[str, Any]) -> None:
    asked = call(client, operation, given)
    assert of_service(asked, asked.prefix) == expected


@pytest.mark.parametrize(
    ("action", "given", "expected"),
    [
        ("rds:CreateDBInstance", {"Engine": "mysql", "Iops": 5}, {"rds:DatabaseEngine": "mysql", "rds:Piops": "5"}),
        ("elasticloadbalancing:SetSubnets", {"Subnets": ["a", "b", "a"]}, {"elasticloadbalancing:Subnet": ["a", "b"]}),
        ("elasticloadbalancing:SetSubnets", {"Subnets": []}, {}),
        ("elasticloadbalancing:SetSubnets", {"Subnets": ["a", "a"]}, {"elasticloadbalancing:Subnet": "a"}),
        ("rds:DeleteDBInstance", {"Engine": "mysql"}, {}),
    ],
)
def test_keys_of_an_action_whose_parameter_has_another_name(
    action: str, given: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert by_path(Call("any", "any", "Any", given, ACCOUNT, REGION), action) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"ec2:InstanceType": "m1.small", "ec2:Tenancy": "default"}),
        # the service chooses the type, or the template says what it says
        ({"InstanceRequirements": {}}, {"ec2:Tenancy": "default"}),
        (TEMPLATE, {}),
    ],
)
def test_service_takes_a_value_for_what_is_left_out(given: dict[str, Any], expected: dict[str, str]) -> None:
    assert defaults(call("ec2", "RunInstances", given), "ec2:RunInstances") == expected
    assert defaults(call("ec2", "RunInstances", given), "ec2:StopInstances") == {}


ON_POINT = "arn:aws:s3:us-east-1:111122223333:accesspoint/p/object/k"


@pytest.mark.parametrize(
    ("given", "key", "arn", "expected"),
    [
        ({}, "ec2:FisActionId", "*", True),
        ({}, "s3:DataAccessPointArn", "arn:aws:s3:::b/k", True),
        ({}, "s3:DataAccessPointArn", ON_POINT, False),
        ({}, "s3:AccessPointTag/team", ON_POINT, False),
        ({}, "ec2:LaunchTemplate", "*", True),
        ({}, "ec2:IsLaunchTemplateResource", "*", True),
        (TEMPLATE, "ec2:LaunchTemplate", "*", False),
        (TEMPLATE, "ec2:IsLaunchTemplateResource", "*", False),
        ({}, "kms:RecipientAttestation:PCR0", "*", True),
        ({"Recipient": {"AttestationDocument": b"x"}}, "kms:RecipientAttestation:PCR0", "*", False),
        ({}, "ec2:InstanceType", "*", False),
    ],
)
def test_key_that_no_such_request_carries(given: dict[str, Any], key: str, arn: str, expected: bool) -> None:
    assert is_absent(call("ec2", "RunInstances", given), key, arn) is expected


@pytest.mark.parametrize("tls", [True, False])
def test_version_of_tls_is_absent_without_tls(tls: bool) -> None:
    assert is_absent(replace(call("s3", "GetObject", {}), tls=tls), "s3:TlsVersion", "arn:aws:s3:::b/k") is not tls
