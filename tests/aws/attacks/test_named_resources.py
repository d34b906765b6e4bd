"""A call acts on the resource that it was authorized on, however it names it.

Each case is a role with the permission on one resource, and two calls: one names that resource in a way that means
another one, and is refused; the other one is what a client really sends, and works.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ClientError

from support.authorization import archive, grant
from support.aws import ACCOUNT, REGION, LocalAWS, allow, trust_of

pytestmark = pytest.mark.services

TABLE = {
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
Made = Mapping[str, Any]


def arn(service: str, resource: str, region: str = REGION) -> str:
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{resource}"


def deny(action: str, resource: str) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource}


class Case(NamedTuple):
    """``make`` returns what the calls need to know. The calls get the role's client and that."""

    service: str
    make: Callable[[LocalAWS], Made]
    statements: Callable[[Made], list[dict[str, Any]]]
    attack: Callable[[Any, Made], Any]
    code: str
    neighbour: Callable[[Any, Made], Any]


def queues(aws: LocalAWS) -> Made:
    sqs = aws.client("sqs")
    return {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("qa", "qb")}


def on_queue(_: Made) -> list[dict[str, Any]]:
    return [allow("sqs:*", arn("sqs", "qa"))]


def queue_case(suffix: str) -> Case:
    return Case(
        "sqs",
        queues,
        on_queue,
        lambda sqs, made: sqs.receive_message(QueueUrl=made["qa"] + suffix),
        "InvalidAddress",
        lambda sqs, made: sqs.receive_message(QueueUrl=made["qa"]),
    )


def keys(aws: LocalAWS) -> Made:
    kms = aws.client("kms")
    own, other = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    return {
        "own": own,
        "other": other,
        "of own": kms.encrypt(KeyId=own, Plaintext=b"own")["CiphertextBlob"],
        "of other": kms.encrypt(KeyId=other, Plaintext=b"other")["CiphertextBlob"],
    }


def on_key(made: Made) -> list[dict[str, Any]]:
    return [allow("kms:*", made["own"])]


def group_and_user(aws: LocalAWS) -> Made:
    iam = aws.client("iam")
    for name in ("admins", "readers"):
        iam.create_group(GroupName=name)
    for name in ("me", "you"):
        iam.create_user(UserName=name)
    iam.add_user_to_group(GroupName="admins", UserName="you")
    iam.add_user_to_group(GroupName="readers", UserName="you")
    return {}


def profiles(aws: LocalAWS) -> Made:
    iam = aws.client("iam")
    aws.role("worker", trust_of(f"arn:aws:iam::{ACCOUNT}:root"))
    for name in ("own", "other"):
        iam.create_instance_profile(InstanceProfileName=name)
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName="worker")
    return {}


def security_groups(aws: LocalAWS) -> Made:
    ec2 = aws.client("ec2")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    return {
        name: ec2.create_security_group(GroupName=name, Description="d", VpcId=vpc)["GroupId"]
        for name in ("own", "other")
    }


def templates(aws: LocalAWS) -> Made:
    ec2 = aws.client("ec2")
    return {
        name: ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData={"InstanceType": "t3.micro"})[
            "LaunchTemplate"
        ]["LaunchTemplateId"]
        for name in ("own", "other")
    }


def addresses(aws: LocalAWS) -> Made:
    ec2 = aws.client("ec2")
    own, other = ec2.allocate_address(Domain="vpc"), ec2.allocate_address(Domain="vpc")
    return {"own": own["AllocationId"], "own ip": own["PublicIp"], "other ip": other["PublicIp"]}


def key_pairs(aws: LocalAWS) -> Made:
    ec2 = aws.client("ec2")
    return {name: ec2.create_key_pair(KeyName=name)["KeyPairId"] for name in ("own", "other")}


def secrets(aws: LocalAWS) -> Made:
    client = aws.client("secretsmanager")
    return {name: client.create_secret(Name=name, SecretString=name)["ARN"] for name in ("shared", "own", "hidden")}


def parameters(aws: LocalAWS) -> Made:
    ssm = aws.client("ssm")
    ssm.put_parameter(Name="secret", Value="s", Type="String")
    ssm.put_parameter(Name="open", Value="o", Type="String")
    aws.client("secretsmanager").create_secret(Name="hidden", SecretString="h")
    return {}


def not_the_secret(_: Made) -> list[dict[str, Any]]:
    return [allow("ssm:*"), deny("ssm:*", arn("ssm", "parameter/secret"))]


def elsewhere(aws: LocalAWS) -> Made:
    aws.client("lambda").create_function(
        FunctionName="f",
        Runtime="python3.12",
        Role=aws.role("service", trust_of(f"arn:aws:iam::{ACCOUNT}:root")),
        Handler="app.handler",
        Code={"ZipFile": archive()},
    )
    aws.client("logs").create_log_group(logGroupName="g")
    return {"secret": aws.client("secretsmanager").create_secret(Name="s", SecretString="s")["ARN"]}


def streams(aws: LocalAWS) -> Made:
    kinesis = aws.client("kinesis")
    made = {}
    for name in ("own", "other"):
        kinesis.create_stream(StreamName=name, ShardCount=1)
        shard = kinesis.list_shards(StreamName=name)["Shards"][0]["ShardId"]
        made[name] = kinesis.get_shard_iterator(StreamName=name, ShardId=shard, ShardIteratorType="TRIM_HORIZON")[
            "ShardIterator"
        ]
    return made


def table_streams(aws: LocalAWS) -> Made:
    dynamodb, reader = aws.client("dynamodb"), aws.client("dynamodbstreams")
    made = {}
    for name in ("own", "other"):
        specification = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
        table = dynamodb.create_table(TableName=name, StreamSpecification=specification, **TABLE)["TableDescription"]
        stream = table["LatestStreamArn"]
        shard = reader.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"][0]["ShardId"]
        made[name] = reader.get_shard_iterator(StreamArn=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")[
            "ShardIterator"
        ]
    return made


def athena_queries(aws: LocalAWS) -> Made:
    athena = aws.client("athena")
    athena.create_work_group(Name="own")
    output = {"OutputLocation": "s3://results/"}
    start = athena.start_query_execution
    return {
        "own": start(QueryString="SELECT 1", WorkGroup="own", ResultConfiguration=output)["QueryExecutionId"],
        "other": start(QueryString="SELECT 2", ResultConfiguration=output)["QueryExecutionId"],
    }


def uploads(aws: LocalAWS) -> Made:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="uploads")
    return {key: s3.create_multipart_upload(Bucket="uploads", Key=key)["UploadId"] for key in ("own/a", "other/a")}


def change_sets(aws: LocalAWS) -> Made:
    client = aws.client("cloudformation")
    made = {}
    for name in ("own", "other"):
        body = json.dumps({"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name}}}})
        made[name] = client.create_change_set(
            StackName=name, ChangeSetName="next", ChangeSetType="CREATE", TemplateBody=body
        )["Id"]
    return made


def on_own_stack(_: Made) -> list[dict[str, Any]]:
    return [allow("cloudformation:*", arn("cloudformation", "stack/own/*")), allow("sqs:*")]


def region_case(
    service: str, attack: Callable[[Any, Made], Any], code: str, neighbour: Callable[[Any, Made], Any]
) -> Case:
    return Case(service, elsewhere, lambda _: [allow(f"{service}:*")], attack, code, neighbour)


def send_event(events: Any, bus: str) -> None:
    events.put_events(Entries=[{"EventBusName": bus, "Source": "s", "DetailType": "d", "Detail": "{}"}])


CASES: dict[str, Case] = {
    "SQS: a queue's URL with a query": queue_case("?/qb"),
    "SQS: a queue's URL with a fragment": queue_case("#/qb"),
    "SQS: a queue's URL with a longer path": queue_case("/qb"),
    "KMS: ReEncrypt says another source key": Case(
        "kms",
        keys,
        on_key,
        lambda kms, made: kms.re_encrypt(
            CiphertextBlob=made["of other"], SourceKeyId=made["own"], DestinationKeyId=made["own"]
        ),
        "IncorrectKeyException",
        lambda kms, made: kms.re_encrypt(
            CiphertextBlob=made["of own"], SourceKeyId=made["own"], DestinationKeyId=made["own"]
        ),
    ),
    "KMS: Decrypt says another key": Case(
        "kms",
        keys,
        on_key,
        lambda kms, made: kms.decrypt(CiphertextBlob=made["of other"], KeyId=made["own"]),
        "IncorrectKeyException",
        lambda kms, made: kms.decrypt(CiphertextBlob=made["of own"], KeyId=made["own"]),
    ),
    "IAM: a user is added to another group": Case(
        "iam",
        group_and_user,
        lambda _: [allow("iam:AddUserToGroup", f"arn:aws:iam::{ACCOUNT}:user/me"), allow("iam:*", _group("readers"))],
        lambda iam, _: iam.add_user_to_group(GroupName="admins", UserName="me"),
        "AccessDenied",
        lambda iam, _: iam.add_user_to_group(GroupName="readers", UserName="me"),
    ),
    "IAM: a user is removed from another group": Case(
        "iam",
        group_and_user,
        lambda _: [allow("iam:*", f"arn:aws:iam::{ACCOUNT}:user/you"), allow("iam:*", _group("readers"))],
        lambda iam, _: iam.remove_user_from_group(GroupName="admins", UserName="you"),
        "AccessDenied",
        lambda iam, _: iam.remove_user_from_group(GroupName="readers", UserName="you"),
    ),
    "IAM: a role is removed from another profile": Case(
        "iam",
        profiles,
        lambda _: [
            allow("iam:*", f"arn:aws:iam::{ACCOUNT}:role/worker"),
            allow("iam:*", f"arn:aws:iam::{ACCOUNT}:instance-profile/own"),
        ],
        lambda iam, _: iam.remove_role_from_instance_profile(InstanceProfileName="other", RoleName="worker"),
        "AccessDenied",
        lambda iam, _: iam.remove_role_from_instance_profile(InstanceProfileName="own", RoleName="worker"),
    ),
    "EC2: a security group's id with another's name": Case(
        "ec2",
        security_groups,
        lambda made: [allow("ec2:*", arn("ec2", f"security-group/{made['own']}"))],
        lambda ec2, made: ec2.delete_security_group(GroupId=made["own"], GroupName="other"),
        "InvalidParameterCombination",
        lambda ec2, _: ec2.delete_security_group(GroupName="own"),
    ),
    "EC2: a security group's name as an id": Case(
        "ec2",
        security_groups,
        lambda made: [allow("ec2:*"), deny("ec2:*", arn("ec2", f"security-group/{made['other']}"))],
        lambda ec2, _: ec2.delete_security_group(GroupId="other"),
        "InvalidGroupId.Malformed",
        lambda ec2, made: ec2.delete_security_group(GroupId=made["own"]),
    ),
    "EC2: a launch template's id with another's name": Case(
        "ec2",
        templates,
        lambda made: [allow("ec2:*", arn("ec2", f"launch-template/{made['own']}"))],
        lambda ec2, made: ec2.delete_launch_template(LaunchTemplateId=made["own"], LaunchTemplateName="other"),
        "InvalidParameterCombination",
        lambda ec2, _: ec2.delete_launch_template(LaunchTemplateName="own"),
    ),
    "EC2: an allocation's id with another's address": Case(
        "ec2",
        addresses,
        lambda made: [allow("ec2:*", arn("ec2", f"elastic-ip/{made['own']}"))],
        lambda ec2, made: ec2.release_address(AllocationId=made["own"], PublicIp=made["other ip"]),
        "InvalidParameterCombination",
        lambda ec2, made: ec2.release_address(PublicIp=made["own ip"]),
    ),
    "EC2: a key pair's name with another's id": Case(
        "ec2",
        key_pairs,
        lambda _: [allow("ec2:*", arn("ec2", "key-pair/own"))],
        lambda ec2, made: ec2.delete_key_pair(KeyName="own", KeyPairId=made["other"]),
        "InvalidParameterCombination",
        lambda ec2, made: ec2.delete_key_pair(KeyPairId=made["own"]),
    ),
    "Secrets Manager: names beside an ARN of another account": Case(
        "secretsmanager",
        secrets,
        lambda made: [
            allow("secretsmanager:*"),
            deny("secretsmanager:GetSecretValue", made["hidden"]),
        ],
        lambda client, made: client.batch_get_secret_value(
            SecretIdList=[made["shared"].replace(ACCOUNT, "222233334444"), "own"]
        ),
        "NotImplemented",
        lambda client, made: client.batch_get_secret_value(SecretIdList=[made["shared"], "own"]),
    ),
    "SSM: a version passes a Deny": Case(
        "ssm",
        parameters,
        not_the_secret,
        lambda ssm, _: ssm.get_parameter(Name="secret:1"),
        "AccessDeniedException",
        lambda ssm, _: ssm.get_parameter(Name="open:1"),
    ),
    "SSM: a version passes a Deny, by ARN and in a list": Case(
        "ssm",
        parameters,
        not_the_secret,
        lambda ssm, _: ssm.get_parameters(Names=["open", arn("ssm", "parameter/secret:1")]),
        "AccessDeniedException",
        lambda ssm, _: ssm.get_parameters(Names=["open", arn("ssm", "parameter/open:1")]),
    ),
    "SSM: a leading slash passes a Deny": Case(
        "ssm",
        parameters,
        not_the_secret,
        lambda ssm, _: ssm.get_parameter(Name="/secret"),
        "AccessDeniedException",
        lambda ssm, _: ssm.get_parameter(Name="/open"),
    ),
    "SSM: a secret is read as a parameter": Case(
        "ssm",
        parameters,
        not_the_secret,
        lambda ssm, _: ssm.get_parameter(Name="/aws/reference/secretsmanager/hidden", WithDecryption=True),
        "AccessDeniedException",
        lambda ssm, _: ssm.get_parameter(Name="open"),
    ),
    "Secrets Manager: the ARN has another region": region_case(
        "secretsmanager",
        lambda it, made: it.get_secret_value(SecretId=made["secret"].replace(REGION, "eu-west-1")),
        "ResourceNotFoundException",
        lambda it, made: it.get_secret_value(SecretId=made["secret"]),
    ),
    "Secrets Manager: the ARN has no region": region_case(
        "secretsmanager",
        lambda it, made: it.get_secret_value(SecretId=made["secret"].replace(REGION, "")),
        "ResourceNotFoundException",
        lambda it, made: it.get_secret_value(SecretId="s"),
    ),
    "Secrets Manager: the ARN has any account": region_case(
        "secretsmanager",
        lambda it, made: it.get_secret_value(SecretId=made["secret"].replace(ACCOUNT, "*")),
        "ResourceNotFoundException",
        lambda it, made: it.get_secret_value(SecretId="s"),
    ),
    "Lambda: the ARN has another region": region_case(
        "lambda",
        lambda it, _: it.get_function(FunctionName=arn("lambda", "function:f", "eu-west-1")),
        "ResourceNotFoundException",
        lambda it, _: it.get_function(FunctionName=arn("lambda", "function:f")),
    ),
    "Logs: the ARN has another region": region_case(
        "logs",
        lambda it, _: it.list_tags_for_resource(resourceArn=arn("logs", "log-group:g", "eu-west-1")),
        "ValidationException",
        lambda it, _: it.list_tags_for_resource(resourceArn=arn("logs", "log-group:g")),
    ),
    "EventBridge: the ARN has another region": region_case(
        "events",
        lambda it, _: send_event(it, arn("events", "event-bus/default", "eu-west-1")),
        "ValidationException",
        lambda it, _: send_event(it, arn("events", "event-bus/default")),
    ),
    "Kinesis: an iterator of another stream": Case(
        "kinesis",
        streams,
        lambda _: [allow("kinesis:*", arn("kinesis", "stream/own"))],
        lambda kinesis, made: kinesis.get_records(ShardIterator=made["other"]),
        "AccessDeniedException",
        lambda kinesis, made: kinesis.get_records(ShardIterator=made["own"]),
    ),
    "Kinesis: a forged iterator": Case(
        "kinesis",
        streams,
        lambda _: [allow("kinesis:*", arn("kinesis", "stream/own"))],
        lambda kinesis, made: kinesis.get_records(
            ShardIterator=base64.b64encode(base64.b64decode(made["own"]).replace(b"own", b"other")).decode(),
            StreamARN=arn("kinesis", "stream/own"),
        ),
        "AccessDeniedException",
        lambda kinesis, made: kinesis.get_records(ShardIterator=made["own"], StreamARN=arn("kinesis", "stream/own")),
    ),
    "Kinesis: a name and the ARN of another stream": Case(
        "kinesis",
        streams,
        lambda _: [allow("kinesis:*", arn("kinesis", "stream/own"))],
        lambda kinesis, _: kinesis.describe_stream(StreamName="own", StreamARN=arn("kinesis", "stream/other")),
        "AccessDeniedException",
        lambda kinesis, _: kinesis.describe_stream(StreamName="own", StreamARN=arn("kinesis", "stream/own")),
    ),
    "DynamoDB: an iterator of another table's stream": Case(
        "dynamodbstreams",
        table_streams,
        lambda _: [allow("dynamodb:*", arn("dynamodb", "table/own/stream/*"))],
        lambda it, made: it.get_records(ShardIterator=made["other"]),
        "AccessDeniedException",
        lambda it, made: it.get_records(ShardIterator=made["own"]),
    ),
    "Athena: a query of another workgroup": Case(
        "athena",
        athena_queries,
        lambda _: [allow("athena:*", arn("athena", "workgroup/own"))],
        lambda it, made: it.get_query_execution(QueryExecutionId=made["other"]),
        "AccessDeniedException",
        lambda it, made: it.get_query_execution(QueryExecutionId=made["own"]),
    ),
    "S3: a part for another key's upload": Case(
        "s3",
        uploads,
        lambda _: [allow("s3:*", "arn:aws:s3:::uploads/own/*")],
        lambda s3, made: s3.upload_part(
            Bucket="uploads", Key="own/a", UploadId=made["other/a"], PartNumber=1, Body=b"x"
        ),
        "NoSuchUpload",
        lambda s3, made: s3.upload_part(Bucket="uploads", Key="own/a", UploadId=made["own/a"], PartNumber=1, Body=b"x"),
    ),
    "S3: another key's upload is ended": Case(
        "s3",
        uploads,
        lambda _: [allow("s3:*", "arn:aws:s3:::uploads/own/*")],
        lambda s3, made: s3.abort_multipart_upload(Bucket="uploads", Key="own/a", UploadId=made["other/a"]),
        "NoSuchUpload",
        lambda s3, made: s3.abort_multipart_upload(Bucket="uploads", Key="own/a", UploadId=made["own/a"]),
    ),
    "CloudFormation: another stack's change set": Case(
        "cloudformation",
        change_sets,
        on_own_stack,
        lambda it, made: it.execute_change_set(StackName="own", ChangeSetName=made["other"]),
        "ChangeSetNotFound",
        lambda it, _: it.execute_change_set(StackName="own", ChangeSetName="next"),
    ),
    "CloudFormation: another stack's change set, by its ARN alone": Case(
        "cloudformation",
        change_sets,
        on_own_stack,
        lambda it, made: it.delete_change_set(ChangeSetName=made["other"]),
        "AccessDenied",
        lambda it, made: it.delete_change_set(ChangeSetName=made["own"]),
    ),
}


def _group(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:group/{name}"


@pytest.mark.parametrize("name", CASES)
def test_other_resource_is_refused_and_the_named_one_is_served(aws: LocalAWS, name: str) -> None:
    case = CASES[name]
    made = case.make(aws)
    client = aws.client(case.service, grant(aws, *case.statements(made)))
    with pytest.raises(ClientError) as raised:
        case.attack(client, made)
    assert raised.value.response["Error"]["Code"] == case.code
    case.neighbour(client, made)
