"""The External Secrets Operator and Fluent Bit."""

from __future__ import annotations

import json

import pytest

from support.aws import ACCOUNT, LocalAWS
from support.controllers import Call, Controller, Operand, Refusal, covered, name_of, operands, published, tags, unique

pytestmark = pytest.mark.services

MANAGED = {"managed-by": "external-secrets"}
PUSH = published("external_secrets", "push-secret")


def secret(aws: LocalAWS, prefix: str = "dev", values: dict[str, str] = MANAGED) -> str:
    name = unique(prefix)
    aws.client("secretsmanager").create_secret(Name=name, SecretString="x", Tags=tags(**values))
    return name


def test_external_secrets_reads_secrets(account: LocalAWS) -> None:
    operator = Controller(account, published("external_secrets", "secrets-manager"))
    client, name = operator.client("secretsmanager"), secret(account)
    client.list_secrets(Filters=[{"Key": "name", "Values": ["dev-"]}])
    assert client.get_secret_value(SecretId=name)["SecretString"] == "x"
    client.describe_secret(SecretId=name)
    client.list_secret_version_ids(SecretId=name)
    client.get_resource_policy(SecretId=name)
    assert client.batch_get_secret_value(SecretIdList=[name])["SecretValues"]
    other = secret(account, "live")
    assert not operator.is_allowed(Call("secretsmanager", "get_secret_value", {"SecretId": other}))
    assert not operator.is_allowed(Call("secretsmanager", "put_secret_value", {"SecretId": name, "SecretString": "y"}))


def test_external_secrets_pushes_secrets(account: LocalAWS) -> None:
    operator = Controller(account, {**published("external_secrets", "secrets-manager"), **PUSH})
    client, name = operator.client("secretsmanager"), unique("dev")
    client.create_secret(Name=name, SecretString="x", Tags=tags(**MANAGED))
    client.put_secret_value(SecretId=name, SecretString="y")
    client.tag_resource(SecretId=name, Tags=tags(team="blue"))
    reader = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
                "Action": "secretsmanager:GetSecretValue",
                "Resource": "*",
            }
        ],
    }
    client.put_resource_policy(SecretId=name, ResourcePolicy=json.dumps(reader))
    client.delete_resource_policy(SecretId=name)
    client.delete_secret(SecretId=name)
    given = {"Name": unique("live"), "SecretString": "x"}
    assert not operator.is_allowed(Call("secretsmanager", "create_secret", given))


REFUSALS = [
    Refusal(
        (Operand("1", "StringEquals", "secretsmanager:ResourceTag/managed-by"),),
        lambda aws: Call("secretsmanager", "delete_secret", {"SecretId": secret(aws, values={"team": "blue"})}),
    )
]


def test_every_condition_has_a_case() -> None:
    assert covered(REFUSALS) == set(operands(PUSH))


@pytest.mark.parametrize("refusal", REFUSALS, ids=name_of)
def test_condition(account: LocalAWS, refusal: Refusal) -> None:
    Controller(account, PUSH).check(refusal)


def test_external_secrets_reads_and_pushes_parameters(account: LocalAWS) -> None:
    operator = Controller(account, published("external_secrets", "parameter-store", "push-parameter"))
    client, name = operator.client("ssm"), unique("dev")
    client.put_parameter(Name=name, Value="x", Type="SecureString", Tags=tags(**MANAGED))
    client.put_parameter(Name=name, Value="y", Type="SecureString", Overwrite=True)
    client.add_tags_to_resource(ResourceType="Parameter", ResourceId=name, Tags=tags(team="blue"))
    client.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)
    assert client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"] == "y"
    client.get_parameters(Names=[name])
    client.get_parameter_history(Name=name)
    assert not operator.is_allowed(Call("ssm", "put_parameter", {"Name": "live", "Value": "x", "Type": "String"}))
    assert not operator.is_allowed(Call("ssm", "delete_parameter", {"Name": name}))


def test_fluent_bit_ships_logs(account: LocalAWS) -> None:
    shipper = Controller(account, published("fluent_bit"))
    logs, stream = shipper.client("logs"), {"logGroupName": "/pods", "logStreamName": "inventory-0"}
    logs.create_log_group(logGroupName="/pods")
    logs.put_retention_policy(logGroupName="/pods", retentionInDays=7)
    logs.create_log_stream(**stream)
    now = int(account.now() * 1000)
    logs.put_log_events(**stream, logEvents=[{"timestamp": now, "message": "started"}])
    account.client("kinesis").create_stream(StreamName="pods", ShardCount=1)
    records = [{"Data": b"started", "PartitionKey": "0"}]
    shipper.client("kinesis").put_records(StreamName="pods", Records=records)
    account.client("s3").create_bucket(Bucket="pods")
    shipper.client("s3").put_object(Bucket="pods", Key="pods/0", Body=b"started")
    delivery = {"RoleARN": f"arn:aws:iam::{ACCOUNT}:role/podrole-node", "BucketARN": "arn:aws:s3:::pods"}
    account.client("firehose").create_delivery_stream(
        DeliveryStreamName="pods", ExtendedS3DestinationConfiguration=delivery
    )
    shipper.client("firehose").put_record_batch(DeliveryStreamName="pods", Records=[{"Data": b"started"}])
    assert not shipper.is_allowed(Call("logs", "delete_log_group", {"logGroupName": "/pods"}))
    assert not shipper.is_allowed(Call("s3", "get_object", {"Bucket": "pods", "Key": "pods/0"}))
