"""A hostile pod costs the webhook no more than any other pod, and does not flood logs, metrics or Events."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from podrole.base.user_agents import WEBHOOK
from podrole.kube.client import KubernetesClient
from podrole.webhook.metrics import Metrics
from podrole.webhook.patch.mutation import mutate, mutate_ephemeral
from podrole.webhook.patch.pod import read_pod
from podrole.webhook.serving.owner_events import MAX_REFERENCE, OwnerEvents
from podrole.webhook.settings import MAX_CONTAINERS
from podrole.webhook.strict.handler import StrictAdmissionHandler
from support.api_server import APIServer, running, until
from support.webhook import ARN, DEFAULTS, identity_of, mutation_of, pod_of, reasons, strict_identity_of
from support.webhook_client import JSON, operations, review_of, serving
from support.webhook_client import pod_of as pod_for

CONTAINER = {"name": "app"}
ODD = "arn:\r\nSet-Cookie: a=b\x1b[31m\x00\u2028"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api() -> AsyncIterator[APIServer]:
    async with APIServer() as api_server:
        api_server.service_account("demo", "sa", role_arn=ARN)
        api_server.service_account("demo", "plain")
        api_server.service_account("demo", "odd", role_arn=ODD)
        yield api_server


@pytest.mark.asyncio(loop_scope="module")
async def test_control_characters_reach_neither_warnings_nor_audit_log(api: APIServer) -> None:
    async with serving(api) as client:
        response = await client.review(pod_for("odd"))
    for text in (*response["warnings"], *response["auditAnnotations"].values()):
        assert text.isprintable()
    given_role = operations(response)[1]["value"][0]
    assert given_role == {"name": "AWS_ROLE_ARN", "value": ODD}


@pytest.mark.asyncio(loop_scope="module")
async def test_mirror_pods_are_let_through_and_never_count_as_having_an_identity(api: APIServer) -> None:
    pod = {**pod_for(), "metadata": {"name": "etcd-node-1", "annotations": {"kubernetes.io/config.mirror": "8e1f"}}}
    async with serving(api) as client:
        assert await client.review(pod) == {"uid": "u-1", "allowed": True}
        refused = await client.review(pod, "/require")
        assert refused["status"]["message"].endswith("Kubernetes refuses a mirror pod that has a token")


def test_a_pod_of_more_containers_than_any_kubelet_runs_is_given_nothing_and_told_so() -> None:
    at_most = mutation_of(pod_of(*[CONTAINER] * MAX_CONTAINERS))
    assert len(reasons(at_most)) == MAX_CONTAINERS
    for pod in (
        pod_of(*[CONTAINER] * (MAX_CONTAINERS + 1)),
        pod_of(CONTAINER, initContainers=[CONTAINER] * MAX_CONTAINERS),
    ):
        mutation = mutation_of(pod)
        assert (mutation.patch, mutation.containers, mutation.injected) == (b"", [], False)
        assert "1001 containers" in mutation.warnings[0]


@pytest.mark.asyncio(loop_scope="module")
async def test_strict_gives_such_a_pod_nothing_either() -> None:
    identity = strict_identity_of({"role-arn": ARN})

    class Known:
        def known(self, *_: str) -> Any:
            return identity

        async def find(self, *_: str) -> Any:
            raise AssertionError("it is known")

    strict = StrictAdmissionHandler(Known(), DEFAULTS, Metrics())
    for number, patched in ((MAX_CONTAINERS, True), (MAX_CONTAINERS + 1, False)):
        answer = await strict.review(json.dumps(review_of(pod_of(*[CONTAINER] * number))).encode())
        response = json.loads(answer.body)["response"]
        assert (response["allowed"], "patch" in response) == (True, patched)


def test_too_many_ephemeral_containers_get_nothing() -> None:
    identity = identity_of({"role-arn": ARN})
    assert identity is not None
    spec = {"containers": [CONTAINER], "ephemeralContainers": [CONTAINER] * (MAX_CONTAINERS + 1)}
    mutation = mutate_ephemeral(read_pod({"spec": spec}), identity, DEFAULTS)
    assert mutation.patch == b""
    assert mutation.warnings == ["the pod gets no AWS identity: at most 1000 ephemeral containers are supported"]


@pytest.mark.parametrize(
    ("text", "warns"), [("x" * 70_000, True), (",".join(["app"] * 10_000), False), ('"' * 70_000, True)]
)
def test_containers_to_skip_without_an_end_skip_nothing(text: str, warns: bool) -> None:
    mutation = mutation_of(pod_of(annotations={"eks.amazonaws.com/skip-containers": text}))
    assert reasons(mutation) == [("app", "injected" if warns else "skipped")]
    assert len(mutation.warnings) == warns


def test_a_container_that_mounts_many_volumes_over_one_another() -> None:
    """Whether a volume holds a token is asked once, not for each of the mounts."""
    token = {"projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}
    volumes = [{"name": f"v{number}"} for number in range(3_000)]
    mounts = [
        {"name": f"v{number}", "mountPath": "/var/run/secrets/eks.amazonaws.com/serviceaccount"}
        for number in range(3_000)
    ]
    pod = pod_of({"name": "app", "volumeMounts": mounts}, volumes=volumes)
    assert reasons(mutation_of(pod)) == [("app", "mount-path-taken")]
    volumes[-1] |= token
    assert reasons(mutation_of(pod)) == [("app", "injected")]


@pytest.mark.asyncio(loop_scope="module")
async def test_long_names_are_not_repeated_in_full(api: APIServer) -> None:
    api.service_account("demo", "plain")
    container = {"name": "\x07" * 100_000, "env": [{"name": "AWS_ACCESS_KEY_ID", "value": "x"}]}
    async with serving(api) as client:
        response = await client.review(pod_for(containers=[container] * 2))
        assert len(json.dumps({**response, "patch": ""})) < 8_000
        assert "injected" in response["auditAnnotations"]["identity"]
        denied = await client.review({**pod_for("plain" * 100_000)}, "/require")
        assert len(denied["status"]["message"]) <= 1_024


@pytest.mark.parametrize("field", ["uid", "name", "kind", "apiVersion"])
@pytest.mark.asyncio(loop_scope="module")
async def test_an_owner_with_an_overlong_reference_gets_no_event(api: APIServer, field: str) -> None:
    client = KubernetesClient(api.connection, user_agent=WEBHOOK)
    events = OwnerEvents(client, Metrics())
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "u", "controller": True}
    identity = identity_of({"role-arn": "no-arn"})
    assert identity is not None
    written = len(api.created)
    for length in (MAX_REFERENCE + 1, MAX_REFERENCE):
        metadata = {"ownerReferences": [owner | {field: "x" * length}]}
        pod = read_pod({"metadata": metadata, "spec": {"containers": [{}]}})
        events.report_warnings(pod, "demo", mutate(pod, identity, DEFAULTS))
    async with running(events.run()):
        await until(lambda: len(api.created) > written)  # they are written in the order they were remarked
    await client.close()
    assert [event["involvedObject"][field] for event in api.created[written:]] == ["x" * MAX_REFERENCE]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_review_that_is_sent_again_is_answered_again_and_changes_nothing(api: APIServer) -> None:
    written = len(api.created)
    async with serving(api) as client:
        body = json.dumps(review_of(pod_for()))
        first, again = [(await client.http.post("/mutate", content=body, headers=JSON)).content for _ in range(2)]
        assert first == again
        assert len(api.created) == written


@pytest.mark.asyncio(loop_scope="module")
async def test_labels_and_annotations_without_number(api: APIServer) -> None:
    pod = pod_for()
    pod["metadata"] |= {
        field: {f"key-{number}": "v" * 8 for number in range(40_000)} for field in ("labels", "annotations")
    }
    async with serving(api) as client:
        assert "patch" in await client.review(pod)
