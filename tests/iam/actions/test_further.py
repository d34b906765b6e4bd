"""Resources that a call names deep inside its input, or in members whose names do not tell."""

from __future__ import annotations

import re
from typing import Any

import pytest

from podrole.iam.actions.call import Call, Permission
from podrole.iam.actions.further import further, speaks_of
from podrole.iam.actions.reference import Action, ResourceType
from support.calls import ACCOUNT, REGION, Account, text_of

HERE = f"{REGION}:{ACCOUNT}"


def kind(service: str, name: str, resource: str = "") -> ResourceType:
    """Return a made-up type of resource, ``NAME/${NameId}`` unless its ARN is given."""
    resource = resource or f"{name}/${{{name.title().replace('-', '')}Id}}"
    variables = tuple(re.findall(r"\{(\w+)\}", resource))
    return ResourceType(
        service, name, f"arn:${{Partition}}:{service}:${{Region}}:${{Account}}:{resource}", variables, ()
    )


TABLE, VPC, SUBNET, TEMPLATE = (kind("ec2", name) for name in ("route-table", "vpc", "subnet", "launch-template"))


def asked(
    client: str, operation: str, given: dict[str, Any], *on: ResourceType, found: tuple[str, ...] = ()
) -> list[str]:
    """Return what is asked for beside ``found``: the resources, ``?`` behind those that are not known."""
    name = f"{client}:{operation}"
    call = Call(client, client, operation, given, ACCOUNT, REGION)
    account = Account(**{"ec2:launch-template web": f"arn:aws:ec2:{HERE}:launch-template/lt-1"})
    already = [Permission(name, f"arn:aws:{client}:{HERE}:{one}") for one in found]
    needed = further(call, name, Action(operation, tuple((one, True) for one in on), frozenset()), already, account)
    assert {one.action for one in needed} <= {name}
    return [text_of(one).partition(" ")[2].removeprefix(f"arn:aws:{client}:HERE:") for one in needed]


@pytest.mark.parametrize(
    ("given", "found", "expected"),
    [
        ({"VpcId": "vpc-0123456789abcdef0"}, (), ["vpc/vpc-0123456789abcdef0"]),
        ({"VpcId": "vpc-01234567"}, ("vpc/vpc-01234567",), []),
        ({"VpcId": "vpc-01234567", "PeerVpcId": "vpc-01234567"}, (), ["vpc/vpc-01234567"]),
        (
            {"Deep": [{"Er": "subnet-01234567"}, {"Er": ["vpc-01234567"]}]},
            (),
            ["subnet/subnet-01234567", "vpc/vpc-01234567"],
        ),
        ({"RouteTableId": "rtb-01234567"}, (), ["route-table/rtb-01234567"]),
        ({"VpcId": "vpc-1", "Other": "i-01234567", "Text": "a vpc-01234567"}, (), []),
        ({"Permissions": [{"UserIdGroupPairs": [{"VpcId": "vpc-01234567"}]}]}, (), []),
        ({"LaunchTemplateName": "web"}, (), ["launch-template/lt-1"]),
        ({"LaunchTemplateName": "other"}, (), ["launch-template/*?"]),
        ({"LaunchTemplate": 1, "Name": "web"}, (), []),
    ],
)
def test_every_id_in_a_call_of_ec2_is_asked_for(
    given: dict[str, Any], found: tuple[str, ...], expected: list[str]
) -> None:
    assert asked("ec2", "CreateThing", given, VPC, SUBNET, TABLE, TEMPLATE, found=found) == expected


def test_resource_of_another_action_is_asked_for() -> None:
    call = Call("ec2", "ec2", "CreateThing", {"VpcId": "vpc-01234567"}, ACCOUNT, REGION)
    arn = f"arn:aws:ec2:{HERE}:vpc/vpc-01234567"
    action = Action("CreateThing", ((VPC, True),), frozenset())
    (one,) = further(call, "ec2:CreateThing", action, [Permission("ec2:CreateTags", arn)], Account())
    assert one == Permission("ec2:CreateThing", arn)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"TargetDBSnapshotIdentifier": "s"}, ["snapshot/s"]),
        ({"TargetDBSnapshotIdentifier": f"arn:aws:rds:{HERE}:snapshot/s"}, ["snapshot/s"]),
        ({"TargetDBSnapshotIdentifier": f"arn:aws:rds:{HERE}:db/s"}, []),
        ({"TargetDBSnapshotIdentifier": 1}, []),
        ({"SourceDBSnapshotIdentifier": "s"}, []),
        ({"Text": "vpc-01234567"}, []),
    ],
)
def test_listed_member_names_a_resource(given: dict[str, Any], expected: list[str]) -> None:
    assert asked("rds", "CopyDBSnapshot", given, kind("rds", "snapshot"), kind("rds", "vpc")) == expected
    assert asked("rds", "OtherOperation", given, kind("rds", "snapshot")) == []


def test_type_that_the_action_is_not_on_is_not_asked_for() -> None:
    assert asked("rds", "CopyDBSnapshot", {"TargetDBSnapshotIdentifier": "s"}, kind("rds", "db")) == []


@pytest.mark.parametrize(
    ("given", "found", "expected"),
    [
        ({"Inner": {"ThingName": "a"}}, (), ["thing/*?"]),
        ({"Inner": {"ThingName": "a"}}, ("thing/a",), []),
        ({"Inner": {"ThingName": "a"}}, ("thing/a/b",), []),
        ({"Inner": {"ThingName": "a"}}, ("thing:a",), []),
        ({"Inner": {"ThingName": "thing:a"}}, ("thing:a",), []),
        ({"Inner": {"ThingName": "a"}}, ("thing/ab",), ["thing/*?"]),
        ({"Inner": {"ThingName": "shop"}}, ("thing/a",), ["thing/*?"]),
        ({"Inner": {"ThingName": "a"}, "ThingId": "b"}, ("thing/b",), ["thing/*?"]),
        ({"Inner": {"ThingArn": f"arn:aws:shop:{HERE}:thing/a"}}, ("thing/a",), []),
        ({"Inner": {"ThingMode": "a"}}, (), []),
        ({"Inner": {"OtherName": "a"}}, (), []),
    ],
)
def test_member_of_another_service_that_was_not_understood_leaves_the_resource_unknown(
    given: dict[str, Any], found: tuple[str, ...], expected: list[str]
) -> None:
    assert asked("shop", "CreateOrder", given, kind("shop", "thing"), found=found) == expected


@pytest.mark.parametrize(
    ("member", "name", "expected"),
    [
        ("ThingName", "thing", True),
        ("MyThingIds", "thing", True),
        ("ThingArn", "thing-of-shop", True),
        ("OrderName", "thing", False),
        # too short to say anything
        ("IpName", "ip", False),
        ("IpsName", "ips", True),
        ("ThiName", "thing", False),
        ("ThinName", "thing", True),
    ],
)
def test_name_of_a_member_speaks_of_a_type(member: str, name: str, expected: bool) -> None:
    assert speaks_of(member, kind("shop", name, "x")) is expected


def test_name_of_a_member_speaks_of_what_tells_resources_apart() -> None:
    assert speaks_of("ParcelName", kind("shop", "thing", "thing/${ParcelId}"))
