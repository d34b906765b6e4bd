"""Every type of resource that moto's stacks make is decided by its calls, refused, or needs its own service alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from podrole.aws.protocol.call import IdentifiedCall, call_for
from podrole.aws.protocol.catalogue import services
from podrole.aws.protocol.wire import HTTPRequest
from podrole.aws.services.cloudformation import ignored_policy
from podrole.aws.services.encryption import USES
from podrole.aws.services.registry import rules_of
from podrole.aws.services.resource_types.made_by_calls import MADE_BY_CALLS
from podrole.aws.services.resource_types.made_by_moto import MADE_BY_MOTO
from podrole.aws.services.resource_types.making import Making
from podrole.aws.services.rules import ServiceRules
from podrole.iam.actions import launches
from podrole.iam.actions.reference import prefix_of
from podrole.iam.actions.sources import has_sources
from podrole.iam.actions.tables import actions_of, passed_roles

pytest.importorskip("moto")  # the types are moto's
pytestmark = pytest.mark.services

NOT_MADE = {
    "AWS::CloudFormation::Stack": "nested stacks are refused (podrole.aws.services.cloudformation)",
    "AWS::SERVICE::RESOURCE": "a template in moto's code",
    "?": "custom resources are refused (podrole.aws.services.cloudformation)",
}
IAM = re.compile(r"AWS::IAM::")
"""IAM's resources are made by IAM's own operations (podrole.aws.emulator.cloudformation_iam)."""

SERVICES = {
    "ElasticLoadBalancing": "elb",
    "ElasticLoadBalancingV2": "elbv2",
}
OPERATIONS: Mapping[str, str] = {
    "AutoScaling::LaunchConfiguration": "CreateLaunchConfiguration",
    "AutoScaling::ScheduledAction": "PutScheduledUpdateGroupAction",
    "CloudWatch::Dashboard": "PutDashboard",
    "DataPipeline::Pipeline": "CreatePipeline PutPipelineDefinition",
    "EC2::EIP": "AllocateAddress AssociateAddress",
    "EC2::Route": "CreateRoute",
    "EC2::SecurityGroup": "CreateSecurityGroup AuthorizeSecurityGroupIngress AuthorizeSecurityGroupEgress",
    "EC2::SecurityGroupIngress": "AuthorizeSecurityGroupIngress",
    "EC2::SubnetRouteTableAssociation": "AssociateRouteTable",
    "EC2::VPC": "CreateVpc ModifyVpcAttribute",
    "EC2::VPCEndpoint": "CreateVpcEndpoint",
    "EC2::VPCGatewayAttachment": "AttachInternetGateway AttachVpnGateway",
    "EC2::VPCPeeringConnection": "CreateVpcPeeringConnection",
    "EC2::VPNGateway": "CreateVpnGateway",
    "ECS::TaskDefinition": "RegisterTaskDefinition",
    "EMR::Cluster": "RunJobFlow",
    "EMR::InstanceGroupConfig": "AddInstanceGroups",
    "ElasticLoadBalancing::LoadBalancer": "CreateLoadBalancer ConfigureHealthCheck",
    "ElasticLoadBalancingV2::ListenerRule": "CreateRule",
    "Batch::JobDefinition": "RegisterJobDefinition",
    "Events::Rule": "PutRule PutTargets",
    "Lambda::Version": "PublishVersion",
    "RDS::DBSecurityGroup": "CreateDBSecurityGroup AuthorizeDBSecurityGroupIngress",
    "Route53::RecordSet": "ChangeResourceRecordSets",
    "Route53::RecordSetGroup": "ChangeResourceRecordSets",
    "S3::Bucket": "CreateBucket PutBucketEncryption PutBucketTagging",
    "SNS::Topic": "CreateTopic Subscribe",
}
"""The operations that make a resource, where they are not Create and the name of the type."""

OWN_RESOURCE = {
    ("sns", "CreateTopic"): "a topic's policy, which is refused in a template's topic",
    ("sqs", "CreateQueue"): "a queue's policy, which is refused in a template's queue",
    ("ec2", "CreateLaunchTemplate"): "the keys of volumes, which are asked for when the template launches",
    ("sns", "Subscribe"): "the key of a topic, which is asked for when a message is sent",
}


def types() -> list[str]:
    from moto.cloudformation import parsing

    return sorted({str(kind) for kind in parsing.get_model_map()} | {str(kind) for kind in MADE_BY_CALLS})


def operations_of(kind: str) -> tuple[str, list[str]]:
    _, service, name = kind.split("::")
    client = SERVICES.get(service, service.lower())
    known = {one.lower(): one for one in _operations(client)}
    named = OPERATIONS.get(f"{service}::{name}", f"Create{name}").split()
    return client, [known[one.lower()] for one in named]


def _operations(client: str) -> list[str]:
    from podrole.aws.protocol.catalogue import model

    return list(model(client).operation_names)


def more_than_its_service(client: str, operation: str) -> set[str]:
    """Return what a call of the operation may need, check or store beside actions of its own service."""
    prefix = prefix_of(client, services()[client].signing)
    rules, found = rules_of(client), set()
    if operation in rules.documents:
        found.add("documents")
    if (client, operation) in launches.OPERATIONS | {("ec2", "RunInstances")}:
        found.add("launches")
    if has_sources(client, operation):
        found.add("sources")
    actions = actions_of(client, operation) or [f"{prefix}:{operation}"]
    uses_keys = rules.also_needs is not ORDINARY.also_needs
    if any(one in USES for one in actions) or (uses_keys and _names_a_key(operation, client)):
        found.add("keys")
    if any(one.partition(":")[0] != prefix for one in actions):
        found.add("other services")
    for path in passed_roles(client, operation):
        words = {one.lower() for one in re.findall(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+", path.split(".")[-1])}
        if not {"role", "roles", "profile"} & words:  # those that podrole.aws.services.templates finds
            found.add(path)
    return found


ORDINARY = ServiceRules("")


def _names_a_key(operation: str, client: str) -> bool:
    from podrole.aws.protocol.catalogue import model

    shape = model(client).operation_model(operation).input_shape
    waiting, seen = [shape] if shape is not None else [], set()
    while waiting:
        one = waiting.pop()
        if one.name in seen:
            continue
        seen.add(one.name)
        if one.type_name == "structure":
            if any("kms" in name.lower() for name in one.members):
                return True
            waiting.extend(one.members.values())
        elif one.type_name == "list":
            waiting.append(one.member)
    return False


@pytest.mark.parametrize("kind", types())
def test_a_type_of_resource_is_decided_or_needs_its_own_service_alone(kind: str) -> None:
    if kind in NOT_MADE or IAM.match(kind) or kind in MADE_BY_CALLS or kind in MADE_BY_MOTO or ignored_policy(kind, {}):
        return
    client, operations = operations_of(kind)
    for operation in operations:
        found = more_than_its_service(client, operation)
        assert not found or (client, operation) in OWN_RESOURCE, f"{kind}: {client}:{operation} has {found}"


EXAMPLE: dict[str, Any] = {
    "Action": "lambda:InvokeFunction",
    "Bucket": "b",
    "Content": "{}",
    "DestinationArn": "arn",
    "FunctionName": "f",
    "Integration": {"Type": "AWS"},
    "KeyPolicy": {},
    "LogGroupName": "g",
    "NotificationConfiguration": {"TopicConfigurations": [{"Event": "s3:*", "Topic": "t"}]},
    "PolicyDocument": {},
    "Principal": "*",
    "Queues": ["https://sqs.us-east-1.amazonaws.com/111122223333/q"],
    "RepositoryPolicyText": {},
    "ResourceArn": "arn",
    "ResourcePolicy": {},
    "SecretId": "s",
    "TopicArn": "arn:aws:sns:us-east-1:111122223333:t",
}


@pytest.mark.parametrize("kind", sorted({*MADE_BY_CALLS, *MADE_BY_MOTO}))
def test_the_calls_of_a_type_are_operations_of_the_local_aws(kind: str) -> None:
    making = Making("name", EXAMPLE, "111122223333", "us-east-1")
    if kind in MADE_BY_CALLS:
        put, removed = list(MADE_BY_CALLS[kind].put(making)), list(MADE_BY_CALLS[kind].remove(making))
        assert len(put) == len(removed) > 0
        calls = put + removed
    else:
        by_moto = MADE_BY_MOTO[kind]
        without = making._replace(properties={})
        further = [(by_moto.complete, making), (by_moto.clear, without), (by_moto.change, making)]
        calls = list(by_moto.create(making))
        calls += [call for find, of in further if find is not None for call in find(of)]
        assert calls
    for call in calls:
        assert services()[call.service].moto is not None
        assert call.operation in _operations(call.service)
        members = _input(call.service, call.operation)
        assert call.given.keys() <= members


def _input(client: str, operation: str) -> set[str]:
    from podrole.aws.protocol.catalogue import model

    shape = model(client).operation_model(operation).input_shape
    return set(shape.members) if shape is not None else set()


TAGGED = {"Tags": [{"Key": "team", "Value": "blue"}]}
TAGS = {
    "AWS::DynamoDB::Table": [{"Key": "team", "Value": "blue"}],
    "AWS::ECR::Repository": [{"Key": "team", "Value": "blue"}],
    "AWS::KMS::Key": [{"TagKey": "team", "TagValue": "blue"}],
    "AWS::Lambda::Function": {"team": "blue"},
    "AWS::Logs::LogGroup": {"team": "blue"},
    "AWS::SSM::Parameter": [{"Key": "team", "Value": "blue"}],
}


@pytest.mark.parametrize("kind", TAGS)
def test_tags_are_those_of_the_operation(kind: str) -> None:
    for tags in (TAGGED, {"Tags": {"team": "blue"}}):
        making = Making("name", {**EXAMPLE, **tags}, "111122223333", "us-east-1")
        (call,) = MADE_BY_MOTO[kind].create(making)
        assert call.given.get("Tags", call.given.get("tags")) == TAGS[kind]


@pytest.mark.parametrize("kind", ["AWS::EC2::Instance", "AWS::EC2::Volume"])
def test_tags_of_ec2_name_what_they_are_for(kind: str) -> None:
    (call,) = MADE_BY_MOTO[kind].create(Making("name", TAGGED, "111122223333", "us-east-1"))
    assert call.given["TagSpecifications"] == [{"ResourceType": kind.split("::")[2].lower(), **TAGGED}]


def test_properties_become_members_with_their_types() -> None:
    properties = {
        "MinSize": "1",
        "MaxSize": 2,
        "NewInstancesProtectedFromScaleIn": "true",
        "VPCZoneIdentifier": ["subnet-1", "subnet-2"],
        "LaunchTemplate": {"LaunchTemplateId": "lt-1", "Version": 3},
        "Unknown": "x",
    }
    (call,) = MADE_BY_MOTO["AWS::AutoScaling::AutoScalingGroup"].create(
        Making("group", properties, "111122223333", "us-east-1")
    )
    assert call.given == {
        "AutoScalingGroupName": "group",
        "MinSize": 1,
        "MaxSize": 2,
        "NewInstancesProtectedFromScaleIn": True,
        "VPCZoneIdentifier": "subnet-1,subnet-2",
        "LaunchTemplate": {"LaunchTemplateId": "lt-1", "Version": "3"},
    }


def test_an_encrypted_table_names_its_key() -> None:
    wanted = {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": "k"}
    (call,) = MADE_BY_MOTO["AWS::DynamoDB::Table"].create(
        Making("t", {"SSESpecification": wanted}, "111122223333", "us-east-1")
    )
    assert call.given["SSESpecification"] == {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": "k"}


def test_a_call_for_a_stack_has_the_labels_of_its_path() -> None:
    http = HTTPRequest("POST", "/", "", (), b"", "127.0.0.1")
    call = IdentifiedCall("1", http, 0.0, services()["cloudformation"], "CreateStack", "query", "us-east-1")
    made = call_for(call, "apigateway", "PutIntegration", {"restApiId": "a", "resourceId": "b", "type": "AWS"})
    assert (made.operation, made.protocol, made.region) == ("PutIntegration", "rest-json", "us-east-1")
    assert made.path_parameters == {"restapi_id": "a", "resource_id": "b"}
