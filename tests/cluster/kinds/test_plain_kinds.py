"""Kinds that are kept and shown, without a server: what each fills in, refuses and shows in its table."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from podrole.cluster.core.field_selectors import SelectableFields
from podrole.cluster.core.resources import SCALE
from podrole.cluster.kinds.kind import do_nothing, no_errors, no_update_errors
from podrole.cluster.kinds.plain import plain_kind, text_at, value_at
from podrole.cluster.kinds.registry import KINDS as ALL_KINDS
from podrole.cluster.tables.layout import Column

Object = dict[str, Any]
KINDS = {kind.resource.kind: kind for kind in ALL_KINDS}


def made(kind: str, **members: Any) -> Object:
    """Return an object of a kind that is called ``a``, as a client sends it."""
    return {"metadata": {"name": "a", **members.pop("metadata", {})}, **copy.deepcopy(members)}


def defaulted(kind: str, **members: Any) -> Object:
    found = made(kind, **members)
    KINDS[kind].default(found)
    return found


def faults(kind: str, **members: Any) -> list[tuple[str, str]]:
    """Return the fields of an object that are refused, each with the kind of fault."""
    found = KINDS[kind].validate(defaulted(kind, **members))
    return [(one.field, one.reason.removeprefix("FieldValue")) for one in found]


def changed(kind: str, old: Object, new: Object) -> list[tuple[str, str]]:
    found = KINDS[kind].validate_update(defaulted(kind, **new), defaulted(kind, **old))
    return [(one.field, one.reason.removeprefix("FieldValue")) for one in found]


def row(kind: str, **members: Any) -> list[Any]:
    """Return the cells of an object without its name and its age, the wide ones last."""
    table = KINDS[kind].table
    assert table is not None
    cells = table.cells(made(kind, **members), 0.0)
    assert len(cells) == len(table.columns)
    number = [column.name for column in table.columns].index("Age")
    assert cells[number] == "<unknown>"
    assert [column.name for column in table.columns[number + 1 :] if not column.wide] == []
    return [*cells[1:number], *cells[number + 1 :]]


# Defaults

TCP = {"protocol": "TCP"}
RETAIN = {"whenDeleted": "Retain", "whenScaled": "Retain"}
DRIVER = {
    "attachRequired": True,
    "podInfoOnMount": False,
    "fsGroupPolicy": "ReadWriteOnceWithFSType",
    "storageCapacity": False,
    "volumeLifecycleModes": ["Persistent"],
    "requiresRepublish": False,
    "seLinuxMount": False,
}
CPU = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}
METRICS = [{"type": "Resource", "resource": CPU}]


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("NetworkPolicy", {"spec": {}}, {"spec": {"policyTypes": ["Ingress"]}}),
        ("NetworkPolicy", {"spec": {"egress": []}}, {"spec": {"egress": [], "policyTypes": ["Ingress"]}}),
        (
            "NetworkPolicy",
            {"spec": {"egress": [{}]}},
            {"spec": {"egress": [{}], "policyTypes": ["Ingress", "Egress"]}},
        ),
        ("NetworkPolicy", {"spec": {"policyTypes": ["Egress"]}}, {"spec": {"policyTypes": ["Egress"]}}),
        (
            "NetworkPolicy",
            {"spec": {"ingress": [{"ports": [{"port": 1}]}], "egress": [{"ports": [{"protocol": "UDP"}]}]}},
            {
                "spec": {
                    "ingress": [{"ports": [{"port": 1, **TCP}]}],
                    "egress": [{"ports": [{"protocol": "UDP"}]}],
                    "policyTypes": ["Ingress", "Egress"],
                }
            },
        ),
        ("EndpointSlice", {}, {}),
        ("EndpointSlice", {"ports": [{"port": 1}]}, {"ports": [{"port": 1, "name": "", **TCP}]}),
        ("Endpoints", {"subsets": None}, {"subsets": None}),
        ("Endpoints", {"subsets": [{"ports": [{"port": 1}]}, {}]}, {"subsets": [{"ports": [{"port": 1, **TCP}]}, {}]}),
        ("IngressClass", {"spec": {}}, {"spec": {}}),
        ("IngressClass", {"spec": {"parameters": {}}}, {"spec": {"parameters": {"scope": "Cluster"}}}),
        (
            "IngressClass",
            {"spec": {"parameters": {"scope": "Namespace"}}},
            {"spec": {"parameters": {"scope": "Namespace"}}},
        ),
        ("PriorityClass", {}, {"preemptionPolicy": "PreemptLowerPriority"}),
        ("PriorityClass", {"preemptionPolicy": "Never"}, {"preemptionPolicy": "Never"}),
        ("HorizontalPodAutoscaler", {"spec": {}}, {"spec": {"minReplicas": 1, "metrics": METRICS}}),
        (
            "HorizontalPodAutoscaler",
            {"spec": {"minReplicas": 2, "metrics": [{}]}},
            {"spec": {"minReplicas": 2, "metrics": [{}]}},
        ),
        ("PersistentVolumeClaim", {"spec": {}}, {"spec": {"volumeMode": "Filesystem"}}),
        ("PersistentVolumeClaim", {"spec": {"volumeMode": "Block"}}, {"spec": {"volumeMode": "Block"}}),
        (
            "PersistentVolume",
            {"spec": {}},
            {"spec": {"volumeMode": "Filesystem", "persistentVolumeReclaimPolicy": "Retain"}},
        ),
        ("StorageClass", {}, {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"}),
        ("CSIDriver", {"spec": {}}, {"spec": DRIVER}),
        (
            "CSIDriver",
            {"spec": {"attachRequired": False, "seLinuxMount": True}},
            {"spec": {**DRIVER, "attachRequired": False, "seLinuxMount": True}},
        ),
    ],
)
def test_what_a_client_left_out_is_filled_in(kind: str, given: Object, expected: Object) -> None:
    found = defaulted(kind, **given)
    assert {name: value for name, value in found.items() if name != "metadata"} == expected


TEMPLATE: Object = {"template": {"spec": {"containers": [{"name": "c", "image": "i", "resources": {}}]}}}


@pytest.mark.parametrize(
    ("kind", "strategy", "expected"),
    [
        ("DaemonSet", {}, {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}),
        (
            "DaemonSet",
            {"rollingUpdate": {"maxSurge": 2}},
            {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 2}},
        ),
        ("DaemonSet", {"type": "OnDelete"}, {"type": "OnDelete"}),
        ("StatefulSet", {}, {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}),
        (
            "StatefulSet",
            {"rollingUpdate": {"partition": 3}},
            {"type": "RollingUpdate", "rollingUpdate": {"partition": 3}},
        ),
        ("StatefulSet", {"type": "OnDelete"}, {"type": "OnDelete"}),
    ],
)
def test_set_of_pods_has_a_strategy(kind: str, strategy: Object, expected: Object) -> None:
    spec = defaulted(kind, spec={"updateStrategy": strategy, **TEMPLATE})["spec"]
    assert (spec["updateStrategy"], spec["revisionHistoryLimit"]) == (expected, 10)
    assert spec["template"]["spec"]["restartPolicy"] == "Always"


def test_stateful_set_has_replicas_policies_and_claims() -> None:
    spec = defaulted("StatefulSet", spec={"updateStrategy": {}, **TEMPLATE})["spec"]
    assert (spec["replicas"], spec["podManagementPolicy"]) == (1, "OrderedReady")
    assert spec["persistentVolumeClaimRetentionPolicy"] == RETAIN
    claims = [{"spec": {}}, {"spec": {"volumeMode": "Block"}}]
    spec = defaulted("StatefulSet", spec={"updateStrategy": {}, **TEMPLATE, "volumeClaimTemplates": claims})["spec"]
    kept = {"kind": "PersistentVolumeClaim", "apiVersion": "v1", "status": {"phase": "Pending"}}
    modes = [{"volumeMode": mode} for mode in ("Filesystem", "Block")]
    assert spec["volumeClaimTemplates"] == [{"spec": mode, **kept} for mode in modes]


# Rules


def rule(*paths: Object) -> Object:
    return {"http": {"paths": list(paths)}}


PATHS = "spec.rules[1].http.paths[1].pathType"
CLAIM: Object = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}


@pytest.mark.parametrize(
    ("kind", "members", "expected"),
    [
        ("Ingress", {"spec": {}}, [("spec", "Required")]),
        ("Ingress", {"spec": {"rules": []}}, [("spec", "Required")]),
        ("Ingress", {"spec": {"defaultBackend": {"a": "b"}}}, []),
        ("Ingress", {"spec": {"rules": [{}, {"http": None}]}}, []),
        *(
            ("Ingress", {"spec": {"rules": [rule({"pathType": one})]}}, [])
            for one in ("Exact", "ImplementationSpecific", "Prefix")
        ),
        (
            "Ingress",
            {"spec": {"rules": [{}, rule({"pathType": "Exact"}, {"pathType": "x"})]}},
            [(PATHS, "Required")],
        ),
        ("Ingress", {"spec": {"rules": [{}, rule({"pathType": "Exact"}, {})]}}, [(PATHS, "Required")]),
        ("IngressClass", {"spec": {}}, [("spec.controller", "Required")]),
        ("IngressClass", {"spec": {"controller": "c"}}, []),
        ("Lease", {"spec": {}}, []),
        ("Lease", {"spec": {"leaseDurationSeconds": 1, "leaseTransitions": 0}}, []),
        ("Lease", {"spec": {"leaseDurationSeconds": 0}}, [("spec.leaseDurationSeconds", "Invalid")]),
        ("Lease", {"spec": {"leaseTransitions": -1}}, [("spec.leaseTransitions", "Invalid")]),
        ("PriorityClass", {"value": 1_000_000_000}, []),
        ("PriorityClass", {}, []),
        ("PriorityClass", {"value": 1_000_000_001}, [("value", "Forbidden")]),
        ("PriorityClass", {"metadata": {"name": "system-a"}}, [("metadata.name", "Forbidden")]),
        ("HorizontalPodAutoscaler", {"spec": {"maxReplicas": 1}}, []),
        ("HorizontalPodAutoscaler", {"spec": {"maxReplicas": 0, "minReplicas": 0}}, [("spec.maxReplicas", "Invalid")]),
        ("HorizontalPodAutoscaler", {"spec": {"maxReplicas": 2, "minReplicas": 2}}, []),
        ("HorizontalPodAutoscaler", {"spec": {"maxReplicas": 2, "minReplicas": 3}}, [("spec.maxReplicas", "Invalid")]),
        ("PersistentVolumeClaim", {"spec": CLAIM}, []),
        ("PersistentVolumeClaim", {"spec": {**CLAIM, "accessModes": []}}, [("spec.accessModes", "Required")]),
        (
            "PersistentVolumeClaim",
            {"spec": {**CLAIM, "resources": {"requests": None}}},
            [("spec.resources[storage]", "Required")],
        ),
        (
            "PersistentVolumeClaim",
            {"spec": {}},
            [("spec.accessModes", "Required"), ("spec.resources[storage]", "Required")],
        ),
        ("StorageClass", {"provisioner": "p"}, []),
        ("StorageClass", {"provisioner": ""}, [("provisioner", "Required")]),
    ],
)
def test_rules_of_a_kind(kind: str, members: Object, expected: list[tuple[str, str]]) -> None:
    assert faults(kind, **members) == expected


IMMUTABLE = [("spec", "Forbidden")]
BOUND = {**CLAIM, "volumeName": "v"}


@pytest.mark.parametrize(
    ("kind", "old", "new", "expected"),
    [
        ("PriorityClass", {"value": 1}, {"value": 1, "description": "d"}, []),
        ("PriorityClass", {"value": 1}, {"value": 2}, [("value", "Invalid")]),
        ("PriorityClass", {}, {"preemptionPolicy": "Never"}, [("preemptionPolicy", "Invalid")]),
        ("PersistentVolumeClaim", {"spec": CLAIM}, {"spec": BOUND}, []),
        ("PersistentVolumeClaim", {"spec": CLAIM}, {"spec": {**CLAIM, "resources": {}}}, []),
        ("PersistentVolumeClaim", {"spec": CLAIM}, {"spec": {**CLAIM, "accessModes": []}}, IMMUTABLE),
        ("PersistentVolumeClaim", {"spec": CLAIM}, {"spec": {**CLAIM, "storageClassName": "c"}}, IMMUTABLE),
        ("PersistentVolumeClaim", {"spec": BOUND}, {"spec": BOUND}, []),
        ("PersistentVolumeClaim", {"spec": BOUND}, {"spec": {**BOUND, "volumeName": "w"}}, IMMUTABLE),
        ("PersistentVolumeClaim", {"spec": BOUND}, {"spec": CLAIM}, IMMUTABLE),
    ],
)
def test_what_may_change(kind: str, old: Object, new: Object, expected: list[tuple[str, str]]) -> None:
    assert changed(kind, old, new) == expected


# Tables


def hosts(*names: str) -> Object:
    return {"spec": {"rules": [{"host": name} for name in names]}}


ADDRESSES = [{"ip": f"10.0.0.{number}"} for number in range(1, 5)]
REFERENCE = {"scaleTargetRef": {"kind": "Deployment", "name": "web"}}


def metric(kind: str, **target: Any) -> Object:
    return {kind: {"name": "cpu", "target": target}}


@pytest.mark.parametrize(
    ("kind", "members", "expected"),
    [
        ("Ingress", {"spec": {}}, ["<none>", "*", "", "80"]),
        ("Ingress", {"spec": {"ingressClassName": "alb", "tls": [{}]}}, ["alb", "*", "", "80, 443"]),
        ("Ingress", hosts("a", "", "b", "c"), ["<none>", "a,b,c", "", "80"]),
        ("Ingress", hosts("a", "b", "c", "d", "e"), ["<none>", "a,b,c + 2 more...", "", "80"]),
        (
            "Ingress",
            {"spec": {}, "status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}, {"hostname": "h"}, {}]}}},
            ["<none>", "*", "1.2.3.4,h,", "80"],
        ),
        ("Ingress", {"spec": {}, "status": {"loadBalancer": {"ingress": None}}}, ["<none>", "*", "", "80"]),
        ("IngressClass", {"spec": {"controller": "c"}}, ["c", "<none>"]),
        ("IngressClass", {"spec": {"controller": "c", "parameters": {"kind": "K", "name": "n"}}}, ["c", "K/n"]),
        (
            "IngressClass",
            {"spec": {"parameters": {"apiGroup": "g", "kind": "K", "name": "n"}}},
            ["", "K.g/n"],
        ),
        ("NetworkPolicy", {"spec": {"podSelector": {"matchLabels": {"a": "b"}}}}, ["a=b"]),
        ("Endpoints", {}, ["<none>"]),
        ("Endpoints", {"subsets": [{"addresses": None, "ports": [{"port": 1}]}]}, ["<none>"]),
        ("Endpoints", {"subsets": [{"addresses": ADDRESSES[:1]}]}, ["10.0.0.1"]),
        (
            "Endpoints",
            {"subsets": [{"addresses": ADDRESSES, "ports": [{"port": 1}]}]},
            ["10.0.0.1:1,10.0.0.2:1,10.0.0.3:1 + 1 more..."],
        ),
        ("EndpointSlice", {"addressType": "IPv4"}, ["IPv4", "<unset>", "<unset>"]),
        (
            "EndpointSlice",
            {"ports": [{"port": 1}, {}], "endpoints": [{"addresses": ["a", "b"]}, {"addresses": None}]},
            ["", "1,*", "a,b"],
        ),
        ("Lease", {"spec": {"holderIdentity": "me"}}, ["me"]),
        ("PriorityClass", {}, [0, False, ""]),
        ("PriorityClass", {"value": 5, "globalDefault": True, "preemptionPolicy": "Never"}, [5, True, "Never"]),
        ("ResourceQuota", {"spec": {}}, ["", ""]),
        (
            "ResourceQuota",
            {"spec": {"hard": {"pods": "2", "limits.cpu": "1", "cpu": "3"}}},
            ["cpu: ?/3, pods: ?/2", "limits.cpu: ?/1"],
        ),
        (
            "ResourceQuota",
            {"spec": {"hard": {"pods": "2"}}, "status": {"hard": {"pods": "1"}, "used": {"pods": "0"}}},
            ["pods: 0/1", ""],
        ),
        ("LimitRange", {"spec": {}}, []),
        ("RuntimeClass", {"handler": "h"}, ["h"]),
        (
            "HorizontalPodAutoscaler",
            {"spec": {**REFERENCE, "maxReplicas": 3}},
            ["Deployment/web", "<none>", "<unset>", 3, 0],
        ),
        (
            "HorizontalPodAutoscaler",
            {
                "spec": {
                    **REFERENCE,
                    "minReplicas": 2,
                    "maxReplicas": 3,
                    "metrics": [
                        metric("resource", averageUtilization=70),
                        metric("containerResource", averageValue="1", value="2"),
                        metric("resource", value="2"),
                        {"resource": {"name": "cpu", "target": None}},
                        {"pods": {}},
                    ],
                },
                "status": {"currentReplicas": 4},
            },
            [
                "Deployment/web",
                "cpu: <unknown>/70%, <unknown>/1, <unknown>/2, <unknown>/<auto>, <unknown>/<auto>",
                "2",
                3,
                4,
            ],
        ),
        ("PersistentVolumeClaim", {"spec": {}}, ["", "", "", "", "", "<unset>", "<unset>"]),
        (
            "PersistentVolumeClaim",
            {
                "spec": {
                    "volumeName": "v",
                    "storageClassName": "c",
                    "volumeMode": "Block",
                    "volumeAttributesClassName": "k",
                },
                "status": {
                    "phase": "Bound",
                    "capacity": {"storage": "1Gi"},
                    "accessModes": ["ReadWriteOnce", "ReadWriteOncePod", "x"],
                },
            },
            ["Bound", "v", "1Gi", "RWO,RWOP,x", "c", "k", "Block"],
        ),
        (
            "PersistentVolumeClaim",
            {"metadata": {"deletionTimestamp": "t"}, "spec": {}, "status": {"phase": "Bound"}},
            ["Terminating", "", "", "", "", "<unset>", "<unset>"],
        ),
        ("StorageClass", {"provisioner": "p"}, ["p", "", "", "false"]),
        (
            "StorageClass",
            {
                "provisioner": "p",
                "reclaimPolicy": "Delete",
                "volumeBindingMode": "Immediate",
                "allowVolumeExpansion": True,
            },
            ["p", "Delete", "Immediate", "true"],
        ),
        ("CSIDriver", {"spec": DRIVER}, [True, False, False, "<unset>", False, "Persistent"]),
        (
            "CSIDriver",
            {"spec": {"tokenRequests": [{"audience": "a"}, {}]}},
            ["", "", "", "a,", "", "<none>"],
        ),
        ("CSINode", {"spec": {}}, [0]),
        ("CSINode", {"spec": {"drivers": [{}, {}]}}, [2]),
        (
            "VolumeAttachment",
            {
                "spec": {"attacher": "a", "nodeName": "n", "source": {"persistentVolumeName": "v"}},
                "status": {"attached": True},
            },
            ["a", "v", "n", True],
        ),
        (
            "DaemonSet",
            {
                "spec": {**TEMPLATE, "selector": {"matchLabels": {"a": "b"}}},
                "status": {"desiredNumberScheduled": 2, "numberReady": 1},
            },
            [2, 0, 1, 0, 0, "<none>", "c", "i", "a=b"],
        ),
        (
            "DaemonSet",
            {"spec": {"template": {"spec": {"nodeSelector": {"k": "v"}}}}, "status": {}},
            [0, 0, 0, 0, 0, "k=v", "", "", "<none>"],
        ),
        ("StatefulSet", {"spec": {**TEMPLATE, "replicas": 2}, "status": {"readyReplicas": 1}}, ["1/2", "c", "i"]),
        ("StatefulSet", {"spec": {"template": {"spec": {}}}, "status": {}}, ["0/0", "", ""]),
    ],
)
def test_row_of_a_table(kind: str, members: Object, expected: list[Any]) -> None:
    assert row(kind, **members) == expected


def volume(**members: Any) -> list[Any]:
    return row("PersistentVolume", spec={"capacity": {"storage": "1Gi"}, **members}, status={"phase": "Pending"})


def test_row_of_a_volume_names_its_claim() -> None:
    assert "ns/c" in volume(claimRef={"namespace": "ns", "name": "c"})
    assert "/c" in volume(claimRef={"name": "c"})
    assert "ns/" in volume(claimRef={"namespace": "ns"})
    assert [cell for cell in volume() if "/" in str(cell)] == []
    assert "RWX" in volume(accessModes=["ReadWriteMany"])


def test_default_class_is_marked() -> None:
    table = KINDS["StorageClass"].table
    assert table is not None
    for value, shown in (("true", "a (default)"), ("false", "a")):
        annotations = {"storageclass.kubernetes.io/is-default-class": value}
        assert table.cells(made("StorageClass", metadata={"annotations": annotations}), 0.0)[0] == shown
    assert table.cells(made("StorageClass"), 0.0)[0] == "a"


# What a kind is


def test_kinds_of_the_cluster_and_of_namespaces() -> None:
    alone = {
        "CSIDriver",
        "CSINode",
        "IngressClass",
        "PersistentVolume",
        "PriorityClass",
        "RuntimeClass",
        "StorageClass",
    }
    plain = alone | {"VolumeAttachment"}
    kept = {"DaemonSet", "Endpoints", "EndpointSlice", "HorizontalPodAutoscaler", "Ingress", "Lease", "LimitRange"}
    kept |= {"NetworkPolicy", "PersistentVolumeClaim", "ResourceQuota", "StatefulSet"}
    assert {kind for kind in plain | kept if not KINDS[kind].resource.namespaced} == plain
    counting = {kind for kind in plain | kept if KINDS[kind].resource.counts_generations}
    assert counting == {
        "DaemonSet",
        "EndpointSlice",
        "Ingress",
        "IngressClass",
        "NetworkPolicy",
        "PriorityClass",
        "StatefulSet",
    }


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("Ingress", {"loadBalancer": {}}),
        ("ResourceQuota", {}),
        ("HorizontalPodAutoscaler", {"desiredReplicas": 0, "currentMetrics": None}),
        ("PersistentVolumeClaim", {"phase": "Pending"}),
        ("PersistentVolume", {"phase": "Pending"}),
        ("VolumeAttachment", {"attached": False}),
        ("StatefulSet", {"replicas": 0, "availableReplicas": 0}),
        (
            "DaemonSet",
            dict.fromkeys(("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady"), 0),
        ),
        ("Lease", None),
        ("StorageClass", None),
    ],
)
def test_new_object_has_the_status_of_its_kind(kind: str, status: Object | None) -> None:
    found = made(kind, spec={}, status={"of": "the client"})
    KINDS[kind].prepare(found)
    assert found["status"] == ({"of": "the client"} if status is None else status)
    names = [one.name for one in KINDS[kind].resource.subresources]
    assert ("status" in names) == (status is not None)


FIELDS: SelectableFields = (("spec.a", lambda _: "a"),)


def test_kind_has_the_parts_that_it_is_given() -> None:
    columns = ((Column("A"), value_at("a")),)
    kind = plain_kind("io.example.v1.Thing", "example.io", "things", columns)
    resource = kind.resource
    assert (resource.kind, resource.group, resource.plural, resource.version) == ("Thing", "example.io", "things", "v1")
    assert (resource.namespaced, resource.counts_generations, resource.subresources) == (True, False, ())
    assert set(kind.without) == {"default", "prepare", "selectable_fields", "validate", "validate_update"}
    assert (kind.prepare, kind.default, kind.validate) == (do_nothing, do_nothing, no_errors)
    assert kind.validate_update is no_update_errors
    given: Any = {
        "default": lambda _: None,
        "validate": lambda _: [],
        "validate_update": lambda _, __: [],
        "selectable_fields": FIELDS,
        "status": {"a": 1},
        "subresources": (SCALE,),
        "name": lambda _: "shown",
        "not_enforced": "nothing acts on it",
    }
    own = plain_kind("io.example.v1.Thing", "example.io", "things", columns, **given)
    assert own.without == {}
    assert [one.name for one in own.resource.subresources] == ["scale", "status"]
    assert (own.selectable_fields, own.not_enforced) == (FIELDS, "nothing acts on it")
    assert own.table is not None
    assert own.table.cells({"metadata": {"name": "a"}, "a": 1}, 0.0) == ["shown", 1, "<unknown>"]
    assert kind.table is not None
    assert kind.table.cells({"metadata": {"name": "a"}, "a": 1}, 0.0) == ["a", 1, "<unknown>"]


@pytest.mark.parametrize(
    ("obj", "value", "text"),
    [
        ({"a": {"b": 1}}, 1, "1"),
        ({"a": {"b": 0}}, 0, "0"),
        ({"a": {"b": True}}, True, "true"),
        ({"a": {"b": None}}, "none", "none"),
        ({"a": 1}, "none", "none"),
        ({}, "none", "none"),
        ({"a": {"b": ""}}, "", "none"),
    ],
)
def test_cell_shows_the_value_at_a_path(obj: Object, value: Any, text: str) -> None:
    assert value_at("a", "b", default="none")(obj) == value
    assert text_at("a", "b", default="none")(obj) == text
