"""Which condition keys are filled, absent and unknown; and that the tables of filled keys are true."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

import pytest

from podrole.aws.protocol.catalogue import model, services
from podrole.iam.actions.arns import plain
from podrole.iam.actions.call import Call, Keys, LaunchVolumes, Permission
from podrole.iam.actions.key_tables import ABSENT, CHOSEN, DEFAULTS, FILLED, PARAMETERS, S3_PARAMETERS
from podrole.iam.actions.keys import ConditionKeys, condition_keys
from podrole.iam.actions.operations import permissions
from podrole.iam.actions.reference import prefix_of, service
from podrole.iam.actions.unfilled import LONGEST_ARN, listed_keys
from podrole.iam.unknown import UnknownKeys

ACCOUNT, REGION = "111122223333", "us-east-1"
NESTED = ("map", "structure")


class Account:
    """A resolver that knows tags and facts of some kinds of resources."""

    def arn_of(self, call: Call, kind: str, name: str) -> str | None:
        return f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k" if kind == "kms:key" else None

    def tags_of(self, call: Call, arn: str) -> Mapping[str, str] | None:
        return None if ":ecr:" in arn else {"team": "blue"}

    def described(self, kind: str) -> Container[str]:
        return UnknownKeys({"ec2:volume": ("ec2:VolumeType", "ec2:VolumeIops")}.get(kind, ()))

    def facts_of(self, call: Call, kind: str, arn: str) -> Keys:
        facts: dict[str, Keys] = {
            "ec2:volume": {"ec2:VolumeType": "gp3"},
            "ec2:subnet": {"ec2:Vpc": f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc/vpc-1"} if "subnet-1" in arn else {},
            "iam:user": {"iam:PermissionsBoundary": "arn:old"},
        }
        return facts.get(kind, {})

    def launch_template(self, call: Call, named: Mapping[str, Any]) -> Mapping[str, Any] | None:
        return None

    def launch_volumes(self, call: Call, image: str) -> LaunchVolumes:
        return LaunchVolumes()

    def partition_key(self, call: Call, table: str) -> str | None:
        return "id"


def call_of(client: str, operation: str, given: dict[str, Any], *, tls: bool = False) -> Call:
    shape = model(client).operation_model(operation).input_shape
    members = shape.members.items() if shape is not None else ()
    scalar = frozenset(
        plain(name)
        for name, one in members
        if one.type_name not in NESTED and not (one.type_name == "list" and one.member.type_name in NESTED)
    )
    prefix = prefix_of(client, services()[client].signing)
    return Call(client, prefix, operation, given, ACCOUNT, REGION, tls=tls, members=scalar)


def keys_of(
    client: str, operation: str, given: dict[str, Any], on: str = "", *, action: str = "", tls: bool = False
) -> ConditionKeys:
    """Return the keys of the permission whose resource has ``on`` in it."""
    call = call_of(client, operation, given, tls=tls)
    needed = [one for one in permissions(call, Account()) if on in one.resource and action in one.action]
    return condition_keys(call, needed[0], Account())


def state(keys: ConditionKeys, key: str) -> str:
    if key.lower() in {one.lower() for one in keys.values}:
        return "filled"
    return "unknown" if key.lower() in keys.unknown else "absent"


LAUNCH = {"ImageId": "ami-1", "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
TEMPLATE = {"LaunchTemplate": {"LaunchTemplateId": "lt-1"}, "MinCount": 1, "MaxCount": 1}
IN_VPC = {"FunctionName": "f", "Role": "r", "VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}}
IN_OTHER_VPC = {"FunctionName": "f", "Role": "r", "VpcConfig": {"SubnetIds": ["subnet-1", "subnet-2"]}}
GROUP_OF_TARGETS = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/t/1"
TAGGED = {"Tags": [{"Key": "a", "Value": "b"}]}
CLUSTER = {
    "name": "c",
    "upgradePolicy": {"supportType": "STANDARD"},
    "encryptionConfig": [{"provider": {"keyArn": "k"}}],
    "logging": {"clusterLogging": [{"types": ["api"], "enabled": True}]},
}


def volumes(**ebs: Any) -> dict[str, Any]:
    return {"BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": ebs}]}


ON_POINT = "arn:aws:s3:us-east-1:111122223333:accesspoint/p"
STATES: list[tuple[str, str, dict[str, Any], str, str, str]] = [
    # client, operation, parameters, part of the resource's ARN, key, its state
    ("ec2", "RunInstances", LAUNCH, "instance/", "ec2:InstanceType", "filled"),
    ("ec2", "RunInstances", LAUNCH, "instance/", "ec2:Tenancy", "filled"),
    ("ec2", "RunInstances", LAUNCH, "instance/", "ec2:MetadataHttpTokens", "unknown"),
    ("ec2", "RunInstances", LAUNCH, "instance/", "ec2:InstanceMarketType", "unknown"),
    ("ec2", "RunInstances", LAUNCH, "instance/", "ec2:EbsOptimized", "unknown"),
    ("ec2", "RunInstances", LAUNCH, "instance/", "ec2:LaunchTemplate", "absent"),
    ("ec2", "RunInstances", LAUNCH, "subnet/", "ec2:InstanceType", "absent"),
    ("ec2", "RunInstances", LAUNCH, "volume/", "ec2:Encrypted", "unknown"),
    ("ec2", "RunInstances", TEMPLATE, "instance/", "ec2:InstanceType", "unknown"),
    ("ec2", "RunInstances", TEMPLATE, "instance/", "ec2:LaunchTemplate", "unknown"),
    ("ec2", "RunInstances", TEMPLATE, "instance/", "ec2:Region", "filled"),
    ("ec2", "CreateVolume", {"AvailabilityZone": "a", "Size": 5}, "volume/", "ec2:VolumeSize", "filled"),
    ("ec2", "CreateVolume", {"AvailabilityZone": "a", "Size": 5}, "volume/", "ec2:VolumeIops", "absent"),
    ("ec2", "CreateVolume", {"AvailabilityZone": "a", "Size": 5}, "volume/", "ec2:Encrypted", "unknown"),
    ("ec2", "CreateVolume", {"AvailabilityZone": "a", "Encrypted": True}, "volume/", "ec2:Encrypted", "filled"),
    ("ec2", "CreateVolume", {"AvailabilityZone": "a"}, "volume/", "aws:ResourceTag/team", "absent"),
    ("ec2", "DeleteVolume", {"VolumeId": "vol-1"}, "volume/", "ec2:VolumeType", "filled"),
    ("ec2", "DeleteVolume", {"VolumeId": "vol-1"}, "volume/", "ec2:VolumeIops", "absent"),
    ("ec2", "DeleteVolume", {"VolumeId": "vol-1"}, "volume/", "ec2:ParentSnapshot", "unknown"),
    ("ec2", "DeleteVolume", {"VolumeId": "vol-1"}, "volume/", "ec2:FisActionId", "absent"),
    ("ec2", "DeleteVolume", {"VolumeId": "vol-1"}, "volume/", "ec2:NoSuchKey", "absent"),
    ("ec2", "DeleteVolume", {"VolumeId": "vol-1"}, "volume/", "aws:ResourceTag/team", "filled"),
    ("ec2", "DeleteVolume", {"VolumeId": "vol-1"}, "volume/", "aws:ResourceTag/cost", "absent"),
    ("ec2", "CreateTags", {"Resources": ["x-1"], "Tags": []}, "", "aws:ResourceTag/team", "unknown"),
    ("ecr", "DeleteRepository", {"repositoryName": "r"}, "", "aws:ResourceTag/team", "unknown"),
    ("ecr", "DeleteRepository", {"repositoryName": "r"}, "", "ecr:ResourceTag/team", "unknown"),
    ("s3", "GetObject", {"Bucket": "b", "Key": "k"}, "", "s3:DataAccessPointArn", "absent"),
    ("s3", "GetObject", {"Bucket": ON_POINT, "Key": "k"}, "", "s3:DataAccessPointArn", "unknown"),
    ("s3", "GetObject", {"Bucket": "b", "Key": "k"}, "", "s3:TlsVersion", "absent"),
    ("s3", "GetObject", {"Bucket": "b", "Key": "k"}, "", "s3:signatureAge", "absent"),
    ("s3", "GetObject", {"Bucket": "b", "Key": "k"}, "", "s3:ExistingObjectTag/team", "unknown"),
    ("s3", "PutObject", {"Bucket": "b", "Key": "k"}, "", "s3:x-amz-acl", "absent"),
    ("s3", "PutObject", {"Bucket": "b", "Key": "k"}, "", "s3:ObjectCreationOperation", "unknown"),
    ("s3", "CreateBucket", {"Bucket": "b"}, "", "s3:ResourceAccount", "filled"),
    ("kms", "Decrypt", {"KeyId": "k", "CiphertextBlob": b"x"}, "", "kms:ViaService", "absent"),
    ("kms", "Decrypt", {"KeyId": "k", "CiphertextBlob": b"x"}, "", "kms:EncryptionContext:app", "absent"),
    ("kms", "Decrypt", {"KeyId": "k", "CiphertextBlob": b"x"}, "", "kms:EncryptionAlgorithm", "filled"),
    ("kms", "Decrypt", {"KeyId": "k", "CiphertextBlob": b"x"}, "", "kms:RecipientAttestation:PCR0", "absent"),
    (
        "kms",
        "Decrypt",
        {"KeyId": "k", "CiphertextBlob": b"x", "Recipient": {"AttestationDocument": b"x"}},
        "",
        "kms:RecipientAttestation:PCR0",
        "unknown",
    ),
    ("lambda", "CreateFunction", IN_VPC, "", "lambda:VpcIds", "filled"),
    ("lambda", "CreateFunction", IN_VPC, "", "lambda:SubnetIds", "filled"),
    ("lambda", "CreateFunction", {"FunctionName": "f", "Role": "r"}, "", "lambda:VpcIds", "absent"),
    ("lambda", "CreateFunction", IN_OTHER_VPC, "", "lambda:VpcIds", "unknown"),
    (
        "elbv2",
        "AddTags",
        {"ResourceArns": [GROUP_OF_TARGETS], **TAGGED},
        "",
        "elasticloadbalancing:CreateAction",
        "absent",
    ),
    ("eks", "CreateCluster", CLUSTER, "", "eks:supportType", "filled"),
    ("eks", "CreateCluster", CLUSTER, "", "eks:encryptionConfigProviderKeyArns", "filled"),
    ("eks", "CreateCluster", CLUSTER, "", "eks:loggingType/api", "filled"),
    ("eks", "CreateCluster", CLUSTER, "", "eks:loggingType/audit", "absent"),
    ("ec2", "RunInstances", {**LAUNCH, **volumes(Encrypted=True)}, "volume/", "ec2:Encrypted", "filled"),
    ("ec2", "RunInstances", {**LAUNCH, **volumes()}, "volume/", "ec2:Encrypted", "unknown"),
    ("ec2", "RunInstances", {**LAUNCH, **volumes(VolumeType="gp3")}, "volume/", "ec2:VolumeType", "filled"),
    ("ec2", "RunInstances", {**LAUNCH, **volumes(SnapshotId="snap-1")}, "volume/", "ec2:ParentSnapshot", "filled"),
    (
        "ec2",
        "RunInstances",
        {**LAUNCH, "IamInstanceProfile": {"Arn": f"arn:aws:iam::{ACCOUNT}:instance-profile/p"}},
        "role/",
        "iam:AssociatedResourceArn",
        "filled",
    ),
    ("lambda", "InvokeFunction", {}, "", "lambda:InvokedViaFunctionUrl", "filled"),
    ("iam", "PassRole", {}, "", "iam:AssociatedResourceArn", "unknown"),
    ("secretsmanager", "CreateSecret", {"Name": "s"}, "", "secretsmanager:Description", "absent"),
    ("secretsmanager", "CreateSecret", {"Name": "s"}, "", "secretsmanager:KmsKeyArn", "unknown"),
    (
        "rds",
        "CreateDBInstance",
        {"DBInstanceIdentifier": "d", "DBInstanceClass": "c", "Engine": "e"},
        ":db:",
        "rds:Piops",
        "absent",
    ),
    (
        "rds",
        "CreateDBInstance",
        {"DBInstanceIdentifier": "d", "DBInstanceClass": "c", "Engine": "e"},
        ":db:",
        "rds:Vpc",
        "unknown",
    ),
    ("backup", "CreateBackupVault", {"BackupVaultName": "v"}, "", "aws:RequestTag/a", "absent"),
    (
        "backup",
        "CreateBackupVault",
        {"BackupVaultName": "v", "BackupVaultTags": {"a": "b"}},
        "",
        "aws:RequestTag/a",
        "filled",
    ),
    (
        "accessanalyzer",
        "GetAnalyzer",
        {"analyzerName": "a", "configuration": {"tags": [{"key": "a"}]}},
        "",
        "aws:RequestTag/a",
        "unknown",
    ),
]


@pytest.mark.parametrize(
    ("client", "operation", "given", "on", "key", "expected"),
    STATES,
    ids=[f"{one[1]}-{one[4]}-{one[5]}" for one in STATES],
)
def test_a_key_is_filled_absent_or_unknown(
    client: str, operation: str, given: dict[str, Any], on: str, key: str, expected: str
) -> None:
    if operation in ("InvokeFunction", "PassRole"):  # permissions without an operation of their name
        prefix, name = ("lambda", "InvokeFunction") if client == "lambda" else ("iam", "PassRole")
        call = Call(client, prefix, operation, given, ACCOUNT, REGION)
        keys = condition_keys(call, Permission(f"{prefix}:{name}", f"arn:aws:iam::{ACCOUNT}:role/r"), Account())
    else:
        keys = keys_of(client, operation, given, on)
    assert state(keys, key) == expected


def test_the_version_of_tls_is_unknown_over_tls() -> None:
    assert state(keys_of("s3", "GetObject", {"Bucket": "b", "Key": "k"}, tls=True), "s3:TlsVersion") == "unknown"


def test_an_action_that_the_reference_does_not_know_has_unknown_keys_of_its_service() -> None:
    call = Call("s3", "s3", "Imagine", {}, ACCOUNT, REGION)
    unknown = condition_keys(call, Permission("s3:Imagine"), Account()).unknown
    assert "s3:prefixx" in unknown
    assert "aws:sourcevpc" not in unknown
    assert 3 not in unknown


def test_parameters_of_another_services_operation_fill_nothing() -> None:
    call = call_of("cloudformation", "CreateStack", {"StackName": "s", "RoleARN": "r"})
    keys = condition_keys(call, Permission("iam:CreateRole", f"arn:aws:iam::{ACCOUNT}:role/r", exists=False), Account())
    assert state(keys, "iam:PermissionsBoundary") == "unknown"


def test_the_boundary_that_is_asked_for_counts_and_not_the_one_that_it_replaces() -> None:
    given = {"UserName": "bob", "PermissionsBoundary": "arn:new"}
    keys = keys_of("iam", "PutUserPermissionsBoundary", given)
    assert keys.values["iam:PermissionsBoundary"] == "arn:new"


# The tables


def listed(prefix: str) -> set[str]:
    """Return all keys that the reference lists for a service's actions, in lower case."""
    reference = service(prefix)
    assert reference is not None
    keys: set[str] = set()
    for name in reference.action_names():
        action = reference.action(name)
        assert action is not None
        keys |= {key.lower() for key in action.keys}
    return keys


def test_every_key_of_the_tables_is_one_of_the_reference() -> None:
    for key in ABSENT:
        assert key.lower() in listed(key.partition(":")[0]), key
    for table in (PARAMETERS, DEFAULTS, CHOSEN):
        for action, keys in table.items():
            prefix, _, name = action.partition(":")
            of_action = service(prefix).action(name)  # type: ignore[union-attr]
            assert of_action is not None, action
            assert {key.lower() for key in keys} <= {key.lower() for key in of_action.keys}, action


def test_every_path_of_the_tables_is_one_of_the_operation() -> None:
    clients = {"elasticloadbalancing": "elbv2"}
    for action, paths in PARAMETERS.items():
        prefix, _, operation = action.partition(":")
        for path in paths.values():
            shape: Any = model(clients.get(prefix, prefix)).operation_model(operation).input_shape
            for step in path.split("."):
                shape = shape.members[step.removesuffix("[]")]
                shape = shape.member if step.endswith("[]") else shape
            assert shape.type_name not in NESTED, (action, path)


EXAMPLES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "ec2:CreateAction": (
        "ec2",
        "RunInstances",
        {**LAUNCH, "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}]},
    ),
    "ec2:Region": ("ec2", "DescribeInstances", {}),
    "iam:PassedToService": (
        "lambda",
        "CreateFunction",
        {"FunctionName": "f", "Role": f"arn:aws:iam::{ACCOUNT}:role/r"},
    ),
    "kms:CallerAccount": ("kms", "Encrypt", {"KeyId": "k"}),
    "kms:EncryptionContext:*": ("kms", "Encrypt", {"KeyId": "k", "EncryptionContext": {"*": "b"}}),
    "kms:EncryptionContextKeys": ("kms", "Encrypt", {"KeyId": "k", "EncryptionContext": {"a": "b"}}),
    "kms:GrantConstraintType": ("kms", "CreateGrant", {"KeyId": "k", "Constraints": {"EncryptionContextEquals": {}}}),
    "kms:GrantIsForAWSResource": ("kms", "CreateGrant", {"KeyId": "k"}),
    "kms:RequestAlias": ("kms", "Encrypt", {"KeyId": "alias/shop"}),
    "lambda:InvokedViaFunctionUrl": ("lambda", "Invoke", {"FunctionName": "f"}),
    "s3:LocationConstraint": (
        "s3",
        "CreateBucket",
        {"Bucket": "b", "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}},
    ),
    "s3:RequestObjectTag/*": ("s3", "PutObject", {"Bucket": "b", "Key": "k", "Tagging": "*=b"}),
    "s3:RequestObjectTagKeys": ("s3", "PutObject", {"Bucket": "b", "Key": "k", "Tagging": "a=b"}),
    "ses:ApiVersion": ("sesv2", "SendEmail", {}),
    "sns:Endpoint": ("sns", "Subscribe", {"TopicArn": "arn:aws:sns:r:1:t", "Protocol": "sqs", "Endpoint": "e"}),
    "sns:Protocol": ("sns", "Subscribe", {"TopicArn": "arn:aws:sns:r:1:t", "Protocol": "sqs"}),
}
OF_THE_CONNECTION = {"s3:authType", "s3:signatureAge", "s3:signatureversion", "s3:x-amz-content-sha256"}


RECORDS = {
    "HostedZoneId": "Z1",
    "ChangeBatch": {"Changes": [{"Action": "CREATE", "ResourceRecordSet": {"Name": "*.Example.com.", "Type": "TXT"}}]},
}
EXAMPLES |= {
    "cloudformation:CreateAction": ("cloudformation", "CreateStack", {"StackName": "s", **TAGGED}),
    "ecs:CreateAction": ("ecs", "CreateCluster", {"clusterName": "c", "tags": [{"key": "a", "value": "b"}]}),
    "eks:loggingType/*": (
        "eks",
        "CreateCluster",
        {"name": "c", "logging": {"clusterLogging": [{"types": ["*"], "enabled": True}]}},
    ),
    "elasticfilesystem:CreateAction": ("efs", "CreateFileSystem", {"CreationToken": "t", **TAGGED}),
    "elasticloadbalancing:CreateAction": ("elbv2", "CreateTargetGroup", {"Name": "t", **TAGGED}),
    "lambda:VpcIds": (
        "lambda",
        "CreateFunction",
        {"FunctionName": "f", "Role": "r", "VpcConfig": {"SubnetIds": ["subnet-1"]}},
    ),
    "route53:ChangeResourceRecordSetsNormalizedRecordNames": ("route53", "ChangeResourceRecordSets", RECORDS),
    "vpc-lattice:CreateAction": ("vpc-lattice", "CreateService", {"name": "s", "tags": {"a": "b"}}),
}


@pytest.mark.parametrize(
    ("given", "normalized"),
    [
        ("Example.COM.", "example.com"),
        ("*.example.com", r"\052.example.com"),
        (r"\052.example.com.", r"\052.example.com"),
        ("a_b-1.example.com", "a_b-1.example.com"),
        ("ü.example.com", r"\303\274.example.com"),
        (r"\303\274.example.com", r"\303\274.example.com"),
        (r"a\056b.example.com", r"a\134056b.example.com"),
    ],
)
def test_names_of_records_are_compared_as_policies_write_them(given: str, normalized: str) -> None:
    changes = [{"Action": "UPSERT", "ResourceRecordSet": {"Name": given, "Type": "A"}}]
    keys = keys_of("route53", "ChangeResourceRecordSets", {"HostedZoneId": "Z1", "ChangeBatch": {"Changes": changes}})
    assert keys.values["route53:ChangeResourceRecordSetsNormalizedRecordNames"] == [normalized]
    assert keys.values["route53:ChangeResourceRecordSetsRecordTypes"] == "A"
    assert keys.values["route53:ChangeResourceRecordSetsActions"] == "UPSERT"


def test_every_filled_key_is_filled() -> None:
    for key, (client, operation, given) in EXAMPLES.items():
        call = call_of(client, operation, given)
        filled = {name for one in permissions(call, Account()) for name in condition_keys(call, one, Account()).values}
        assert key in filled, key


def test_every_filled_key_has_an_example() -> None:
    on_object = Permission("s3:PutObject", "arn:aws:s3:::b/k")
    of_parameters: set[str] = set()
    for name in S3_PARAMETERS:
        call = Call("s3", "s3", "PutObject", {name: "v"}, ACCOUNT, REGION)
        of_parameters |= condition_keys(call, on_object, Account()).values.keys()
    known = {key.lower() for key in (*EXAMPLES, *OF_THE_CONNECTION, *of_parameters)}
    for prefix, filled in FILLED.items():
        if prefix == "dynamodb":
            continue  # tests/iam/actions/test_leading_keys.py
        for name in listed(prefix):
            family = name.partition("$")[0].partition("<")[0]
            if family in filled:
                assert name in known or f"{family}*" in known, name


def test_the_keys_of_an_action_are_its_own_and_those_of_the_type_of_resource() -> None:
    on_instance = listed_keys(f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/*", "ec2", "RunInstances") or {}
    on_subnet = listed_keys(f"arn:aws:ec2:{REGION}:{ACCOUNT}:subnet/s", "ec2", "RunInstances") or {}
    everything = listed_keys("*", "ec2", "RunInstances") or {}
    assert "ec2:instancetype" in on_instance
    assert "ec2:instancetype" not in on_subnet
    assert on_instance.keys() | on_subnet.keys() <= everything.keys()
    assert "s3:existingobjecttag/*" in (listed_keys("arn:aws:s3:::b/k", "s3", "GetObject") or {})
    assert listed_keys("*", "s3", "Imagine") is None


def test_what_is_known_of_a_long_arn_is_not_kept() -> None:
    name = "k" * LONGEST_ARN
    assert listed_keys("arn:aws:s3:::b/k", "s3", "GetObject") is listed_keys("arn:aws:s3:::b/k", "s3", "GetObject")
    long = f"arn:aws:s3:::b/{name}"
    assert listed_keys(long, "s3", "GetObject") is not listed_keys(long, "s3", "GetObject")
    assert listed_keys(long, "s3", "GetObject") == listed_keys("arn:aws:s3:::b/k", "s3", "GetObject")
