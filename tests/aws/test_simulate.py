"""IAM's policy simulator and EC2's encoded messages, through boto3."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.aws import ACCOUNT, READER, LocalAWS


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, indent=2)


READ = {"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::logs/*"}
NOT_SECRET = {"Sid": "NotSecret", "Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::logs/secret/*"}


def test_a_custom_policy_is_simulated_for_every_action_on_every_resource(aws: LocalAWS) -> None:
    answer = aws.client("iam").simulate_custom_policy(
        PolicyInputList=[policy(READ, NOT_SECRET)],
        ActionNames=["s3:GetObject", "s3:PutObject"],
        ResourceArns=["arn:aws:s3:::logs/a", "arn:aws:s3:::logs/secret/b"],
    )
    told = [
        (one["EvalActionName"], one["EvalResourceName"], one["EvalDecision"]) for one in answer["EvaluationResults"]
    ]
    assert told == [
        ("s3:GetObject", "arn:aws:s3:::logs/a", "allowed"),
        ("s3:GetObject", "arn:aws:s3:::logs/secret/b", "explicitDeny"),
        ("s3:PutObject", "arn:aws:s3:::logs/a", "implicitDeny"),
        ("s3:PutObject", "arn:aws:s3:::logs/secret/b", "explicitDeny"),
    ]
    matched = answer["EvaluationResults"][0]["MatchedStatements"]
    assert matched == [
        {
            "SourcePolicyId": "PolicyInputList.1",
            "SourcePolicyType": "IAM Policy",
            "StartPosition": {"Line": 4, "Column": 5},
            "EndPosition": {"Line": 8, "Column": 6},
        }
    ]
    assert answer["IsTruncated"] is False


def test_a_simulation_comes_in_pages(aws: LocalAWS) -> None:
    pages = aws.client("iam").get_paginator("simulate_custom_policy")
    names = [
        one["EvalActionName"]
        for page in pages.paginate(
            PolicyInputList=[policy(READ)],
            ActionNames=[f"s3:Get{name}" for name in "ABCDE"],
            PaginationConfig={"PageSize": 2},
        )
        for one in page["EvaluationResults"]
    ]
    assert names == ["s3:GetA", "s3:GetB", "s3:GetC", "s3:GetD", "s3:GetE"]


@pytest.mark.parametrize("position", ["-1", "0", "2", "99", "x", "1_0", "9" * 5_000])
def test_a_marker_that_no_page_returned_is_refused(aws: LocalAWS, position: str) -> None:
    marker = base64.b64encode(position.encode()).decode()
    with pytest.raises(ClientError, match=r"\(InvalidInput\).*Invalid Marker"):
        aws.client("iam").simulate_custom_policy(
            PolicyInputList=[policy(READ)], ActionNames=["s3:GetA", "s3:GetB"], Marker=marker
        )


def test_a_condition_without_its_key_is_told_as_missing(aws: LocalAWS) -> None:
    statement = READ | {"Condition": {"StringEquals": {"aws:PrincipalTag/team": "${aws:SourceVpc}"}}}
    asked = {"PolicyInputList": [policy(statement)], "ActionNames": ["s3:GetObject"]}
    asked["ResourceArns"] = ["arn:aws:s3:::logs/a"]
    iam = aws.client("iam")
    result = iam.simulate_custom_policy(**asked)["EvaluationResults"][0]
    assert result["EvalDecision"] == "implicitDeny"
    assert result["MissingContextValues"] == ["aws:PrincipalTag/team", "aws:SourceVpc"]
    entries = [
        {"ContextKeyName": key, "ContextKeyValues": ["x"], "ContextKeyType": "string"}
        for key in result["MissingContextValues"]
    ]
    assert (
        iam.simulate_custom_policy(**asked, ContextEntries=entries)["EvaluationResults"][0]["EvalDecision"] == "allowed"
    )
    keys = iam.get_context_keys_for_custom_policy(PolicyInputList=asked["PolicyInputList"])["ContextKeyNames"]
    assert keys == ["aws:PrincipalTag/team", "aws:SourceVpc"]


def test_a_role_is_simulated_with_what_is_attached_to_it(aws: LocalAWS) -> None:
    boundary = aws.client("iam").create_policy(
        PolicyName="edge", PolicyDocument=policy(READ | {"Resource": "arn:aws:s3:::logs/in/*"})
    )["Policy"]["Arn"]
    aws.set_up_role(PermissionsBoundary=boundary)
    aws.client("iam").put_role_policy(RoleName="reader", PolicyName="p", PolicyDocument=policy(READ))
    aws.client("iam").attach_role_policy(RoleName="reader", PolicyArn="arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess")
    answer = aws.client("iam").simulate_principal_policy(
        PolicySourceArn=READER,
        ActionNames=["s3:GetObject"],
        ResourceArns=["arn:aws:s3:::logs/in/a", "arn:aws:s3:::logs/a"],
    )
    told = [
        (one["EvalDecision"], one["PermissionsBoundaryDecisionDetail"]["AllowedByPermissionsBoundary"])
        for one in answer["EvaluationResults"]
    ]
    assert told == [("allowed", True), ("implicitDeny", False)]
    assert answer["EvaluationResults"][0]["MatchedStatements"][0]["SourcePolicyId"] == "inline policy p of role reader"
    keys = aws.client("iam").get_context_keys_for_principal_policy(PolicySourceArn=READER)
    assert keys["ContextKeyNames"] == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"PolicyInputList": ["{"], "ActionNames": ["s3:GetObject"]}, "InvalidInput"),
        ({"PolicyInputList": [policy(READ)], "ActionNames": ["s3:*"]}, "InvalidInput"),
        ({"PolicyInputList": [policy(READ)], "ActionNames": ["nothing"]}, "InvalidInput"),
    ],
)
def test_bad_input_to_the_simulator_is_refused(aws: LocalAWS, arguments: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as raised:
        aws.client("iam").simulate_custom_policy(**arguments)
    assert raised.value.response["Error"]["Code"] == code


def test_the_simulator_denies_what_only_aws_may_change(aws: LocalAWS) -> None:
    everything = policy({"Effect": "Allow", "Action": "*", "Resource": "*"})
    answer = aws.client("iam").simulate_custom_policy(
        PolicyInputList=[everything],
        ActionNames=["iam:DeletePolicy", "iam:GetPolicy"],
        ResourceArns=["arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess"],
    )
    assert [one["EvalDecision"] for one in answer["EvaluationResults"]] == ["implicitDeny", "allowed"]


def test_a_principal_that_is_not_there_cannot_be_simulated(aws: LocalAWS) -> None:
    with pytest.raises(ClientError, match="The role with name nobody cannot be found"):
        aws.client("iam").simulate_principal_policy(
            PolicySourceArn=f"arn:aws:iam::{ACCOUNT}:role/nobody", ActionNames=["s3:GetObject"]
        )


def launch(client: Any, **more: Any) -> ClientError:
    with pytest.raises(ClientError) as raised:
        client.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, **more)
    return raised.value


def test_an_encoded_message_is_opaque_and_decodes_for_who_may(aws: LocalAWS) -> None:
    aws.set_up_role()
    deny = {"Sid": "NoLaunch", "Effect": "Deny", "Action": "ec2:RunInstances", "Resource": "*"}
    aws.client("iam").put_role_policy(RoleName="reader", PolicyName="p", PolicyDocument=policy(deny))
    credentials = aws.credentials()
    error = launch(aws.client("ec2", credentials)).response["Error"]
    assert error["Code"] == "UnauthorizedOperation"
    text, _, encoded = error["Message"].partition(". Encoded authorization failure message: ")
    assert text.endswith("with an explicit deny in an identity-based policy")
    assert "NoLaunch" not in encoded
    sts = aws.client("sts")
    decoded = json.loads(sts.decode_authorization_message(EncodedMessage=encoded)["DecodedMessage"])
    assert decoded["allowed"] is False
    assert decoded["explicitDeny"] is True
    assert decoded["matchedStatements"]["items"][0]["statementId"] == "NoLaunch"
    assert decoded["context"]["action"] == "ec2:RunInstances"
    assert decoded["context"]["principal"]["arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/web"
    with pytest.raises(ClientError, match="not authorized to perform: sts:DecodeAuthorizationMessage"):
        aws.client("sts", credentials).decode_authorization_message(EncodedMessage=encoded)
    with pytest.raises(ClientError) as changed:
        sts.decode_authorization_message(EncodedMessage=encoded[:-6] + "AAAAAA")
    assert changed.value.response["Error"]["Code"] == "InvalidAuthorizationMessageException"


def test_a_dry_run_says_whether_the_call_would_be_allowed(aws: LocalAWS) -> None:
    error = launch(aws.client("ec2"), DryRun=True).response
    assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == ("DryRunOperation", 412)
    assert error["Error"]["Message"] == "Request would have succeeded, but DryRun flag is set."
    aws.set_up_role()
    assert (
        launch(aws.client("ec2", aws.credentials()), DryRun=True).response["Error"]["Code"] == "UnauthorizedOperation"
    )
    assert aws.client("ec2").describe_instances()["Reservations"] == []
