"""The answer of a webhook: each member alone makes it an answer that is refused."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from podrole.cluster.admission.review import (
    MAX_WARNINGS_BYTES,
    ReviewError,
    read_response,
    request_body,
)
from podrole.cluster.admission.review import (
    admission_request as described_request,
)
from support.admission import admission_request

PATCH = base64.b64encode(json.dumps([{"op": "remove", "path": "/x"}]).encode()).decode()


def review(changes: dict[str, Any] | None = None, **response: Any) -> bytes:
    body = {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {"uid": "u", "allowed": True, **response},
    }
    return json.dumps({**body, **(changes or {})}).encode()


def test_a_well_formed_answer_is_read() -> None:
    answer = read_response(
        review(
            patch=PATCH,
            patchType="JSONPatch",
            status={"code": 418, "reason": "Teapot", "message": "short and stout"},
            warnings=["w"],
            auditAnnotations={"k": "v"},
        ),
        "u",
        mutating=True,
    )
    assert answer.allowed
    assert answer.patch == [{"op": "remove", "path": "/x"}]
    assert (answer.code, answer.reason, answer.message) == (418, "Teapot", "short and stout")
    assert (answer.warnings, answer.audit) == (("w",), {"k": "v"})


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"{", "could not decode the answer"),
        (b"\xff", "could not decode the answer"),
        (b"[]", "expected an AdmissionReview, got a value that is not an object"),
        (review({"kind": "Status"}), "got admission.k8s.io/v1, Kind=Status"),
        (review({"apiVersion": "admission.k8s.io/v1beta1"}), "got admission.k8s.io/v1beta1, Kind=AdmissionReview"),
        (review({"response": None}), "webhook response was absent"),
        (review({"response": []}), "webhook response was absent"),
        (review(uid="other"), 'expected response.uid="u", got "other"'),
        (review(uid=""), 'expected response.uid="u", got ""'),
        (review(allowed="true"), "response.allowed is not a bool"),
        (review(allowed=1), "response.allowed is not a bool"),
        (review(patchType="JSONPatch"), "webhook returned response.patchType but not response.patch"),
        (review(patch=PATCH), "webhook returned response.patch but not response.patchType"),
        (review(patch=PATCH, patchType="MergePatch"), 'webhook returned invalid response.patchType of "MergePatch"'),
        (review(patch="!", patchType="JSONPatch"), "response.patch is not JSON in base64"),
        (review(patch=f"{PATCH[:4]}!{PATCH[4:]}", patchType="JSONPatch"), "response.patch is not JSON in base64"),
        (review(patch=PATCH[:-4], patchType="JSONPatch"), "response.patch is not JSON in base64"),
        (review(patch=5, patchType="JSONPatch"), "response.patch is not JSON in base64"),
        (review(patch=base64.b64encode(b"{}").decode(), patchType="JSONPatch"), "response.patch is not a JSON Patch"),
    ],
)
def test_an_answer_that_is_not_well_formed_is_refused(data: bytes, text: str) -> None:
    with pytest.raises(ReviewError) as refused:
        read_response(data, "u", mutating=True)
    assert text in str(refused.value)


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_patch_may_be_wrapped_like_the_output_of_base64(end: str) -> None:
    wrapped = f"{PATCH[:4]}{end}{PATCH[4:]}{end}"
    answer = read_response(review(patch=wrapped, patchType="JSONPatch"), "u", mutating=True)
    assert answer.patch == [{"op": "remove", "path": "/x"}]


@pytest.mark.parametrize("members", [{}, {"patch": "", "patchType": ""}, {"patch": None, "patchType": None}])
@pytest.mark.parametrize("mutating", [False, True])
def test_a_webhook_may_answer_without_a_patch(members: dict[str, str | None], mutating: bool) -> None:
    if mutating:
        members = {"patch": members.get("patch")}
    answer = read_response(review(**members), "u", mutating=mutating)
    assert (answer.allowed, answer.patch) == (True, [])


@pytest.mark.parametrize("member", [{"patch": PATCH}, {"patchType": "JSONPatch"}])
def test_a_validating_webhook_may_not_patch(member: dict[str, str]) -> None:
    with pytest.raises(ReviewError, match="validating webhook may not return response"):
        read_response(review(**member), "u", mutating=False)


def test_an_answer_that_does_not_say_so_does_not_allow() -> None:
    answer = json.loads(review())
    del answer["response"]["allowed"]
    assert not read_response(json.dumps(answer).encode(), "u", mutating=True).allowed


@pytest.mark.parametrize("status", [None, "x", {"code": "403"}, {"code": None}])
def test_a_status_that_is_not_well_formed_says_nothing(status: Any) -> None:
    answer = read_response(review(status=status), "u", mutating=True)
    assert (answer.code, answer.message) == (0, "")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (["w" * 300] * 100, ["w" * 256] * 16),
        (["w" * 256] * 16 + ["x"], ["w" * 256] * 16),
        (["w" * 256] * 15 + ["x" * 255, "y", "z"], ["w" * 256] * 15 + ["x" * 255, "y"]),
        (["w" * 256] * 15 + ["x" * 255, "yy", "z"], ["w" * 256] * 15 + ["x" * 255]),
        ([5, None], ["5", "None"]),
        ("w", []),
        (None, []),
    ],
)
def test_warnings_are_cut_to_what_fits_headers(given: Any, shown: list[str]) -> None:
    answer = read_response(review(warnings=given), "u", mutating=True)
    assert list(answer.warnings) == shown
    assert sum(map(len, answer.warnings)) <= MAX_WARNINGS_BYTES


@pytest.mark.parametrize(("given", "kept"), [({"k": 1}, {"k": "1"}), ([], {}), ("k", {}), (None, {})])
def test_audit_annotations_are_texts(given: Any, kept: dict[str, str]) -> None:
    assert read_response(review(auditAnnotations=given), "u", mutating=True).audit == kept


def test_the_kind_of_a_subresource_is_its_own() -> None:
    described = described_request(admission_request(subresource="eviction"))
    assert described["kind"] == described["requestKind"] == {"group": "policy", "version": "v1", "kind": "Eviction"}
    assert described["resource"] == {"group": "", "version": "v1", "resource": "pods"}
    assert described["subResource"] == described["requestSubResource"] == "eviction"
    status = described_request(admission_request(subresource="status"))
    assert status["kind"] == {"group": "", "version": "v1", "kind": "Pod"}
    status = described_request(admission_request("deployments.apps", subresource="status"))
    assert status["kind"] == {"group": "apps", "version": "v1", "kind": "Deployment"}


@pytest.mark.parametrize(
    ("request_", "names"),
    [
        (admission_request(), {"name": "p", "namespace": "demo"}),
        (admission_request(name=""), {"namespace": "demo"}),
        (admission_request("nodes", name="n"), {"name": "n"}),
    ],
)
def test_a_review_says_what_the_request_is_about(request_: Any, names: dict[str, str]) -> None:
    described = described_request(request_)
    of = request_.resource
    kind = {"group": "", "version": "v1", "kind": of.kind}
    resource = {"group": "", "version": "v1", "resource": of.plural}
    assert described == {
        "kind": kind,
        "resource": resource,
        "requestKind": kind,
        "requestResource": resource,
        **names,
        "operation": "CREATE",
        "userInfo": {"username": "jane"},
        "dryRun": False,
        "options": None,
    }
    sent = json.loads(request_body(request_, "u"))
    assert (sent["kind"], sent["apiVersion"]) == ("AdmissionReview", "admission.k8s.io/v1")
    assert sent["request"] == {"uid": "u", **described, "object": request_.object, "oldObject": None}


def test_a_review_carries_both_objects() -> None:
    request = admission_request(operation="UPDATE", object={"a": 1}, old={"a": 0}, dry_run=True)
    sent = json.loads(request_body(request, "u"))["request"]
    assert (sent["uid"], sent["object"], sent["oldObject"], sent["dryRun"]) == ("u", {"a": 1}, {"a": 0}, True)
