"""Stacks: what their templates say is made, what fails is rolled back and told in events."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.aws import ACCOUNT, REGION, LocalAWS, allow, policy, refused

pytestmark = pytest.mark.services

GETTING_STARTED = """
Parameters:
  ClusterName: {Type: String}
  Image: {Type: String, Default: ""}
Conditions:
  HasImage: !Not [!Equals [!Ref Image, ""]]
  IsProduction: !Equals [!Sub "${ClusterName}-x", production-x]
  Both: !And [!Condition HasImage, !Condition IsProduction]
Resources:
  NodeRole:
    Type: AWS::IAM::Role
    Properties:
      RoleName: !Sub "NodeRole-${ClusterName}"
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Action: "sts:AssumeRole", Principal: {Service: !Sub "ec2.${AWS::URLSuffix}"}}]
      ManagedPolicyArns: [!Sub "arn:${AWS::Partition}:iam::aws:policy/AmazonEKSWorkerNodePolicy"]
  Controller:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      ManagedPolicyName: !Sub "Controller-${ClusterName}"
      PolicyDocument: !Sub |
        {"Version": "2012-10-17", "Statement": [{
          "Sid": "AllowScopedActions", "Effect": "Allow", "Action": ["ec2:RunInstances", "ec2:CreateFleet"],
          "Resource": ["arn:${AWS::Partition}:ec2:${AWS::Region}::image/*"],
          "Condition": {"StringEquals": {"aws:ResourceTag/kubernetes.io/cluster/${ClusterName}": "owned",
            "aws:RequestTag/eks:eks-cluster-name": "${ClusterName}"},
            "StringLike": {"aws:ResourceTag/karpenter.sh/nodepool": "*"}}},
          {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "${NodeRole.Arn}"}]}
  Queue:
    Type: AWS::SQS::Queue
    Properties: {QueueName: !Ref ClusterName, MessageRetentionPeriod: 300, SqsManagedSseEnabled: true}
  QueuePolicy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Queue]
      PolicyDocument:
        Id: Interruption
        Statement:
          - Effect: Allow
            Principal: {Service: [events.amazonaws.com]}
            Action: sqs:SendMessage
            Resource: !GetAtt Queue.Arn
          - Sid: DenyHTTP
            Effect: Deny
            Action: sqs:*
            Resource: !GetAtt Queue.Arn
            Condition: {Bool: {aws:SecureTransport: false}}
            Principal: "*"
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventPattern: {source: [aws.health], detail-type: [AWS Health Event]}
      Targets: [{Id: Queue, Arn: !GetAtt Queue.Arn}]
  NodeProfile:
    Type: AWS::IAM::InstanceProfile
    Properties: {Roles: [!Ref NodeRole]}
  Launch:
    Type: AWS::EC2::LaunchTemplate
    Properties:
      LaunchTemplateData:
        IamInstanceProfile: {Arn: !GetAtt NodeProfile.Arn}
        ImageId: !If [HasImage, !Ref Image, ami-12345678]
        UserData: !Base64
          "Fn::Sub": "#!/bin/bash\n/etc/eks/bootstrap.sh ${ClusterName}"
  OnlyBoth: {Type: AWS::SQS::Queue, Condition: Both, Properties: {QueueName: both}}
Outputs:
  NodeRole: {Value: !GetAtt NodeRole.Arn}
"""

NETWORK = """
Resources:
  VPC: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 192.168.0.0/16, EnableDnsSupport: true}}
  Gateway: {Type: AWS::EC2::InternetGateway}
  Attachment: {Type: AWS::EC2::VPCGatewayAttachment, Properties: {InternetGatewayId: !Ref Gateway, VpcId: !Ref VPC}}
  Table: {Type: AWS::EC2::RouteTable, Properties: {VpcId: !Ref VPC}}
  Route:
    Type: AWS::EC2::Route
    DependsOn: Attachment
    Properties: {RouteTableId: !Ref Table, DestinationCidrBlock: 0.0.0.0/0, GatewayId: !Ref Gateway}
  Subnet:
    Type: AWS::EC2::Subnet
    Properties:
      CidrBlock: 192.168.0.0/18
      VpcId: !Ref VPC
      AvailabilityZone: !Select ["1", !GetAZs {Ref: "AWS::Region"}]
  Association:
    Type: AWS::EC2::SubnetRouteTableAssociation
    Properties: {SubnetId: !Ref Subnet, RouteTableId: !Ref Table}
  Address: {Type: AWS::EC2::EIP, DependsOn: Attachment, Properties: {Domain: vpc}}
  NAT: {Type: AWS::EC2::NatGateway, Properties: {AllocationId: !GetAtt Address.AllocationId, SubnetId: !Ref Subnet}}
Outputs:
  VPC: {Value: !Ref VPC, Export: {Name: !Sub "${AWS::StackName}-vpc"}}
"""


def create(aws: LocalAWS, content: str | dict[str, Any], **parameters: str) -> None:
    aws.client("cloudformation").create_stack(
        StackName="shop",
        TemplateBody=content if isinstance(content, str) else json.dumps(content),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )


def deploy(aws: LocalAWS, content: str | dict[str, Any], kind: str = "CREATE") -> None:
    """Create a change set and execute it, as ``aws cloudformation deploy`` does."""
    body = content if isinstance(content, str) else json.dumps(content)
    named = {"StackName": "shop", "ChangeSetName": f"c{kind}"}
    client = aws.client("cloudformation")
    client.create_change_set(**named, TemplateBody=body, ChangeSetType=kind, Capabilities=["CAPABILITY_NAMED_IAM"])
    client.execute_change_set(**named)


def stack(aws: LocalAWS) -> dict[str, Any]:
    found: dict[str, Any] = aws.client("cloudformation").describe_stacks(StackName="shop")["Stacks"][0]
    return found


def outputs(aws: LocalAWS) -> dict[str, str]:
    return {one["OutputKey"]: one["OutputValue"] for one in stack(aws).get("Outputs", ())}


def events(aws: LocalAWS) -> list[tuple[str, str, str]]:
    """Return the stack's events, the oldest first."""
    found = aws.client("cloudformation").describe_stack_events(StackName="shop")["StackEvents"]
    return [
        (one["LogicalResourceId"], one["ResourceStatus"], one.get("ResourceStatusReason", "")) for one in found[::-1]
    ]


def queue_policy(aws: LocalAWS, queue: str) -> str | None:
    client = aws.client("sqs")
    url = client.get_queue_url(QueueName=queue)["QueueUrl"]
    found = client.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
    return found.get("Attributes", {}).get("Policy")


QUEUE = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "jobs"}}
SUBNET = {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": "vpc-missing", "CidrBlock": "10.0.0.0/24"}}


def grants(queue: str, principal: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sqs:SendMessage", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    properties = {"Queues": [{"Ref": queue}], "PolicyDocument": document}
    return {"Type": "AWS::SQS::QueuePolicy", "Properties": properties}


def test_a_getting_started_template_goes_through(aws: LocalAWS) -> None:
    create(aws, GETTING_STARTED, ClusterName="production")
    assert stack(aws)["StackStatus"] == "CREATE_COMPLETE", events(aws)
    role = f"arn:aws:iam::{ACCOUNT}:role/NodeRole-production"
    assert outputs(aws) == {"NodeRole": role}
    stored = aws.client("iam").get_policy_version(
        PolicyArn=f"arn:aws:iam::{ACCOUNT}:policy/Controller-production", VersionId="v1"
    )["PolicyVersion"]["Document"]
    assert stored["Statement"][1]["Resource"] == role
    code, _, told = refused(aws.client("sqs").get_queue_url, QueueName="production")  # this client uses HTTP
    assert (code, "with an explicit deny in a resource-based policy" in told) == ("AccessDenied", True)
    assert "NonExistentQueue" in refused(aws.client("sqs").get_queue_url, QueueName="both")[0]
    launch = aws.client("ec2").describe_launch_template_versions(Versions=["$Latest"])["LaunchTemplateVersions"]
    assert launch[0]["LaunchTemplateData"]["ImageId"] == "ami-12345678"


def test_a_network_is_made_and_deleted(aws: LocalAWS) -> None:
    deploy(aws, NETWORK)
    assert stack(aws)["StackStatus"] == "CREATE_COMPLETE", events(aws)
    vpc = outputs(aws)["VPC"]
    mine = [{"Name": "vpc-id", "Values": [vpc]}]
    (subnet,) = aws.client("ec2").describe_subnets(Filters=mine)["Subnets"]
    assert subnet["AvailabilityZone"] == f"{REGION}b"
    assert aws.client("cloudformation").list_exports()["Exports"][0]["Value"] == vpc
    aws.client("cloudformation").delete_stack(StackName="shop")
    assert aws.client("ec2").describe_vpcs(Filters=mine)["Vpcs"] == []


def test_a_managed_policy_may_be_a_text(aws: LocalAWS) -> None:
    text = policy(allow("s3:GetObject"))
    create(aws, {"Resources": {"P": {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": text}}}})
    assert stack(aws)["StackStatus"] == "CREATE_COMPLETE", events(aws)


@pytest.mark.parametrize("make", [create, deploy])
def test_what_fails_is_told_in_events_and_rolled_back(aws: LocalAWS, make: Any) -> None:
    make(aws, {"Resources": {"Jobs": QUEUE, "Net": SUBNET}, "Outputs": {"Net": {"Value": {"Ref": "Net"}}}})
    assert stack(aws)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert events(aws)[-3:] == [
        ("Net", "CREATE_FAILED", "VpcID vpc-missing does not exist."),
        ("shop", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [Net]."),
        ("shop", "ROLLBACK_COMPLETE", ""),
    ]
    assert refused(aws.client("sqs").get_queue_url, QueueName="jobs")


def test_a_resource_that_is_exported_and_fails_leaves_no_stack_in_progress(aws: LocalAWS) -> None:
    exported = {"Net": {"Value": {"Ref": "Net"}, "Export": {"Name": "net"}}}
    create(aws, {"Resources": {"Net": SUBNET}, "Outputs": exported})
    assert stack(aws)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert ("Net", "CREATE_FAILED", "VpcID vpc-missing does not exist.") in events(aws)


def test_an_update_that_fails_is_told_in_events_and_rolled_back(aws: LocalAWS) -> None:
    create(aws, {"Resources": {"Jobs": QUEUE}})
    deploy(aws, {"Resources": {"Jobs": QUEUE, "Net": SUBNET}}, "UPDATE")
    assert stack(aws)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert ("Net", "UPDATE_FAILED", "VpcID vpc-missing does not exist.") in events(aws)
    assert queue_policy(aws, "jobs") is None


@pytest.mark.parametrize("make", [create, deploy])
def test_a_type_that_is_not_simulated_is_refused_before_there_is_a_stack(aws: LocalAWS, make: Any) -> None:
    cluster = {"Type": "AWS::EKS::Cluster", "Properties": {"Name": "c"}}
    code, status, told = refused(lambda: make(aws, {"Resources": {"Jobs": QUEUE, "C": cluster}}))
    assert (code, status, "AWS::EKS::Cluster" in told) == ("NotImplemented", 501, True)
    assert aws.client("cloudformation").list_stacks()["StackSummaries"] == []


@pytest.mark.parametrize("make", [create, deploy])
def test_a_malformed_template_is_refused_before_there_is_a_stack(aws: LocalAWS, make: Any) -> None:
    code = refused(lambda: make(aws, {"Resources": {"Jobs": {**QUEUE, "Condition": {"Fn::Sub": "x"}}}}))[0]
    assert code == "ValidationError"
    assert aws.client("cloudformation").list_stacks()["StackSummaries"] == []


def test_a_stack_needs_a_template(aws: LocalAWS) -> None:
    for operation, more in (("create_stack", {}), ("update_stack", {}), ("create_change_set", {"ChangeSetName": "c"})):
        call = getattr(aws.client("cloudformation"), operation)
        assert refused(call, StackName="shop", **more)[:2] == ("ValidationError", 400)


# Changes that are not simulated

GROUP = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "app", "RetentionInDays": 7}}


def test_unsupported_change_fails_with_a_reason_and_keeps_the_resource(aws: LocalAWS) -> None:
    resources: dict[str, Any] = {"Jobs": QUEUE, "Logs": GROUP}
    create(aws, {"Resources": resources})
    changed = {**GROUP, "Properties": {**GROUP["Properties"], "RetentionInDays": 30}}  # type: ignore[dict-item]
    deploy(aws, {"Resources": {**resources, "Logs": changed}}, "UPDATE")
    assert stack(aws)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    (told,) = [reason for name, status, reason in events(aws) if (name, status) == ("Logs", "UPDATE_FAILED")]
    assert "does not change resources of type AWS::Logs::LogGroup" in told
    listed = aws.client("cloudformation").list_stack_resources(StackName="shop")["StackResourceSummaries"]
    assert {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in listed}["Logs"] == "app"
    aws.client("cloudformation").delete_stack(StackName="shop")
    assert aws.client("logs").describe_log_groups()["logGroups"] == []


# A key of KMS


def test_a_key_without_a_policy_has_the_default_one(aws: LocalAWS) -> None:
    own = policy(allow("kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}))
    kms = aws.client("kms")

    def has_default_policy() -> bool:
        assert stack(aws)["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), events(aws)
        (key,) = kms.list_keys()["Keys"]
        found = json.loads(kms.get_key_policy(KeyId=key["KeyId"], PolicyName="default")["Policy"])
        return bool(found.get("Id") == "key-default-1")

    create(aws, {"Resources": {"Key": {"Type": "AWS::KMS::Key"}}})
    assert has_default_policy()
    for properties in ({"Description": "changed"}, {"KeyPolicy": own}, {"Description": "again"}):
        body = json.dumps({"Resources": {"Key": {"Type": "AWS::KMS::Key", "Properties": properties}}})
        aws.client("cloudformation").update_stack(StackName="shop", TemplateBody=body)
        assert has_default_policy() is ("KeyPolicy" not in properties)


# A queue's policy


def test_a_queue_policy_decides_and_is_changed_and_removed(aws: LocalAWS) -> None:
    aws.set_up_role()
    reader = {"AWS": f"arn:aws:iam::{ACCOUNT}:role/reader"}
    other = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "other"}}
    queues = {"Jobs": QUEUE, "Other": other}
    create(aws, {"Resources": {**queues, "Policy": grants("Jobs", reader)}})
    mine = aws.client("sqs", aws.credentials())
    urls = {name: aws.client("sqs").get_queue_url(QueueName=name)["QueueUrl"] for name in ("jobs", "other")}
    assert mine.send_message(QueueUrl=urls["jobs"], MessageBody="m")["MessageId"]
    update = {"Resources": {**queues, "Policy": grants("Other", reader)}}
    aws.client("cloudformation").update_stack(StackName="shop", TemplateBody=json.dumps(update))
    assert refused(mine.send_message, QueueUrl=urls["jobs"], MessageBody="m")
    assert mine.send_message(QueueUrl=urls["other"], MessageBody="m")["MessageId"]
    without = {"Resources": queues}
    aws.client("cloudformation").update_stack(StackName="shop", TemplateBody=json.dumps(without))
    assert refused(mine.send_message, QueueUrl=urls["other"], MessageBody="m")


def test_a_queue_policy_is_bound_to_unique_ids(aws: LocalAWS) -> None:
    aws.set_up_role()
    create(aws, {"Resources": {"Jobs": QUEUE, "P": grants("Jobs", {"AWS": f"arn:aws:iam::{ACCOUNT}:role/reader"})}})
    url = aws.client("sqs").get_queue_url(QueueName="jobs")["QueueUrl"]
    assert aws.client("sqs", aws.credentials()).send_message(QueueUrl=url, MessageBody="m")["MessageId"]
    aws.client("iam").delete_role(RoleName="reader")
    aws.set_up_role()
    assert refused(aws.client("sqs", aws.credentials()).send_message, QueueUrl=url, MessageBody="m")


@pytest.mark.parametrize(
    ("principal", "reason"),
    [
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:role/nobody"}, "Invalid value for the parameter Policy."),
        ("nobody", "Invalid value for the parameter Policy."),
    ],
)
def test_a_queue_policy_that_sqs_does_not_take_fails(aws: LocalAWS, principal: Any, reason: str) -> None:
    create(aws, {"Resources": {"Jobs": QUEUE, "P": grants("Jobs", principal)}})
    assert stack(aws)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert any(name == "P" and reason in why for name, _, why in events(aws))
