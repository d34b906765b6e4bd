"""The services' state outlives the process: what was made is there after a restart, with its identifiers, and works."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from podrole.aws.emulator import MotoServices, saved_state
from podrole.aws.interfaces import RestoredServices
from podrole.base.certificates import Authority
from podrole.base.files import FileProblem
from podrole.oidc.keys import SigningKey
from support.aws import ACCOUNT, LocalAWS, local_aws, policy, refused, trust_of

pytestmark = pytest.mark.services

SERVICE_ROLE = f"arn:aws:iam::{ACCOUNT}:role/service"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
TRUST = policy({"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"})


def code() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("main.py", "def handler(event, context): return event\n")
    return content.getvalue()


class Sample(NamedTuple):
    """Makes a thing and returns its identifier; finds it by that; deletes it."""

    make: Callable[[Any], Any]
    use: Callable[[Any, Any], Any]
    delete: Callable[[Any, Any], Any]


def bucket(s3: Any) -> str:
    s3.create_bucket(Bucket="kept")
    s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="kept", Key="a", Body=b"first")
    version = s3.put_object(Bucket="kept", Key="a", Body=b"content", Metadata={"colour": "blue"})["VersionId"]
    return str(version)


def use_bucket(s3: Any, version: str) -> None:
    answer = s3.get_object(Bucket="kept", Key="a", VersionId=version)
    assert (answer["Body"].read(), answer["Metadata"]) == (b"content", {"colour": "blue"})
    s3.put_object(Bucket="kept", Key="b", Body=b"new")
    assert {item["Key"] for item in s3.list_objects_v2(Bucket="kept")["Contents"]} == {"a", "b"}


def delete_bucket(s3: Any, _: str) -> None:
    versions = s3.list_object_versions(Bucket="kept")["Versions"]
    assert len(versions) == 3
    for item in versions:
        s3.delete_object(Bucket="kept", Key=item["Key"], VersionId=item["VersionId"])
    s3.delete_bucket(Bucket="kept")


def table(dynamodb: Any) -> str:
    made = dynamodb.create_table(
        TableName="kept",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.put_item(TableName="kept", Item={"id": {"S": "1"}, "count": {"N": "12"}, "data": {"B": b"\x00\xff"}})
    return str(made["TableDescription"]["TableArn"])


def use_table(dynamodb: Any, arn: str) -> None:
    assert dynamodb.describe_table(TableName="kept")["Table"]["TableArn"] == arn
    item = dynamodb.get_item(TableName="kept", Key={"id": {"S": "1"}})["Item"]
    assert item == {"id": {"S": "1"}, "count": {"N": "12"}, "data": {"B": b"\x00\xff"}}
    dynamodb.update_item(
        TableName="kept",
        Key={"id": {"S": "1"}},
        UpdateExpression="ADD #c :n",
        ExpressionAttributeNames={"#c": "count"},
        ExpressionAttributeValues={":n": {"N": "1"}},
    )
    assert dynamodb.scan(TableName="kept")["Items"][0]["count"] == {"N": "13"}


def instance(ec2: Any) -> tuple[str, str, str]:
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.1.0/24")["Subnet"]["SubnetId"]
    made = ec2.run_instances(ImageId="ami-12c6146b", InstanceType="t2.micro", MinCount=1, MaxCount=1, SubnetId=subnet)
    default = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    return made["Instances"][0]["InstanceId"], vpc, default


def use_instance(ec2: Any, made: tuple[str, str, str]) -> None:
    found = ec2.describe_instances(InstanceIds=[made[0]])["Reservations"][0]["Instances"][0]
    assert (found["VpcId"], found["InstanceType"]) == (made[1], "t2.micro")
    default = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    assert default == made[2]
    ec2.create_tags(Resources=[made[0]], Tags=[{"Key": "colour", "Value": "blue"}])
    assert ec2.describe_images(ImageIds=["ami-12c6146b"])["Images"]
    assert ec2.describe_instance_types(InstanceTypes=["t2.micro"])["InstanceTypes"]
    assert ec2.describe_instance_type_offerings()["InstanceTypeOfferings"]


def function(lambda_: Any) -> str:
    made = lambda_.create_function(
        FunctionName="kept", Runtime="python3.12", Role=SERVICE_ROLE, Handler="main.handler", Code={"ZipFile": code()}
    )
    lambda_.add_permission(FunctionName="kept", StatementId="a", Action="lambda:InvokeFunction", Principal="*")
    return str(made["FunctionArn"])


def use_function(lambda_: Any, arn: str) -> None:
    assert lambda_.get_function(FunctionName="kept")["Configuration"]["FunctionArn"] == arn
    assert "lambda:InvokeFunction" in lambda_.get_policy(FunctionName="kept")["Policy"]
    lambda_.update_function_configuration(FunctionName="kept", Timeout=9)


def queue(sqs: Any) -> str:
    url = sqs.create_queue(QueueName="kept")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="m")
    return str(url)


def target_group(elb: Any) -> str:
    made = elb.create_target_group(Name="kept", TargetType="lambda")
    return str(made["TargetGroups"][0]["TargetGroupArn"])


def ip_set(waf: Any) -> dict[str, str]:
    made = waf.create_ip_set(Name="kept", Scope="REGIONAL", IPAddressVersion="IPV4", Addresses=["10.0.0.0/8"])
    return dict(made["Summary"])


def key(kms: Any) -> tuple[str, bytes]:
    key_id = kms.create_key()["KeyMetadata"]["KeyId"]
    return key_id, kms.encrypt(KeyId=key_id, Plaintext=b"secret")["CiphertextBlob"]


def asymmetric_key(kms: Any) -> tuple[str, bytes]:
    key_id = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    return key_id, sign(kms, key_id)


def sign(kms: Any, key_id: str) -> bytes:
    answer = kms.sign(KeyId=key_id, Message=b"m", SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256")
    return bytes(answer["Signature"])


def drop_key(kms: Any, made: tuple[str, bytes]) -> None:
    kms.schedule_key_deletion(KeyId=made[0])


def equal(left: Any, right: Any) -> None:
    assert left == right


def stack_of(template: dict[str, Any]) -> Callable[[Any], str]:
    return lambda stacks: stacks.create_stack(
        StackName="kept", TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_NAMED_IAM"]
    )["StackId"]


def use_stack(stacks: Any, stack_id: str) -> None:
    stack = stacks.describe_stacks(StackName="kept")["Stacks"][0]
    assert (stack["StackId"], stack["StackStatus"]) == (stack_id, "CREATE_COMPLETE")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    assert outputs == {"Role": f"arn:aws:iam::{ACCOUNT}:role/of-stack", "Queue": outputs["Queue"]}
    resources = stacks.describe_stack_resources(StackName="kept")["StackResources"]
    assert {each["LogicalResourceId"] for each in resources} == {"Role", "Queue", "Policy"}


STACK = {
    "Resources": {
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {"RoleName": "of-stack", "AssumeRolePolicyDocument": json.loads(TRUST)},
        },
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Policy": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": "Queue"}],
                "PolicyDocument": policy(trust_of(ROOT, "sqs:*", Resource="*")),
            },
        },
    },
    "Outputs": {
        "Role": {"Value": {"Fn::GetAtt": ["Role", "Arn"]}},
        "Queue": {"Value": {"Ref": "Queue"}},
    },
}

MACHINE = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})

SAMPLES: dict[str, Sample] = {
    "s3": Sample(bucket, use_bucket, delete_bucket),
    "dynamodb": Sample(table, use_table, lambda it, _: it.delete_table(TableName="kept")),
    "ec2": Sample(instance, use_instance, lambda it, made: it.terminate_instances(InstanceIds=[made[0]])),
    "lambda": Sample(function, use_function, lambda it, _: it.delete_function(FunctionName="kept")),
    "kms": Sample(
        key,
        lambda it, made: equal(it.decrypt(CiphertextBlob=made[1])["Plaintext"], b"secret"),
        drop_key,
    ),
    "kms of a key pair": Sample(
        asymmetric_key,
        lambda it, made: it.verify(
            KeyId=made[0], Message=b"m", Signature=made[1], SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256"
        ),
        drop_key,
    ),
    "sqs": Sample(
        queue,
        lambda it, url: equal(it.receive_message(QueueUrl=url)["Messages"][0]["Body"], "m"),
        lambda it, url: it.delete_queue(QueueUrl=url),
    ),
    "sns": Sample(
        lambda it: it.create_topic(Name="kept")["TopicArn"],
        lambda it, arn: it.publish(TopicArn=arn, Message="m"),
        lambda it, arn: it.delete_topic(TopicArn=arn),
    ),
    "secretsmanager": Sample(
        lambda it: it.create_secret(Name="kept", SecretString="s")["ARN"],
        lambda it, arn: equal(it.get_secret_value(SecretId=arn)["SecretString"], "s"),
        lambda it, arn: it.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True),
    ),
    "ssm": Sample(
        lambda it: it.put_parameter(Name="/kept", Value="v", Type="SecureString")["Version"],
        lambda it, _: equal(it.get_parameter(Name="/kept", WithDecryption=True)["Parameter"]["Value"], "v"),
        lambda it, _: it.delete_parameter(Name="/kept"),
    ),
    "logs": Sample(
        lambda it: it.create_log_group(logGroupName="kept") and "kept",
        lambda it, _: it.create_log_stream(logGroupName="kept", logStreamName="s"),
        lambda it, _: it.delete_log_group(logGroupName="kept"),
    ),
    "ecr": Sample(
        lambda it: it.create_repository(repositoryName="kept")["repository"]["repositoryArn"],
        lambda it, arn: equal(it.describe_repositories()["repositories"][0]["repositoryArn"], arn),
        lambda it, _: it.delete_repository(repositoryName="kept"),
    ),
    "events": Sample(
        lambda it: it.put_rule(Name="kept", ScheduleExpression="rate(1 hour)")["RuleArn"],
        lambda it, arn: equal(it.describe_rule(Name="kept")["Arn"], arn),
        lambda it, _: it.delete_rule(Name="kept"),
    ),
    "stepfunctions": Sample(
        lambda it: it.create_state_machine(name="kept", definition=MACHINE, roleArn=SERVICE_ROLE)["stateMachineArn"],
        lambda it, arn: equal(it.describe_state_machine(stateMachineArn=arn)["definition"], MACHINE),
        lambda it, arn: it.delete_state_machine(stateMachineArn=arn),
    ),
    "kinesis": Sample(
        lambda it: it.create_stream(StreamName="kept", ShardCount=1) and "kept",
        lambda it, _: it.put_record(StreamName="kept", Data=b"d", PartitionKey="p"),
        lambda it, _: it.delete_stream(StreamName="kept"),
    ),
    "cloudformation": Sample(stack_of(STACK), use_stack, lambda it, _: it.delete_stack(StackName="kept")),
    "route53": Sample(
        lambda it: it.create_hosted_zone(Name="kept.example", CallerReference="1")["HostedZone"]["Id"],
        lambda it, zone: it.get_hosted_zone(Id=zone),
        lambda it, zone: it.delete_hosted_zone(Id=zone),
    ),
    "cloudwatch": Sample(
        lambda it: (
            it.put_metric_alarm(
                AlarmName="kept",
                ComparisonOperator="GreaterThanThreshold",
                EvaluationPeriods=1,
                MetricName="m",
                Namespace="n",
                Period=60,
                Statistic="Sum",
                Threshold=1.0,
            )
            and "kept"
        ),
        lambda it, name: equal(it.describe_alarms()["MetricAlarms"][0]["AlarmName"], name),
        lambda it, name: it.delete_alarms(AlarmNames=[name]),
    ),
    "elbv2": Sample(
        target_group,
        lambda it, arn: it.describe_target_groups(TargetGroupArns=[arn]),
        lambda it, arn: it.delete_target_group(TargetGroupArn=arn),
    ),
    "apigateway": Sample(
        lambda it: it.create_rest_api(name="kept")["id"],
        lambda it, api: equal(len(it.get_resources(restApiId=api)["items"]), 1),
        lambda it, api: it.delete_rest_api(restApiId=api),
    ),
    "glue": Sample(
        lambda it: it.create_database(DatabaseInput={"Name": "kept"}) and "kept",
        lambda it, name: it.get_database(Name=name),
        lambda it, name: it.delete_database(Name=name),
    ),
    "ecs": Sample(
        lambda it: it.create_cluster(clusterName="kept")["cluster"]["clusterArn"],
        lambda it, arn: equal(it.list_clusters()["clusterArns"], [arn]),
        lambda it, arn: it.delete_cluster(cluster=arn),
    ),
    "rds": Sample(
        lambda it: it.create_db_instance(
            DBInstanceIdentifier="kept",
            DBInstanceClass="db.t3.micro",
            Engine="postgres",
            AllocatedStorage=20,
            MasterUsername="root",
            MasterUserPassword="password1",
        )["DBInstance"]["DbiResourceId"],
        lambda it, made: equal(it.describe_db_instances()["DBInstances"][0]["DbiResourceId"], made),
        lambda it, _: it.delete_db_instance(DBInstanceIdentifier="kept", SkipFinalSnapshot=True),
    ),
    "efs": Sample(
        lambda it: it.create_file_system(CreationToken="kept")["FileSystemId"],
        lambda it, made: it.describe_file_systems(FileSystemId=made),
        lambda it, made: it.delete_file_system(FileSystemId=made),
    ),
    "acm": Sample(
        lambda it: it.request_certificate(DomainName="kept.example")["CertificateArn"],
        lambda it, arn: it.describe_certificate(CertificateArn=arn),
        lambda it, arn: it.delete_certificate(CertificateArn=arn),
    ),
    "cognito-idp": Sample(
        lambda it: it.create_user_pool(PoolName="kept")["UserPool"]["Id"],
        lambda it, pool: it.describe_user_pool(UserPoolId=pool),
        lambda it, pool: it.delete_user_pool(UserPoolId=pool),
    ),
    "athena": Sample(
        lambda it: it.create_work_group(Name="kept", Configuration={}) and "kept",
        lambda it, name: it.get_work_group(WorkGroup=name),
        lambda it, name: it.delete_work_group(WorkGroup=name),
    ),
    "firehose": Sample(
        lambda it: it.create_delivery_stream(
            DeliveryStreamName="kept",
            S3DestinationConfiguration={"RoleARN": SERVICE_ROLE, "BucketARN": "arn:aws:s3:::kept"},
        )["DeliveryStreamARN"],
        lambda it, _: it.describe_delivery_stream(DeliveryStreamName="kept"),
        lambda it, _: it.delete_delivery_stream(DeliveryStreamName="kept"),
    ),
    "ses": Sample(
        lambda it: it.verify_email_identity(EmailAddress="a@example.com") and "a@example.com",
        lambda it, address: equal(it.list_identities()["Identities"], [address]),
        lambda it, address: it.delete_identity(Identity=address),
    ),
    "wafv2": Sample(
        ip_set,
        lambda it, made: it.get_ip_set(Name="kept", Scope="REGIONAL", Id=made["Id"]),
        lambda it, made: it.delete_ip_set(Name="kept", Scope="REGIONAL", Id=made["Id"], LockToken=made["LockToken"]),
    ),
}


class Restarted(NamedTuple):
    aws: LocalAWS
    made: dict[str, Any]


@pytest.fixture(scope="module")
def restarted(
    signing_key: SigningKey, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Restarted]:
    """A local AWS that was restarted after every sample had been made in it."""
    place = tmp_path_factory.mktemp("world")
    made: dict[str, Any] = {}
    with local_aws(signing_key, authority, place) as aws:
        aws.client("iam").create_role(RoleName="service", AssumeRolePolicyDocument=TRUST)
        for name, sample in SAMPLES.items():
            try:
                made[name] = sample.make(aws.client(name.partition(" ")[0]))
            except Exception as problem:  # noqa: BLE001 - the test of that service reports it
                made[name] = problem
    with local_aws(signing_key, authority, place) as aws:
        yield Restarted(aws, made)


@pytest.mark.parametrize("name", SAMPLES)
def test_what_was_made_before_a_restart_is_used_and_deleted_after_it(restarted: Restarted, name: str) -> None:
    made, sample = restarted.made[name], SAMPLES[name]
    if isinstance(made, Exception):
        raise made
    client = restarted.aws.client(name.partition(" ")[0])
    sample.use(client, made)
    sample.delete(client, made)


def test_the_start_says_what_was_restored(restarted: Restarted) -> None:
    restored = restarted.aws.services.restored
    assert {"s3", "dynamodb", "ec2", "lambda", "cloudformation"} <= set(restored.services)
    assert restored.taken_at is not None
    assert abs(restarted.aws.now() - restored.taken_at) < 120
    assert (restored.left_out, restored.refused, restored.set_aside) == ({}, None, None)


# What a resource policy means


def test_a_principal_stays_bound_over_a_restart(signing_key: SigningKey, authority: Authority, tmp_path: Path) -> None:
    def session(aws: LocalAWS) -> dict[str, str]:
        answer = aws.client("sts").assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/caller", RoleSessionName="one")
        return dict(answer["Credentials"])

    with local_aws(signing_key, authority, tmp_path) as aws:
        caller = aws.role("caller", trust_of(ROOT))
        sns = aws.client("sns")
        topic = sns.create_topic(Name="news")["TopicArn"]
        named = policy(trust_of(caller, "sns:Publish", Resource=topic))
        sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=named)
    with local_aws(signing_key, authority, tmp_path) as aws:
        aws.client("sns", session(aws)).publish(TopicArn=topic, Message="m")
        aws.client("iam").delete_role(RoleName="caller")
        aws.role("caller", trust_of(ROOT))
        publish = aws.client("sns", session(aws)).publish
        assert refused(publish, TopicArn=topic, Message="m")[0] == "AuthorizationError"


# When it is saved


def test_the_state_is_saved_only_when_it_has_changed(
    signing_key: SigningKey, authority: Authority, tmp_path: Path
) -> None:
    file = tmp_path / "services.json.gz"
    with local_aws(signing_key, authority, tmp_path) as aws:
        aws.run(aws.services.save)
        assert not file.exists()
        aws.client("sqs").create_queue(QueueName="q")
        aws.run(aws.services.save)
        assert file.stat().st_mode & 0o777 == 0o600
        file.unlink()
        aws.client("sqs").list_queues()
        aws.run(aws.services.save)
        assert not file.exists()
        aws.client("ec2").describe_vpcs()  # makes the default VPC, whose id must not change
        aws.run(aws.services.save)
        assert file.exists()


def test_what_was_saved_while_the_world_ran_is_there_after_a_crash(
    signing_key: SigningKey, authority: Authority, tmp_path: Path
) -> None:
    file = tmp_path / "services.json.gz"
    with local_aws(signing_key, authority, tmp_path) as aws:
        aws.client("sqs").create_queue(QueueName="q")
        aws.run(aws.services.save)
        saved = file.read_bytes()
        aws.client("sqs").create_queue(QueueName="later")
    file.write_bytes(saved)  # as if the process had been killed before it saved again
    with local_aws(signing_key, authority, tmp_path) as aws:
        assert [url.rpartition("/")[2] for url in aws.client("sqs").list_queues()["QueueUrls"]] == ["q"]


def test_a_write_that_fails_is_tried_again(signing_key: SigningKey, authority: Authority, tmp_path: Path) -> None:
    place = tmp_path / "world"
    place.mkdir()
    file = place / "services.json.gz"
    with local_aws(signing_key, authority, place) as aws:
        aws.client("sqs").create_queue(QueueName="q")
        file.mkdir()  # nothing can be renamed over a directory
        with pytest.raises(FileProblem):
            aws.run(aws.services.save)
        file.rmdir()
        aws.run(aws.services.save)
        assert file.is_file()


def test_changes_are_saved_while_the_world_runs_and_a_failure_is_logged_once(
    signing_key: SigningKey,
    authority: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(saved_state, "SAVE_EVERY_SECONDS", 0.01)
    file = tmp_path / "services.json.gz"

    async def keep_until(services: MotoServices, done: Callable[[], bool]) -> None:
        keeping = asyncio.create_task(services.keep())
        async with asyncio.timeout(60):
            while not done():  # noqa: ASYNC110 - another thread makes it true
                await asyncio.sleep(0.01)
        keeping.cancel()

    with local_aws(signing_key, authority, tmp_path) as aws:
        aws.client("sqs").create_queue(QueueName="q")
        aws.run(lambda: keep_until(aws.services, file.is_file))
        file.unlink()
        file.mkdir()
        attempts: list[Path] = []
        write = saved_state.write_private

        def counted(path: Path, content: bytes) -> None:
            attempts.append(path)
            write(path, content)

        monkeypatch.setattr(saved_state, "write_private", counted)
        aws.client("sqs").create_queue(QueueName="later")
        aws.run(lambda: keep_until(aws.services, lambda: len(attempts) > 3))
        assert caplog.text.count("the services' state is not saved") == 1
        file.rmdir()
        aws.run(lambda: keep_until(aws.services, file.is_file))


# Files that cannot be used


def restored_from(content: bytes, place: Path, keys: SigningKey, authority: Authority) -> RestoredServices:
    (place / "services.json.gz").write_bytes(content)
    with local_aws(keys, authority, place) as aws:
        assert aws.client("sqs").list_queues().get("QueueUrls", []) == []  # the services begin empty, and work
        restored = aws.services.restored
    assert restored.services == ()
    assert restored.set_aside is not None
    assert restored.set_aside.read_bytes() == content
    return restored


@pytest.fixture
def saved(signing_key: SigningKey, authority: Authority, tmp_path: Path) -> bytes:
    with local_aws(signing_key, authority, tmp_path) as aws:
        aws.client("sqs").create_queue(QueueName="q")
    return (tmp_path / "services.json.gz").read_bytes()


@pytest.mark.parametrize("member", ["format", "moto"])
def test_a_file_of_another_version_is_refused_and_set_aside(
    member: str, saved: bytes, signing_key: SigningKey, authority: Authority, tmp_path: Path
) -> None:
    file = json.loads(gzip.decompress(saved))
    file[member] = 999 if member == "format" else "0.1.2"
    restored = restored_from(gzip.compress(json.dumps(file).encode()), tmp_path, signing_key, authority)
    assert restored.refused is not None
    assert "of another version" in restored.refused


def test_a_truncated_file_is_refused_and_set_aside(
    saved: bytes, signing_key: SigningKey, authority: Authority, tmp_path: Path
) -> None:
    for length in (0, 10, len(saved) // 2, len(saved) - 1):
        restored = restored_from(saved[:length], tmp_path, signing_key, authority)
        assert restored.refused is not None
        assert "cannot be read" in restored.refused


def test_a_file_with_a_changed_byte_is_refused(
    saved: bytes, signing_key: SigningKey, authority: Authority, tmp_path: Path
) -> None:
    content = bytearray(saved)
    content[len(content) // 2] ^= 0xFF
    restored_from(bytes(content), tmp_path, signing_key, authority)


def test_files_that_were_set_aside_do_not_replace_one_another(
    signing_key: SigningKey, authority: Authority, tmp_path: Path
) -> None:
    names = {restored_from(b"x", tmp_path, signing_key, authority).set_aside for _ in range(2)}
    assert len(names) == 2
