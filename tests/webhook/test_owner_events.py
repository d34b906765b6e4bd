"""Events on what made a pod."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from podrole.base.user_agents import WEBHOOK
from podrole.kube.client import KubernetesClient
from podrole.webhook.metrics import Metrics
from podrole.webhook.patch.mutation import mutate
from podrole.webhook.patch.pod import read_pod
from podrole.webhook.serving.owner_events import MAX_REFERENCE, QUEUE, OwnerEvents
from podrole.webhook.settings import InjectionSettings
from support.api_server import APIServer, running, until
from support.clock import Turned
from support.webhook import ARN, identity_of
from support.webhook_client import pod_of, serving

OWNER = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-7d9f", "uid": "u-rs", "controller": True}


@pytest.fixture
async def api() -> AsyncIterator[APIServer]:
    async with APIServer() as server:
        yield server


def report_warnings(events: OwnerEvents, pod: dict[str, Any], **annotations: str) -> None:
    """Have an Event written about a pod whose service account has a role that is no ARN, and these annotations."""
    identity = identity_of({"role-arn": "reader", **annotations})
    assert identity is not None
    view = read_pod(pod)
    events.report_warnings(view, "demo", mutate(view, identity, InjectionSettings()))


def owned_pod(*owners: dict[str, Any]) -> dict[str, Any]:
    return {
        "metadata": {"generateName": "web-", "ownerReferences": list(owners)},
        "spec": {"containers": [{"name": "a"}]},
    }


async def test_an_event_on_the_owner_says_what_is_wrong(api: APIServer) -> None:
    client, clock, metrics = KubernetesClient(api.connection, user_agent=WEBHOOK), Turned(), Metrics()
    events = OwnerEvents(client, metrics, clock=clock)
    async with running(events.run()):
        report_warnings(events, owned_pod({**OWNER, "controller": False, "name": "other"}, OWNER))
        await until(lambda: metrics.values["podrole_webhook_events_total", "written"] == 1)
    (event,) = api.created
    assert event["metadata"]["namespace"] == "demo"
    assert event["metadata"].pop("name").startswith("web-7d9f.")
    assert event == {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"namespace": "demo"},
        "involvedObject": {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "name": "web-7d9f",
            "uid": "u-rs",
            "namespace": "demo",
        },
        "type": "Warning",
        "reason": "AWSIdentityIncomplete",
        "message": "the role 'reader' is not an ARN (expected arn:aws:iam::<account>:role/<name>)",
        "source": {"component": "podrole-webhook"},
        "reportingComponent": "podrole-webhook",
        "reportingInstance": "",
        "firstTimestamp": "2023-11-14T22:13:20Z",
        "lastTimestamp": "2023-11-14T22:13:20Z",
        "count": 1,
    }
    await client.close()


async def test_a_namespace_too_long_for_kubernetes_gets_no_event(api: APIServer) -> None:
    client = KubernetesClient(api.connection, user_agent=WEBHOOK)
    events = OwnerEvents(client, Metrics())
    identity = identity_of({"role-arn": "reader"})
    assert identity is not None
    pod = read_pod(owned_pod(OWNER))
    for length in (MAX_REFERENCE + 1, MAX_REFERENCE):
        events.report_warnings(pod, "n" * length, mutate(pod, identity, InjectionSettings()))
    assert events._queue.qsize() == 1
    await client.close()


async def test_the_same_event_is_written_once_in_ten_minutes(api: APIServer) -> None:
    client, clock = KubernetesClient(api.connection, user_agent=WEBHOOK), Turned()
    events = OwnerEvents(client, Metrics(), clock=clock)
    async with running(events.run()):
        report_warnings(events, owned_pod(OWNER))
        report_warnings(events, owned_pod(OWNER))
        report_warnings(events, owned_pod({**OWNER, "uid": "u-2"}))
        report_warnings(events, owned_pod(OWNER), audience="")
        clock.now += 601
        report_warnings(events, owned_pod(OWNER))
        await until(lambda: len(api.created) == 4)
    await client.close()


async def test_a_pod_of_its_own_gets_its_event_itself(api: APIServer) -> None:
    client = KubernetesClient(api.connection, user_agent=WEBHOOK)
    events = OwnerEvents(client, Metrics())
    async with running(events.run()):
        report_warnings(events, pod_of())
        report_warnings(events, {"metadata": {"generateName": "web-"}, "spec": {"containers": [{"name": "a"}]}})
        report_warnings(events, {"spec": {"containers": [{"name": "a"}]}})
        await until(lambda: api.created)
    assert [event["involvedObject"]["name"] for event in api.created] == ["web"]
    await client.close()


async def test_a_refusal_costs_the_event_alone(api: APIServer) -> None:
    client, metrics = KubernetesClient(api.connection, user_agent=WEBHOOK), Metrics()
    events = OwnerEvents(client, metrics)
    api.refuse_with = 403
    async with running(events.run()):
        report_warnings(events, owned_pod(OWNER))
        await until(lambda: metrics.values["podrole_webhook_events_total", "failed"] == 1)
        api.refuse_with = None
        report_warnings(events, owned_pod({**OWNER, "uid": "u-2"}))
        await until(lambda: api.created)
    await client.close()


async def test_a_full_queue_drops_events_and_blocks_nobody() -> None:
    metrics = Metrics()
    events = OwnerEvents(KubernetesClient(APIServer().connection, user_agent=WEBHOOK), metrics)
    for number in range(QUEUE + 3):
        report_warnings(events, owned_pod({**OWNER, "uid": str(number)}))
    assert metrics.values["podrole_webhook_events_total", "dropped"] == 3


async def test_reviews_write_events_but_no_dry_run_does(api: APIServer) -> None:
    api.service_account("demo", "typo", role_arn="reader")
    api.service_account("demo", "sa", role_arn=ARN)
    async with serving(api) as client:
        await client.review(pod_of("typo"), dryRun=True)
        await client.review(pod_of("sa"))
        await client.review({**pod_of("typo"), "metadata": {"name": "real"}})
        await until(lambda: api.created)
        await asyncio.sleep(0)
    assert [event["involvedObject"]["name"] for event in api.created] == ["real"]
