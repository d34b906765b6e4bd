"""Discovery: what the server has, in the aggregated form and in the one before it."""

from __future__ import annotations

import httpx2
import pytest

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


@pytest.mark.parametrize("path", ["/api", "/apis"])
def test_a_client_that_prefers_the_aggregated_form_gets_it(http: httpx2.Client, path: str) -> None:
    answer = http.get(path, headers={"Accept": f"{AGGREGATED},application/json"})
    assert answer.headers["content-type"] == AGGREGATED
    assert answer.json()["kind"] == "APIGroupDiscoveryList"
    again = http.get(
        path, headers={"Accept": f"{AGGREGATED},application/json", "If-None-Match": answer.headers["etag"]}
    )
    assert again.status_code == 304


def test_other_clients_get_the_unaggregated_form(http: httpx2.Client) -> None:
    assert http.get("/api").json()["versions"] == ["v1"]
    assert http.get("/api/").json()["versions"] == ["v1"]
    groups = {one["name"] for one in http.get("/apis").json()["groups"]}
    assert groups == {
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "apps",
        "authentication.k8s.io",
        "authorization.k8s.io",
        "autoscaling",
        "batch",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "networking.k8s.io",
        "node.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
    }
    assert http.get("/apis/apps").json()["preferredVersion"]["groupVersion"] == "apps/v1"


def test_discovery_names_the_kind_of_a_subresource(http: httpx2.Client) -> None:
    resources = {one["name"]: one for one in http.get("/api/v1").json()["resources"]}
    token = resources["serviceaccounts/token"]
    assert (token["group"], token["version"], token["kind"]) == ("authentication.k8s.io", "v1", "TokenRequest")
    assert resources["pods"]["shortNames"] == ["po"]
    assert resources["pods"]["categories"] == ["all"]
    assert "deletecollection" not in resources["namespaces"]["verbs"]


def test_both_forms_have_the_same_resources(http: httpx2.Client) -> None:
    for item in http.get("/apis", headers={"Accept": AGGREGATED}).json()["items"]:
        group = item["metadata"]["name"]
        new = {one["resource"] for one in item["versions"][0]["resources"]}
        old = {
            one["name"]
            for one in http.get(f"/apis/{group}/{item['versions'][0]['version']}").json()["resources"]
            if "/" not in one["name"]
        }
        assert new == old


@pytest.mark.parametrize("path", ["/apis/nothing", "/apis/nothing/v1", "/api/v2", "/apis/apps/v2", "/nothing"])
def test_an_unknown_group_or_version_is_not_found(http: httpx2.Client, path: str) -> None:
    answer = http.get(path)
    assert answer.status_code == 404
    assert answer.json()["message"] == "the server could not find the requested resource"


def test_a_client_that_accepts_neither_form_gets_406(http: httpx2.Client) -> None:
    answer = http.get("/api", headers={"Accept": "application/cbor"})
    assert (answer.status_code, answer.json()["reason"]) == (406, "NotAcceptable")


def test_the_version_names_kubernetes_and_podrole(http: httpx2.Client) -> None:
    for path in ("/version", "/version/"):
        version = http.get(path).json()
        assert (version["major"], version["minor"]) == ("1", "36")
        assert version["gitVersion"].endswith("+podrole")


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz", "/livez/ping"])
def test_health_is_a_plain_ok(http: httpx2.Client, path: str) -> None:
    answer = http.get(path)
    assert (answer.status_code, answer.text) == (200, "ok")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_health_in_full_names_each_check(http: httpx2.Client) -> None:
    assert http.get("/readyz?verbose").text.splitlines() == ["[+]ping ok", "[+]shutdown ok", "readyz check passed"]
