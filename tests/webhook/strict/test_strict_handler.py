"""One review and its answer in the mode ``strict``, without a server."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from podrole.webhook.identity.binding import Identity
from podrole.webhook.metrics import Metrics
from podrole.webhook.settings import InjectionSettings
from podrole.webhook.sources.identity_cache import UNKNOWN, Unknown
from podrole.webhook.sources.service_account_cache import LookupFailed
from podrole.webhook.strict.handler import StrictAdmissionHandler
from support.webhook import ARN, strict_identity_of

PARSE = "couldn't get version/kind; json parse error: "
INTO = "json: cannot unmarshal"
WHERE = "Go struct field AdmissionReview.request of type v1beta1.AdmissionRequest"
MISSING, INJECTED = "pod_identity_webhook_missing_sa_count", "pod_identity_webhook_pod_count"


class Accounts:
    """The service accounts of namespace ``demo``: one that the watch knows, and those that must be asked for."""

    def known(self, namespace: str, name: str) -> Identity | Unknown | None:
        if (namespace, name) == ("demo", "sa"):
            return strict_identity_of({"role-arn": ARN})
        if (namespace, name) == ("demo", "listed"):
            return strict_identity_of({"role-arn": ARN}, pod_identity=True)
        return None if name == "without" else UNKNOWN

    async def find(self, namespace: str, name: str) -> tuple[Identity | None, bool]:
        if name == "failing":
            raise LookupFailed("no answer")
        found = strict_identity_of({"role-arn": ARN}) if name in ("late", "deleted") else None
        return found, name in ("late", "plain")


class Counted(Metrics):
    """Metrics that remember what was counted."""

    def __init__(self) -> None:
        super().__init__()
        self.counted: list[tuple[str, ...]] = []

    def count(self, name: str, *labels: str) -> None:
        self.counted.append((name, *labels))


async def answered(body: bytes, metrics: Metrics | None = None) -> dict[str, Any]:
    handler = StrictAdmissionHandler(Accounts(), InjectionSettings(), metrics or Metrics(), jitter=lambda: 100)
    answer = await handler.review(body)
    assert (answer.status, answer.content_type) == (200, b"text/plain; charset=utf-8")
    return json.loads(answer.body)


def review(account: str = "sa", *, namespace: Any = "demo", **spec: Any) -> bytes:
    pod = {"spec": {"containers": [{"name": "a"}], "serviceAccountName": account, **spec}}
    return json.dumps({"request": {"uid": "u-1", "namespace": namespace, "object": pod}}).encode()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "bad content"),
        (b"  ", "bad content"),
        (b"null", "bad content"),
        (b"{}", "bad content"),
        (b"{", f"{PARSE}unexpected end of JSON input"),
        (b"{]", f"{PARSE}JSON is malformed: object keys must be strings (byte 1)"),
        (b"[]", f"{PARSE}{INTO} array into Go value of type struct"),
        (b'"a"', f"{PARSE}{INTO} string into Go value of type struct"),
        (b"true", f"{PARSE}{INTO} bool into Go value of type struct"),
        (b"5", f"{PARSE}{INTO} number into Go value of type struct"),
        (b'{"request": []}', f"{INTO} array into {WHERE}"),
        (b'{"request": "a"}', f"{INTO} string into {WHERE}"),
        (b'{"request": false}', f"{INTO} bool into {WHERE}"),
        (b'{"request": 1.5}', f"{INTO} number into {WHERE}"),
        (b'{"request": {}}', "unexpected end of JSON input"),
        (b'{"request": {"object": null}}', "unexpected end of JSON input"),
        (b'{"request": {"object": "a"}}', f"{INTO} string into Go value of type v1.Pod"),
    ],
)
async def test_body_that_is_not_a_review_of_a_pod_is_denied(body: bytes, message: str) -> None:
    expected = {"uid": "", "allowed": False, "status": {"metadata": {}, "message": message}}
    assert await answered(body) == {"response": expected}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"kind": "K", "apiVersion": "v1"}', {"kind": "K", "apiVersion": "v1"}),
        (b'{"KIND": "K", "apiversion": 1}', {"kind": "K"}),
        (b'{"kind": "", "apiVersion": "v1"}', {"apiVersion": "v1"}),
        (b'{"kind": "K", "request": 7}', {}),
    ],
)
async def test_kind_and_version_are_copied(body: bytes, expected: dict[str, str]) -> None:
    answer = await answered(body)
    assert {name: answer[name] for name in answer if name != "response"} == expected


async def test_names_of_fields_are_matched_without_regard_to_case() -> None:
    body = review().replace(b'"request"', b'"Request"').replace(b'"uid"', b'"UID"').replace(b'"object"', b'"Object"')
    assert "patch" in (await answered(body))["response"]
    exact = b'{"Request": {"uid": "b", "object": {}}, "request": {"uid": "a", "object": {}}}'
    assert (await answered(exact))["response"]["uid"] == "a"


@pytest.mark.parametrize(
    ("account", "has_patch", "counted"),
    [
        ("sa", True, [(INJECTED, "sts_web_identity")]),
        ("listed", True, [(INJECTED, "container_credentials")]),
        ("without", False, []),
        ("late", True, [(INJECTED, "sts_web_identity")]),
        ("deleted", True, [(INJECTED, "sts_web_identity")]),
        ("plain", False, []),
        ("missing", False, [(MISSING,)]),
        ("failing", False, [(MISSING,)]),
    ],
)
async def test_pod_gets_the_identity_of_its_service_account(
    account: str, has_patch: bool, counted: list[tuple[str, ...]]
) -> None:
    metrics = Counted()
    response = (await answered(review(account), metrics))["response"]
    assert (response["uid"], response["allowed"], "patch" in response) == ("u-1", True, has_patch)
    assert response.get("patchType") == ("JSONPatch" if has_patch else None)
    assert metrics.counted == counted


async def test_patch_is_in_base64_and_the_lifetime_is_spread() -> None:
    patch = json.loads(base64.b64decode((await answered(review("listed")))["response"]["patch"]))
    (source,) = next(one["value"] for one in patch if one["path"] == "/spec/volumes")[0]["projected"]["sources"]
    assert source["serviceAccountToken"]["expirationSeconds"] == 86_300


@pytest.mark.parametrize(
    ("containers", "init", "has_patch"), [(0, 0, True), (1_000, 0, True), (999, 1, True), (1_000, 1, False)]
)
async def test_pod_with_too_many_containers_is_allowed_without_an_identity(
    caplog: pytest.LogCaptureFixture, containers: int, init: int, has_patch: bool
) -> None:
    lists = {"containers": [{}] * containers or None, "initContainers": [{}] * init or None}
    response = (await answered(review(**lists)))["response"]
    assert (response["allowed"], "patch" in response) == (True, has_patch)
    assert ("more than 1000 containers" in caplog.text) is not has_patch


async def test_pod_that_cannot_be_read_is_logged_without_its_content(caplog: pytest.LogCaptureFixture) -> None:
    await answered(b'{"request": {"object": {"spec": "a secret"}}}')
    assert "Could not unmarshal raw object: json: cannot unmarshal string" in caplog.text
    assert "a secret" not in caplog.text


async def test_namespace_that_is_not_a_text_is_empty() -> None:
    assert "patch" not in (await answered(review(namespace=5)))["response"]


async def test_pod_without_a_spec_has_no_service_account() -> None:
    assert (await answered(b'{"request": {"object": {}}}'))["response"] == {"uid": "", "allowed": True}
