"""What makes objects of the core group invalid: each rule has a case in which it alone refuses."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from podrole.cluster.kinds.service import default_service
from podrole.cluster.validation import core

Object = dict[str, Any]
Faults = list[tuple[str, str]]


def told(errors: Any) -> Faults:
    return [(one.field, one.reason.removeprefix("FieldValue")) for one in errors]


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


MOST = 1024 * 1024


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, []),
        ({"data": {"a": "x"}, "binaryData": {"b": encoded("x")}}, []),
        ({"data": {"a/b": "x"}}, [("data[a/b]", "Invalid")]),
        ({"binaryData": {"a/b": ""}}, [("binaryData[a/b]", "Invalid")]),
        ({"data": {"a": "x", "b": "x"}, "binaryData": {"b": ""}}, [("data[b]", "Invalid")]),
        ({"data": {"a": "é" * (MOST // 4), "b": "x" * (MOST // 2)}}, []),
        ({"data": {"a": "é" * (MOST // 4), "b": "x" * (MOST // 2 + 1)}}, [("", "TooLong")]),
        ({"data": {"a": "x" * MOST}, "binaryData": {"b": encoded("x")}}, [("", "TooLong")]),
    ],
)
def test_rules_of_a_config_map(given: Object, expected: Faults) -> None:
    assert told(core.validate_config_map(given)) == expected


DATA, FROZEN = {"data": {"a": "x"}}, {"data": {"a": "x"}, "immutable": True}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (DATA, {"data": {"a": "y"}}, []),
        (DATA, FROZEN, []),
        (FROZEN, FROZEN, []),
        (FROZEN, {**FROZEN, "data": {}}, ["data"]),
        (FROZEN, {**FROZEN, "binaryData": {"b": ""}}, ["binaryData"]),
        (FROZEN, DATA, ["immutable"]),
        (FROZEN, {"data": {}, "immutable": False}, ["immutable", "data"]),
    ],
)
def test_immutable_config_map_stays(old: Object, new: Object, expected: list[str]) -> None:
    assert told(core.validate_config_map_update(new, old)) == [(field, "Forbidden") for field in expected]


def secret(kind: str = "Opaque", *keys: str, **metadata: Any) -> Object:
    return {"type": kind, "metadata": metadata, "data": dict.fromkeys(keys, "")}


TOKEN = "kubernetes.io/service-account-token"
ACCOUNT = "metadata.annotations[kubernetes.io/service-account.name]"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"type": "Opaque"}, []),
        (secret("Opaque", "a/b"), [("data[a/b]", "Invalid")]),
        ({"type": "Opaque", "data": {"a": encoded("x" * MOST)}}, []),
        ({"type": "Opaque", "data": {"a": encoded("x" * (MOST + 1))}}, [("data", "TooLong")]),
        (secret("kubernetes.io/dockercfg"), [("data[.dockercfg]", "Required")]),
        (secret("kubernetes.io/dockerconfigjson"), [("data[.dockerconfigjson]", "Required")]),
        (secret("kubernetes.io/dockerconfigjson", ".dockerconfigjson"), []),
        (secret("kubernetes.io/ssh-auth"), [("data[ssh-privatekey]", "Required")]),
        (secret("kubernetes.io/tls", "tls.crt"), [("data[tls.key]", "Required")]),
        (secret("kubernetes.io/tls", "tls.key"), [("data[tls.crt]", "Required")]),
        (secret(TOKEN), [(ACCOUNT, "Required")]),
        (secret(TOKEN, annotations={"kubernetes.io/service-account.name": ""}), [(ACCOUNT, "Required")]),
        (secret(TOKEN, annotations={"kubernetes.io/service-account.name": "a"}), []),
        (secret("kubernetes.io/basic-auth"), [("data[username]", "Required"), ("data[password]", "Required")]),
        (secret("kubernetes.io/basic-auth", "username"), []),
        (secret("kubernetes.io/basic-auth", "password"), []),
    ],
)
def test_rules_of_a_secret(given: Object, expected: Faults) -> None:
    assert told(core.validate_secret(given)) == expected


def test_type_of_a_secret_stays() -> None:
    assert told(core.validate_secret_update(secret(), secret())) == []
    assert told(core.validate_secret_update(secret("a"), secret("b"))) == [("type", "Invalid")]
    old = {**secret("Opaque", "a"), "immutable": True}
    assert told(core.validate_secret_update({**secret(), "immutable": True}, old)) == [("data", "Forbidden")]


def service(*ports: Object, **spec: Any) -> Object:
    found = {"spec": {"ports": [{"port": 80, **one} for one in ports], **spec}}
    default_service(found)
    return found


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (service({}), []),
        *((service({}, type=kind), []) for kind in ("ClusterIP", "LoadBalancer", "NodePort")),
        (service({}, type="x"), [("spec.type", "NotSupported")]),
        (service(), [("spec.ports", "Required")]),
        (service(clusterIP="None"), []),
        (service(type="ExternalName", externalName="a"), []),
        (service(type="ExternalName"), [("spec.externalName", "Required")]),
        (service({"name": "a"}, {"name": "b"}), []),
        (service({"name": "a"}, {}), [("spec.ports[1].name", "Required")]),
        (service({"name": "A"}), [("spec.ports[0].name", "Invalid")]),
        (service({"port": 1}), []),
        (service({"port": 65_535}), []),
        (service({"port": 0, "targetPort": 1}), [("spec.ports[0].port", "Invalid")]),
        (service({"port": 65_536, "targetPort": 1}), [("spec.ports[0].port", "Invalid")]),
        (service({"targetPort": 65_535}), []),
        (service({"targetPort": 65_536}), [("spec.ports[0].targetPort", "Invalid")]),
        (service({"targetPort": -1}), [("spec.ports[0].targetPort", "Invalid")]),
        (service({"targetPort": "web"}), []),
        (service({"targetPort": "WEB"}), [("spec.ports[0].targetPort", "Invalid")]),
    ],
)
def test_rules_of_a_service(given: Object, expected: Faults) -> None:
    assert told(core.validate_service(given)) == expected


def test_port_without_a_number_is_refused() -> None:
    (fault,) = core.validate_service({"spec": {"type": "ClusterIP", "ports": [{"targetPort": 1}]}})
    assert (fault.field, fault.message[:17]) == ("spec.ports[0].port", "Invalid value: 0:")
    found = core.validate_service({"spec": {"type": "ClusterIP", "ports": [{"port": 1, "targetPort": 0}]}})
    assert told(found) == [("spec.ports[0].targetPort", "Invalid")]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({}, {"clusterIP": "10.0.0.1"}, []),
        ({"clusterIP": "10.0.0.1"}, {"clusterIP": "10.0.0.1"}, []),
        ({"clusterIP": "10.0.0.1"}, {"clusterIP": "10.0.0.2"}, [("spec.clusterIP", "Invalid")]),
        ({"clusterIP": "10.0.0.1"}, {}, [("spec.clusterIP", "Invalid")]),
        ({"clusterIP": "10.0.0.1"}, {"type": "ExternalName"}, []),
    ],
)
def test_address_of_a_service_stays(old: Object, new: Object, expected: Faults) -> None:
    found = core.validate_service_update({"spec": {"type": "ClusterIP", **new}}, {"spec": old})
    assert told(found) == expected


@pytest.mark.parametrize(("new", "shown"), [({}, ""), ({"clusterIP": "10.0.0.2"}, "10.0.0.2")])
def test_address_that_is_refused_is_told(new: Object, shown: str) -> None:
    old = {"spec": {"clusterIP": "10.0.0.1"}}
    (found,) = core.validate_service_update({"spec": {"type": "ClusterIP", **new}}, old)
    assert found.message == f'Invalid value: "{shown}": field is immutable'


@pytest.mark.parametrize(
    ("namespace", "involved", "is_valid"),
    [("a", "a", True), ("a", "b", False), ("default", "", True), ("a", "", False), ("", "a", False)],
)
def test_event_is_in_the_namespace_of_its_object(namespace: str, involved: str, is_valid: bool) -> None:
    event = {"metadata": {"namespace": namespace}, "involvedObject": {"namespace": involved} if involved else {}}
    assert told(core.validate_event(event)) == ([] if is_valid else [("involvedObject.namespace", "Invalid")])


def test_event_without_a_namespace_is_in_none() -> None:
    assert told(core.validate_event({"metadata": {}, "involvedObject": {}})) == [
        ("involvedObject.namespace", "Invalid")
    ]
