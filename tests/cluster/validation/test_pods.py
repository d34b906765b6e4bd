"""What makes a pod's spec invalid: each rule has a case in which it alone refuses."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from podrole.cluster.kinds.pod_defaults import default_pod_spec
from podrole.cluster.validation.pods import validate_pod_spec

Object = dict[str, Any]
Faults = list[tuple[str, str]]
VOLUMES: Any = [{"name": "v", "emptyDir": {}}]


def container(**changed: Any) -> Object:
    given = {"name": "c", "image": "i", "resources": {}, **changed}
    return {key: value for key, value in given.items() if value is not None}


def faults(**spec: Any) -> Faults:
    """Return the fields of a pod's spec that are refused, with its defaults but for a field that is None."""
    found = {"containers": [container()], "volumes": copy.deepcopy(VOLUMES), **copy.deepcopy(spec)}
    default_pod_spec(found)
    found = {key: value for key, value in found.items() if value is not None}
    return [
        (one.field.removeprefix("spec."), one.reason.removeprefix("FieldValue")) for one in validate_pod_spec(found)
    ]


FIRST, INIT, EPHEMERAL = "containers[0]", "initContainers[0]", "ephemeralContainers[0]"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, []),
        ({"containers": []}, [("containers", "Required")]),
        ({"volumes": [{}]}, [("volumes[0].name", "Required"), ("volumes[0]", "Required")]),
        *(({"restartPolicy": one}, []) for one in ("Always", "Never", "OnFailure")),
        ({"restartPolicy": "x"}, [("restartPolicy", "NotSupported")]),
        *(({"dnsPolicy": one}, []) for one in ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")),
        ({"dnsPolicy": "x"}, [("dnsPolicy", "NotSupported")]),
        ({"serviceAccountName": "a"}, []),
        ({"serviceAccountName": "A"}, [("serviceAccountName", "Invalid")]),
        ({"nodeName": "A"}, [("nodeName", "Invalid")]),
        ({"activeDeadlineSeconds": 1}, []),
        ({"activeDeadlineSeconds": 2_147_483_647}, []),
        ({"activeDeadlineSeconds": 0}, [("activeDeadlineSeconds", "Invalid")]),
        ({"activeDeadlineSeconds": 2_147_483_648}, [("activeDeadlineSeconds", "Invalid")]),
        ({"terminationGracePeriodSeconds": 0}, []),
        ({"terminationGracePeriodSeconds": -1}, [("terminationGracePeriodSeconds", "Invalid")]),
        ({"imagePullSecrets": [{"name": "a"}]}, []),
        ({"imagePullSecrets": [{"name": "a"}, {}]}, [("imagePullSecrets[1].name", "Required")]),
        # the names of all containers are different
        ({"containers": [container(), container()]}, [("containers[1].name", "Duplicate")]),
        ({"initContainers": [container()]}, [(f"{INIT}.name", "Duplicate")]),
        ({"ephemeralContainers": [container()]}, [(f"{EPHEMERAL}.name", "Duplicate")]),
        ({"initContainers": [container(name="b")], "ephemeralContainers": [container(name="d")]}, []),
        ({"initContainers": [container(name="b", image="")]}, [(f"{INIT}.image", "Required")]),
        ({"ephemeralContainers": [container(name="b", image="")]}, [(f"{EPHEMERAL}.image", "Required")]),
    ],
)
def test_rules_of_a_spec(spec: Object, expected: Faults) -> None:
    assert faults(**spec) == expected


def test_grace_period_may_be_missing() -> None:
    found = {"containers": [], "restartPolicy": "Always", "dnsPolicy": "Default"}
    assert [one.field for one in validate_pod_spec(found, "s")] == ["s.containers"]


def ports(*given: Object) -> Object:
    return {"ports": [{"containerPort": 80, **one} for one in given]}


def env(**source: Any) -> Object:
    return {"env": [{"name": "A", "valueFrom": source}]}


KEYED, FIELD = {"name": "n", "key": "k"}, {"fieldPath": "metadata.name"}
FROM = "env[0].valueFrom"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"name": None}, [("name", "Required")]),
        ({"name": "C"}, [("name", "Invalid")]),
        ({"image": None}, [("image", "Required")]),
        ({"image": " i"}, [("image", "Invalid")]),
        *(({"imagePullPolicy": one}, []) for one in ("Always", "IfNotPresent", "Never")),
        ({"imagePullPolicy": "x"}, [("imagePullPolicy", "NotSupported")]),
        *(({"terminationMessagePolicy": one}, []) for one in ("File", "FallbackToLogsOnError")),
        ({"terminationMessagePolicy": "x"}, [("terminationMessagePolicy", "NotSupported")]),
        # ports
        (ports({"name": "a"}, {"name": "b"}, {}, {}), []),
        (ports({"name": "a"}, {"name": "a"}), [("ports[1].name", "Duplicate")]),
        (ports({"name": "A"}), [("ports[0].name", "Invalid")]),
        (ports({"containerPort": 1}, {"containerPort": 65_535}), []),
        (ports({"containerPort": 0}), [("ports[0].containerPort", "Required")]),
        ({"ports": [{}]}, [("ports[0].containerPort", "Required")]),
        (ports({"containerPort": -1}), [("ports[0].containerPort", "Invalid")]),
        (ports({"containerPort": 65_536}), [("ports[0].containerPort", "Invalid")]),
        (ports({"hostPort": 1}, {"hostPort": 65_535}), []),
        (ports({"hostPort": 0}), [("ports[0].hostPort", "Invalid")]),
        (ports({"hostPort": 65_536}), [("ports[0].hostPort", "Invalid")]),
        (ports(*({"protocol": one} for one in ("TCP", "UDP", "SCTP"))), []),
        (ports({"protocol": "x"}), [("ports[0].protocol", "NotSupported")]),
        # variables
        ({"env": [{"name": "A"}, {"name": "B", "value": "b"}]}, []),
        ({"env": [{"value": "b"}]}, [("env[0].name", "Required")]),
        ({"env": [{"name": "A=B"}]}, [("env[0].name", "Invalid")]),
        (env(fieldRef=FIELD), []),
        (env(resourceFieldRef={}), []),
        (env(fileKeyRef={}), []),
        (env(configMapKeyRef=KEYED), []),
        (env(secretKeyRef=KEYED), []),
        (env(), [(FROM, "Invalid")]),
        (env(fieldRef=FIELD, secretKeyRef=KEYED), [(FROM, "Invalid")]),
        ({"env": [{"name": "A", "value": "a", "valueFrom": {"fieldRef": FIELD}}]}, [(FROM, "Invalid")]),
        ({"env": [{"name": "A", "value": "", "valueFrom": {"fieldRef": FIELD}}]}, []),
        *(
            case
            for kind in ("configMapKeyRef", "secretKeyRef")
            for case in (
                (env(**{kind: {"key": "k"}}), [(f"{FROM}.{kind}.name", "Required")]),
                (env(**{kind: {"name": "n"}}), [(f"{FROM}.{kind}.key", "Required")]),
                (env(**{kind: {"name": "n", "key": "a/b"}}), [(f"{FROM}.{kind}.key", "Invalid")]),
            )
        ),
        (env(fieldRef={}), [(f"{FROM}.fieldRef.fieldPath", "Required")]),
        (env(fieldRef={"fieldPath": "metadata.labels['a']"}), []),
        (env(fieldRef={"fieldPath": "metadata.annotations['a']"}), []),
        (env(fieldRef={"fieldPath": "metadata.labels['a'"}), [(f"{FROM}.fieldRef.fieldPath", "NotSupported")]),
        (env(fieldRef={"fieldPath": "x['a']"}), [(f"{FROM}.fieldRef.fieldPath", "Invalid")]),
        *(
            (env(fieldRef={"fieldPath": f"{one}.x"}), [(f"{FROM}.fieldRef.fieldPath", "NotSupported")])
            for one in ("metadata", "spec", "status")
        ),
        (env(fieldRef={"fieldPath": "other.x"}), [(f"{FROM}.fieldRef.fieldPath", "Invalid")]),
        # sources of variables
        ({"envFrom": [{"configMapRef": {"name": "n"}}, {"secretRef": {"name": "n"}, "prefix": "A_"}]}, []),
        ({"envFrom": [{}]}, [("envFrom[0]", "Invalid")]),
        ({"envFrom": [{"configMapRef": {"name": "n"}, "secretRef": {"name": "n"}}]}, [("envFrom[0]", "Invalid")]),
        ({"envFrom": [{"configMapRef": {}}]}, [("envFrom[0].configMapRef.name", "Required")]),
        ({"envFrom": [{"secretRef": {}}]}, [("envFrom[0].secretRef.name", "Required")]),
        ({"envFrom": [{"secretRef": {"name": "n"}, "prefix": "a="}]}, [("envFrom[0].prefix", "Invalid")]),
        # mounts
        ({"volumeMounts": [{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/b"}]}, []),
        ({"volumeMounts": [{"mountPath": "/a"}]}, [("volumeMounts[0].name", "Required")]),
        ({"volumeMounts": [{"name": "w", "mountPath": "/a"}]}, [("volumeMounts[0].name", "NotFound")]),
        (
            {"volumeMounts": [{"name": "v"}, {"name": "v"}]},
            [(f"volumeMounts[{one}].mountPath", "Required") for one in (0, 1)],
        ),
        (
            {"volumeMounts": [{"name": "v", "mountPath": "/a"}] * 2},
            [("volumeMounts[1].mountPath", "Invalid")],
        ),
        *(
            case
            for key in ("subPath", "subPathExpr")
            for case in (
                ({"volumeMounts": [{"name": "v", "mountPath": "/a", key: "a/..b"}]}, []),
                (
                    {"volumeMounts": [{"name": "v", "mountPath": "/a", key: "/a"}]},
                    [(f"volumeMounts[0].{key}", "Invalid")],
                ),
                (
                    {"volumeMounts": [{"name": "v", "mountPath": "/a", key: "a/../b"}]},
                    [(f"volumeMounts[0].{key}", "Invalid")],
                ),
            )
        ),
        # resources
        ({"resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}}, []),
        ({"resources": {"limits": {"cpu": "-1"}}}, [("resources.limits[cpu]", "Invalid")]),
        ({"resources": {"requests": {"memory": "-1"}}}, [("resources.requests[memory]", "Invalid")]),
    ],
)
def test_rules_of_a_container(changed: Object, expected: Faults) -> None:
    assert faults(containers=[container(**changed)]) == [(f"{FIRST}.{field}", reason) for field, reason in expected]


@pytest.mark.parametrize(
    "path",
    [
        "metadata.name",
        "metadata.namespace",
        "metadata.uid",
        "spec.nodeName",
        "spec.serviceAccountName",
        "status.hostIP",
        "status.hostIPs",
        "status.podIP",
        "status.podIPs",
    ],
)
def test_field_of_a_pod_may_be_a_variable(path: str) -> None:
    assert faults(containers=[container(**env(fieldRef={"fieldPath": path}))]) == []
