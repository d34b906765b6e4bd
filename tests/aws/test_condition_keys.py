"""Condition keys of real requests: global keys, the facts about resources, and keys whose value is not known."""

from __future__ import annotations

import ast
import importlib.util
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from podrole.aws.emulator.facts import READERS, MotoFacts
from podrole.aws.emulator.listed_tags import LISTED
from podrole.aws.global_keys import ABSENT, FILLED
from podrole.iam.actions.call import Call, Permission
from podrole.iam.actions.reference import types_of_resources
from podrole.iam.actions.unfilled import kind_of
from support.authorization import allow, grant
from support.aws import ACCOUNT, REGION, LocalAWS

# The table at the top of AWS's page of global condition keys, without the keys of single services.
DOCUMENTED = """
PrincipalArn PrincipalAccount PrincipalOrgPaths PrincipalOrgID PrincipalTag/* PrincipalIsAWSService
PrincipalServiceName PrincipalServiceNamesList PrincipalType userid username AssumedRoot FederatedProvider
TokenIssueTime SignInSessionArn MultiFactorAuthAge MultiFactorAuthPresent ChatbotSourceArn Ec2InstanceSourceVpc
Ec2InstanceSourcePrivateIPv4 SourceIdentity ViaCustomerDomain SourceIp SourceVpc SourceVpcArn SourceVpce
VpceAccount VpceOrgID VpceOrgPaths VpcSourceIp ResourceAccount ResourceOrgID ResourceOrgPaths ResourceTag/*
CalledVia CalledViaFirst CalledViaLast CalledViaAWSMCP ViaAWSService ViaAWSMCPService CurrentTime EpochTime
referer RequestedRegion RequestTag/* TagKeys SecureTransport SourceAccount SourceArn SourceOrgID SourceOrgPaths
UserAgent IsMcpServiceAction
"""


def test_every_global_key_is_either_filled_or_absent() -> None:
    assert FILLED | ABSENT.keys() == {f"aws:{name}" for name in DOCUMENTED.split()}
    assert not FILLED & ABSENT.keys()


NUMBERS = itertools.count()
REFUSED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")


def is_served(call: Callable[..., Any], **given: Any) -> bool:
    try:
        call(**given)
    except ClientError as problem:
        if problem.response["Error"]["Code"] not in REFUSED:
            raise
        return False
    return True


def may_describe(aws: LocalAWS, *statements: dict[str, Any]) -> bool:
    return is_served(aws.client("ec2", grant(aws, *statements, name=f"role-{next(NUMBERS)}")).describe_instances)


def test_a_request_of_a_session_carries_these_keys_and_not_those(aws: LocalAWS) -> None:
    carried = [
        *(
            "CurrentTime",
            "EpochTime",
            "FederatedProvider",
            "MultiFactorAuthPresent",
            "PrincipalAccount",
            "PrincipalArn",
        ),
        *("PrincipalIsAWSService", "PrincipalType", "RequestedRegion", "SecureTransport", "SourceIp", "TokenIssueTime"),
        *("UserAgent", "ViaAWSService", "userid"),
    ]
    assert {f"aws:{name}" for name in carried} <= FILLED
    present = {f"aws:{name}": "false" for name in carried}
    missing = dict.fromkeys(ABSENT, "true")
    assert may_describe(aws, allow("ec2:*", "*", Null={**present, **missing}))


def test_the_organization_of_caller_and_resource(aws: LocalAWS) -> None:
    condition = {"Null": {"aws:PrincipalOrgID": "true", "aws:PrincipalOrgPaths": "true"}}
    assert may_describe(aws, allow("ec2:*", "*", **condition))
    organizations = aws.client("organizations")
    organization = organizations.create_organization(FeatureSet="ALL")["Organization"]["Id"]
    root = organizations.list_roots()["Roots"][0]["Id"]
    unit = organizations.create_organizational_unit(ParentId=root, Name="u")["OrganizationalUnit"]["Id"]
    assert not may_describe(aws, allow("ec2:*", "*", **condition))
    place = {"StringEquals": {"aws:PrincipalOrgID": organization}}
    path = {"ForAnyValue:StringEquals": {"aws:PrincipalOrgPaths": f"{organization}/{root}/"}}
    assert may_describe(aws, allow("ec2:*", "*", **place, **path))
    organizations.move_account(AccountId=ACCOUNT, SourceParentId=root, DestinationParentId=unit)
    assert not may_describe(aws, allow("ec2:*", "*", **path))
    path = {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": f"{organization}/*/{unit}/"}}
    assert may_describe(aws, allow("ec2:*", "*", **path))
    aws.client("s3").create_bucket(Bucket="logs")
    own = {"StringEquals": {"aws:ResourceOrgID": organization, "s3:ResourceAccount": ACCOUNT}}
    aws.client("s3", grant(aws, allow("s3:ListBucket", "*", **own))).list_objects_v2(Bucket="logs")


# Service keys: what is known, what is not


def volume(aws: LocalAWS) -> dict[str, Any]:
    made = aws.client("ec2").create_volume(AvailabilityZone=f"{REGION}a", Size=8, VolumeType="gp3", Encrypted=True)
    return {"VolumeId": made["VolumeId"]}


def key(aws: LocalAWS) -> dict[str, Any]:
    return {"KeyId": aws.client("kms").create_key()["KeyMetadata"]["KeyId"], "Plaintext": b"x"}


def tagged_object(aws: LocalAWS) -> dict[str, Any]:
    aws.client("s3").create_bucket(Bucket="logs")
    aws.client("s3").put_object(Bucket="logs", Key="k", Body=b"x", Tagging="team=blue")
    return {"Bucket": "logs", "Key": "k"}


def launch(_: LocalAWS) -> dict[str, Any]:
    return {"ImageId": "ami-12c6146b", "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}


def group(aws: LocalAWS) -> dict[str, Any]:
    aws.client("autoscaling").create_launch_configuration(
        LaunchConfigurationName="c", ImageId="ami-12c6146b", InstanceType="t3.micro"
    )
    aws.client("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName="g",
        MinSize=0,
        MaxSize=0,
        AvailabilityZones=[f"{REGION}a"],
        LaunchConfigurationName="c",
        Tags=[{"Key": "purpose", "Value": "testing"}],
    )
    return {"AutoScalingGroupName": "g"}


def txt_record(aws: LocalAWS) -> dict[str, Any]:
    zone = aws.client("route53").create_hosted_zone(Name="example.com", CallerReference="1")["HostedZone"]["Id"]
    record = {"Name": "_acme.example.com.", "Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": '"x"'}]}
    return {"HostedZoneId": zone, "ChangeBatch": {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}}


def launch_with_volumes(aws: LocalAWS) -> dict[str, Any]:
    image = aws.client("ec2").describe_images(ImageIds=["ami-12c6146b"])["Images"][0]
    root = {"DeviceName": image["RootDeviceName"], "Ebs": {"Encrypted": True, "VolumeSize": 9}}
    return {**launch(aws), "BlockDeviceMappings": [root, {"DeviceName": "/dev/sdz", "Ebs": {"VolumeSize": 9}}]}


DELETE_GROUP, CHANGE, RUN_WITH = (
    "autoscaling:DeleteAutoScalingGroup",
    "route53:ChangeResourceRecordSets",
    "ec2:RunInstances ",
)
DELETE, ENCRYPT, GET, RUN = "ec2:DeleteVolume", "kms:Encrypt", "s3:GetObject", "ec2:RunInstances"
TEAM = "s3:ExistingObjectTag/team"
CALLS: dict[str, tuple[str, str, Any]] = {
    DELETE: ("ec2", "delete_volume", volume),
    ENCRYPT: ("kms", "encrypt", key),
    GET: ("s3", "get_object", tagged_object),
    RUN: ("ec2", "run_instances", launch),
    RUN_WITH: ("ec2", "run_instances", launch_with_volumes),
    CHANGE: ("route53", "change_resource_record_sets", txt_record),
    DELETE_GROUP: ("autoscaling", "delete_auto_scaling_group", group),
}
KNOWN_VALUES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    # action, a condition that is true, a condition that is false
    (DELETE, {"StringEquals": {"ec2:VolumeType": "gp3"}}, {"StringEquals": {"ec2:VolumeType": "io2"}}),
    (DELETE, {"Bool": {"ec2:Encrypted": "true"}}, {"Bool": {"ec2:Encrypted": "false"}}),
    (DELETE, {"NumericLessThan": {"ec2:VolumeSize": "9"}}, {"NumericLessThan": {"ec2:VolumeSize": "8"}}),
    (DELETE, {"Null": {"ec2:FisActionId": "true"}}, {"Null": {"ec2:FisActionId": "false"}}),
    (
        DELETE_GROUP,
        {"StringEquals": {"autoscaling:ResourceTag/purpose": "testing"}},
        {"StringEquals": {"aws:ResourceTag/purpose": "live"}},
    ),
    (
        CHANGE,
        {"ForAllValues:StringEquals": {"route53:ChangeResourceRecordSetsRecordTypes": ["A", "TXT"]}},
        {"ForAllValues:StringEquals": {"route53:ChangeResourceRecordSetsRecordTypes": ["A", "CNAME"]}},
    ),
    (
        CHANGE,
        {"ForAllValues:StringLike": {"route53:ChangeResourceRecordSetsNormalizedRecordNames": "_acme.*"}},
        {"ForAllValues:StringLike": {"route53:ChangeResourceRecordSetsNormalizedRecordNames": "www.*"}},
    ),
    (
        CHANGE,
        {"ForAllValues:StringEquals": {"route53:ChangeResourceRecordSetsActions": ["UPSERT"]}},
        {"ForAllValues:StringEquals": {"route53:ChangeResourceRecordSetsActions": ["DELETE"]}},
    ),
    (ENCRYPT, {"StringEquals": {"kms:KeyUsage": "ENCRYPT_DECRYPT"}}, {"StringEquals": {"kms:KeyUsage": "SIGN_VERIFY"}}),
    (ENCRYPT, {"Bool": {"kms:MultiRegion": "false"}}, {"Bool": {"kms:MultiRegion": "true"}}),
    (ENCRYPT, {"Null": {"kms:ViaService": "true"}}, {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}),
    (
        GET,
        {"StringEquals": {"s3:ExistingObjectTag/team": "blue"}},
        {"StringEquals": {"s3:ExistingObjectTag/team": "red"}},
    ),
    (GET, {"NumericLessThan": {"s3:signatureAge": "600000"}}, {"NumericGreaterThan": {"s3:signatureAge": "600000"}}),
    (GET, {"Null": {"s3:TlsVersion": "true"}}, {"NumericLessThan": {"s3:TlsVersion": "1.2"}}),
    (GET, {"Null": {"s3:DataAccessPointArn": "true"}}, {"Null": {"s3:DataAccessPointArn": "false"}}),
]


def outcome(aws: LocalAWS, action: str, *statements: dict[str, Any]) -> bool:
    service, operation, make = CALLS[action]
    given = make(aws)
    return is_served(getattr(aws.client(service, grant(aws, *statements)), operation), **given)


@pytest.mark.parametrize(("action", "true", "false"), KNOWN_VALUES, ids=[f"{one[0]}-{one[1]}" for one in KNOWN_VALUES])
@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_a_condition_on_a_known_value(
    aws: LocalAWS, action: str, true: dict[str, Any], false: dict[str, Any], effect: str
) -> None:
    for condition, holds in ((true, True), (false, False)):
        aws.reset()
        conditional = {"Effect": effect, "Action": action, "Resource": "*", "Condition": condition}
        others = [] if effect == "Allow" else [allow("*", "*")]
        assert outcome(aws, action, conditional, *others) is (holds if effect == "Allow" else not holds)


UNKNOWN_VALUES: list[tuple[str, dict[str, Any]]] = [
    (DELETE, {"StringEquals": {"ec2:ParentSnapshot": "snap-1"}}),
    (DELETE, {"StringNotEquals": {"ec2:ParentSnapshot": "snap-1"}}),
    (DELETE, {"StringEqualsIfExists": {"ec2:ParentSnapshot": "snap-1"}}),
    (DELETE, {"Null": {"ec2:ParentSnapshot": "true"}}),
    (DELETE, {"Null": {"ec2:ParentSnapshot": "false"}}),
    (DELETE, {"ForAllValues:StringEquals": {"ec2:ParentSnapshot": "snap-1"}}),
    (RUN, {"BoolIfExists": {"ec2:Encrypted": "true"}}),
]


@pytest.mark.parametrize(("action", "condition"), UNKNOWN_VALUES)
def test_a_condition_on_an_unknown_value_neither_allows_nor_spares(
    aws: LocalAWS, action: str, condition: dict[str, Any]
) -> None:
    conditional = {"Action": action, "Resource": "*", "Condition": condition}
    assert not outcome(aws, action, {"Effect": "Allow", **conditional})
    aws.reset()
    assert not outcome(aws, action, {"Effect": "Deny", **conditional}, allow("*", "*"))


def test_each_volume_of_a_launch_is_asked_about(aws: LocalAWS) -> None:
    """The root volume is encrypted and the other is not: neither side of the guardrail lets both pass."""
    unencrypted = {"Effect": "Deny", "Action": RUN, "Resource": "*", "Condition": {"Bool": {"ec2:Encrypted": "false"}}}
    assert not outcome(aws, RUN_WITH, unencrypted, allow("*", "*"))
    given = launch_with_volumes(aws)
    given["BlockDeviceMappings"][1]["Ebs"]["Encrypted"] = True
    ec2 = aws.client("ec2", grant(aws, unencrypted, allow("*", "*"), name=f"role-{next(NUMBERS)}"))
    assert is_served(ec2.run_instances, **given)
    assert not is_served(ec2.run_instances, **launch(aws))
    aws.client("ec2").enable_ebs_encryption_by_default()
    assert is_served(ec2.run_instances, **launch(aws))


def test_the_event_says_which_value_is_not_known(aws: LocalAWS) -> None:
    statement = {**allow(DELETE, "*"), "Condition": {"StringNotEquals": {"ec2:ParentSnapshot": "snap-1"}}}
    assert not outcome(aws, DELETE, statement)
    assert "podrole does not know the value of ec2:ParentSnapshot" in str(aws.last_event().explanation)


# The tables


def test_the_readers_fill_what_they_say(aws: LocalAWS) -> None:
    """For each kind of resource with facts: they are among the keys that it is said to have, and some are there."""
    ec2, facts = aws.client("ec2"), MotoFacts(aws.store)
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    instance = ec2.run_instances(**launch(aws))["Instances"][0]["InstanceId"]
    secret = aws.client("secretsmanager").create_secret(Name="s", SecretString="x")["ARN"]
    tagged_object(aws)
    here = f"{REGION}:{ACCOUNT}"
    arns = {
        f"arn:aws:ec2:{here}:volume/{volume(aws)['VolumeId']}": ("ec2", "volume"),
        f"arn:aws:ec2:{here}:subnet/{subnet}": ("ec2", "subnet"),
        f"arn:aws:ec2:{here}:instance/{instance}": ("ec2", "instance"),
        f"arn:aws:ec2:{REGION}::image/ami-12c6146b": ("ec2", "image"),
        f"arn:aws:kms:{here}:key/{key(aws)['KeyId']}": ("kms", "key"),
        secret: ("secretsmanager", "secret"),
        "arn:aws:s3:::logs/k": ("s3", "*"),
    }
    described = {(name, kind) for name, reader in READERS.items() for kind in reader.described}
    assert set(arns.values()) == described
    for arn in arns:
        call = Call("ec2", "ec2", "X", {}, ACCOUNT, REGION)
        kind = kind_of(Permission("ec2:X", arn))
        found = facts.facts_of(call, kind, arn)
        assert found, arn
        assert all(name.lower() in facts.described(kind) for name in found), arn


@pytest.mark.services
@pytest.mark.soak
def test_the_services_that_can_list_tags_are_those_of_moto() -> None:
    spec = importlib.util.find_spec("moto")
    assert spec is not None
    assert spec.origin is not None
    named = set()
    for path in Path(spec.origin).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                named |= {node.value.value for one in node.targets if getattr(one, "id", "") == "SERVICE_NAMESPACE"}
    assert {str(name) for name in named} == set(LISTED)


@pytest.mark.services
@pytest.mark.parametrize("service", sorted(LISTED))
def test_listed_types_of_resources_are_those_of_arns(service: str) -> None:
    prefix = "servicecatalog" if service == "catalog" else service
    assert LISTED[service] - {""} <= types_of_resources(prefix)
