"""What the server takes over real TLS, what it refuses, and in which words."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from support.api_server import APIServer
from support.webhook import ARN, VECTORS, patched
from support.webhook_client import JSON, Client, operations, pod_of, review_of, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")
REVIEWS = [json.loads(line) for line in (VECTORS / "admission-reviews.jsonl").read_text().splitlines()]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api() -> AsyncIterator[APIServer]:
    async with APIServer() as server:
        server.service_account("demo", "sa", role_arn=ARN)
        server.service_account("demo", "plain")
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(api: APIServer) -> AsyncIterator[Client]:
    async with serving(api) as client:
        yield client


async def test_a_bound_pod_gets_its_identity(client: Client) -> None:
    answer = await client.post(json.dumps(review_of(pod_of())))
    assert answer.headers["content-type"] == "application/json"
    document = answer.json()
    assert (document["kind"], document["apiVersion"]) == ("AdmissionReview", "admission.k8s.io/v1")
    response = document["response"]
    assert (response["uid"], response["allowed"], response["patchType"]) == ("u-1", True, "JSONPatch")
    assert response["auditAnnotations"] == {
        "identity": f"{ARN} (the annotations of service account demo/sa); app: injected"
    }
    assert "warnings" not in response
    env = patched(pod_of(), operations(response))["spec"]["containers"][0]["env"]
    assert {"name": "AWS_ROLE_ARN", "value": ARN} in env


async def test_an_unbound_pod_is_let_in_as_it_is(client: Client) -> None:
    assert await client.review(pod_of("plain")) == {"uid": "u-1", "allowed": True}


async def test_a_complete_pod_gets_no_patch(client: Client) -> None:
    once = patched(pod_of(), operations(await client.review(pod_of())))
    response = await client.review(once)
    assert "patch" not in response
    assert "patchType" not in response
    assert response["auditAnnotations"]["identity"].endswith("app: complete")


async def test_recorded_reviews_of_a_real_api_server(api: APIServer, client: Client) -> None:
    api.service_account("irsa3", "aws-cli", role_arn="arn:aws:iam::111122223333:role/ec2-reader")
    for recorded in REVIEWS:
        asked = recorded["request"]["request"]
        api.service_account(asked["namespace"], "default")
        path = recorded["path"]
        answer = await client.http.post(path, json=recorded["request"], headers=recorded["request_headers"])
        response = answer.json()["response"]
        assert response["uid"] == asked["uid"]
        assert response["allowed"] is True
        name = asked["object"]["spec"]["serviceAccountName"]
        assert ("patch" in response) == (name == "aws-cli")
        if "patch" in response:
            patched(asked["object"], operations(response))


@pytest.mark.parametrize("version", ["admission.k8s.io/v1", "admission.k8s.io/v1beta1"])
async def test_the_answer_is_of_the_version_that_asked(client: Client, version: str) -> None:
    answer = await client.post(json.dumps({**review_of(pod_of()), "apiVersion": version}))
    assert answer.json()["apiVersion"] == version


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON", "application/json ;a=b"]
)
async def test_content_types_that_are_json(client: Client, content_type: str) -> None:
    answer = await client.http.post(
        "/mutate", content=json.dumps(review_of(pod_of())), headers={"Content-Type": content_type}
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/mutate", {"Content-Type": "text/plain"}, 415),
        ("POST", "/mutate", {"Content-Type": "application/jsonp"}, 415),
        ("POST", "/mutate", {}, 415),
        ("GET", "/mutate", JSON, 405),
        ("PUT", "/mutate", JSON, 405),
        ("POST", "/mutate/", JSON, 404),
        ("POST", "/", JSON, 404),
        ("GET", "/metrics", {}, 404),
        ("POST", "/debug/alpha/deny", JSON, 404),
    ],
)
async def test_requests_that_are_refused(
    client: Client, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    answer = await client.http.request(method, path, content=json.dumps(review_of(pod_of())), headers=headers)
    assert answer.status_code == status
    if status == 404:
        assert answer.text == "404 page not found\n"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("", "is not an AdmissionReview"),
        (" \n", "is not an AdmissionReview"),
        ("null", "is not an AdmissionReview"),
        ("{}", "expected an AdmissionReview"),
        ("[]", "is not an AdmissionReview"),
        ('"x"', "is not an AdmissionReview"),
        ("{", "is not an AdmissionReview"),
        ('{"a":1} x', "is not an AdmissionReview"),
        ("not json", "is not an AdmissionReview"),
        (json.dumps({"apiVersion": "v1", "kind": "Pod"}), "expected an AdmissionReview"),
        (json.dumps({**review_of({}), "apiVersion": "admission.k8s.io/v2"}), "expected an AdmissionReview"),
        (json.dumps({**review_of({}), "request": None}), "has no request with a uid"),
        (json.dumps({**review_of({}), "request": 7}), "is not an AdmissionReview"),
        (json.dumps(review_of(pod_of(), uid="")), "has no request with a uid"),
        (json.dumps(review_of(None)), "is not a Pod"),
        (json.dumps(review_of("x")), "is not a Pod"),
        (json.dumps(review_of({"spec": {"containers": {}}})), "is not a Pod"),
    ],
)
async def test_a_malformed_review_is_400(client: Client, body: str, says: str) -> None:
    answer = await client.post(body)
    assert answer.status_code == 400
    assert says in answer.text
    assert "\n" not in answer.text.rstrip("\n")


@pytest.mark.parametrize(
    "request_",
    [
        {"operation": "UPDATE"},
        {"operation": "DELETE", "object": None},
        {"operation": "CONNECT", "subResource": "exec"},
        {"subResource": "status", "operation": "UPDATE"},
        {"kind": {"group": "apps", "version": "v1", "kind": "Deployment"}, "object": {"spec": {"containers": "x"}}},
    ],
)
async def test_what_cannot_be_given_anything_is_let_through(client: Client, request_: dict[str, Any]) -> None:
    assert await client.review(pod_of(), **request_) == {"uid": "u-1", "allowed": True}


async def test_a_new_ephemeral_container_gets_the_identity_too(client: Client) -> None:
    pod = patched(pod_of(), operations(await client.review(pod_of())))
    changed = {**pod, "spec": {**pod["spec"], "ephemeralContainers": [{"name": "old"}, {"name": "debugger"}]}}
    old = {**pod, "spec": {**pod["spec"], "ephemeralContainers": [{"name": "old"}]}}
    response = await client.review(changed, operation="UPDATE", subResource="ephemeralcontainers", oldObject=old)
    assert [operation["path"] for operation in operations(response)] == [
        "/spec/ephemeralContainers/1/env",
        "/spec/ephemeralContainers/1/volumeMounts",
    ]


async def test_a_pod_without_a_service_account_is_the_default_ones(api: APIServer, client: Client) -> None:
    api.service_account("demo", "default", role_arn=ARN)
    assert "patch" in await client.review({"metadata": {}, "spec": {"containers": [{"name": "app"}]}})


async def test_the_requests_namespace_counts_before_the_objects(client: Client) -> None:
    pod = {**pod_of(), "metadata": {"namespace": "other"}}
    assert "patch" in await client.review(pod)
    assert "patch" in await client.review({**pod_of(), "metadata": {"namespace": "demo"}}, namespace=None)


async def test_warnings_reach_the_person(api: APIServer, client: Client) -> None:
    api.service_account("demo", "typo", role_arn="reader", token_expiration="soon")
    response = await client.review(pod_of("typo"))
    assert "patch" in response
    assert response["warnings"] == [
        "annotation eks.amazonaws.com/token-expiration is ignored: it must be a whole number of seconds",
        "the role 'reader' is not an ARN (expected arn:aws:iam::<account>:role/<name>)",
    ]


async def test_a_warning_is_one_line_of_256_characters(api: APIServer, client: Client) -> None:
    api.service_account("demo", "long", role_arn="a\nb" + "x" * 500)
    (warning,) = (await client.review(pod_of("long")))["warnings"]
    assert len(warning) == 256
    assert "\n" not in warning


async def test_a_service_account_that_does_not_exist_is_said(client: Client) -> None:
    response = await client.review(pod_of("nobody"))
    assert response == {
        "uid": "u-1",
        "allowed": True,
        "warnings": ["service account demo/nobody does not exist"],
    }
    assert "pod_identity_webhook_missing_sa_count 1.0" in await client.metrics()


async def test_a_pod_that_must_have_an_identity_is_denied_without(client: Client) -> None:
    response = await client.review(pod_of("plain"), "/require")
    assert response["allowed"] is False
    assert response["status"] == {
        "code": 403,
        "reason": "Forbidden",
        "message": (
            "this pod must have an AWS identity, but service account demo/plain has none: "
            "annotate it with eks.amazonaws.com/role-arn"
        ),
    }
    skipped = pod_of()
    skipped["metadata"]["annotations"] = {"eks.amazonaws.com/skip-containers": "app"}
    response = await client.review(skipped, "/require")
    assert response["allowed"] is False
    assert response["status"]["message"].endswith("app: skipped")
    assert "patch" in await client.review(pod_of(), "/require")
