"""Which resources a call names: the parameters that may name one, and what is asked where none does."""

from __future__ import annotations

import re
from typing import Any

import pytest

from podrole.iam.actions.arns import made, resources
from podrole.iam.actions.call import Call
from podrole.iam.actions.reference import Action, ResourceType, service
from support.calls import ACCOUNT, REGION, Account, all_needed, text_of

HERE = f"arn:aws:shop:{REGION}:{ACCOUNT}"
OTHER = "444455556666"


def kind(resource: str, name: str = "", *, of: str = "shop", place: str = "${Region}:${Account}") -> ResourceType:
    """Return a made-up type of resource by the last part of its ARN."""
    variables = tuple(re.findall(r"\{(\w+)\}", resource))
    arn = f"arn:${{Partition}}:{of}:{place}:{resource}"
    return ResourceType(of, name or resource.partition("/")[0], arn, variables, ())


THING = kind("thing/${ThingName}")
PART = kind("thing/${ThingName}/part/${PartId}", "part")
ORDER = kind("order/${OrderName}/${UUID}")
CATALOG = kind("catalog")


def asked(
    given: dict[str, Any],
    *on: ResourceType,
    optional: tuple[ResourceType, ...] = (),
    operation: str = "UpdateShop",
    client: str = "shop",
    **known: str,
) -> list[str]:
    """Return the resources of an action on these types, ``?`` behind partial ones and ``!`` behind new ones."""
    action = Action(operation, (*((one, True) for one in on), *((one, False) for one in optional)), frozenset())
    call = Call(client, client, operation, given, ACCOUNT, REGION)
    found = resources(call, f"{client}:{operation}", action, Account(**known))
    assert {one.action for one in found} == {f"{client}:{operation}"}
    return [text_of(one, new=True).partition(" ")[2].removeprefix("arn:aws:shop:HERE:") for one in found]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"ThingName": "a"}, ["thing/a"]),
        ({"thing-names": ["a", "b"]}, ["thing/a", "thing/b"]),
        ({"ThingArn": f"{HERE}:thing/a"}, ["thing/a"]),
        ({"ThingId": "a", "Thing": "b"}, ["thing/a", "thing/b"]),
        ({"ResourceArn": f"{HERE}:thing/a"}, ["thing/a"]),
        ({"ResourceArns": [f"{HERE}:order/1/2", f"{HERE}:thing/a"]}, ["thing/a", "order/1/2"]),
        ({"Name": "a"}, ["thing/a"]),
        # what may be the name of anything is not, where something more telling is
        ({"ThingName": "a", "Name": "b", "Id": "c"}, ["thing/a"]),
        # an ARN of another type names nothing
        ({"ThingArn": f"{HERE}:order/1/2", "Name": "b"}, ["thing/b"]),
        ({"ThingNames": [1], "Name": "b"}, ["thing/b"]),
        ({"ThingNames": [], "Name": "b"}, ["thing/b"]),
        ({"ThingName": "", "Name": "b"}, ["thing/b"]),
        ({"ThingName": 7}, ["thing/*?"]),
        ({}, ["thing/*?"]),
    ],
)
def test_parameter_names_the_resource(given: dict[str, Any], expected: list[str]) -> None:
    assert asked(given, THING) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"ThingName": "a", "PartId": "p"}, ["thing/a/part/p"]),
        ({"ThingArn": f"{HERE}:thing/a", "PartId": "p"}, ["thing/a/part/p"]),
        ({"ThingName": 7, "ThingId": "a", "PartId": "p"}, ["thing/a/part/p"]),
        ({"ThingName": "", "ThingId": "a", "PartId": "p"}, ["thing/a/part/p"]),
        ({"ThingName": "x/a", "PartId": "p"}, ["thing/x/a/part/p"]),
        # the general names are the part's, never the thing's
        ({"Name": "p"}, ["thing/*/part/p?"]),
        ({"ThingName": "a"}, ["thing/*/part/*?"]),
    ],
)
def test_further_parameter_names_what_the_resource_is_in(given: dict[str, Any], expected: list[str]) -> None:
    assert asked(given, PART) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ["*"]),
        ({"ThingName": ""}, ["*"]),
        ({"ThingName": None, "PartIds": [], "Tags": {}, "Names": ""}, ["*"]),
        ({"MaxResults": 5, "NextToken": "t"}, ["*"]),
        ({"Word": "x"}, ["*?"]),
        ({"PartId": "p"}, ["*?"]),
        ({"ThingName": "a"}, ["thing/a"]),
        ({"ThingName": "a", "PartId": "p"}, ["thing/a", "thing/a/part/p"]),
    ],
)
def test_optional_type_is_asked_for_if_it_is_named(given: dict[str, Any], expected: list[str]) -> None:
    assert asked(given, optional=(THING, PART)) == expected


def test_type_without_a_name_is_asked_for_only_if_it_is_required() -> None:
    assert asked({}, CATALOG) == ["catalog"]
    assert asked({"ThingName": "a"}, THING, optional=(CATALOG,)) == ["thing/a"]


def test_action_on_no_type_needs_no_resource() -> None:
    assert asked({"ThingName": "a"}) == ["*"]


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        (f"{HERE}:thing/a", ["thing/a", "thing/*/part/*?"]),
        (f"{HERE}:thing/a/part/p", ["thing/*?", "thing/a/part/p"]),
        (f"{HERE}:order/1/2", ["thing/*?", "thing/*/part/*?", "order/1/2"]),
    ],
)
def test_arn_is_of_the_type_that_says_most_of_it(arn: str, expected: list[str]) -> None:
    assert sorted(asked({"ResourceArn": arn}, THING, PART)) == sorted(expected)


@pytest.mark.parametrize(
    ("operation", "arn", "expected"),
    [
        ("TagResource", f"{HERE}:order/1/2", ["order/1/2"]),
        ("UpdateShop", f"{HERE}:order/1/2", ["thing/*?", "order/1/2"]),
        ("TagResource", "arn:aws:s3:::b", ["arn:aws:s3:::b"]),
        ("TagResource", "arn:aws:s3", ["thing/*?"]),
        ("TagResource", "a:b:c:d:e:f", ["thing/a:b:c:d:e:f"]),
    ],
)
def test_tags_are_on_whatever_the_arn_names(operation: str, arn: str, expected: list[str]) -> None:
    assert asked({"ResourceArn": arn}, THING, operation=operation) == expected


@pytest.mark.parametrize(
    ("client", "given", "expected"),
    [
        ("route53", {"ResourceType": "part", "ResourceId": "p"}, ["thing/*/part/p?"]),
        ("ssm", {"ResourceType": "part", "ResourceId": "p"}, ["thing/*/part/p?"]),
        ("shop", {"ResourceType": "part", "ResourceId": "p"}, ["thing/p", "thing/*/part/p?"]),
        ("ssm", {"ResourceType": "else", "ResourceId": "p"}, ["thing/p", "thing/*/part/p?"]),
    ],
)
def test_parameter_says_which_type_is_meant(client: str, given: dict[str, Any], expected: list[str]) -> None:
    assert asked(given, THING, PART, client=client) == expected


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        ("CreateThing", {}, ["thing/*!"]),
        ("CreateThing", {"ThingName": "a"}, ["thing/a"]),
        ("CreateOrder", {"OrderName": "a"}, ["order/a/*"]),
        ("UpdateOrder", {"OrderName": "a"}, ["order/a/*?"]),
        ("CreatePart", {"PartId": "p"}, ["thing/*/part/p?"]),
        ("Recreate", {}, ["thing/*?"]),
    ],
)
def test_what_a_call_makes_may_have_an_unknown_end(operation: str, given: dict[str, Any], expected: list[str]) -> None:
    on = {"CreateThing": THING, "CreatePart": PART, "Recreate": THING}.get(operation, ORDER)
    assert asked(given, on, operation=operation) == expected


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ("tag/${Id}", "tag/a"),
        ("tag/${Place}/${TagName}/${OpaqueId}", "tag/*/a/*?"),
        ("tag/${TagName}/${Id}", "tag/a/*?"),
    ],
)
def test_id_that_aws_makes_up_is_not_the_name(resource: str, expected: str) -> None:
    assert asked({"Tag": "a"}, kind(resource)) == [expected]


def test_group_that_is_made_has_an_unknown_id() -> None:
    group = kind("group:${GroupId}:name/${TeamName}", "group")
    assert asked({"TeamName": "t"}, group, operation="CreateGroup") == ["group:*:name/t"]
    assert asked({"TeamName": "t"}, group, operation="UpdateGroup") == ["group:*:name/t?"]


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        ("CreateThing", {}, ["thing/*!"]),
        ("CreateThing", {"ThingName": "a"}, ["thing/a"]),
        ("CreateThingPart", {"ThingName": "a", "PartId": "p"}, ["thing/a"]),
        ("CreateThingCatalog", {}, ["catalog"]),
        ("CreateOrder", {}, ["order/*/*!"]),
        ("PutCatalog", {}, ["catalog"]),
        ("UpdateShop", {"ThingName": "a"}, []),
    ],
)
def test_operation_names_the_type_that_it_makes(operation: str, given: dict[str, Any], expected: list[str]) -> None:
    of_operation = Action("TagResource", ((CATALOG, True), (THING, True), (ORDER, False)), frozenset())
    found = made(Call("shop", "shop", operation, given, ACCOUNT, REGION), of_operation, Account())
    assert [text_of(one, new=True).strip().removeprefix("arn:aws:shop:HERE:") for one in found] == expected


def test_nothing_is_known_of_an_action_that_the_reference_does_not_have() -> None:
    assert made(Call("shop", "shop", "CreateThing", {}, ACCOUNT, REGION), None, Account()) == []


@pytest.mark.parametrize(
    "named",
    [
        "autoscaling:autoScalingGroup",
        "autoscaling:launchConfiguration",
        "cloudformation:stack",
        "elasticloadbalancing:loadbalancer",
        "iam:group",
        "iam:instance-profile",
        "iam:mfa",
        "iam:policy",
        "iam:role",
        "iam:server-certificate",
        "iam:user",
        "kms:key",
        "rds:proxy",
        "secretsmanager:secret",
    ],
)
def test_name_stands_for_the_arn_that_the_account_has_for_it(named: str) -> None:
    prefix, _, name = named.partition(":")
    of_service = service(prefix)
    found = of_service.resource_type(name) if of_service is not None else None
    assert found is not None
    known = {f"{prefix}:{found.name} a": f"arn:aws:{prefix}:known"}
    assert asked({f"{found.name}Name": "a", "Id": "a"}, found, **known) == [f"arn:aws:{prefix}:known"]
    assert asked({f"{found.name}Name": "a"}, found) != [f"arn:aws:{prefix}:known"]


def test_name_of_another_type_needs_no_account() -> None:
    assert asked({"ThingName": "a"}, THING, **{"shop:thing a": f"{HERE}:thing/b"}) == ["thing/a"]


@pytest.mark.parametrize(
    ("client", "operation", "given", "expected"),
    [
        (
            "ecr",
            "BatchGetImage",
            {"repositoryName": "a", "registryId": OTHER},
            [f"ecr:BatchGetImage arn:aws:ecr:{REGION}:{OTHER}:repository/a"],
        ),
        (
            "ecr",
            "BatchGetImage",
            {"repositoryName": "a", "registryId": "me"},
            ["ecr:BatchGetImage arn:aws:ecr:HERE:repository/a"],
        ),
        (
            "ecr",
            "BatchGetImage",
            {"repositoryName": "a", "registryId": 1},
            ["ecr:BatchGetImage arn:aws:ecr:HERE:repository/a"],
        ),
        ("athena", "StartQueryExecution", {}, ["athena:StartQueryExecution arn:aws:athena:HERE:workgroup/primary"]),
        (
            "ecs",
            "ListTasks",
            {"containerInstance": "i"},
            ["ecs:ListTasks arn:aws:ecs:HERE:container-instance/default/i"],
        ),
        ("rds", "CreateDBInstance", {"DBName": "x"}, ["rds:CreateDBInstance arn:aws:rds:HERE:db:*!"]),
        ("ec2", "RegisterImage", {"Name": "x"}, [f"ec2:RegisterImage arn:aws:ec2:{REGION}::image/*!"]),
        (
            "cloudwatch",
            "PutAlarmMuteRule",
            {"Name": "r"},
            ["cloudwatch:PutAlarmMuteRule arn:aws:cloudwatch:HERE:alarm-mute-rule:*?"],
        ),
        (
            "autoscaling",
            "CreateOrUpdateTags",
            {"Tags": [{"ResourceId": 1}]},
            ["autoscaling:CreateOrUpdateTags arn:aws:autoscaling:HERE:autoScalingGroup:*:autoScalingGroupName/*?"],
        ),
        (
            "route53",
            "GetHostedZone",
            {"Id": "/hostedzone/Z1"},
            ["route53:GetHostedZone arn:aws:route53:::hostedzone/Z1"],
        ),
        (
            "autoscaling",
            "CreateOrUpdateTags",
            {"Tags": [{"ResourceId": "g"}]},
            ["autoscaling:CreateOrUpdateTags arn:aws:autoscaling:HERE:autoScalingGroup:*:autoScalingGroupName/g?"],
        ),
        (
            "cloudwatch",
            "PutMetricStream",
            {"Name": "m"},
            ["cloudwatch:PutMetricStream arn:aws:cloudwatch:HERE:metric-stream/m"],
        ),
    ],
)
def test_service_has_a_rule_of_its_own(client: str, operation: str, given: dict[str, Any], expected: list[str]) -> None:
    assert all_needed(client, operation, given) == expected


def test_general_name_does_not_end_the_search_for_telling_ones() -> None:
    table = kind("table/${TableName}")
    given = {"TableName": "a", "ResourceArn": "b", "TargetTableName": "c"}
    assert asked(given, table, client="dynamodb") == ["table/a", "table/c"]


def test_path_in_front_of_a_name_is_not_written_twice() -> None:
    assert asked({"ParameterName": "/a/b"}, kind("p/${NameWithoutLeadingSlash}", "parameter")) == ["p/a/b"]
    assert asked({"ParameterName": "/a/b"}, kind("p/${Name}", "parameter")) == ["p//a/b"]
