"""The calls that make a resource of a template, by its type and its properties, without the services."""

from __future__ import annotations

import json
from typing import Any

import pytest

from podrole.aws.services.resource_types.made_by_calls import MADE_BY_CALLS
from podrole.aws.services.resource_types.made_by_moto import MADE_BY_MOTO
from podrole.aws.services.resource_types.making import Making

ACCOUNT, REGION = "111122223333", "us-east-1"
Given = dict[str, Any]


def calls(kind: str, phase: str = "create", **properties: Any) -> list[tuple[str, Given]]:
    """Return the operations of a phase (put and remove, or create, complete, clear and change), with their input."""
    making = Making("name", properties, ACCOUNT, REGION)
    made = MADE_BY_CALLS if f"AWS::{kind}" in MADE_BY_CALLS else MADE_BY_MOTO
    return [(one.operation, one.given) for one in getattr(made[f"AWS::{kind}"], phase)(making)]


def given(kind: str, phase: str = "create", **properties: Any) -> Given:
    ((_, found),) = calls(kind, phase, **properties)
    return found


# Properties as an operation's input

GROUP, TABLE, FUNCTION = "AutoScaling::AutoScalingGroup", "DynamoDB::Table", "Lambda::Function"


@pytest.mark.parametrize(
    ("kind", "properties", "expected"),
    [
        # members are found in any case; what the operation does not have is left out
        (GROUP, {"minsize": 1, "Unknown": "x"}, {"MinSize": 1}),
        (GROUP, {"MinSize": "1", "MaxSize": 2}, {"MinSize": 1, "MaxSize": 2}),
        (GROUP, {"CapacityRebalance": "True"}, {"CapacityRebalance": True}),
        (GROUP, {"CapacityRebalance": False}, {"CapacityRebalance": False}),
        (GROUP, {"AvailabilityZones": ["a", "b"]}, {"AvailabilityZones": ["a", "b"]}),
        (GROUP, {"AvailabilityZones": "a"}, {"AvailabilityZones": ["a"]}),
        (GROUP, {"AvailabilityZones": None}, {"AvailabilityZones": []}),
        (GROUP, {"LaunchTemplate": {"Version": 3, "X": 1}}, {"LaunchTemplate": {"Version": "3"}}),
        (GROUP, {"LaunchTemplate": "lt-1"}, {}),
        (GROUP, {"PlacementGroup": {"a": 1}}, {"PlacementGroup": '{"a": 1}'}),
        (GROUP, {"VPCZoneIdentifier": ["s-1", 2]}, {"VPCZoneIdentifier": "s-1,2"}),
        (GROUP, {"VPCZoneIdentifier": []}, {}),
        (FUNCTION, {"Environment": {"Variables": {"A": "b"}}}, {"Environment": {"Variables": {"A": "b"}}}),
        (FUNCTION, {"Environment": {"Variables": "A"}}, {"Environment": {}}),
        (FUNCTION, {"Code": {"ZipFile": "text"}}, {"Code": {"ZipFile": b"text"}}),
        (FUNCTION, {"KmsKeyArn": "k"}, {"KMSKeyArn": "k"}),
        (FUNCTION, {"Layers": [["a"], "b"]}, {"Layers": ['["a"]', "b"]}),
        (TABLE, {"KeySchema": [{"AttributeName": "id"}, "x"]}, {"KeySchema": [{"AttributeName": "id"}]}),
        (TABLE, {"SSESpecification": True}, {}),
        (TABLE, {"SSESpecification": {"SSEEnabled": "true"}}, {"SSESpecification": {"Enabled": True}}),
        (
            TABLE,
            {"SSESpecification": {"SSEEnabled": False, "SSEType": "KMS", "KMSMasterKeyId": "k"}},
            {"SSESpecification": {"Enabled": False, "SSEType": "KMS", "KMSMasterKeyId": "k"}},
        ),
        # EC2
        (
            "EC2::Instance",
            {"IamInstanceProfile": "web"},
            {"MinCount": 1, "MaxCount": 1, "IamInstanceProfile": {"Name": "web"}},
        ),
        ("EC2::Instance", {"IamInstanceProfile": {"a": 1}}, {"MinCount": 1, "MaxCount": 1}),
        ("EC2::Volume", {"Size": "3", "Tags": []}, {"Size": 3}),
        (
            "EC2::Volume",
            {"Tags": [{"Key": "a", "Value": "b"}]},
            {"TagSpecifications": [{"ResourceType": "volume", "Tags": [{"Key": "a", "Value": "b"}]}]},
        ),
        ("EC2::VolumeAttachment", {"VolumeId": "v", "InstanceId": "i"}, {"VolumeId": "v", "InstanceId": "i"}),
        ("EC2::FlowLog", {"ResourceId": "vpc-1"}, {"ResourceIds": ["vpc-1"]}),
        (
            "EC2::SpotFleet",
            {"SpotFleetRequestConfigData": {"TargetCapacity": "2", "LaunchSpecifications": [{"ImageId": "ami"}]}},
            {"SpotFleetRequestConfig": {"TargetCapacity": 2, "LaunchSpecifications": [{"ImageId": "ami"}]}},
        ),
        ("EC2::SpotFleet", {"SpotFleetRequestConfigData": ["x"]}, {"SpotFleetRequestConfig": {}}),
        # documents
        ("KMS::Key", {"KeyPolicy": {"a": 1}}, {"Policy": '{"a": 1}'}),
        ("KMS::Key", {"KeyPolicy": ""}, {}),
        ("SSM::Document", {"Content": {"a": 1}}, {"Content": '{"a": 1}'}),
        ("SSM::Document", {"Content": "text"}, {"Content": "text"}),
    ],
)
def test_properties_become_members(kind: str, properties: Given, expected: Given) -> None:
    found = given(kind, **properties)
    named = {GROUP: "AutoScalingGroupName", TABLE: "TableName", FUNCTION: "FunctionName", "SSM::Document": "Name"}
    assert found == (expected | {named[kind]: "name"} if kind in named else expected)


@pytest.mark.parametrize("tags", [{"team": 1}, [{"Key": "team", "Value": 1}]])
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (TABLE, [{"Key": "team", "Value": "1"}]),
        ("KMS::Key", [{"TagKey": "team", "TagValue": "1"}]),
        (FUNCTION, {"team": "1"}),
        ("Logs::LogGroup", {"team": "1"}),
    ],
)
def test_tags_are_a_list_or_a_map(kind: str, tags: Any, expected: Any) -> None:
    found = given(kind, Tags=tags)
    assert found.get("Tags", found.get("tags")) == expected


def test_method_of_an_api_is_made_by_its_integration() -> None:
    integration = {"Type": "AWS", "Uri": "u"}
    found = given("ApiGateway::Method", RestApiId="a", HttpMethod="GET", Integration=integration)
    assert found == {"restApiId": "a", "httpMethod": "GET", "type": "AWS", "uri": "u"}
    for none in (None, "x"):
        assert calls("ApiGateway::Method", RestApiId="a", Integration=none) == []


# What moto leaves out

BLOCKED = {"BlockPublicAcls": "true", "IgnorePublicAcls": True, "BlockPublicPolicy": False}


def test_bucket_is_configured_after_it_is_made() -> None:
    assert calls("S3::Bucket", "complete") == []
    assert calls("S3::Bucket") == []
    assert calls("S3::Bucket", "complete", PublicAccessBlockConfiguration=BLOCKED) == [
        (
            "PutPublicAccessBlock",
            {
                "Bucket": "name",
                "PublicAccessBlockConfiguration": {
                    "BlockPublicAcls": True,
                    "BlockPublicPolicy": False,
                    "IgnorePublicAcls": True,
                    "RestrictPublicBuckets": False,
                },
            },
        )
    ]
    rules = {"S3Key": {"Rules": [{"Name": "prefix", "Value": "a"}]}}
    notified = {
        "LambdaConfigurations": [{"Event": "s3:*", "Function": "f", "Filter": rules}],
        "QueueConfigurations": {"Event": "s3:*", "Queue": "q", "Filter": {"S3Key": {}}},
        "TopicConfigurations": [{"Event": "s3:*", "Topic": "t", "Filter": {"S3Key": "x"}}],
        "EventBridgeConfiguration": {},
    }
    ((operation, found),) = calls("S3::Bucket", "complete", NotificationConfiguration=notified)
    assert (operation, found["Bucket"]) == ("PutBucketNotificationConfiguration", "name")
    assert found["NotificationConfiguration"] == {
        "LambdaFunctionConfigurations": [
            {
                "LambdaFunctionArn": "f",
                "Events": ["s3:*"],
                "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "a"}]}},
            }
        ],
        "QueueConfigurations": [{"QueueArn": "q", "Events": ["s3:*"], "Filter": {"Key": {"FilterRules": []}}}],
        "TopicConfigurations": [{"TopicArn": "t", "Events": ["s3:*"]}],
        "EventBridgeConfiguration": {},
    }
    topic = {"TopicConfigurations": [{"Event": "s3:*", "Topic": "t"}]}
    found = given("S3::Bucket", "complete", NotificationConfiguration=topic)
    assert found["NotificationConfiguration"] == {"TopicConfigurations": [{"TopicArn": "t", "Events": ["s3:*"]}]}


def test_configuration_that_a_resource_no_longer_has_is_cleared() -> None:
    cleared = {"Bucket": "name", "NotificationConfiguration": {}}
    assert calls("S3::Bucket", "clear") == [("PutBucketNotificationConfiguration", cleared)]
    assert calls("S3::Bucket", "clear", NotificationConfiguration={}) == []
    assert calls("ECR::Repository", "clear") == [("DeleteRepositoryPolicy", {"repositoryName": "name"})]
    assert calls("ECR::Repository", "clear", RepositoryPolicyText={}) == []


def test_repository_gets_its_policy() -> None:
    assert calls("ECR::Repository", "complete") == []
    expected = {"repositoryName": "name", "policyText": '{"a": 1}'}
    assert calls("ECR::Repository", "complete", RepositoryPolicyText={"a": 1}) == [("SetRepositoryPolicy", expected)]


def test_key_is_changed_by_three_calls() -> None:
    changed = {"KeyPolicy": "p", "Description": "d", "EnableKeyRotation": "true"}
    key = {"KeyId": "name"}
    put = {**key, "PolicyName": "default", "Policy": "p", "BypassPolicyLockoutSafetyCheck": True}
    assert calls("KMS::Key", "change", **changed, BypassPolicyLockoutSafetyCheck=True) == [
        ("PutKeyPolicy", put),
        ("UpdateKeyDescription", {**key, "Description": "d"}),
        ("EnableKeyRotation", key),
    ]
    (_, policy), (_, description), (rotation, _) = calls("KMS::Key", "change")
    assert (description["Description"], rotation) == ("", "DisableKeyRotation")
    assert policy["BypassPolicyLockoutSafetyCheck"] is False
    (statement,) = json.loads(policy["Policy"])["Statement"]
    assert statement["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}


# Types that calls make

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:t"


@pytest.mark.parametrize(
    ("kind", "properties", "put", "remove"),
    [
        (
            "S3::BucketPolicy",
            {"Bucket": "b", "PolicyDocument": {}},
            [("PutBucketPolicy", {"Bucket": "b", "Policy": "{}"})],
            [("DeleteBucketPolicy", {"Bucket": "b"})],
        ),
        (
            "SQS::QueuePolicy",
            {"Queues": ["u1", "u2"], "PolicyDocument": {}},
            [("SetQueueAttributes", {"QueueUrl": url, "Attributes": {"Policy": "{}"}}) for url in ("u1", "u2")],
            [("SetQueueAttributes", {"QueueUrl": url, "Attributes": {"Policy": ""}}) for url in ("u1", "u2")],
        ),
        (
            "SecretsManager::ResourcePolicy",
            {"SecretId": "s", "ResourcePolicy": {}, "BlockPublicPolicy": "true"},
            [("PutResourcePolicy", {"SecretId": "s", "ResourcePolicy": "{}", "BlockPublicPolicy": True})],
            [("DeleteResourcePolicy", {"SecretId": "s"})],
        ),
        (
            "SecretsManager::ResourcePolicy",
            {"SecretId": "s", "ResourcePolicy": "{}"},
            [("PutResourcePolicy", {"SecretId": "s", "ResourcePolicy": "{}", "BlockPublicPolicy": False})],
            [("DeleteResourcePolicy", {"SecretId": "s"})],
        ),
        (
            "Kinesis::ResourcePolicy",
            {"ResourceArn": "r", "ResourcePolicy": {}},
            [("PutResourcePolicy", {"ResourceARN": "r", "Policy": "{}"})],
            [("DeleteResourcePolicy", {"ResourceARN": "r"})],
        ),
        (
            "Lambda::Permission",
            {"Action": "a", "FunctionName": "f", "Principal": "p", "Other": "x"},
            [("AddPermission", {"Action": "a", "FunctionName": "f", "Principal": "p", "StatementId": "name"})],
            [("RemovePermission", {"FunctionName": "f", "StatementId": "name"})],
        ),
        (
            "Logs::ResourcePolicy",
            {"PolicyDocument": {}},
            [("PutResourcePolicy", {"policyName": "name", "policyDocument": "{}"})],
            [("DeleteResourcePolicy", {"policyName": "name"})],
        ),
        (
            "Logs::SubscriptionFilter",
            {"LogGroupName": "g", "DestinationArn": "d"},
            [
                (
                    "PutSubscriptionFilter",
                    {"logGroupName": "g", "filterName": "name", "filterPattern": "", "destinationArn": "d"},
                )
            ],
            [("DeleteSubscriptionFilter", {"logGroupName": "g", "filterName": "name"})],
        ),
    ],
)
def test_resource_is_made_and_taken_back(
    kind: str, properties: Given, put: list[tuple[str, Given]], remove: list[tuple[str, Given]]
) -> None:
    assert calls(kind, "put", **properties) == put
    assert calls(kind, "remove", **properties) == remove


@pytest.mark.parametrize(
    ("kind", "named"), [("SNS::TopicPolicy", {"Topics": [TOPIC]}), ("SNS::TopicInlinePolicy", {"TopicArn": TOPIC})]
)
def test_topic_has_its_default_policy_again_once_its_own_is_removed(kind: str, named: Given) -> None:
    expected = {"TopicArn": TOPIC, "AttributeName": "Policy", "AttributeValue": "{}"}
    assert calls(kind, "put", **named, PolicyDocument={}) == [("SetTopicAttributes", expected)]
    ((operation, default),) = calls(kind, "remove", **named)
    assert (operation, default["TopicArn"]) == ("SetTopicAttributes", TOPIC)
    (statement,) = json.loads(default["AttributeValue"])["Statement"]
    assert statement["Resource"] == TOPIC
    assert statement["Condition"] == {"StringEquals": {"AWS:SourceOwner": ACCOUNT}}


def test_which_types_get_a_new_name_with_every_change() -> None:
    assert {kind for kind, made in MADE_BY_CALLS.items() if made.renamed} == {"AWS::Lambda::Permission"}


def test_bucket_must_not_have_a_policy_yet() -> None:
    holds_policy = MADE_BY_CALLS["AWS::S3::BucketPolicy"].holds_policy
    assert holds_policy is not None
    assert holds_policy(Making("name", {"Bucket": "b"}, ACCOUNT, "cn-north-1")) == "arn:aws-cn:s3:::b"
