"""What pods do in SSM, SQS, SNS, DynamoDB, Kinesis, Logs and EC2 with a customer's KMS key needs permission on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import pytest

from support.authorization import allow, grant, refused
from support.aws import ACCOUNT, REGION, LocalAWS

Do = Callable[[Any, str], Any]
QUEUE = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/jobs"
QUEUE_ARN = f"arn:aws:sqs:{REGION}:{ACCOUNT}:jobs"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:news"
STREAM = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/clicks"
PARAMETER = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/shop/token"
IMAGE = "ami-12c6146b"
ITEM = {"id": {"S": "1"}}


def nothing(client: Any, key: str) -> None:
    """Prepare nothing."""


def with_queue(client: Any, key: str) -> None:
    client.create_queue(QueueName="jobs", Attributes={"KmsMasterKeyId": key})


def with_topic(client: Any, key: str) -> None:
    client.create_topic(Name="news", Attributes={"KmsMasterKeyId": key})


def with_parameter(client: Any, key: str) -> None:
    client.put_parameter(Name="/shop/token", Value="x", Type="SecureString", KeyId=key)


def with_stream(client: Any, key: str) -> None:
    client.create_stream(StreamName="clicks", ShardCount=1)
    client.start_stream_encryption(StreamName="clicks", EncryptionType="KMS", KeyId=key)


TABLE: dict[str, Any] = {
    "TableName": "carts",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def table(client: Any, key: str) -> Any:
    return client.create_table(**TABLE, SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key})


def records(client: Any, _: str) -> Any:
    shard = client.get_shard_iterator(
        StreamName="clicks", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )
    return client.get_records(ShardIterator=shard["ShardIterator"])


def volume(client: Any, key: str, **more: Any) -> Any:
    return client.create_volume(AvailabilityZone=f"{REGION}a", Size=1, Encrypted=True, KmsKeyId=key, **more)


def with_volume_and_instance(client: Any, key: str) -> None:
    volume(client, key)
    client.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1)


def attach(client: Any, _: str) -> Any:
    found = client.describe_volumes(Filters=[{"Name": "encrypted", "Values": ["true"]}])["Volumes"][0]["VolumeId"]
    instance = client.describe_instances()["Reservations"][0]["Instances"][0]["InstanceId"]
    return client.attach_volume(VolumeId=found, InstanceId=instance, Device="/dev/sdx")


def launch(client: Any, key: str) -> Any:
    device = {"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 1, "Encrypted": True, "KmsKeyId": key}}
    return client.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, BlockDeviceMappings=[device])


def with_launch_template(client: Any, key: str) -> None:
    device = {"DeviceName": "/dev/sdb", "Ebs": {"VolumeSize": 1, "Encrypted": True, "KmsKeyId": key}}
    data = {"ImageId": IMAGE, "BlockDeviceMappings": [device]}
    client.create_launch_template(LaunchTemplateName="web", LaunchTemplateData=data)


def with_default_key(client: Any, key: str) -> None:
    client.enable_ebs_encryption_by_default()
    client.modify_ebs_default_kms_key_id(KmsKeyId=key)


def with_snapshot(client: Any, key: str) -> None:
    client.create_snapshot(VolumeId=volume(client, key)["VolumeId"])


PLAIN = [{"Name": "encrypted", "Values": ["false"]}]


def snapshot(client: Any) -> str:
    return str(
        client.describe_snapshots(Filters=[{"Name": "encrypted", "Values": ["true"]}])["Snapshots"][0]["SnapshotId"]
    )


class Case(NamedTuple):
    """A call that uses a key. ``prepare`` makes what it is about, as the administrator."""

    service: str
    prepare: Do
    call: Do
    actions: tuple[str, ...]
    code: str
    context: Mapping[str, str] = {}

    def granted(self, key: str, actions: tuple[str, ...], **condition: Any) -> list[dict[str, Any]]:
        return [allow(f"{self.service}:*", "*"), allow(["kms:ListGrants", *actions], key, **condition)]

    @property
    def via(self) -> str:
        return f"{self.service}.{REGION}.amazonaws.com"


SEND = ("kms:GenerateDataKey", "kms:Decrypt")
SQS = {"aws:sqs:arn": QUEUE_ARN}
OF_PARAMETER = {"PARAMETER_ARN": PARAMETER}
OF_STREAM = {"aws:kinesis:arn": STREAM}
OF_TABLE = {"aws:dynamodb:tableName": "carts", "aws:dynamodb:subscriberId": ACCOUNT}
VOLUME = ("kms:GenerateDataKeyWithoutPlaintext", "kms:Decrypt")
DENIED, ALL_OF_TABLE = (
    "AccessDeniedException",
    (
        "kms:Encrypt",
        "kms:Decrypt",
        "kms:ReEncryptFrom",
        "kms:ReEncryptTo",
        "kms:GenerateDataKey",
        "kms:GenerateDataKeyWithoutPlaintext",
        "kms:DescribeKey",
        "kms:CreateGrant",
    ),
)


def write(client: Any, key: str, **more: Any) -> Any:
    wanted = {"Name": "/shop/token", "Value": "y", "Type": "SecureString", "KeyId": key, "Overwrite": True}
    return client.put_parameter(**{**wanted, **more})


def ssm(call: Do, action: str = "kms:Decrypt") -> Case:
    return Case("ssm", with_parameter, call, (action,), DENIED, OF_PARAMETER)


def dynamodb(call: Do) -> Case:
    return Case("dynamodb", table, call, ("kms:Decrypt",), DENIED, OF_TABLE)


def kinesis(call: Do, action: str) -> Case:
    return Case("kinesis", with_stream, call, (action,), "KMSAccessDeniedException", OF_STREAM)


def sqs(call: Do, *actions: str) -> Case:
    return Case("sqs", with_queue, call, actions, "KMS.AccessDeniedException", SQS)


def sns(call: Do) -> Case:
    return Case("sns", with_topic, call, SEND, "KMSAccessDenied", {"aws:sns:topicArn": TOPIC})


def ec2(prepare: Do, call: Do, *actions: str) -> Case:
    return Case("ec2", prepare, call, actions, "UnauthorizedOperation")


CASES = {
    "ssm-put": ssm(write, "kms:Encrypt"),
    "ssm-put-advanced": ssm(lambda c, key: write(c, key, Tier="Advanced"), "kms:GenerateDataKey"),
    "ssm-put-large": ssm(
        lambda c, key: write(c, key, Value="y" * 4097, Tier="Intelligent-Tiering"), "kms:GenerateDataKey"
    ),
    "ssm-put-small": ssm(lambda c, key: write(c, key, Tier="Intelligent-Tiering"), "kms:Encrypt"),
    "ssm-put-without-type": ssm(
        lambda c, key: c.put_parameter(Name="/shop/token", Value="y", KeyId=key, Overwrite=True), "kms:Encrypt"
    ),
    "ssm-get": ssm(lambda c, _: c.get_parameter(Name="/shop/token", WithDecryption=True)),
    "ssm-get-version": ssm(lambda c, _: c.get_parameter(Name="/shop/token:1", WithDecryption=True)),
    "ssm-get-arn": ssm(lambda c, _: c.get_parameter(Name=PARAMETER, WithDecryption=True)),
    "ssm-get-several": ssm(lambda c, _: c.get_parameters(Names=["/shop/token", "/none"], WithDecryption=True)),
    "ssm-get-path": ssm(lambda c, _: c.get_parameters_by_path(Path="/shop", WithDecryption=True)),
    "ssm-get-below": ssm(lambda c, _: c.get_parameters_by_path(Path="/", Recursive=True, WithDecryption=True)),
    "ssm-history": ssm(lambda c, _: c.get_parameter_history(Name="/shop/token", WithDecryption=True)),
    "sqs-send": sqs(lambda c, _: c.send_message(QueueUrl=QUEUE, MessageBody="x"), *SEND),
    "sqs-send-batch": sqs(
        lambda c, _: c.send_message_batch(QueueUrl=QUEUE, Entries=[{"Id": "1", "MessageBody": "x"}]), *SEND
    ),
    "sqs-receive": sqs(lambda c, _: c.receive_message(QueueUrl=QUEUE), "kms:Decrypt"),
    "sns-publish": sns(lambda c, _: c.publish(TopicArn=TOPIC, Message="x")),
    "sns-publish-batch": sns(
        lambda c, _: c.publish_batch(TopicArn=TOPIC, PublishBatchRequestEntries=[{"Id": "1", "Message": "x"}])
    ),
    "dynamodb-put": dynamodb(lambda c, _: c.put_item(TableName="carts", Item=ITEM)),
    "dynamodb-get": dynamodb(lambda c, _: c.get_item(TableName="carts", Key=ITEM)),
    "dynamodb-update": dynamodb(
        lambda c, _: c.update_item(
            TableName="carts",
            Key=ITEM,
            UpdateExpression="SET price = :t",
            ExpressionAttributeValues={":t": {"N": "1"}},
        )
    ),
    "dynamodb-delete": dynamodb(lambda c, _: c.delete_item(TableName="carts", Key=ITEM)),
    "dynamodb-scan": dynamodb(lambda c, _: c.scan(TableName="carts")),
    "dynamodb-query": dynamodb(
        lambda c, _: c.query(
            TableName="carts", KeyConditionExpression="id = :i", ExpressionAttributeValues={":i": {"S": "1"}}
        )
    ),
    "dynamodb-batch-get": dynamodb(lambda c, _: c.batch_get_item(RequestItems={"carts": {"Keys": [ITEM]}})),
    "dynamodb-batch-write": dynamodb(
        lambda c, _: c.batch_write_item(RequestItems={"carts": [{"PutRequest": {"Item": ITEM}}]})
    ),
    "dynamodb-transaction": dynamodb(
        lambda c, _: c.transact_write_items(TransactItems=[{"Put": {"TableName": "carts", "Item": ITEM}}])
    ),
    "dynamodb-select": dynamodb(lambda c, _: c.execute_statement(Statement="SELECT * FROM carts WHERE id = '1'")),
    "dynamodb-create": Case("dynamodb", nothing, table, ALL_OF_TABLE, DENIED, OF_TABLE),
    "kinesis-put": kinesis(
        lambda c, _: c.put_record(StreamName="clicks", Data=b"x", PartitionKey="1"), "kms:GenerateDataKey"
    ),
    "kinesis-put-several": kinesis(
        lambda c, _: c.put_records(StreamName="clicks", Records=[{"Data": b"x", "PartitionKey": "1"}]),
        "kms:GenerateDataKey",
    ),
    "kinesis-get": kinesis(records, "kms:Decrypt"),
    "logs-create": Case(
        "logs", nothing, lambda c, key: c.create_log_group(logGroupName="g", kmsKeyId=key), ("kms:DescribeKey",), DENIED
    ),
    "ec2-volume": ec2(nothing, volume, *VOLUME),
    "ec2-volume-by-default": ec2(
        with_default_key, lambda c, _: c.create_volume(AvailabilityZone=f"{REGION}a", Size=1), *VOLUME
    ),
    "ec2-volume-of-snapshot": ec2(
        with_snapshot,
        lambda c, _: c.create_volume(AvailabilityZone=f"{REGION}a", SnapshotId=snapshot(c)),
        *VOLUME,
    ),
    "ec2-volume-of-plain-snapshot": ec2(
        lambda c, _: c.create_snapshot(VolumeId=c.create_volume(AvailabilityZone=f"{REGION}a", Size=1)["VolumeId"]),
        lambda c, key: volume(c, key, SnapshotId=c.describe_snapshots(Filters=PLAIN)["Snapshots"][-1]["SnapshotId"]),
        *VOLUME,
        "kms:CreateGrant",
    ),
    "ec2-launch": ec2(nothing, launch, *VOLUME, "kms:CreateGrant"),
    "ec2-launch-by-default": ec2(
        with_default_key,
        lambda c, _: c.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1),
        *VOLUME,
        "kms:CreateGrant",
    ),
    "ec2-launch-of-template": ec2(
        with_launch_template,
        lambda c, _: c.run_instances(LaunchTemplate={"LaunchTemplateName": "web"}, MinCount=1, MaxCount=1),
        *VOLUME,
        "kms:CreateGrant",
    ),
    "ec2-attach": Case(
        "ec2",
        with_volume_and_instance,
        attach,
        ("kms:CreateGrant",),
        "UnauthorizedOperation",
    ),
    "ec2-copy": ec2(
        with_snapshot,
        lambda c, key: c.copy_snapshot(SourceRegion=REGION, SourceSnapshotId=snapshot(c), Encrypted=True, KmsKeyId=key),
        "kms:DescribeKey",
        *VOLUME,
        "kms:CreateGrant",
    ),
}
EXAMPLES = {
    name: CASES[name]
    for name in (
        "ssm-put",
        "ssm-get",
        "sqs-send",
        "sns-publish",
        "dynamodb-get",
        "dynamodb-create",
        "kinesis-get",
        "logs-create",
        "ec2-launch",
        "ec2-attach",
    )
}
examples = pytest.mark.parametrize("case", EXAMPLES.values(), ids=EXAMPLES)


def set_up(aws: LocalAWS, case: Case) -> str:
    """Make a key whose policy leaves the decision to IAM, and what the call is about. Return the key's ARN."""
    key = str(aws.client("kms").create_key()["KeyMetadata"]["Arn"])
    case.prepare(aws.client(case.service), key)
    return key


def equals(keys: Mapping[str, str]) -> dict[str, Any]:
    return {"StringEquals": dict(keys)}


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=name, marks=() if name in EXAMPLES else pytest.mark.soak) for name, case in CASES.items()],
)
def test_a_use_of_the_key_needs_each_of_its_actions_and_no_other(aws: LocalAWS, case: Case) -> None:
    key = set_up(aws, case)
    for missing in case.actions:
        others = tuple(one for one in case.actions if one != missing)
        client = aws.client(case.service, grant(aws, *case.granted(key, others), name=missing[4:]))
        code, message = refused(partial(case.call, client, key))
        assert code == case.code
        assert f"is not authorized to perform: {missing} on resource: {key}" in message
        assert f"because no identity-based policy allows the {missing} action" in message
    case.call(aws.client(case.service, grant(aws, *case.granted(key, case.actions))), key)


@examples
def test_conditions_on_the_service_the_account_and_the_context_hold(aws: LocalAWS, case: Case) -> None:
    key = set_up(aws, case)
    context = {f"kms:EncryptionContext:{name}": value for name, value in case.context.items()}
    held = {"kms:ViaService": case.via, "kms:CallerAccount": ACCOUNT, **context}
    if case.actions[-1] == "kms:CreateGrant":
        held["kms:GrantIsForAWSResource"] = "true"
    for number, name in enumerate(held):
        wrong = equals({name: "false" if held[name] == "true" else "another"})
        deny = {"Effect": "Deny", "Action": case.actions[-1], "Resource": key, "Condition": equals({name: held[name]})}
        for kind, statements in {
            "wrong": [*case.granted(key, case.actions[:-1]), allow(case.actions[-1], key, **wrong)],
            "denied": [*case.granted(key, case.actions), deny],
        }.items():
            client = aws.client(case.service, grant(aws, *statements, name=f"{kind}-{number}"))
            code, message = refused(partial(case.call, client, key))
            assert code == case.code
            assert ("with an explicit deny in an identity-based policy" in message) == (kind == "denied")
    statements = [*case.granted(key, case.actions[:-1]), allow(case.actions[-1], key, **equals(held))]
    case.call(aws.client(case.service, grant(aws, *statements)), key)


@examples
def test_a_key_policy_that_does_not_leave_the_decision_to_iam_refuses(aws: LocalAWS, case: Case) -> None:
    key = set_up(aws, case)
    only = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/keeper"},
        "Action": "kms:*",
        "Resource": "*",
    }
    aws.set_up_role(name="keeper")
    document = json.dumps({"Version": "2012-10-17", "Statement": only})
    aws.client("kms").put_key_policy(
        KeyId=key, PolicyName="default", Policy=document, BypassPolicyLockoutSafetyCheck=True
    )
    client = aws.client(case.service, grant(aws, *case.granted(key, case.actions)))
    code, message = refused(partial(case.call, client, key))
    assert code == case.code
    assert "because no resource-based policy allows the" in message


OWN_KEYS: dict[str, tuple[str, Do, Do]] = {
    "sqs": ("sqs", lambda c, _: with_queue(c, "alias/aws/sqs"), CASES["sqs-send"].call),
    "sqs-owned": ("sqs", lambda c, _: c.create_queue(QueueName="jobs"), CASES["sqs-send"].call),
    "sns": ("sns", lambda c, _: with_topic(c, "alias/aws/sns"), CASES["sns-publish"].call),
    "sns-owned": ("sns", lambda c, _: c.create_topic(Name="news"), CASES["sns-publish"].call),
    "ssm": ("ssm", lambda c, _: with_parameter(c, "alias/aws/ssm"), CASES["ssm-get"].call),
    "ssm-text": ("ssm", nothing, lambda c, key: c.put_parameter(Name="/shop/token", Value="x", Type="String")),
    "ssm-as-it-is": ("ssm", with_parameter, lambda c, _: c.get_parameter(Name="/shop/token")),
    "ssm-another-path": (
        "ssm",
        with_parameter,
        lambda c, _: c.get_parameters_by_path(Path="/shops", WithDecryption=True),
    ),
    "ssm-above": ("ssm", with_parameter, lambda c, _: c.get_parameters_by_path(Path="/", WithDecryption=True)),
    "ssm-default": ("ssm", with_parameter, lambda c, _: write(c, "", KeyId="alias/aws/ssm")),
    "dynamodb": (
        "dynamodb",
        lambda c, _: c.create_table(**{**TABLE, "SSESpecification": {"Enabled": True}}),
        CASES["dynamodb-put"].call,
    ),
    "dynamodb-owned": ("dynamodb", lambda c, _: c.create_table(**TABLE), CASES["dynamodb-put"].call),
    "kinesis": ("kinesis", lambda c, _: with_stream(c, "alias/aws/kinesis"), CASES["kinesis-put"].call),
    "kinesis-plain": (
        "kinesis",
        lambda c, _: c.create_stream(StreamName="clicks", ShardCount=1),
        CASES["kinesis-put"].call,
    ),
    "logs": ("logs", nothing, lambda c, _: c.create_log_group(logGroupName="g")),
    "ec2": (
        "ec2",
        nothing,
        lambda c, _: c.create_volume(AvailabilityZone=f"{REGION}a", Size=1, Encrypted=True),
    ),
    "ec2-by-default": (
        "ec2",
        lambda c, _: c.enable_ebs_encryption_by_default(),
        lambda c, _: c.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1),
    ),
    "ec2-plain": ("ec2", nothing, lambda c, _: c.create_volume(AvailabilityZone=f"{REGION}a", Size=1)),
}


@pytest.mark.parametrize(("service", "prepare", "call"), OWN_KEYS.values(), ids=OWN_KEYS)
def test_awss_own_keys_and_no_key_need_nothing(aws: LocalAWS, service: str, prepare: Do, call: Do) -> None:
    key = str(aws.client("kms").create_key()["KeyMetadata"]["Arn"])
    prepare(aws.client(service), key)
    call(aws.client(service, grant(aws, allow(f"{service}:*", "*"))), key)


def test_the_arn_of_awss_own_key_needs_nothing(aws: LocalAWS) -> None:
    aws.client("ec2").create_volume(AvailabilityZone=f"{REGION}a", Size=1, Encrypted=True)  # makes aws/ebs
    own = str(aws.client("kms").describe_key(KeyId="alias/aws/ebs")["KeyMetadata"]["Arn"])
    volume(aws.client("ec2", grant(aws, allow("ec2:*", "*"))), own)


def test_a_copy_of_an_encrypted_snapshot_without_a_key_gets_that_of_the_account(aws: LocalAWS) -> None:
    key = set_up(aws, CASES["ec2-copy"])
    client = aws.client("ec2", grant(aws, allow("ec2:*", "*")))
    copy = client.copy_snapshot(SourceRegion=REGION, SourceSnapshotId=snapshot(client))["SnapshotId"]
    client.create_volume(AvailabilityZone=f"{REGION}a", SnapshotId=copy)
    aws.client("ec2").modify_ebs_default_kms_key_id(KmsKeyId=key)
    refusal = refused(client.copy_snapshot, SourceRegion=REGION, SourceSnapshotId=snapshot(client))
    assert f"kms:DescribeKey on resource: {key}" in refusal[1]


def test_the_id_of_a_volume_that_is_not_made_yet_is_unknown(aws: LocalAWS) -> None:
    key = set_up(aws, CASES["ec2-volume"])
    wanted = {"StringLike": {"kms:EncryptionContext:aws:ebs:id": "vol-*"}}
    client = aws.client("ec2", grant(aws, allow("ec2:*", "*"), allow("kms:*", key, **wanted)))
    assert refused(partial(volume, client, key))[0] == "UnauthorizedOperation"


def test_a_secure_string_that_is_overwritten_without_a_key_gets_awss_own(aws: LocalAWS) -> None:
    key = set_up(aws, CASES["ssm-get"])
    client = aws.client("ssm", grant(aws, allow("ssm:*", "*")))
    client.put_parameter(Name="/shop/token", Value="y", Overwrite=True)
    assert client.get_parameter(Name="/shop/token", WithDecryption=True)["Parameter"]["Value"] == "y"
    assert client.get_parameter(Name="/shop/token:1")["Parameter"]["Version"] == 1
    for older in ("/shop/token:1", f"{PARAMETER}:1"):
        assert refused(client.get_parameter, Name=older, WithDecryption=True)[0] == DENIED
    assert key in refused(client.get_parameter_history, Name="/shop/token", WithDecryption=True)[1]


def test_a_redrive_needs_the_keys_of_both_queues(aws: LocalAWS) -> None:
    admin, kms = aws.client("sqs"), aws.client("kms")
    dead, live = (str(kms.create_key()["KeyMetadata"]["Arn"]) for _ in range(2))
    for name, key in (("dead", dead), ("live", live)):
        admin.create_queue(QueueName=name, Attributes={"KmsMasterKeyId": key})
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}"
    redrive = {"deadLetterTargetArn": f"{arn}:dead", "maxReceiveCount": 1}
    url = admin.get_queue_url(QueueName="live")["QueueUrl"]
    admin.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": json.dumps(redrive)})
    every = {(dead, "kms:Decrypt"), (live, "kms:Decrypt"), (live, "kms:GenerateDataKey")}
    for number, missing in enumerate(every):
        statements = [allow(action, key) for key, action in every - {missing}]
        client = aws.client("sqs", grant(aws, allow("sqs:*", "*"), *statements, name=f"r-{number}"))
        code, message = refused(client.start_message_move_task, SourceArn=f"{arn}:dead", DestinationArn=f"{arn}:live")
        assert code == "KMS.AccessDeniedException"
        assert f"{missing[1]} on resource: {missing[0]}" in message
