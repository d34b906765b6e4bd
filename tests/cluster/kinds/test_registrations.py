"""APIService and ControllerRevision: each rule alone refuses, and what an APIService says of its availability."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from podrole.cluster.kinds.registrations import (
    API_SERVICE,
    CONTROLLER_REVISION,
    available,
    local_api_service,
)
from podrole.cluster.kinds.registry import group_versions, table_layout

SERVICE = {"namespace": "n", "name": "s"}


def api_service(**spec: Any) -> dict[str, Any]:
    known = {"group": "a.example", "version": "v1", "groupPriorityMinimum": 100, "versionPriority": 10}
    return {"metadata": {"name": "v1.a.example"}, "spec": {**known, **spec}}


@pytest.mark.parametrize(
    ("spec", "field", "message"),
    [
        ({"group": "b.example"}, "metadata.name", 'must be `spec.version+"."+spec.group`: "v1.b.example"'),
        ({"groupPriorityMinimum": 0}, "spec.groupPriorityMinimum", "must be positive and less than 20000"),
        ({"groupPriorityMinimum": 20_001}, "spec.groupPriorityMinimum", "must be positive and less than 20000"),
        ({"versionPriority": 0}, "spec.versionPriority", "must be positive and less than 1000"),
        ({"versionPriority": 1_001}, "spec.versionPriority", "must be positive and less than 1000"),
        ({"service": {"name": "s"}}, "spec.service.namespace", "Required value"),
        ({"service": {"namespace": "n"}}, "spec.service.name", "Required value"),
        (
            {"service": SERVICE, "insecureSkipTLSVerify": True, "caBundle": "eA=="},
            "spec.insecureSkipTLSVerify",
            "may not be true if caBundle is present",
        ),
        ({"insecureSkipTLSVerify": True}, "spec.service", "local APIServices may not"),
        ({"caBundle": "eA=="}, "spec.service", "local APIServices may not"),
    ],
)
def test_an_apiservice_is_refused(spec: dict[str, Any], field: str, message: str) -> None:
    (fault,) = API_SERVICE.validate(api_service(**spec))
    assert fault.field == field
    assert message in fault.message


def test_an_apiservice_needs_a_version() -> None:
    body = {**api_service(version=""), "metadata": {"name": ".a.example"}}
    assert [one.field for one in API_SERVICE.validate(body)] == ["spec.version"]


@pytest.mark.parametrize(
    "spec",
    [
        {"groupPriorityMinimum": 20_000, "versionPriority": 1_000},
        {"groupPriorityMinimum": 1, "versionPriority": 1},
        {"service": SERVICE, "caBundle": "eA=="},
        {"service": SERVICE, "insecureSkipTLSVerify": True},
    ],
)
def test_an_apiservice_is_accepted(spec: dict[str, Any]) -> None:
    assert API_SERVICE.validate(api_service(**spec)) == []


def test_the_names_of_an_apiservice() -> None:
    assert API_SERVICE.name_rule("v1.") == []
    assert API_SERVICE.name_rule(".") == ["must be the version, a dot and the group"]


def test_the_port_of_a_service_is_filled_in() -> None:
    local, other = api_service(), api_service(service=dict(SERVICE))
    API_SERVICE.default(local)
    API_SERVICE.default(other)
    assert ("service" in local["spec"], other["spec"]["service"]["port"]) == (False, 443)


@pytest.mark.parametrize("of", group_versions())
def test_the_servers_own_apiservices_are_valid(of: tuple[str, str]) -> None:
    for custom in (False, True):
        assert API_SERVICE.validate(local_api_service(*of, custom=custom)) == []


@pytest.mark.parametrize(
    ("spec", "local", "expected", "cells"),
    [
        ({}, True, ("True", "Local"), ["Local", "True"]),
        ({}, False, ("False", "NotServed"), ["Local", "False (NotServed)"]),
        ({"service": SERVICE}, True, ("False", "ServiceNotFound"), ["n/s", "False (ServiceNotFound)"]),
    ],
)
def test_what_an_apiservice_says_of_its_availability(
    spec: dict[str, Any], local: bool, expected: tuple[str, str], cells: list[str]
) -> None:
    body = api_service(**spec)
    body["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    assert table_layout(API_SERVICE.resource).cells(body, 0)[2] == "Unknown"
    body["status"] = available(body, "2026-01-01T00:00:00Z", local=local)
    (condition,) = body["status"]["conditions"]
    assert (condition["type"], condition["status"], condition["reason"]) == ("Available", *expected)
    assert table_layout(API_SERVICE.resource).cells(body, 0)[1:3] == cells
    assert available(body, "2026-02-02T00:00:00Z", local=local) == body["status"]
    if "service" not in spec:
        changed = available(body, "2026-02-02T00:00:00Z", local=not local)
        assert changed["conditions"][0]["lastTransitionTime"] == "2026-02-02T00:00:00Z"


REVISION: dict[str, Any] = {"metadata": {"name": "a"}, "revision": 0, "data": {"a": 1}}


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"revision": -1}, "revision", "must be greater than or equal to 0"),
        ({"data": None}, "data", "Required value: data is mandatory"),
    ],
)
def test_a_revision_is_refused(change: dict[str, Any], field: str, message: str) -> None:
    (fault,) = CONTROLLER_REVISION.validate({**REVISION, **change})
    assert fault.field == field
    assert message in fault.message


def test_the_data_of_a_revision_stay() -> None:
    assert CONTROLLER_REVISION.validate(REVISION) == []
    new = copy.deepcopy(REVISION)
    assert CONTROLLER_REVISION.validate_update({**new, "revision": 2}, REVISION) == []
    (fault,) = CONTROLLER_REVISION.validate_update({**new, "data": {"a": 2}}, REVISION)
    assert (fault.field, fault.message) == ("data", 'Invalid value: "": field is immutable')


@pytest.mark.parametrize(
    ("owners", "cell"),
    [
        ([], "<none>"),
        ([{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web"}], "<none>"),
        ([{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "controller": True}], "statefulset.apps/web"),
        ([{"apiVersion": "v1", "kind": "Node", "name": "n", "controller": True}], "node/n"),
    ],
)
def test_a_revision_shows_its_controller(owners: list[dict[str, Any]], cell: str) -> None:
    metadata = {"name": "a", "creationTimestamp": "2026-01-01T00:00:00Z", "ownerReferences": owners}
    assert table_layout(CONTROLLER_REVISION.resource).cells({**REVISION, "metadata": metadata}, 0)[1] == cell
