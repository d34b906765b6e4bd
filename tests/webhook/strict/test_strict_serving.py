"""Requests and answers as the EKS webhook has them, over real TLS."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from podrole.webhook.settings import SourceSettings, WebhookSettings
from support.api_server import APIServer, until
from support.webhook import ARN, VECTORS
from support.webhook_client import JSON, Client, pod_of, review_of, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")
REVIEWS = [json.loads(line) for line in (VECTORS / "admission-reviews.jsonl").read_text().splitlines()]
STRICT = WebhookSettings(compat="strict", sources=SourceSettings(lookup_limit=0))
BAD_CONTENT = {"response": {"uid": "", "allowed": False, "status": {"metadata": {}, "message": "bad content"}}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api() -> AsyncIterator[APIServer]:
    async with APIServer() as server:
        server.service_account("demo", "sa", role_arn=ARN)
        server.service_account("irsa3", "aws-cli", role_arn="arn:aws:iam::111122223333:role/ec2-reader")
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(api: APIServer) -> AsyncIterator[Client]:
    async with serving(api, STRICT) as client:
        yield client


# The service account of this one was annotated only after the pod was made.
PATCHED_LATER = "web-549f648667-"


@pytest.mark.parametrize(
    "recorded",
    [r for r in REVIEWS if r["request"]["request"]["object"]["metadata"].get("generateName") != PATCHED_LATER],
)
async def test_recorded_answers_byte_for_byte(client: Client, recorded: dict[str, Any]) -> None:
    answer = await client.http.post(
        recorded["path"], content=json.dumps(recorded["request"]), headers=recorded["request_headers"]
    )
    assert answer.text == json.dumps(recorded["upstream_response"], separators=(",", ":"))
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("body", ["", " \n", "null", "{}", '{"request": null}'])
async def test_no_request_is_bad_content(client: Client, body: str) -> None:
    answer = await client.post(body)
    assert answer.status_code == 200
    assert answer.json() == BAD_CONTENT


async def test_kind_and_version_are_echoed_whatever_they_are(client: Client) -> None:
    answer = await client.post('{"kind": "Pod", "apiVersion": "v1"}')
    assert answer.text.startswith('{"kind":"Pod","apiVersion":"v1","response":{"uid":"","allowed":false')


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"request": ', "couldn't get version/kind; json parse error: unexpected end of JSON input"),
        ("{} x", "couldn't get version/kind; json parse error: "),
        ("not json", "couldn't get version/kind; json parse error: "),
        ("[]", "couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value"),
        ('"x"', "couldn't get version/kind; json parse error: json: cannot unmarshal string into Go value"),
        ('{"request": 7}', "json: cannot unmarshal number into Go struct field AdmissionReview.request"),
    ],
)
async def test_garbage_is_a_denial(client: Client, body: str, message: str) -> None:
    answer = await client.post(body)
    assert answer.status_code == 200
    document = answer.json()
    assert "kind" not in document
    assert document["response"]["allowed"] is False
    assert document["response"]["uid"] == ""
    assert document["response"]["status"]["message"].startswith(message)


@pytest.mark.parametrize(
    ("pod", "message"),
    [
        (None, "unexpected end of JSON input"),
        ("x", "json: cannot unmarshal string into Go value of type v1.Pod"),
        (
            {"spec": {"containers": "x"}},
            "json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type []v1.Container",
        ),
    ],
)
async def test_what_is_no_pod_is_a_denial(client: Client, pod: Any, message: str) -> None:
    response = await client.review(pod)
    assert response == {"uid": "u-1", "allowed": False, "status": {"metadata": {}, "message": message}}


@pytest.mark.parametrize("content_type", [None, "application/json; charset=utf-8", "Application/json", "text/plain"])
async def test_any_other_content_type_is_refused(client: Client, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = await client.http.post("/mutate", content=b"{}", headers=headers)
    assert answer.status_code == 415
    assert answer.text == "Invalid Content-Type, expected `application/json`\n"


async def test_a_malformed_query_is_refused(client: Client) -> None:
    answer = await client.post("{}", "/mutate?x=%zz")
    assert (answer.status_code, answer.text) == (400, '{"error": "error parsing form"}\n')


@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
async def test_every_method_is_handled_alike(client: Client, method: str) -> None:
    answer = await client.http.request(method, "/mutate", content=json.dumps(review_of(pod_of())), headers=JSON)
    assert answer.json()["response"]["allowed"] is True


@pytest.mark.parametrize("request_", [{"operation": "UPDATE"}, {"subResource": "status"}, {"dryRun": True}])
async def test_operation_and_subresource_are_not_looked_at(client: Client, request_: dict[str, Any]) -> None:
    assert "patch" in await client.review(pod_of(), **request_)


async def test_a_deletion_is_denied(client: Client) -> None:
    assert (await client.review(None, operation="DELETE"))["allowed"] is False


@pytest.mark.parametrize(
    ("pod", "namespace"),
    [
        ({"spec": {"containers": [{"name": "a"}]}}, "demo"),
        ({"spec": {"serviceAccount": "sa", "containers": [{"name": "a"}]}}, "demo"),
        (pod_of("nobody"), "demo"),
        ({**pod_of(), "metadata": {"namespace": "demo"}}, ""),
    ],
)
async def test_a_miss_lets_the_pod_in(client: Client, pod: Any, namespace: str) -> None:
    assert await client.review(pod, namespace=namespace) == {"uid": "u-1", "allowed": True}


async def test_a_deployment_passes_for_a_pod_without_a_service_account(client: Client) -> None:
    deployment = {"kind": "Deployment", "spec": {"replicas": 1, "template": {"spec": {"serviceAccountName": "sa"}}}}
    assert await client.review(deployment) == {"uid": "u-1", "allowed": True}


async def test_misses_are_counted(client: Client) -> None:
    await client.review(pod_of("nobody"))
    assert "pod_identity_webhook_missing_sa_count" in await client.metrics()


async def test_a_second_pass_is_patched_again(client: Client) -> None:
    pod = pod_of(volumes=[{"name": "aws-iam-token"}])
    patch = json.loads(base64.b64decode((await client.review(pod))["patch"]))
    assert [operation["path"] for operation in patch] == ["/spec/containers"]


async def test_before_the_sources_are_read_pods_pass_through(api: APIServer) -> None:
    async with APIServer() as late:
        await late.stop()
        async with serving(late, STRICT, wait=False) as client:
            assert await client.review(pod_of()) == {"uid": "u-1", "allowed": True}
            assert (await client.http.get("/healthz")).text == "ok"
            await late.start()


async def test_a_grace_period_asks_for_what_is_not_known(api: APIServer) -> None:
    settings = WebhookSettings(compat="strict", sources=SourceSettings(lookup_limit=1.0))
    async with serving(api, settings) as client:
        api.end_watches()
        await until(lambda: not client.webhook.identities.connected)
        api.service_account("demo", "late", role_arn=ARN)
        assert "patch" in await client.review(pod_of("late"))
