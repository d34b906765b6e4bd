"""The checks of a TokenRequest, each in a case in which it alone refuses."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from podrole.base.clock import rfc3339
from podrole.cluster.core.calls import Call
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.store import Create
from podrole.cluster.core.users import ADMINISTRATOR
from podrole.cluster.identity.service_accounts import ServiceAccountTokens
from podrole.cluster.identity.token_requests import TokenRequests
from podrole.cluster.kinds.registry import BY_NAME
from podrole.cluster.store.memory import MemoryStore
from podrole.oidc.keys import SigningKey

ISSUER = "https://oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
KEY = SigningKey.generate("ES256")
NOW = 1_800_000_000
YEAR = 365 * 24 * 3600

OBJECTS: dict[str, list[dict[str, Any]]] = {
    "serviceaccounts": [{"metadata": {"name": "app", "namespace": "demo", "uid": "account-uid"}}],
    "pods": [
        {"metadata": {"name": "web", "namespace": "demo", "uid": "pod-uid"}, "spec": {"serviceAccountName": "app"}},
        {
            "metadata": {"name": "bound", "namespace": "demo", "uid": "u"},
            "spec": {"serviceAccountName": "app", "nodeName": "n1"},
        },
        {
            "metadata": {"name": "lost", "namespace": "demo", "uid": "u"},
            "spec": {"serviceAccountName": "app", "nodeName": "n2"},
        },
        {"metadata": {"name": "others", "namespace": "demo", "uid": "u"}, "spec": {"serviceAccountName": "other"}},
        {"metadata": {"name": "away", "namespace": "elsewhere", "uid": "u"}, "spec": {"serviceAccountName": "app"}},
    ],
    "secrets": [{"metadata": {"name": "key", "namespace": "demo", "uid": "secret-uid"}}],
    "nodes": [{"metadata": {"name": "n1", "uid": "node-uid"}}],
}


def requests(max_seconds: int = 1 << 32) -> TokenRequests:
    store = MemoryStore()
    store.seed(
        Create(BY_NAME[resource], {**obj, "metadata": dict(obj["metadata"])})
        for resource, objects in OBJECTS.items()
        for obj in objects
    )
    tokens = ServiceAccountTokens(store, [ISSUER], [KEY], lambda: NOW)
    return TokenRequests(store, tokens, audiences=["api", "other"], max_seconds=max_seconds, clock=lambda: NOW)


def call(name: str = "app") -> Call:
    return Call(BY_NAME["serviceaccounts"], "demo", ADMINISTRATOR, "test", name, "token")


async def answered(spec: dict[str, Any], max_seconds: int = 1 << 32, **metadata: str) -> dict[str, Any]:
    return await requests(max_seconds).create(call(), {"metadata": metadata, "spec": spec})


async def claims_of(spec: dict[str, Any], max_seconds: int = 1 << 32) -> dict[str, Any]:
    text = (await answered(spec, max_seconds))["status"]["token"].split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return claims


def bound(kind: str, name: str, **more: str) -> dict[str, Any]:
    return {"boundObjectRef": {"kind": kind, "apiVersion": "v1", "name": name, **more}}


REFERENCES = [("Pod", "web"), ("Secret", "key"), ("Node", "n1")]


@pytest.mark.parametrize(
    ("spec", "extended"),
    [
        ({"expirationSeconds": 3607, **bound("Pod", "web")}, True),
        ({"expirationSeconds": 3607, "audiences": ["api"], **bound("Pod", "web")}, True),
        ({"expirationSeconds": 3607, **bound("Secret", "key")}, False),
        ({"expirationSeconds": 3607, **bound("Node", "n1")}, False),
        ({"expirationSeconds": 3607}, False),
        ({"expirationSeconds": 3606, **bound("Pod", "web")}, False),
        ({"expirationSeconds": 3608, **bound("Pod", "web")}, False),
        ({"expirationSeconds": 3607, "audiences": ["sts.amazonaws.com"], **bound("Pod", "web")}, False),
        ({"expirationSeconds": 3607, "audiences": ["api", "sts.amazonaws.com"], **bound("Pod", "web")}, False),
    ],
)
async def test_only_the_token_of_the_service_account_plugin_lives_a_year(spec: dict[str, Any], extended: bool) -> None:
    claims = await claims_of(spec)
    seconds = spec["expirationSeconds"]
    assert claims["exp"] - claims["iat"] == (YEAR if extended else seconds)
    assert claims["kubernetes.io"].get("warnafter") == (NOW + seconds if extended else None)


async def test_a_shortened_token_is_not_extended() -> None:
    spec = {"expirationSeconds": 86400, **bound("Pod", "web")}
    assert (await claims_of(spec, 3600))["exp"] == NOW + 3600


@pytest.mark.parametrize(("spec", "seconds"), [({}, 3600), ({"expirationSeconds": 7200}, 7200)])
async def test_a_token_lives_an_hour_unless_the_request_says_otherwise(spec: dict[str, Any], seconds: int) -> None:
    answer = await answered(spec)
    assert answer["spec"]["expirationSeconds"] == seconds
    assert answer["status"]["expirationTimestamp"] == rfc3339(NOW + seconds)
    assert (await claims_of(spec))["exp"] == NOW + seconds


@pytest.mark.parametrize(("seconds", "granted"), [(600, 600), (601, 601), (7200, 7200), (7201, 7200)])
async def test_a_token_lives_at_most_as_long_as_the_cluster_allows(seconds: int, granted: int) -> None:
    assert (await claims_of({"expirationSeconds": seconds}, 7200))["exp"] == NOW + granted


@pytest.mark.parametrize(("seconds", "status"), [(599, 422), (600, None), (1 << 32, None), ((1 << 32) + 1, 422)])
async def test_the_length_of_a_life_has_bounds(seconds: int, status: int | None) -> None:
    if status is None:
        assert await claims_of({"expirationSeconds": seconds})
        return
    with pytest.raises(StatusError) as refused:
        await answered({"expirationSeconds": seconds})
    assert refused.value.http_status == status


@pytest.mark.parametrize(
    ("metadata", "status", "text"),
    [
        ({"name": "other"}, 422, "metadata.name"),
        ({"namespace": "other"}, 422, "metadata.namespace"),
        ({"uid": "other"}, 409, "the UID in the token request (other) does not match the UID of the service account"),
    ],
)
async def test_metadata_that_means_another_account_is_refused(metadata: Any, status: int, text: str) -> None:
    with pytest.raises(StatusError) as refused:
        await answered({}, **metadata)
    assert refused.value.http_status == status
    assert text in refused.value.message


async def test_metadata_that_means_the_account_is_accepted() -> None:
    assert await answered({}, name="app", namespace="demo", uid="account-uid")


async def test_an_account_that_is_not_there_gets_no_token() -> None:
    with pytest.raises(StatusError, match='serviceaccounts "missing" not found'):
        await requests().create(call("missing"), {"metadata": {}, "spec": {}})


@pytest.mark.parametrize(("kind", "name"), REFERENCES)
async def test_a_token_can_be_bound(kind: str, name: str) -> None:
    claims = await claims_of(bound(kind, name, uid=f"{kind.lower()}-uid"))
    assert claims["kubernetes.io"][kind.lower()] == {"name": name, "uid": f"{kind.lower()}-uid"}


@pytest.mark.parametrize(("kind", "name"), REFERENCES)
async def test_a_uid_of_another_object_is_refused(kind: str, name: str) -> None:
    with pytest.raises(StatusError) as refused:
        await answered(bound(kind, name, uid="other"))
    assert refused.value.http_status == 409
    assert "(other) does not match the UID in record" in refused.value.message


@pytest.mark.parametrize("kind", ["Pod", "Secret", "Node"])
async def test_an_object_that_is_not_there_is_refused(kind: str) -> None:
    with pytest.raises(StatusError, match='"missing" not found'):
        await answered(bound(kind, "missing"))


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        ({"kind": "ConfigMap", "apiVersion": "v1"}, "cannot bind token to object of type /v1, Kind=ConfigMap"),
        ({"kind": "Pod", "apiVersion": "v2"}, "cannot bind token to object of type /v2, Kind=Pod"),
        ({"kind": "Pod", "apiVersion": "apps/v1"}, "cannot bind token to object of type apps/v1, Kind=Pod"),
        ({"kind": "Pod"}, "cannot bind token to object of type /, Kind=Pod"),
        ({"kind": "Pod", "apiVersion": "v1", "name": "others"}, "pod running with different serviceaccount name"),
    ],
)
async def test_a_token_cannot_be_bound_to_anything_else(reference: dict[str, str], text: str) -> None:
    with pytest.raises(StatusError) as refused:
        await answered({"boundObjectRef": {"name": "web", **reference}})
    assert refused.value.http_status == 400
    assert text in refused.value.message


async def test_a_pod_of_another_namespace_is_not_found() -> None:
    with pytest.raises(StatusError, match='pods "away" not found'):
        await answered(bound("Pod", "away"))


@pytest.mark.parametrize(
    ("pod", "node"),
    [("web", None), ("bound", {"name": "n1", "uid": "node-uid"}), ("lost", {"name": "n2"})],
)
async def test_a_token_bound_to_a_pod_names_the_node_of_the_pod(pod: str, node: dict[str, str] | None) -> None:
    assert (await claims_of(bound("Pod", pod)))["kubernetes.io"].get("node") == node


@pytest.mark.parametrize(("seconds", "warned"), [(7200, False), (7201, True)])
async def test_a_shortened_token_is_reported_as_a_warning(seconds: int, warned: bool) -> None:
    asked = call()
    await requests(7200).create(asked, {"metadata": {}, "spec": {"expirationSeconds": seconds}})
    assert bool(asked.warnings) is warned
